"""Instants as people read them: the time of day where they live, with the date when it is another day."""

from datetime import datetime
from zoneinfo import ZoneInfo


def at_clock(value: object, zone: str, now: datetime) -> str:
    """ "23:14", or "Wed 4 Mar 08:00" on another day than `now`; anything that is no instant stays as it is."""
    if not isinstance(value, datetime):
        return str(value)
    local, today = value.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%a} {local.day} {local:%b %H:%M}"
