"""The kinds of rules, as the dataclasses that the rule files are read into."""

import difflib
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from data.model.concern import Level
from data.vocabulary import vital_signs

# The chart forgets settled flags after a day: older evidence would open a closed concern again.
LONGEST_AGE = timedelta(hours=24)
_REASON_FIELDS = ("vital", "value", "when", "limit", "gain", "span")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One limit on a vital sign, in the vocabulary's unit: exactly one of the four comparisons."""

    code: str
    unit: str
    below: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    above: float | None = None

    def __post_init__(self) -> None:
        _check_unit(self.code, self.unit)
        if sum(v is not None for v in (self.below, self.at_most, self.at_least, self.above)) != 1:
            raise ValueError("needs exactly one of below, at-most, at-least, above")

    @property
    def low(self) -> bool:
        """True when small values breach it."""
        return self.below is not None or self.at_most is not None

    @property
    def limit(self) -> float:
        """The number in the comparison."""
        return next(v for v in (self.below, self.at_most, self.at_least, self.above) if v is not None)

    def breached(self, value: float) -> bool:
        """Whether `value` is on the wrong side."""
        if self.below is not None:
            return value < self.below
        if self.at_most is not None:
            return value <= self.at_most
        if self.at_least is not None:
            return value >= self.at_least
        return self.above is not None and value > self.above


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A rule on the newest reading: fires when one bound of `any` is breached for `lasting` in a stream.

    A reading that the patient typed, or one that no stream contradicts, counts at once. Readings older than
    `max_age` do not count. `scale`: only for patients on that SpO2 scale. `hard`: no personal limit replaces it.
    """

    id: str
    family: str
    level: Level
    any: tuple[Bound, ...]
    lasting: timedelta
    max_age: timedelta
    source: str
    must_fire: tuple[str, ...] = ()
    must_not_fire: tuple[str, ...] = ()
    reason: str = "{vital} {value} {when}, limit {limit}"
    scale: int | None = None
    hard: bool = False

    def __post_init__(self) -> None:
        if not self.any:
            raise ValueError("`any` needs at least one bound")
        if self.scale not in (None, 1, 2):
            raise ValueError(f"`scale` is {self.scale}; allowed: 1, 2")
        _check_level(self.level)
        check_age("max-age", self.max_age)
        _check_reason(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A rule on a rise: the newest reading against the lowest of those between `within` and `apart` before it."""

    id: str
    family: str
    level: Level
    code: str
    unit: str
    rises_above: float
    within: timedelta
    apart: timedelta
    max_age: timedelta
    source: str
    must_fire: tuple[str, ...] = ()
    must_not_fire: tuple[str, ...] = ()
    reason: str = "{vital} {value} {when}, up {gain} in {span}, limit {limit}"

    def __post_init__(self) -> None:
        _check_unit(self.code, self.unit)
        _check_level(self.level)
        check_age("max-age", self.max_age)
        _check_reason(self.reason)
        if not timedelta() <= self.apart < self.within <= timedelta(days=7):
            raise ValueError("`within` must be longer than `apart` and at most 7 days, which is what a chart holds")
        if self.rises_above <= 0:
            raise ValueError("`rises-above` must be more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A rule on the patient's own words: fires on a hit of the safety screen that is named like the rule.

    `plain_level` is its level when only the parser found the symptom and the screen did not.
    """

    id: str
    family: str
    level: Level
    plain_level: Level
    display: str
    source: str
    holds: timedelta = LONGEST_AGE
    must_fire: tuple[str, ...] = ()
    must_not_fire: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_level(self.level)
        _check_level(self.plain_level)
        check_age("holds", self.holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """A rule on what the parser understood: every name of `all`, one of `any` if given, and every bound of `vital`.

    A name is a symptom reported as present, or another rule that fires.
    """

    id: str
    family: str
    level: Level
    display: str
    source: str
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    vital: tuple[Bound, ...] = ()
    holds: timedelta = LONGEST_AGE
    max_age: timedelta = timedelta(hours=2)
    must_fire: tuple[str, ...] = ()
    must_not_fire: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.all and not self.any:
            raise ValueError("needs `all`, `any` or both")
        _check_level(self.level)
        check_age("holds", self.holds)
        check_age("max-age", self.max_age)


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """How a personal limit counts; `lasting` and `max_age` where no threshold rule says it for the code."""

    id: str
    level: Level
    lasting: timedelta
    max_age: timedelta
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """How the estimate of a learned model counts: from a probability of `at_least`."""

    id: str
    family: str
    level: Level
    at_least: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How readings count and how flags behave."""

    typed_sources: tuple[str, ...]
    stream_gap: timedelta
    clock_ahead: timedelta
    reopen_within: timedelta
    closes_itself: tuple[Level, ...]
    close_after: timedelta
    close_outcome: str
    opens_from: Level
    sums_up: tuple[str, ...]
    personal: Personal
    learned: Learned

    def __post_init__(self) -> None:
        grave = [level.value for level in self.closes_itself if level.rank >= Level.HIGH.rank]
        if grave:
            raise ValueError(f"`closes-itself` holds {', '.join(grave)}; only a person closes those")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest known one, or all of them."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"


def check_code(code: str) -> None:
    """Raises `ValueError` unless the vocabulary has it."""
    if code not in vital_signs():
        raise ValueError(f"`code` is {code!r}, not a vital sign; {nearest(code, vital_signs())}")


def _check_unit(code: str, unit: str) -> None:
    check_code(code)
    if unit != vital_signs()[code].unit:
        raise ValueError(f"`unit` is {unit!r}; {code} is measured in {vital_signs()[code].unit!r}")


def _check_level(level: Level) -> None:
    if level is Level.UNKNOWN:
        raise ValueError("`level` is 'unknown'; allowed: low, moderate, high, critical")


def check_age(key: str, age: timedelta) -> None:
    """Raises `ValueError` unless it is an age at which evidence may still count."""
    if not timedelta() < age <= LONGEST_AGE:
        raise ValueError(f"`{key}` must be more than 0 and at most 24 h, as long as a chart remembers closed flags")


def _check_reason(reason: str) -> None:
    for _, field, _, _ in string.Formatter().parse(reason):
        if field is not None and field not in _REASON_FIELDS:
            raise ValueError(f"`reason` names {{{field}}}; allowed: {', '.join(_REASON_FIELDS)}")
