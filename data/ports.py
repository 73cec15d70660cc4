"""All seams in one place: what the house asks of a clock, a record, keys, a parser, a risk model and a channel."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from data.model.audit import Access, Entry
from data.model.chart import Changes, Chart
from data.model.communication import Communication, SendState
from data.model.conversation import Parse, RawMessage
from data.model.observation import Observation
from data.model.people import ChannelKind, ContactPoint, Person
from data.model.plan import Due


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on one row of work. `token` fences: a later claim of the same row has a larger one.

    `attempt` is 1 for the first claim; more means that an earlier worker died or let go.
    """

    row_id: str
    token: int
    attempt: int


@dataclass(frozen=True, slots=True)
class CodeUse:
    """A reply code given to a recipient for one escalation."""

    recipient: str
    code: str
    escalation_id: str
    subject: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of one vital sign of one person, for a page: how many samples, and their extremes and mean.

    `n` counts what was measured; of hours that were thinned out, the extremes and the last sample remain and the
    mean is of what was measured.
    """

    start: datetime
    n: int
    least: float
    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class Tended:
    """What a sweep of old vitals did: hours thinned out, hours removed, journal entries relieved of their samples."""

    thinned: int = 0
    removed: int = 0
    relieved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A stored row that does not open: altered, or its key is missing. `owner` and `row` are names that tell nothing.

    `subject` is the id of the person whose message it is, where that can be read.
    """

    table: str
    owner: str
    row: str
    subject: str = ""


class Record(Protocol):
    """The whole record behind one narrow port: few reads, one write (`commit`), claims for workers.

    Every method may raise `Unavailable`; after that the outcome is unknown and the same call is safe to repeat.
    All instants are aware UTC.

    A row that does not open (it was altered, or its key is missing) stands in nobody's way: a claim leases it and goes
    on to the next, lists leave it out, and what can be made anew from the chart or the journal is. See `spoilt`.
    """

    def keep(self, message: RawMessage) -> bool:
        """Store an inbound message under its id for ever; False when it was there already (nothing changes)."""

    def keep_all(self, messages: Sequence[RawMessage]) -> tuple[bool, ...]:
        """As `keep` for each in order, in as few writes as the store can.

        Raises what `keep` raises for any of them; some may be kept then: `keep` each by itself.
        """

    def together(self) -> AbstractContextManager[None]:
        """What this thread writes within may be synced once, at the end, instead of each time.

        Each write is seen at once and survives the death of the process; the machine's only when the block is over, or
        with the next write that is synced. So nothing may be answered within for which a write of the block has to be
        there. Ends with `Unavailable` where it cannot be synced: the outcome of all of it is unknown then.
        """

    def claim_message(self, now: datetime, lease: timedelta) -> tuple[RawMessage, Claim] | None:
        """The oldest unfinished message that is first in its `order` and not leased, or None."""

    def finish_message(self, claim: Claim, *, forget: bool = False) -> bool:
        """Mark a claimed message as done; False when the claim was lost to a later one.

        With `forget` its words go at the same time and only its id stays, so that it is known when it comes again.
        """

    def waiting(self, order: str) -> bool:
        """Whether a message of that queue (`RawMessage.order`) is kept and not finished, leased or not."""

    def messages(self, subject: str) -> Iterator[RawMessage]:
        """Every message kept of a person, oldest first, but for those whose words were forgotten."""

    def chart(self, subject: str, *, observations: bool = True) -> Chart:
        """The chart of a person, rolled forward to the journal's end; revision 0 when nothing is known.

        With `observations` False it comes without any, and none are read: enough for receipts and deliveries.
        `commit` takes either.
        """

    def observations(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Observation, ...]:
        """Measured values with `since` <= effective_at < `until`, oldest first.

        A correction (another value for the same id) replaces the value within its hour, and wherever the chart
        still carries it; what was entered in error is left out.
        """

    def hours(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Hour, ...]:
        """The hours that begin within the window and have samples, oldest first."""

    def bands(self, code: str, since: datetime, until: datetime) -> dict[int, int]:
        """How many person-hours in the window have their worst value in each band (0 usual ... 3), of everyone."""

    def commit(self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime) -> bool:
        """Write one event's changes on top of `chart.revision`, all or nothing.

        True when written; False when this event was committed before (nothing changes).
        Raises `Conflict` when the chart has moved on: reload and decide again; `NotFound` when the person was
        erased; `BadInput` for what can't be stored.

        With `changes.erased`, everything about the person goes and their keys are destroyed. A crash on the way is
        healed by `recover` or by the same call again.
        """

    def committed(self, subject: str, event_id: str) -> bool:
        """Whether this event is in the subject's journal."""

    def claim_due(self, now: datetime, lease: timedelta) -> tuple[Due, Claim] | None:
        """The earliest timer that is due and not leased, or None. A commit with `Due.done` removes it.

        A timer set by a commit that lies more than a minute after `now` is due whatever its time: the clock has
        been set back, and what it said then is not worth waiting for.
        """

    def claim_outbox(
        self, now: datetime, lease: timedelta, *, urgent: bool = False
    ) -> tuple[Communication, Claim] | None:
        """The next queued communication past its `not_before`, or None; with `urgent`, only of those that go first.

        First P1 and SAFETY, then pages of P2 and OPERATIONS, then REPLY, then the rest; of each the oldest. One
        that was queued more than a minute after `now` (the clock has been set back) may go at once.

        The claim's `attempt` tells an earlier sender that died with the outcome unknown. A commit that changes
        the communication's state, or queues it again, ends the claim and resets `attempt`.
        """

    def next_at(self, now: datetime) -> datetime | None:
        """The earliest instant after `now` at which a timer, a held message or a lapsed lease wants attention."""

    def person_at(self, system: ChannelKind, value: str) -> Person | None:
        """The first of `holders`, or None."""

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """Everyone who has this address (in any state).

        The active come first and strangers, active or not, last; then the latest enrolled. So a patient who
        first wrote from an unknown number is found as the patient once enrolled.
        """

    def people(self) -> tuple[Person, ...]:
        """Everyone, in order of enrolment: thousands. An event that needs the team asks for `staff`."""

    def staff(self) -> tuple[Person, ...]:
        """Everyone who is not a patient, a proxy or a stranger, active or not, in order of enrolment."""

    def reserve_code(self, recipient: str, escalation_id: str, subject: str, now: datetime) -> str:
        """A 3-digit code, unique per recipient for 30 days; the same for the same escalation (idempotent).

        When all 900 of a recipient are in use, the one given longest ago goes to the new escalation, even if the
        old one is still open: `code_use` then names the new one only.
        """

    def code_use(self, recipient: str, code: str, now: datetime) -> CodeUse | None:
        """What a code of the last 30 days stands for."""

    def codes_of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """Codes given to a recipient since then, oldest first."""

    def journal(self, subject: str | None = None) -> Iterator[Entry]:
        """Every entry of one person, or of everyone, in order of commit."""

    def note_access(self, access: Access) -> None:
        """Write down that a person looked, or tried to, before they are answered."""

    def accesses(self, subject: str) -> Iterator[Access]:
        """Who looked at a person's data, oldest first."""

    def tend(self, now: datetime, full: timedelta, keep: timedelta) -> Tended:
        """Thin out hours of vitals older than `full` to first, least, most and last; remove those older than `keep`.

        The journal's own copies of samples older than `full` go too. Nothing of the last 8 days is touched: `full` must
        be longer, and `keep` no shorter than it; raises `BadInput` otherwise.
        """

    def spoilt(self) -> tuple[Spoilt, ...]:
        """The rows that this process met and could not open, each until it opens."""

    def unread_at(self, system: ChannelKind, value: str) -> tuple[str, ...]:
        """The names (as in `Spoilt.owner`) of those whom `holders` leaves out, for they do not open."""

    def unkeyed(self) -> tuple[str, ...]:
        """The names of all persons who have a chart and no key that opens it. Reads the whole table of keys."""

    def pseudonym(self, text: str) -> str:
        """Twelve characters that stand for an address or an id; who lacks the keys cannot find out for which."""

    def secret(self, purpose: str) -> bytes:
        """32 bytes for one purpose that only who has the keys can work out, the same as long as the record lives."""

    def recover(self) -> int:
        """Write whatever a crash left half written, for everybody; the number of commits that needed it.

        For the start of a process. Without it, a timer or message of such a commit waits until somebody reads
        that person's chart.
        """

    def close(self) -> None:
        """Let go of files and connections."""


class KeyStore(Protocol):
    """The root keys, which never leave their keeper: they wrap the keys that a record is sealed with.

    Raises `Unavailable` when the keeper does not answer, `BadFile` for a root it does not have or bytes it cannot
    open.
    """

    def active(self) -> str:
        """The id of the root key that wraps from now on."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """`key` (at most 64 bytes) under the active root; only the same `context` opens it again."""

    def unwrap(self, root: str, wrapped: bytes, context: bytes) -> bytes:
        """What `wrap` was given when `root` was the active one."""


class Parser(Protocol):
    """From words to meaning."""

    def parse(self, text: str, language: str) -> Parse:
        """What the text says; `understood` is False when nothing. Raises `Unavailable` when the engine is down."""


class RiskModel(Protocol):
    """A learned estimate beside the rules."""

    def score(self, chart: Chart, now: datetime) -> float | None:
        """Probability in [0, 1] that a clinician would want to know, or None when the inputs do not suffice."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a provider said to one send. `state` is ACCEPTED, DELIVERED, FAILED, UNKNOWN, or QUEUED.

    UNKNOWN: the message may or may not have gone. QUEUED: it is known not to have gone; it is tried again
    at `retry_at`, or when the house thinks fit.

    `error` is our own word, never a provider's text, which may quote the message. Some have consequences:
    "stopped" and "blocked" (they want nothing from us there), "invalid" (no such address, or none that takes
    messages), "unreachable" (the number may be dead), "filtered" (another provider may get through), "template"
    (this channel takes no free text now), "account" and "auth" (our own credentials are refused: it has not gone, and
    is kept until that is mended). Any other word just names the fault.
    """

    state: SendState
    provider: str = ""
    provider_id: str = ""
    error: str = ""
    retry_at: datetime | None = None


class Channel(Protocol):
    """One provider that carries messages of one kind, such as the first of two SMS providers."""

    name: str
    kind: ChannelKind

    def send(self, to: ContactPoint, communication: Communication, now: datetime) -> Outcome:
        """Hand one message to the provider. Never raises: every fault is an `Outcome`."""


@runtime_checkable
class Paces(Protocol):
    """A provider that may only be given so much at a time."""

    def ready_at(self, to: ContactPoint, communication: Communication, now: datetime) -> datetime:
        """When this message may be handed over: `now`, or its place in the row, which it keeps."""


@runtime_checkable
class Finds(Protocol):
    """A provider that can be asked whether it has a message, as most cannot."""

    def find(self, to: ContactPoint, communication: Communication, since: datetime) -> Outcome | None:
        """What became of a message handed over at `since` or later with no answer heard.

        ACCEPTED with its id; QUEUED when the provider surely does not have it; None when it cannot tell.
        """
