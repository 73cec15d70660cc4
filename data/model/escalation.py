"""Who is told, in which order, until a person has taken it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from data.model.concern import Priority
from data.model.people import ChannelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Timings of one priority (defaults in the policy file; a clinical lead owns them).

    `receipt_timer`: no receipt by then -> next channel. `ack_timer`: no answer by then -> next step.
    `rounds`: how often the ladder is walked before it counts as exhausted. `repeat_every`: what follows then.
    `lease`: how long an acknowledgement holds; `lease_grace`: how long after it the owner is asked.
    `ask_silence`: no answer to that question by then -> open again. `renewals`: how often "ok" renews.
    `tell_patient_after`: when the patient is told that nobody has answered yet. None means never.
    """

    priority: Priority
    receipt_timer: timedelta | None
    ack_timer: timedelta
    rounds: int
    repeat_every: timedelta | None
    lease: timedelta
    lease_grace: timedelta
    ask_silence: timedelta
    renewals: int
    tell_patient_after: timedelta | None


class EscalationState(StrEnum):
    """OPEN walks the ladder; ACKED has an owner; EXHAUSTED has been through every round and goes on loudly."""

    OPEN = "open"
    ACKED = "acked"
    EXHAUSTED = "exhausted"
    CLOSED = "closed"


class PageState(StrEnum):
    """What one page to one person on one channel came to. UNKNOWN: it may or may not have left the house."""

    TELLING = "telling"
    TOLD = "told"
    UNKNOWN = "unknown"
    BAD = "bad"
    DECLINED = "declined"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: a person, a channel, a step of a round. `communication_id` is the message that carries it."""

    communication_id: str
    person_id: str
    channel: ChannelKind
    step: int
    round: int
    sent_at: datetime
    state: PageState = PageState.TELLING


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One concern on its way to a person; carries a snapshot of its policy.

    `next_at` is when `advance` must look again (None only when CLOSED). `answer_by` is the ack deadline of the
    step in force. `asked_at` is when the owner was asked whether it is still theirs.
    `round` only ever grows, which keeps page ids unique; `walk_from` is the round in which the present walk of
    the ladder began. `lease_until` of one without an owner is when the last ownership ended.
    `looked_at` is the latest instant at which `advance` saw it: a clock that shows less has been set back.
    `repeats` counts the loud rounds since it was exhausted, `questions` every "still yours?" ever asked.
    `channel` and `address` are where the patient's words that opened or raised it came from; a device has none.
    """

    id: str
    subject: str
    flag_id: str
    policy: Policy
    state: EscalationState
    opened_at: datetime
    step: int = 0
    round: int = 1
    pages: tuple[Page, ...] = ()
    answer_by: datetime | None = None
    next_at: datetime | None = None
    owner: str | None = None
    acked_at: datetime | None = None
    lease_until: datetime | None = None
    renewals: int = 0
    asked_at: datetime | None = None
    patient_told_at: datetime | None = None
    exhausted_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    walk_from: int = 1
    walk_began_at: datetime | None = None
    looked_at: datetime | None = None
    repeats: int = 0
    questions: int = 0
    channel: ChannelKind | None = None
    address: str = ""
