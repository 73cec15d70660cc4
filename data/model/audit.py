"""The audit trail: who changed what (Entry, the commit itself), who looked at what (Access)."""

from dataclasses import dataclass
from datetime import datetime

from data.model.chart import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One journal entry. Unique by `subject, revision` and by `subject, event_id`.

    `kind` says what sort of event it was, `actor` who or what brought it about (FHIR: AuditEvent.type, agent).
    """

    subject: str
    revision: int
    event_id: str
    kind: str
    actor: str
    at: datetime
    changes: Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One look at somebody's data by a person, or an attempt at it (FHIR: AuditEvent with action R).

    `subject` is the stream it stands in: the patient's, or the actor's own when there is no such patient.
    `actor` is a person's id (or "operator:NAME" at the command line), `role` what they were at that time, `action`
    what they asked for, `permitted` whether they got it, `reason` why they needed it (break-glass), `via` the door.
    """

    subject: str
    actor: str
    role: str
    action: str
    at: datetime
    permitted: bool = True
    reason: str = ""
    via: str = ""
