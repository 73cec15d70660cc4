"""The journal's Entry: the commit itself, and the audit trail of who changed what, when and because of which event."""

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
