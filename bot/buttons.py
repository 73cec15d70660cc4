"""Buttons under messages: opaque ids out, and what a press says back in, for its own reader and question only.

The id that goes to the provider is an HMAC over reader, question and answer, so there is nothing to look up or to
forge: a press counts when the presser's own open questions and pages, worked out anew, have that id.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hmac import compare_digest
from hmac import digest as mac

from bot.core.consent_chat import ASKS, CONSENT_ANSWERS
from bot.core.consent_question import standing
from bot.core.orders import PAGE_ANSWERS
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.people import Person
from data.ports import Record

# As long as a code of a page stands for it.
_CODES = timedelta(days=30)
# 128 bits.
_LONG = 16


@dataclass(frozen=True, slots=True)
class Press:
    """Who pressed, and what that says in words."""

    person: Person
    text: str


def with_ids(secret: bytes, row: Communication) -> Communication:
    """The message with its buttons' ids filled in; without buttons where its channel has none."""
    if not row.buttons:
        return row
    if not row.channel.has_buttons:
        return replace(row, buttons=())
    cause = row.escalation_id or row.params.get(ASKS, "")
    buttons = (replace(b, data=_id(secret, row.recipient, cause, b.says)) for b in row.buttons)
    return replace(row, buttons=tuple(buttons))


def pressed(record: Record, secret: bytes, message: RawMessage, now: datetime) -> Press | None:
    """Who of those at its address pressed what; None for an id that is forged, foreign, answered or too old."""
    given = message.text.strip().encode()
    for person in record.holders(message.channel, message.address):
        for cause, says, text in _open_to(record, person, now):
            if compare_digest(given, _id(secret, person.id, cause, says).encode()):
                return Press(person, text)
    return None


def _open_to(record: Record, person: Person, now: datetime) -> Iterator[tuple[str, str, str]]:
    """What a person can answer now: cause, what the button says, and the words it stands for."""
    for use in record.codes_of(person.id, now - _CODES):
        yield from ((use.escalation_id, says, f"{use.code} {says}") for says in PAGE_ANSWERS)
    question = standing(record.chart(person.id, observations=False).dialogue)
    if question is not None:
        yield from ((question.cause, says, says) for says in CONSENT_ANSWERS.values())


def _id(secret: bytes, recipient: str, cause: str, says: str) -> str:
    raw = mac(secret, "\0".join((recipient, cause, says)).encode(), "sha256")[:_LONG]
    return urlsafe_b64encode(raw).decode().rstrip("=")
