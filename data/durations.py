"""Durations as people write them: "5 min", "1h30m", "90 s", "2 days"."""

import re
from datetime import timedelta

from data.errors import BadInput

_UNITS = {
    "ms": 0.001, "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip
_PART = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]{1,7})", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The duration that `text` names. Raises `BadInput` for anything else.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    rest, seconds = text.strip().lower(), 0.0
    while rest:
        part = _PART.match(rest)
        if part is None or part[2] not in _UNITS:
            raise BadInput(f"{text!r} is not a duration; write for example 10s, 5 min, 1h30m or 2 days")
        seconds += float(part[1]) * _UNITS[part[2]]
        rest = rest[part.end() :].lstrip()
    if not text.strip():
        raise BadInput("a duration is empty; write for example 5 min")
    return timedelta(seconds=seconds)


def say_duration(duration: timedelta) -> str:
    """A duration in a few characters: "5 min", "1 h 30 min", "20 s"."""
    seconds = round(duration.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return sign + (" ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s")
