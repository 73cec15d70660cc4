"""An outbound message to one person on one channel for one cause, and what became of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from data.model.concern import Priority
from data.model.people import ChannelKind


class Category(StrEnum):
    """Why a message is sent; it decides quiet hours, consent and what an unknown outcome means."""

    SAFETY = "safety"
    PAGE = "page"
    OPERATIONS = "operations"
    REPLY = "reply"
    NOTICE = "notice"
    NUDGE = "nudge"


class SendState(StrEnum):
    """The send-attempt states; a receipt may only raise the rank."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DROPPED = "dropped"

    @property
    def rank(self) -> int:
        """Order in which receipts may follow one another."""
        return _RANKS[self]

    @property
    def bad(self) -> bool:
        """True when the message is known, or must be taken, not to have arrived."""
        return self in (SendState.UNDELIVERED, SendState.FAILED, SendState.UNKNOWN)

    @property
    def final(self) -> bool:
        """True when nothing more is expected of the message."""
        return self not in (SendState.QUEUED, SendState.ACCEPTED, SendState.SENT)


_RANKS = {
    SendState.QUEUED: 0,
    SendState.UNKNOWN: 1,
    SendState.ACCEPTED: 2,
    SendState.SENT: 3,
    SendState.UNDELIVERED: 4,
    SendState.FAILED: 4,
    SendState.DROPPED: 4,
    SendState.DELIVERED: 5,
    SendState.READ: 6,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """An answer that can be pressed: `label` is shown, `says` is what pressing it means in words.

    `data` is the opaque id that goes to the provider; it is filled in when the message leaves.
    """

    label: str
    says: str
    data: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Communication:
    """One message to one recipient through one channel. `id` derives from its cause, so a retry is the same row.

    `subject` is the stream it belongs to (the patient it is about, or the practitioner it answers);
    `recipient` is the person it goes to. `text` is complete when committed; `text_key` names the sentence.
    `attempts` counts outcomes of a sender, `unclear` those after which it was queued again though it may have gone;
    `provider` and `provider_id` are known once accepted. `address` is set for an answer, which goes where the question
    came from, and for news of what was written from there; `tried` names providers that are known to have failed it.
    `picture` names what is drawn when it leaves, such as "trend oxygen-saturation 7d"; the text is complete without it.
    """

    id: str
    subject: str
    recipient: str
    category: Category
    channel: ChannelKind
    text_key: str
    text: str
    language: str
    created_at: datetime
    priority: Priority = Priority.P4
    state: SendState = SendState.QUEUED
    not_before: datetime | None = None
    expires_at: datetime | None = None
    escalation_id: str | None = None
    reason: str = ""
    provider: str = ""
    provider_id: str = ""
    attempts: int = 0
    unclear: int = 0
    address: str = ""
    tried: tuple[str, ...] = ()
    sent_at: datetime | None = None
    params: dict[str, str] = field(default_factory=dict)
    buttons: tuple[Button, ...] = ()
    picture: str = ""
