"""When an address was last known to be somebody's, and what a message from it, or a long silence, shows. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from data.model.chart import Changes, Chart
from data.model.conversation import MessageKind, RawMessage
from data.model.people import ChannelKind, ContactPoint, ContactState, Person, Role

# An address of which nothing was heard for so long may be somebody else's by now: carriers give numbers out again
# after 90 days at most (47 CFR 52.15(f)(1)(ii), aging numbers).
SILENCE = timedelta(days=90)
# The instant kept for an address is renewed when it is older than this: no commit is made for it alone.
STALE = timedelta(days=7)
# Last known to be theirs: never. Whoever has it said that they are somebody else.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def contact_at(person: Person, channel: ChannelKind, address: str) -> ContactPoint | None:
    """The person's contact at an address."""
    return next((c for c in person.contacts if c.at(channel, address)), None)


def lapsed(contact: ContactPoint, now: datetime) -> bool:
    """Whether nothing was heard from it for too long; of one that was never looked at it is not known yet."""
    return contact.heard_at is not None and now - contact.heard_at > SILENCE


def may_be_anothers(contact: ContactPoint, now: datetime) -> bool:
    """Whether somebody else may write from it."""
    if contact.state is ContactState.DEAD:
        return _is_given_out_again(contact) or lapsed(contact, now)
    return contact.state is ContactState.UNVERIFIED or lapsed(contact, now)


def _is_given_out_again(contact: ContactPoint) -> bool:
    """Numbers are; a chat of Telegram's is nobody else's, and that it was not found can have been a passing fault."""
    return contact.system is not ChannelKind.TELEGRAM


def is_unverified(person: Person, message: RawMessage, now: datetime) -> bool:
    """Whether a message may be somebody else's than the person's who once had its address."""
    contact = contact_at(person, message.channel, message.address)
    return contact is not None and person.role is not Role.STRANGER and may_be_anothers(contact, now)


def usual_state(contact: ContactPoint, now: datetime) -> ContactState:
    """What an address comes back to when it is no longer stopped or blocked: that proves nothing about whose it is."""
    return ContactState.UNVERIFIED if lapsed(contact, now) else ContactState.ACTIVE


def with_contact(person: Person, changed: ContactPoint) -> Person:
    """The person with this contact in the place of the one at the same address."""
    contacts = (changed if c.at(changed.system, changed.value) else c for c in person.contacts)
    return replace(person, contacts=tuple(contacts))


def heard(changes: Changes, chart: Chart, message: RawMessage, now: datetime) -> Changes:
    """The same changes, with what it shows about an address that a message came from it.

    One that was blocked is not; one that was dead lives, though a number may be another's now; a known one is known
    for another while.
    """
    person = changes.person or chart.person
    if person is None or person.role is Role.STRANGER or message.kind in (MessageKind.BLOCKED, MessageKind.GROUP):
        return changes
    contact = contact_at(person, message.channel, message.address)
    after = _heard(contact, now) if contact else None
    return changes if after is None or after == contact else replace(changes, person=with_contact(person, after))


def heard_of_staff(chart: Chart, message: RawMessage, now: datetime, *, by_code: bool) -> Changes:
    """The changes on a colleague's own chart when they wrote; `by_code`: with a code of a page that went to them."""
    changes = heard(Changes(), chart, message, now)
    person = changes.person or chart.person
    contact = contact_at(person, message.channel, message.address) if person else None
    if not by_code or person is None or contact is None or contact.state is ContactState.STOPPED:
        return changes
    known = replace(contact, state=ContactState.ACTIVE, heard_at=now)
    return Changes(person=with_contact(person, known), notes=(f"known again on {contact.system} by a code",))


def _heard(contact: ContactPoint, now: datetime) -> ContactPoint:
    match contact.state:
        case ContactState.DEAD if _is_given_out_again(contact):
            return replace(contact, state=ContactState.UNVERIFIED)
        case ContactState.BLOCKED | ContactState.DEAD:
            contact = replace(contact, state=usual_state(contact, now))
        case ContactState.ACTIVE if lapsed(contact, now):
            return replace(contact, state=ContactState.UNVERIFIED)
    fresh = contact.heard_at is not None and now - contact.heard_at <= STALE
    if contact.state is not ContactState.ACTIVE or fresh:
        return contact
    return replace(contact, heard_at=now)
