"""What the measurements of a chart say now: newest values, how long they have been so, and never a stale one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from data.durations import say_duration
from data.model.chart import Chart
from data.model.concern import Evidence
from data.model.observation import Observation
from data.vocabulary import vital_signs
from risk.schema import Bound, Conduct

_BY_TIME = attrgetter("effective_at")
_BRIEF = timedelta(minutes=1)
_OLD = timedelta(minutes=5)


class Tick(NamedTuple):
    """The usable values of one instant, rounded as people read them: lowest, highest, and whether one was typed."""

    at: datetime
    low: float
    high: float
    typed: bool


class Sample(NamedTuple):
    """One value that stands for a vital sign. `typed`: the patient wrote it."""

    at: datetime
    value: float
    typed: bool


@dataclass(frozen=True, slots=True)
class Run:
    """An unbroken run of breaching values: the newest `value` at `at`, and `since` when."""

    value: float
    at: datetime
    since: datetime


class Readings:
    """The measurements of one chart, indexed by code once.

    A value that cannot be used does not count: in another unit than its code's, impossible in a living person, or
    stamped further ahead of `now` than a clock may be wrong.
    """

    def __init__(self, chart: Chart, conduct: Conduct, now: datetime) -> None:
        self.now = now
        self._conduct = conduct
        self._signs = vital_signs()
        self._zone = _zone_of(chart)
        self._by_code: dict[str, list[Observation]] = {}
        self._own = dict.fromkeys(conduct.typed_sources, True)
        self._ticks: dict[str, list[Tick]] = {}
        self._last_at: dict[str, datetime] = {}
        by_code = self._by_code
        for observation in chart.observations:
            code = observation.code
            if code in by_code:
                by_code[code].append(observation)
            elif code in self._signs:
                by_code[code] = [observation]
        for rows in by_code.values():
            rows.sort(key=_BY_TIME)

    def newest(self, code: str, max_age: timedelta) -> Tick | None:
        """The newest instant's values; None when there are none or they are older than `max_age`."""
        ticks = self._ticks.get(code) or self._back_to(code, self.now)
        return ticks[0] if ticks and self.now - ticks[0].at <= max_age else None

    def has(self, code: str) -> bool:
        """Whether the chart holds any usable value of the code, however old."""
        return bool(self._back_to(code, self.now))

    def is_over(self, bound: Bound, max_age: timedelta) -> bool:
        """Whether the newest value breaches `bound`, counting or not."""
        newest = self.newest(bound.code, max_age)
        return newest is not None and bound.breached(newest.low if bound.low else newest.high)

    def last_at(self, code: str) -> datetime:
        """The newest usable time stamp as the device wrote it; `now` when there is none."""
        self._back_to(code, self.now)
        return self._last_at.get(code, self.now)

    def breach(self, bound: Bound, lasting: timedelta, max_age: timedelta) -> Run | None:
        """The run of values over `bound` that counts now, or None.

        In a stream it must have lasted; a typed reading counts at once, and so does a value that no neighbour in
        time contradicts, or after which the stream fell silent. A run is followed back no further than needed to
        tell that, so its `since` may be later than its true beginning.
        """
        newest = self.newest(bound.code, max_age)
        low, breached = bound.low, bound.breached
        if newest is None or not breached(newest.low if low else newest.high):
            return None
        gap, since = self._conduct.stream_gap, newest.at
        counts = newest.typed or lasting <= timedelta() or self.now - since >= gap
        enough = newest.at - max(lasting, max_age)
        for tick in self._back_to(bound.code, enough - gap):
            if since - tick.at > gap or since <= enough:
                break
            if not breached(tick.low if low else tick.high):
                if not counts:
                    return None
                break
            since = tick.at
            counts = counts or tick.typed or newest.at - since >= lasting
        return Run(newest.low if low else newest.high, newest.at, since)

    def settled(
        self, code: str, points: Callable[[float], int], settle: timedelta, max_age: timedelta
    ) -> Sample | None:
        """The value that at least half of the instants of the last `settle` support, judged by their `points`.

        A typed reading stands for itself (the worst of several at one instant).
        """
        newest = self.newest(code, max_age)
        if newest is None:
            return None
        if newest.typed:
            return Sample(newest.at, worst(newest, points), True)
        window: list[tuple[int, float, datetime, bool]] = []
        for tick in self._back_to(code, newest.at - settle):
            if newest.at - tick.at > settle:
                break
            value = worst(tick, points)
            window.append((points(value), value, tick.at, tick.typed))
        window.sort()
        _, value, at, typed = window[(len(window) - 1) // 2]
        return Sample(at, value, typed)

    def gain(self, code: str, within: timedelta, apart: timedelta, max_age: timedelta) -> tuple[Sample, Sample] | None:
        """The newest value and the lowest between `within` and `apart` before it, or None without either."""
        newest = self.newest(code, max_age)
        if newest is None:
            return None
        lowest: Tick | None = None
        for tick in self._back_to(code, newest.at - within):
            back = newest.at - tick.at
            if back > within:
                break
            if back >= apart and (lowest is None or tick.low < lowest.low):
                lowest = tick
        if lowest is None:
            return None
        return Sample(newest.at, newest.high, newest.typed), Sample(lowest.at, lowest.low, lowest.typed)

    def say_when(self, at: datetime, since: datetime) -> str:
        """How long or at what time, in the patient's zone: "for 10 min", "at 23:10", "for 10 min until 23:10"."""
        span = at - since
        if span < _BRIEF:
            return f"at {self.say_time(at)}"
        return f"for {_say_span(span)}" + (f" until {self.say_time(at)}" if self.now - at >= _OLD else "")

    def say_time(self, at: datetime) -> str:
        """The time of day on the patient's wall, with the date when it was another day."""
        local, today = (at.astimezone(self._zone), self.now.astimezone(self._zone)) if self._zone else (at, self.now)
        form = "%H:%M" if local.date() == today.date() else "%Y-%m-%d %H:%M"
        return local.strftime(form) + ("" if self._zone else " UTC")

    def evidence(self, code: str, value: float, at: datetime) -> Evidence:
        """A measured value as evidence."""
        return Evidence(code=code, at=at, value=value, unit=self._signs[code].unit)

    def _back_to(self, code: str, since: datetime) -> list[Tick]:
        """Usable values by instant, newest first, at least all from `since` on; each is read once, when asked for."""
        ticks = self._ticks.setdefault(code, [])
        rows = self._by_code.get(code)
        if not rows or (ticks and ticks[-1].at < since):
            return ticks
        sign, now = self._signs[code], self.now
        (least, most), unit, scale = sign.possible, sign.unit, 10.0**sign.decimals
        latest = now + self._conduct.clock_ahead
        while rows:
            row = rows.pop()
            value, at = row.value, row.effective_at
            if not least <= value <= most or row.unit != unit or at > latest:
                continue
            self._last_at.setdefault(code, at)
            value, at = floor(value * scale + 0.5) / scale, at if at < now else now
            if ticks and ticks[-1].at == at:
                last = ticks[-1]
                ticks[-1] = Tick(at, min(value, last.low), max(value, last.high), last.typed or self._typed(row.source))
                continue
            ticks.append(Tick(at, value, value, self._typed(row.source)))
            if at < since:
                break
        return ticks

    def _typed(self, source: str) -> bool:
        if source not in self._own:
            self._own[source] = is_typed(source, self._conduct)
        return self._own[source]


def is_typed(source: str, conduct: Conduct) -> bool:
    """Whether readings of that source were written by a person."""
    return source.replace("/", ":").partition(":")[0] in conduct.typed_sources


def _zone_of(chart: Chart) -> ZoneInfo | None:
    """The patient's zone; None (times are then said in UTC) for one that this machine does not know."""
    try:
        return chart.person.tz if chart.person else None
    except (ValueError, OSError, KeyError, TypeError):
        return None


def worst(tick: Tick, points: Callable[[float], int]) -> float:
    """The value of an instant that scores most."""
    if tick.low == tick.high:
        return tick.low
    return max(tick.low, tick.high, key=points)


def round_as_shown(value: float, decimals: int) -> float:
    """`value` rounded half up to `decimals`, so that rules and people see the same number."""
    scale: float = 10**decimals
    return floor(value * scale + 0.5) / scale


def _say_span(span: timedelta) -> str:
    """A span in at most two parts: seconds are left out of anything over an hour."""
    whole = 60 if span >= timedelta(hours=1) else 1
    return say_duration(timedelta(seconds=span.total_seconds() // whole * whole))
