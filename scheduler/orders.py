"""What moves an escalation (Happening) and what it asks the house to do (Order): plain values."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from data.model.communication import SendState
from data.model.escalation import Escalation, Policy
from data.model.people import ChannelKind


class Verb(StrEnum):
    """What a clinician's reply asks for. LIST and DETAILS only read; they move nothing."""

    OK = "ok"
    NO = "no"
    UP = "up"
    DONE = "done"
    LATER = "later"
    LIST = "list"
    DETAILS = "details"


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class PageReceipt:
    """What became of a page."""

    communication_id: str
    state: SendState


@dataclass(frozen=True, slots=True)
class Answer:
    """A clinician's reply. `minutes` belongs to LATER, `text` to DONE."""

    person_id: str
    verb: Verb
    minutes: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Raised:
    """The concern got worse: `policy` is that of the new level. On a closed escalation: it is back."""

    policy: Policy


Happening = Tick | PageReceipt | Answer | Raised


@dataclass(frozen=True, slots=True)
class TellPage:
    """Page a person on a channel. `again`: they were paged about this before.

    Step 0: told ahead of the ladder, or a clinician off the ladder when all of it was in vain.
    """

    communication_id: str
    person_id: str
    channel: ChannelKind
    step: int
    round: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class AskOwner:
    """Ask the owner "still yours?". `n` is one more than the renewals of this ownership; the id is unique for ever."""

    communication_id: str
    person_id: str
    n: int


@dataclass(frozen=True, slots=True)
class TellTaken:
    """Tell others who were paged that `owner` (a person id) has it.

    It names everyone whose page is not known to have failed. Whoever carries it out leaves out a person whose
    every page was still QUEUED: those pages are dropped by the `Cancel` beside it, so there is nothing to take back.
    """

    person_ids: tuple[str, ...]
    owner: str


@dataclass(frozen=True, slots=True)
class TellReopened:
    """Tell people who heard "taken by `owner`" that the owner has passed it on and it is open again."""

    person_ids: tuple[str, ...]
    owner: str


@dataclass(frozen=True, slots=True)
class TellClosed:
    """Tell people who may still think it waits for them (paged, and not told since) who closed it."""

    person_ids: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class TellPatientNobody:
    """Tell the patient the truth: nobody has answered yet."""


@dataclass(frozen=True, slots=True)
class TellPatientTaken:
    """Tell the patient that a person has it. `after_silence`: they were told before that nobody answered."""

    owner: str
    after_silence: bool


@dataclass(frozen=True, slots=True)
class TellOperations:
    """Tell operations. Reasons: "no-ladder", "nobody-reachable", "nobody-answered" (urgent: again from the third
    loud round on).
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop these pages where they are still queued."""

    communication_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confirm:
    """Answer a reply truthfully. `key` names the sentence.

    "reply-yours" and "reply-later" (minutes, until), "reply-already-with" (owner, time), "reply-passed",
    "reply-closed" (outcome), "reply-what-was-done" (DONE came without an outcome: nothing moved), "reply-moved-up",
    "reply-too-late-closed" (owner, time), "reply-renewals-used" (renewals: no more time is given, only DONE, NO or
    UP help). `owner` is a name, `time` and `until` the reader's wall clock.
    """

    person_id: str
    key: str
    params: dict[str, str] = field(default_factory=dict)


Order = (
    TellPage
    | AskOwner
    | TellTaken
    | TellReopened
    | TellClosed
    | TellPatientNobody
    | TellPatientTaken
    | TellOperations
    | Cancel
    | Confirm
)


@dataclass(frozen=True, slots=True)
class Advance:
    """The escalation after a happening, and what is to be done about it, in order."""

    escalation: Escalation
    orders: tuple[Order, ...] = ()

    def plus(self, *orders: Order, **changes: Any) -> "Advance":
        """This, with fields of the escalation changed and orders added."""
        escalation = replace(self.escalation, **changes) if changes else self.escalation
        return Advance(escalation, self.orders + orders)
