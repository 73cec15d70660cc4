"""Whether a message may go out at this moment: quiet hours, pause, consent, caps. Asked at send time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from data.model.communication import Category, Communication, SendState
from data.model.concern import Priority
from data.model.people import ContactState, Person, Purpose, QuietHours, Role
from scheduler.recurrence import instant

_GONE = (SendState.ACCEPTED, SendState.SENT, SendState.DELIVERED, SendState.READ, SendState.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Courtesy:
    """The clinic's numbers. `default_quiet` is for nudges to people who set no hours of their own.

    `taken_expires_after`: a "taken by" that late is not worth sending.
    """

    default_quiet: QuietHours
    nudges_per_day: int
    taken_expires_after: timedelta
    source: str

    def __post_init__(self) -> None:
        if self.nudges_per_day < 0 or self.taken_expires_after <= timedelta(0):
            raise ValueError("must have nudges-per-day of 0 or more and taken-expires-after longer than 0 s")


class Action(StrEnum):
    """What to do with a queued message now."""

    SEND = "send"
    HOLD = "hold"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """SEND; HOLD `until` (ask again then); or DROP. `reason` says why not now."""

    action: Action
    reason: str = ""
    until: datetime | None = None


_SEND = Verdict(action=Action.SEND)


def quiet_until(quiet: QuietHours | None, zone: str, now: datetime) -> datetime | None:
    """The end (UTC) of the quiet window that `now` falls in, or None. Equal start and end means no quiet.

    The window opens the first time clocks show its start and ends the last time they show its end.
    """
    if quiet is None or quiet.start == quiet.end:
        return None
    tz = ZoneInfo(zone)
    today = now.astimezone(tz).date()
    over_midnight = timedelta(days=1 if quiet.start > quiet.end else 0)
    for day in (today - timedelta(days=1), today):
        end = instant(day + over_midnight, quiet.end, tz, last=True)
        if instant(day, quiet.start, tz) <= now < end:
            return end
    return None


def verdict(
    communication: Communication, person: Person, recent: tuple[Communication, ...], courtesy: Courtesy, now: datetime
) -> Verdict:
    """Whether `communication` may go to `person` now. `recent`: the person's other messages, queued and gone.

    What a stopped or dead contact drops is for the caller to make up for: a safety text then has to become a page.
    """
    stopped = _contact(communication, person)
    if stopped:
        return Verdict(action=Action.DROP, reason=stopped)
    if communication.category is Category.NUDGE:
        return _nudge(communication, person, recent, courtesy, now)
    if communication.category is Category.NOTICE:
        return _notice(communication, person, now)
    if communication.category is Category.PAGE and communication.priority in (Priority.P3, Priority.P4):
        return _hold(communication, quiet_until(person.quiet, person.zone, now), "quiet hours") or _SEND
    return _SEND  # safety, urgent pages, operations, and answers to the person's own message


def activity_of(communication: Communication) -> str:
    """What a nudge is about: its `params["activity"]`, else its sentence."""
    return communication.params.get("activity", communication.text_key)


def _contact(communication: Communication, person: Person) -> str:
    """Why the channel cannot be used, or nothing."""
    states = {c.state for c in person.contacts if c.system is communication.channel}
    if ContactState.ACTIVE in states:
        return ""
    if not states:
        return "no contact"
    return "stopped" if ContactState.STOPPED in states else "dead"


def _notice(communication: Communication, person: Person, now: datetime) -> Verdict:
    """Held by the person's own quiet hours and a patient's pause; dropped where it would be stale by then."""
    if communication.expires_at is not None and now >= communication.expires_at:
        return Verdict(action=Action.DROP, reason="expired")
    patient = person.role in (Role.PATIENT, Role.PROXY)
    if patient and any(c.purpose is Purpose.MESSAGING and not c.given for c in person.consents):
        return Verdict(action=Action.DROP, reason="consent withdrawn")
    paused = person.paused_until if patient and person.paused_until and person.paused_until > now else None
    quiet = quiet_until(person.quiet, person.zone, now)
    return _hold(communication, paused, "paused") or _hold(communication, quiet, "quiet hours") or _SEND


def _nudge(
    communication: Communication, person: Person, recent: tuple[Communication, ...], courtesy: Courtesy, now: datetime
) -> Verdict:
    """Only to someone who wants it, while it makes sense, at a decent hour, one of a kind."""
    reasons = {
        "inactive": not person.active,
        "no consent": not person.consents_to(Purpose.MESSAGING),
        "expired": communication.expires_at is not None and now >= communication.expires_at,
        "paused": person.paused_until is not None and now < person.paused_until,
        "newer one waits": any(_newer(other, communication) for other in recent),
        "daily cap": _sent_today(recent, person, now) >= courtesy.nudges_per_day,
    }
    reason = next((reason for reason, holds in reasons.items() if holds), None)
    if reason is not None:
        return Verdict(action=Action.DROP, reason=reason)
    quiet = quiet_until(person.quiet or courtesy.default_quiet, person.zone, now)
    return _hold(communication, quiet, "quiet hours") or _SEND


def _hold(communication: Communication, until: datetime | None, reason: str) -> Verdict | None:
    if until is None:
        return None
    if communication.expires_at is not None and communication.expires_at <= until:
        return Verdict(action=Action.DROP, reason=f"{reason}, would expire")
    return Verdict(action=Action.HOLD, reason=reason, until=until)


def _newer(other: Communication, this: Communication) -> bool:
    """True when `other` waits too, is a nudge about the same to the same person, and came later."""
    return (
        other.category is Category.NUDGE
        and other.state is SendState.QUEUED
        and other.recipient == this.recipient
        and activity_of(other) == activity_of(this)
        and (other.created_at, other.id) > (this.created_at, this.id)
    )


def _sent_today(recent: tuple[Communication, ...], person: Person, now: datetime) -> int:
    """Nudges that went to the person on the person's present calendar day."""
    tz = ZoneInfo(person.zone)
    today = now.astimezone(tz).date()
    gone = (c for c in recent if c.category is Category.NUDGE and c.recipient == person.id and c.state in _GONE)
    return sum(1 for c in gone if (c.sent_at or c.created_at).astimezone(tz).date() == today)
