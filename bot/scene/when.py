"""When: durations and times as a scene writes them, and the instants they mean on every day of the year."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.scene.grammar import When
from data.durations import parse_duration
from data.errors import BadInput
from scheduler.recurrence import instant

_UNIT = r"(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)(?![A-Za-z])"
DURATION = rf"\d{{1,6}}(?:\.\d{{1,3}})?\s*{_UNIT}(?:\s*\d{{1,6}}(?:\.\d{{1,3}})?\s*{_UNIT})*"
_AFTER = re.compile(rf"\s*\+\s*({DURATION})(?=[\s,]|$),?", re.IGNORECASE)
_TIME_PARTS = (
    ("days", re.compile(r"[\s,]*(?:the\s+)?next\s+day(?=[\s,]|$)", re.IGNORECASE)),
    ("zone", re.compile(r"[\s,]*in\s+([A-Za-z][\w+-]*(?:/[\w+-]+)*)(?=[\s,]|$)")),
    ("date", re.compile(r"[\s,]*(\d{4}-\d{2}-\d{2})(?=[\s,T]|$)")),
    ("clock", re.compile(r"[\s,T]*(?:at\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?(?=[\s,]|$)")),
)
LONGEST = timedelta(days=3660)


def read_when(text: str) -> tuple[When | None, str]:
    """The time a line begins with, if any, and what follows. Raises `BadInput`."""
    if after := _AFTER.match(text):
        return When(after=read_duration(after[1])), text[after.end() :]
    found: dict[str, re.Match[str]] = {}
    at = 0
    while "clock" not in found and (part := _time_part(text, at, found)):
        kind, match = part
        found[kind], at = match, match.end()
    if "clock" not in found:
        if "days" in found or "date" in found:
            raise BadInput(f"{text.strip()!r}: say at what time; write for example: next day 08:00")
        return None, text
    if (late := _TIME_PARTS[1][1].match(text, at)) and "zone" not in found and _is_zone(late[1]):
        found["zone"], at = late, late.end()
    hour, minute, second = (int(n or 0) for n in found["clock"].groups())
    try:
        clock = time(hour, minute, second)
        on = date.fromisoformat(found["date"][1]) if "date" in found else None
    except ValueError:
        raise BadInput(f"{text[:at].strip()!r} is not a time of day; write for example 08:00") from None
    zone = read_zone(found["zone"][1]) if "zone" in found else None
    return When(clock=clock, days=int("days" in found), on=on, zone=zone), text[at:].removeprefix(",")


def read_duration(text: str) -> timedelta:
    """The duration. Raises `BadInput` for none, or one of more than ten years."""
    span = parse_duration(text.lower().replace("milliseconds", "ms").replace("hrs", "hr"))
    if span > LONGEST:
        raise BadInput(f"{text!r} is longer than {LONGEST.days} days")
    return span


def read_zone(value: str) -> str:
    """The time zone of that name. Raises `BadInput`."""
    try:
        return ZoneInfo(value).key
    except (ValueError, OSError, KeyError):
        raise BadInput(f"{value!r} is not a time zone; write for example Europe/Tallinn or UTC") from None


def instant_of(when: When, now: datetime, zone: str) -> datetime | None:
    """The instant in UTC that `when` means at `now`, or None when a dated time is past.

    A clock time is the next such time, now included; one that the spring change skips is the first that exists.
    """
    if when.after is not None:
        return now + when.after
    if when.clock is None:
        return now
    tz = ZoneInfo(when.zone or zone)
    day = when.on or now.astimezone(tz).date() + timedelta(days=when.days)
    later = (day,) if when.on or when.days else (day, day + timedelta(days=1), day + timedelta(days=2))
    for each in later:
        for last in (False, True):
            at = instant(each, when.clock, tz, last=last)
            if at >= now:
                return at
    return None


def _time_part(text: str, at: int, found: dict[str, re.Match[str]]) -> tuple[str, re.Match[str]] | None:
    for kind, regex in _TIME_PARTS:
        if kind not in found and (match := regex.match(text, at)):
            if kind == "zone" and not re.search(r"\d{1,2}:\d{2}|next\s+day", text[match.end() :]):
                continue
            return kind, match
    return None


def _is_zone(name: str) -> bool:
    try:
        read_zone(name)
    except BadInput:
        return False
    return True
