"""The audit trail as FHIR R4 AuditEvents: who changed or looked at what, when, with what outcome; never a value."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime

from data.model.audit import Access, Entry
from data.model.chart import Changes
from integrations.fhir_terms import (
    HL7,
    HOUSE,
    Element,
    Who,
    coding,
    concept,
    identifier,
    instant,
    logical,
    part,
    resource,
)

# DICOM's event types, as R4 takes them over (hl7.org/fhir/R4/valueset-audit-event-type.html).
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_PATIENT_RECORD = ("110110", "Patient Record")
_LOG_USED = ("110101", "Audit Log Used")
_OF_LOOK = {
    "export": ("110106", "Export"),
    "read-audit": _LOG_USED,
    "read-access-log": _LOG_USED,
    "break-glass": ("110113", "Security Alert"),
}
# What somebody asked for as R4's action: to read, delete, execute; whatever else they may ask for updates.
_VERBS = {"export": "R", "erase": "D", "break-glass": "E", "replay": "E"}
_BREAK_GLASS = coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", "BTG", "break the glass")
# R4's outcomes: 0 success, 4 the action was ended because of the request.
_SUCCESS, _REFUSED = "0", "4"


def audit_event(row: Entry | Access, who: Who = logical, role: Callable[[str], str] = lambda actor: "") -> Element:
    """One line of the audit trail; its id is the same in every rendering.

    `who` makes references of ids; by default they only carry the id. `role` tells what the actor of an Entry is, as
    only an Access says so itself.
    """
    return _changed(row, who, role(row.actor)) if isinstance(row, Entry) else _looked(row, who)


def _changed(entry: Entry, who: Who, role: str) -> Element:
    action = "D" if entry.changes.erased else "C" if entry.revision == 1 else "U"
    event: Element = {
        "what": {"identifier": identifier("event", entry.event_id)},
        "type": coding(f"{HL7}audit-entity-type", "2", "System Object"),
        "detail": [{"type": kind, "valueString": str(count)} for kind, count in _counts(entry.changes).items()],
    }
    return _event(
        ("entry", entry.subject, str(entry.revision)),
        kind=_PATIENT_RECORD,
        subtype=coding("event-kind", entry.kind),
        action=action,
        recorded=entry.at,
        agent=_agent(entry.actor, role, who),
        entities=[_subject(entry.subject, who), event],
        who=who,
    )


def _looked(access: Access, who: Who) -> Element:
    more: Element = {}
    broken = "break-glass" in (access.action, access.reason.partition(":")[0])
    if access.reason.strip() or broken:
        more["purposeOfEvent"] = [concept(*([_BREAK_GLASS] if broken else []), text=access.reason)]
    if not access.permitted:
        more["outcomeDesc"] = "refused"
    told = (access.actor, access.role, access.action, str(access.at), str(access.permitted), access.reason, access.via)
    return _event(
        ("access", access.subject, *told),
        kind=_OF_LOOK.get(access.action, _PATIENT_RECORD),
        subtype=coding("action", access.action),
        action=_VERBS.get(access.action, "R" if access.action.startswith(("read-", "list-")) else "U"),
        recorded=access.at,
        outcome=_SUCCESS if access.permitted else _REFUSED,
        agent=_agent(access.actor, access.role, who),
        entities=[_subject(access.subject, who)],
        who=who,
        site=access.via,
        more=more,
    )


def _event(
    parts: tuple[str, ...],
    *,
    kind: tuple[str, str],
    subtype: Element,
    action: str,
    recorded: datetime,
    agent: Element,
    entities: list[Element],
    who: Who,
    outcome: str = _SUCCESS,
    site: str = "",
    more: Element | None = None,
) -> Element:
    elements = {
        "type": coding(_DICOM, *kind),
        "subtype": [subtype],
        "action": action,
        "recorded": instant(recorded),
        "outcome": outcome,
        **(more or {}),
        "agent": [agent],
        "source": {
            "site": site,
            "observer": who(HOUSE),
            "type": [coding(f"{HL7}security-source-type", "4", "Application Server")],
        },
        "entity": entities,
    }
    return resource("AuditEvent", parts, elements)


def _agent(actor: str, role: str, who: Who) -> Element:
    """Whoever brought it about, who is always the one that asked for it."""
    return part({"role": [concept(coding("role", role))] if role else [], "who": who(actor), "requestor": True})


def _subject(subject: str, who: Who) -> Element:
    """The person whose data it is about."""
    return {
        "what": who(subject),
        "type": coding(f"{HL7}audit-entity-type", "1", "Person"),
        "role": coding(f"{HL7}object-role", "1", "Patient"),
    }


def _counts(changes: Changes) -> dict[str, int]:
    """How many rows of each kind were written: what was changed, without what it says."""
    counts = {}
    for field in fields(changes):
        rows = getattr(changes, field.name)
        if field.name not in ("notes", "erased") and rows:
            counts[field.name] = len(rows) if isinstance(rows, tuple) else 1
    return counts
