"""How worried the house was, and who took it: FHIR R4 RiskAssessment, Flag, and the escalation as a Task."""

from collections.abc import Mapping
from datetime import datetime

from data.model.concern import Finding, Flag, FlagState, RiskAssessment, ScoreBounds
from data.model.escalation import Escalation, EscalationState
from integrations.fhir_communication import PRIORITY
from integrations.fhir_terms import (
    HL7,
    HOUSE,
    Element,
    Who,
    coding,
    concept,
    identifier,
    instant,
    part,
    period,
    reference,
    resource,
)

# From what was measured or said (code, when) to a reference to its Observation.
Basis = Mapping[tuple[str, datetime], Element]

_TASK = {
    EscalationState.OPEN: "requested",
    EscalationState.ACKED: "accepted",
    EscalationState.EXHAUSTED: "requested",
    EscalationState.CLOSED: "completed",
}


def assessment(row: RiskAssessment, basis: Basis, subject: str, who: Who) -> Element:
    """One assessment: first how worried over all, then each finding with its reason and source."""
    evidence = dict.fromkeys((one.code, one.at) for found in row.findings for one in found.evidence)
    overall: Element = {"outcome": concept(text="concern over all"), "qualitativeRisk": _level(row.level)}
    elements = {
        "identifier": [identifier("assessment", row.id)],
        "status": "final",
        "method": concept(coding("handbook", row.handbook), text="the rules of the clinic's handbook"),
        "subject": who(subject),
        "occurrenceDateTime": instant(row.at),
        "performer": who(HOUSE),
        "basis": [basis[one] for one in evidence if one in basis],
        "prediction": [overall, *(_prediction(found) for found in row.findings)],
        "note": [{"text": _score(row.score)}] if row.score else [],
    }
    return resource("RiskAssessment", (subject, row.id), elements)


def flag(row: Flag, subject: str, who: Who) -> Element:
    """A concern that waited for a person."""
    clinical = coding(f"{HL7}flag-category", "clinical", "Clinical")
    elements = {
        "identifier": [identifier("flag", row.id)],
        "status": "inactive" if row.state is FlagState.CLOSED else "active",
        "category": [concept(clinical), concept(coding("level", row.level)), concept(coding("family", row.family))],
        "code": concept(coding("rule", row.rule), text=row.reason),
        "subject": who(subject),
        "period": period(row.opened_at, row.closed_at),
        "author": who(HOUSE),
    }
    return resource("Flag", (subject, row.id), elements)


def task(row: Escalation, flags: set[str], subject: str, who: Who) -> Element:
    """The way of one concern to a person: whose it became, and what they said when they were done."""
    # Whoever changed it last did so after it was opened (R4, inv-1), whatever a clock that was set back said.
    changed = max(at for at in (row.opened_at, row.acked_at, row.exhausted_at, row.closed_at) if at)
    elements = {
        "identifier": [identifier("escalation", row.id)],
        "status": _TASK[row.state],
        "businessStatus": concept(coding("escalation-state", row.state)),
        "intent": "order",
        "priority": PRIORITY[row.policy.priority],
        "description": "a clinician is to look after the concern in focus",
        "focus": reference("Flag", subject, row.flag_id) if row.flag_id in flags else None,
        "for": who(subject),
        "executionPeriod": period(row.acked_at, row.closed_at),
        "authoredOn": instant(row.opened_at),
        "lastModified": instant(changed),
        "requester": who(HOUSE),
        "owner": who(row.owner) if row.owner else None,
        "note": [{"text": row.outcome}] if row.outcome and row.outcome.strip() else [],
    }
    return resource("Task", (subject, row.id), elements)


def _prediction(found: Finding) -> Element:
    return part(
        {
            "outcome": concept(coding("rule", found.rule), text=found.family),
            "qualitativeRisk": _level(found.level),
            "rationale": f"{found.reason} [{found.source}]",
        }
    )


def _level(level: str) -> Element:
    return concept(coding("level", level), text=level)


def _score(score: ScoreBounds) -> str:
    span = f"{score.low}" if score.low == score.high else f"{score.low} to {score.high}"
    return f"{score.name} {span}" + (f", missing: {', '.join(score.missing)}" if score.missing else "")
