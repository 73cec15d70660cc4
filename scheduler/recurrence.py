"""When a recurring activity falls due, right on both nights on which clocks change, and how people write it."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data.errors import BadInput
from data.model.plan import Recurrence

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = {name: day for day, full in enumerate(_DAYS) for name in (full, full + "s", full[:3])} | {
    "tues": 1, "weds": 2, "thur": 3, "thurs": 3,
}  # fmt: skip
_SETS: dict[str, tuple[int, ...]] = {"weekdays": (0, 1, 2, 3, 4), "weekday": (0, 1, 2, 3, 4), "weekends": (5, 6)}
_SETS |= {"weekend": (5, 6)}
_DAILY = {"daily", "day"}
_FILLERS = {"at", "on", "and", "every", "each", "weekly", "from"}
_TIME = re.compile(r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?(am|pm)?")
_EXAMPLE = 'write for example "daily 08:00 and 20:00", "weekdays 9:30" or "mon, wed, fri 07:00"'


def next_occurrence(recurrence: Recurrence, zone: str, after: datetime, until: date | None = None) -> datetime | None:
    """The first occurrence strictly after `after` (aware), in UTC; None when there is none up to day `until`, included.

    A wall-clock time that the night skips falls on the first minute that exists, one that comes twice on the first.
    Raises `BadInput` for a zone that does not exist.
    """
    tz = _zone(zone)
    start = after.astimezone(tz).date()
    for ahead in range(9):
        try:
            day = start + timedelta(days=ahead)
            at = sorted(instant(day, clock, tz) for clock in recurrence.times)
        except OverflowError:  # the end of the calendar, or its beginning
            continue
        if until is not None and day > until:
            return None
        if recurrence.weekdays and day.weekday() not in recurrence.weekdays:
            continue
        following = next((occurrence for occurrence in at if occurrence > after), None)
        if following is not None:
            return following
    return None


def instant(day: date, clock: time, tz: ZoneInfo, *, last: bool = False) -> datetime:
    """The UTC instant at which clocks in `tz` show `clock` on `day`; with `last`, the later one of two.

    A time that does not exist is moved to the first minute that does.
    """
    wall = datetime.combine(day, clock.replace(tzinfo=None)).replace(fold=1 if last else 0)
    for _ in range(25 * 60):  # no zone has ever skipped more than one day
        at = wall.replace(tzinfo=tz).astimezone(UTC)
        if at.astimezone(tz).replace(tzinfo=None, fold=0) == wall.replace(fold=0):
            return at
        wall = wall.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return wall.replace(tzinfo=tz).astimezone(UTC)


def read_recurrence(text: str) -> Recurrence:
    """What "daily 08:00", "every day at 8", "weekdays 9:30" or "weekly sunday 10:00" means.

    Raises `BadInput` with an example for anything else.

    >>> read_recurrence("mon, wed, fri 07:00").weekdays
    (0, 2, 4)
    """
    days: set[int] = set()
    times: set[time] = set()
    daily = False
    for word in _words(text):
        clock = _time(word)
        if clock is not None:
            times.add(clock)
        elif (span := _span(word)) is not None:
            days.update(span)
        elif word in _DAILY:
            daily = True
        elif word not in _FILLERS:
            raise BadInput(f"{word[:30]!r} is not understood in a recurrence; {_EXAMPLE}")
    if not times:
        raise BadInput(f"a recurrence needs a time of day; {_EXAMPLE}")
    if daily == bool(days):
        raise BadInput(f"a recurrence needs its days, once; {_EXAMPLE}")
    return Recurrence(times=tuple(sorted(times)), weekdays=tuple(sorted(days)))


def _words(text: str) -> list[str]:
    """Words in small letters; "8 pm" is one."""
    spaced = re.sub(r"\s*[-–]\s*", "-", re.sub(r"[,;&+]", " ", text.lower()))
    return re.sub(r"(?<=[0-9])\s+(?=[ap]m\b)", "", spaced).split()


def _time(word: str) -> time | None:
    if word == "noon":
        return time(12)
    found = _TIME.fullmatch(word)
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            raise BadInput(f"{word!r} is not a time of day; {_EXAMPLE}")
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    if hour > 23 or minute > 59:
        raise BadInput(f"{word!r} is not a time of day; {_EXAMPLE}")
    return time(hour, minute)


def _span(word: str) -> tuple[int, ...] | None:
    """The days of "mon", "weekends" or "mon-fri"."""
    if word in _SETS:
        return _SETS[word]
    ends = word.split("-")
    if not all(end in _DAY for end in ends) or len(ends) > 2:
        return None
    first, last = _DAY[ends[0]], _DAY[ends[-1]]
    return tuple((first + ahead) % 7 for ahead in range((last - first) % 7 + 1))


def _zone(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"{zone!r} is not a time zone; write for example Europe/Tallinn") from None
