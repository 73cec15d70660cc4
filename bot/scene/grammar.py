"""What a scene is made of: people, time, steps and expectations, as plain dataclasses."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from bot.scene.pattern import Pattern
from data.model.concern import Level
from data.model.people import ChannelKind, Person
from data.model.plan import Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When a line happens: `after` the line before, or at the next `clock` time (`days` later, or `on` a date).

    `zone` is None for the scene's own zone.
    """

    after: timedelta | None = None
    clock: time | None = None
    days: int = 0
    on: date | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """A person writes `text` (`{code}` stands for something heard before); None is their first address."""

    person: str
    text: str
    channel: ChannelKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measured value, `offset` after the series began."""

    offset: timedelta
    code: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """A device measures `samples`; each arrives `late` after it was measured, in `copies`."""

    person: str
    samples: tuple[Sample, ...]
    every: timedelta
    source: str = "device"
    late: timedelta = timedelta()
    copies: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Hears:
    """The person's next unclaimed message matches; `within` may move time, `word` keeps a part of it."""

    person: str
    pattern: Pattern
    channel: ChannelKind | None = None
    within: timedelta | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HearsNothing:
    """No unclaimed message waits for the person, and none comes for `span`."""

    person: str
    span: timedelta | None = None
    channel: ChannelKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MayHear:
    """Messages like this are permitted and need no line of their own; `until_next`: only until they write again."""

    person: str
    pattern: Pattern
    until_next: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverHears:
    """None of the pattern's parts occurs in any message to the person in the whole scene."""

    person: str
    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskIs:
    """The latest assessment has this level, and its findings say `because`. LOW accepts UNKNOWN."""

    person: str
    level: Level
    because: Pattern | None = None
    within: timedelta | None = None


class FlagChange(StrEnum):
    """What a line says of a flag."""

    OPENS = "opens"
    DOES_NOT_OPEN = "does not open"
    CLOSES = "closes"
    IS_ACKNOWLEDGED = "is acknowledged by"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagIs:
    """A flag of `rule` (or of that rule family) changes; `by` is who acknowledged it."""

    rule: str
    person: str
    change: FlagChange
    by: str | None = None
    outcome: Pattern | None = None
    within: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldIs:
    """A person's profile, consent or plan is set. `value` was read already (see `people.read_field`)."""

    person: str
    field: str
    value: object


class Fault(StrEnum):
    """What befalls a provider."""

    DOWN = "goes down"
    BACK = "comes back"
    LOSES_RECEIPTS = "loses receipts"
    LATE = "delivers late"
    UNDELIVERED = "reports undelivered"
    REPEATS = "repeats the last message"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderIs:
    """A fault of the providers named; `by` is how late one delivers."""

    providers: tuple[str, ...]
    fault: Fault
    by: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class ServerRestarts:
    """The process dies and starts again on the same record."""


@dataclass(frozen=True, slots=True)
class NluIs:
    """The parser is down, or back."""

    down: bool


@dataclass(frozen=True, slots=True)
class ClockJumps:
    """Somebody sets the wall clock."""

    by: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingElse:
    """Nobody has an unexpected message, up to `until` or for `span`."""

    until: When | None = None
    span: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithRule:
    """What-if: the same events under changed rules meet these expectations."""

    rule: str
    lines: "tuple[Line, ...]"


Event = Says | Streams | FieldIs | ProviderIs | ServerRestarts | NluIs | ClockJumps
Expectation = Hears | HearsNothing | MayHear | NeverHears | RiskIs | FlagIs | NothingElse
Step = Event | Expectation | WithRule
EVENTS = (Says, Streams, FieldIs, ProviderIs, ServerRestarts, NluIs, ClockJumps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a scene: when, what, and where it stands in the file."""

    number: int
    text: str
    when: When | None = None
    step: Step | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who takes part: the enrolled person, their first plan, and the line that introduces them."""

    person: Person
    number: int
    activities: tuple[Activity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A script that can be played: `cast` by name as written, `facts` before it starts, then `lines`."""

    file: str
    number: int
    title: str
    start_at: datetime
    zone: str
    cast: dict[str, Role]
    facts: tuple[Line, ...] = ()
    lines: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()
