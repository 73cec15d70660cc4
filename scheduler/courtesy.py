"""Whether a message may go out at this moment: quiet hours, pause, consent, caps. Asked at send time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from data.model.communication import Category, Communication, SendState
from data.model.concern import Priority
from data.model.people import ContactState, Person, Purpose, QuietHours, Role
from scheduler.recurrence import instant

# Of a night's reminders the newest goes out, as far as it is younger than this: a dose reminder that comes still
# later would be followed by the next dose.
LONGEST_HOLD = timedelta(hours=12)
# So long after quiet hours end what they held may still go, though it has expired meanwhile.
_RELEASE = timedelta(minutes=30)
# On a message that tells nothing about anybody ("personal"), and on the one that confirms a STOP ("last word").
IMPERSONAL, LAST_WORD = {"personal": "no"}, {"last-word": "yes"}
# On news of what the person wrote of themselves: at P2 quiet hours do not hold it (escalation.md, "quiet hours").
ANSWERS = {"answers": "yes"}
# House default: nobody types so much, but two machines that answer each other do, for ever. So many answers in so
# long to one person, then silence until they are fewer.
MOST_ANSWERS, ANSWERS_WITHIN = 300, timedelta(hours=1)
# House default: so often in so long an address that is nobody's is told whom to call.
MOST_TO_STRANGERS, STRANGERS_WITHIN = 5, timedelta(hours=1)
_URGENT = (Priority.P1, Priority.P2)
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


def enough_said(said: Iterable[Communication], recipient: str, now: datetime) -> bool:
    """Whether a person was answered so often lately that nothing more is said: safety texts are not counted."""
    answers = (c for c in said if c.category is Category.REPLY and c.recipient == recipient)
    return sum(now - ANSWERS_WITHIN < c.created_at <= now for c in answers) >= MOST_ANSWERS


def enough_to_stranger(said: Iterable[Communication], now: datetime) -> bool:
    """Whether an address that is nobody's was told often enough lately whom to call."""
    texts = (c for c in said if c.category is Category.SAFETY)
    return sum(now - STRANGERS_WITHIN < c.created_at <= now for c in texts) >= MOST_TO_STRANGERS


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
    stopped = _contact(communication, person) or _inactive(communication, person)
    if stopped:
        return Verdict(action=Action.DROP, reason=stopped)
    if communication.category is Category.NUDGE:
        return _nudge(communication, person, recent, courtesy, now)
    if communication.category is Category.NOTICE:
        return _notice(communication, person, now)
    if communication.category is Category.PAGE and communication.priority not in _URGENT:
        return _hold(communication, quiet_until(person.quiet, person.zone, now), "quiet hours") or _SEND
    return _SEND  # safety, urgent pages, operations, and answers to the person's own message


def refused(person: Person, purpose: Purpose) -> bool:
    """Whether the person's last word on a purpose is no; who never was asked has not refused."""
    return any(c.purpose is purpose for c in person.consents) and not person.consents_to(purpose)


def activity_of(communication: Communication) -> str:
    """What a nudge is about: its `params["activity"]`, else its sentence."""
    return communication.params.get("activity", communication.text_key)


def open_to(state: ContactState, communication: Communication) -> bool:
    """Whether a message may go to an address in this state.

    To one that may be somebody else's go answers that tell nothing, safety texts in answer to words from there, and
    what goes to staff, which tells nothing of anybody. To one that was stopped goes the word that it is.
    """
    category, answers = communication.category, bool(communication.address)
    if state is ContactState.UNVERIFIED:
        impersonal = IMPERSONAL.items() <= communication.params.items()
        to_staff = category in (Category.PAGE, Category.OPERATIONS)
        return to_staff or (answers and (category is Category.SAFETY or impersonal))
    if state is ContactState.STOPPED:
        return answers and LAST_WORD.items() <= communication.params.items()
    return state is ContactState.ACTIVE


def _contact(communication: Communication, person: Person) -> str:
    """Why the channel cannot be used, or nothing."""
    held = [c for c in person.contacts if c.system is communication.channel]
    if communication.address:
        held = [c for c in held if c.at(communication.channel, communication.address)] or held
    states = {c.state for c in held}
    if any(open_to(state, communication) for state in states):
        return ""
    reasons = (ContactState.STOPPED, ContactState.BLOCKED, ContactState.UNVERIFIED)
    return next((state.value for state in reasons if state in states), "dead") if states else "no contact"


def _inactive(communication: Communication, person: Person) -> str:
    """Who has left hears answers and safety texts, and what became of an emergency; nobody who has left is paged."""
    urgent = communication.category is Category.NOTICE and communication.priority in _URGENT
    always = communication.category in (Category.SAFETY, Category.REPLY) or urgent
    return "" if person.active or always else "inactive"


def _notice(communication: Communication, person: Person, now: datetime) -> Verdict:
    """Held by the person's own quiet hours, not by a pause, which is of reminders; dropped where stale by then.

    They hold nothing at P1, and at P2 nothing that answers what the person wrote.
    """
    if communication.expires_at is not None and now >= communication.expires_at:
        return Verdict(action=Action.DROP, reason="expired")
    patient = person.role in (Role.PATIENT, Role.PROXY)
    if patient and refused(person, Purpose.MESSAGING):
        return Verdict(action=Action.DROP, reason="consent withdrawn")
    answers = communication.priority is Priority.P2 and ANSWERS.items() <= communication.params.items()
    if communication.priority is Priority.P1 or answers:
        return _SEND
    return _hold(communication, quiet_until(person.quiet, person.zone, now), "quiet hours") or _SEND


def _nudge(
    communication: Communication, person: Person, recent: tuple[Communication, ...], courtesy: Courtesy, now: datetime
) -> Verdict:
    """Only to someone who wants it, while it makes sense, at a decent hour, one of a kind, one after a night."""
    quiet = person.quiet or courtesy.default_quiet
    until = quiet_until(quiet, person.zone, now)
    released_at = _released_at(communication, quiet, person.zone)
    released = released_at is not None and now - released_at < _RELEASE
    expired = communication.expires_at is not None and now >= communication.expires_at and not released
    reasons = {
        # A reminder is a message of ours and part of the monitoring: it needs the one and must not lack the other.
        "no consent": not person.consents_to(Purpose.MESSAGING) or refused(person, Purpose.MONITORING),
        "expired": expired,
        "held too long": (until or released_at or communication.created_at) - communication.created_at > LONGEST_HOLD,
        "paused": person.paused_until is not None and now < person.paused_until,
        "newer one waits": any(_newer(other, communication, released_at) for other in recent),
        # What is held counts on the day it goes out.
        "daily cap": until is None and _sent_today(recent, person, now) >= courtesy.nudges_per_day,
    }
    reason = next((reason for reason, holds in reasons.items() if holds), None)
    if reason is not None:
        return Verdict(action=Action.DROP, reason=reason)
    return _SEND if until is None else Verdict(action=Action.HOLD, reason="quiet hours", until=until)


def _released_at(communication: Communication, quiet: QuietHours, zone: str) -> datetime | None:
    """The end of the quiet window that held a message, or None; waits for other reasons end at other times."""
    at = communication.not_before
    return at if at is not None and quiet_until(quiet, zone, at - timedelta(seconds=1)) == at else None


def _hold(communication: Communication, until: datetime | None, reason: str) -> Verdict | None:
    if until is None:
        return None
    if communication.expires_at is not None and communication.expires_at <= until:
        return Verdict(action=Action.DROP, reason=f"{reason}, would expire")
    return Verdict(action=Action.HOLD, reason=reason, until=until)


def _newer(other: Communication, this: Communication, released_at: datetime | None) -> bool:
    """True when `other` is a later nudge to the same person that makes `this` needless.

    It waits too and is about the same; or the same quiet hours held both, whatever they are about.
    """
    later = (other.created_at, other.id) > (this.created_at, this.id)
    if not later or other.category is not Category.NUDGE or other.recipient != this.recipient:
        return False
    if released_at is not None and other.created_at < released_at:
        return other.state is SendState.QUEUED or other.state in _GONE
    return other.state is SendState.QUEUED and activity_of(other) == activity_of(this)


def _sent_today(recent: tuple[Communication, ...], person: Person, now: datetime) -> int:
    """Nudges that went to the person on the person's present calendar day."""
    tz = ZoneInfo(person.zone)
    today = now.astimezone(tz).date()
    gone = (c for c in recent if c.category is Category.NUDGE and c.recipient == person.id and c.state in _GONE)
    return sum(1 for c in gone if (c.sent_at or c.created_at).astimezone(tz).date() == today)
