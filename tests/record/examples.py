"""Rows to keep: a patient, a clinician, and what happens to them one night."""

from datetime import UTC, datetime, timedelta
from typing import Any

from data.model.chart import Changes
from data.model.communication import Category, Communication
from data.model.concern import Flag, FlagState, Level
from data.model.conversation import RawMessage
from data.model.observation import Observation
from data.model.people import ChannelKind, ContactPoint, Person, Role
from data.model.plan import Due, DueKind
from data.ports import Record

NOW = datetime(2026, 3, 3, 21, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = timedelta(seconds=30)


def person(person_id: str = "anna", *addresses: str, **more: Any) -> Person:
    contacts = tuple(ContactPoint(system=ChannelKind.SMS, value=address) for address in addresses)
    fields = {"code": "A-17", "name": "Anna", "role": Role.PATIENT, "title": "", "zone": "Europe/Berlin"}
    return Person(id=person_id, contacts=contacts, **(fields | more))


def message(message_id: str, person_id: str | None = "anna", **more: Any) -> RawMessage:
    fields = {"channel": ChannelKind.SMS, "address": "+491701", "text": "I feel dizzy", "received_at": NOW}
    return RawMessage(id=message_id, person_id=person_id, **(fields | more))


def reading(minutes: float = 0, value: float = 97.0, code: str = "oxygen-saturation") -> Observation:
    at = NOW + minutes * MINUTE
    return Observation(
        id=f"feed:{code}:{at.isoformat()}",
        code=code,
        value=value,
        unit="%",
        effective_at=at,
        received_at=at,
        source="feed",
    )


def sms(communication_id: str, subject: str = "anna", minutes: float = 0, **more: Any) -> Communication:
    fields: dict[str, Any] = {"recipient": "clara", "category": Category.REPLY, "channel": ChannelKind.SMS}
    fields |= {"text_key": "reply", "text": "Thank you.", "language": "en", "created_at": NOW + minutes * MINUTE}
    return Communication(id=communication_id, subject=subject, **(fields | more))


def due(due_id: str, subject: str = "anna", minutes: float = 0, *, done: bool = False) -> Due:
    return Due(id=due_id, subject=subject, kind=DueKind.NUDGE, ref="weigh", due_at=NOW + minutes * MINUTE, done=done)


def flag(flag_id: str = "flag", subject: str = "anna") -> Flag:
    return Flag(
        id=flag_id,
        subject=subject,
        rule="spo2-low",
        family="oxygen",
        level=Level.HIGH,
        state=FlagState.OPEN,
        opened_at=NOW,
        seen_at=NOW,
        reason="oxygen 91 % is low",
    )


def put(record: Record, event_id: str, changes: Changes, subject: str = "anna", now: datetime = NOW) -> bool:
    """Commit on top of whatever the chart is."""
    return record.commit(record.chart(subject), event_id, "test", "tester", changes, now)
