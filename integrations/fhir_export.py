"""Everything about one patient as a FHIR R4 Bundle of type "collection", made piece by piece."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import msgspec

from data.model.audit import Access
from data.model.observation import SymptomReport
from integrations.fhir_audit import audit_event
from integrations.fhir_communication import inbound, outbound
from integrations.fhir_concern import assessment, flag, task
from integrations.fhir_consent import consents
from integrations.fhir_dossier import Dossier, History, history
from integrations.fhir_observations import reading, reading_reference, symptom, symptom_reference
from integrations.fhir_people import Cast
from integrations.fhir_plan import care_plan, goal
from integrations.fhir_terms import Element, Who, instant, resource, resource_id


def bundle_pieces(dossier: Dossier) -> Iterator[bytes]:
    """The Bundle as JSON, one resource a line, so that a long record never stands in memory twice."""
    head = {"type": "collection", "timestamp": instant(dossier.made_at)}
    parts = (dossier.person.id, str(dossier.chart.revision), str(dossier.made_at))
    yield msgspec.json.encode(resource("Bundle", parts, head))[:-1] + b',"entry":['
    comma = b"\n"
    for one in resources(dossier):
        yield comma + msgspec.json.encode({"fullUrl": f"urn:uuid:{one['id']}", "resource": one})
        comma = b",\n"
    yield b"\n]}\n"


def resources(dossier: Dossier) -> Iterator[Element]:
    """Every resource: people first, then what was agreed, planned, measured, said, concluded, and who saw it."""
    cast, past = Cast(dossier), history(dossier)
    yield from cast.resources()
    yield from _agreed(dossier, past, cast.who)
    yield from _observed(dossier, past, cast.who)
    yield from _said(dossier, past, cast.who)
    yield from _concluded(dossier, past, cast.who)
    yield from _seen(dossier, cast)


def _agreed(dossier: Dossier, past: History, who: Who) -> Iterator[Element]:
    yield from consents(past.consents, dossier.person, who)
    for limit in dict.fromkeys(dossier.person.limits):
        yield goal(limit, dossier.person, who)
    if plan := care_plan(past.activities, dossier.person, who):
        yield plan


def _observed(dossier: Dossier, past: History, who: Who) -> Iterator[Element]:
    for row in dossier.observations:
        yield reading(row, dossier.person.id, who, corrected=row.id in past.corrected)
    for report in past.symptoms:
        yield symptom(report, dossier.person.id, who)


def _said(dossier: Dossier, past: History, who: Who) -> Iterator[Element]:
    understood: dict[str, list[SymptomReport]] = {}
    for report in past.symptoms:
        understood.setdefault(report.message_id, []).append(report)
    for message in dossier.messages:
        yield inbound(message, understood.get(message.id, ()), dossier.person.id, who)
    escalations = {row.id for row in past.escalations}
    for row in past.communications:
        yield outbound(row, escalations, dossier.person.id, who)


def _concluded(dossier: Dossier, past: History, who: Who) -> Iterator[Element]:
    subject = dossier.person.id
    basis: dict[tuple[str, datetime], Element] = {}
    basis |= {(row.symptom, row.reported_at): symptom_reference(row, subject) for row in past.symptoms}
    basis |= {(row.code, row.effective_at): reading_reference(row, subject) for row in dossier.observations}
    for row in past.assessments:
        yield assessment(row, basis, subject, who)
    for raised in past.flags:
        yield flag(raised, subject, who)
    flags = {raised.id for raised in past.flags}
    for escalation in past.escalations:
        yield task(escalation, flags, subject, who)


def _seen(dossier: Dossier, cast: Cast) -> Iterator[Element]:
    for entry in dossier.journal:
        yield audit_event(entry, cast.who, cast.role)
    alike: Counter[Access] = Counter()
    for access in dossier.accesses:
        event = audit_event(access, cast.who)
        if nth := alike[access]:
            # Two looks that differ in nothing, not even their instant, are still two.
            event["id"] = resource_id("AuditEvent", event["id"], str(nth))
        alike[access] += 1
        yield event
