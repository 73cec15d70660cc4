"""STOP, START, PAUSE, wrong numbers and people who cannot be reached: what may still be sent to whom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.core.draft import Draft
from bot.core.heard import NEVER, contact_at, usual_state, with_contact
from data.model.communication import Category, Communication
from data.model.concern import Priority
from data.model.conversation import MessageKind, RawMessage
from data.model.people import ChannelKind, ContactPoint, ContactState, Role
from scheduler.courtesy import IMPERSONAL, LAST_WORD, enough_to_stranger

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
# A safety text that could not be sent for so long is not sent any more: a person must phone instead.
SAFETY_LIFE = timedelta(hours=1)
# STOP is confirmed once, within five minutes or not at all (FCC 24-24, 2024).
_CONFIRMED_WITHIN = timedelta(minutes=5)

# What the carrier says it has answered, whatever it does by default.
_ANSWERED = (MessageKind.STOPPED, MessageKind.STARTED)
# What strangers and groups are told; who merely cannot be read may be a patient, and hears what patients do.
_TO_NOBODY = ("emergency-stranger", "emergency-group", "cannot-read-now")


def say_safely(
    draft: Draft,
    key: str,
    *,
    text: str,
    priority: Priority = Priority.P1,
    channel: ChannelKind | None = None,
    address: str = "",
    escalation_id: str | None = None,
) -> None:
    """A safety text to the patient. Where no address is left, a person is told to phone.

    To an address that is nobody's it goes so often an hour and no more; a patient in danger is always answered.
    """
    if draft.subject.role is Role.STRANGER and key in _TO_NOBODY and enough_to_stranger(draft.said(), draft.now):
        draft.notes.append(f"{key} not said: it was often enough within the hour")
        return
    said = draft.say(
        draft.subject,
        key,
        Category.SAFETY,
        text=text,
        priority=priority,
        channel=channel,
        address=address,
        escalation_id=escalation_id,
        expires_at=draft.now + SAFETY_LIFE,
    )
    if not said and draft.subject.role is not Role.STRANGER:
        tell_care_managers(draft, "unreachable", why="no address")


def carrier_word_said(draft: Draft, message: RawMessage, word: str) -> None:
    """Record STOP and START, and tell the care manager of a STOP.

    Where the carrier answers them itself we stay silent; elsewhere each is confirmed in one sentence.
    """
    before = draft.subject.contacts
    contacts = tuple(_after_word(c, word, draft.now) if c.at(message.channel, message.address) else c for c in before)
    draft.person = replace(draft.subject, contacts=contacts)
    draft.notes.append(f"carrier word {word} on {message.channel}")
    if word == "stop":
        left = any(c.system is message.channel and c.state is ContactState.ACTIVE for c in contacts)
        draft.cancel_queued("stopped", lambda row: _meant_for(row, draft, message, left))
    if contacts == before:
        return
    if not (message.channel.answers_stop or message.kind in _ANSWERED):
        _confirm(draft, message, "stop-confirmed" if word == "stop" else "start-confirmed")
    if word == "stop" and draft.subject.role is not Role.STRANGER:
        tell_of_contact(draft, "stopped", message.channel)


def _after_word(contact: ContactPoint, word: str, now: datetime) -> ContactPoint:
    """START takes back a STOP, and proves nothing about whose the address is."""
    if word == "stop":
        return replace(contact, state=ContactState.STOPPED)
    over = contact.state in (ContactState.STOPPED, ContactState.BLOCKED)
    return replace(contact, state=usual_state(contact, now)) if over else contact


def say_how_back(draft: Draft, message: RawMessage) -> None:
    """To somebody who sent STOP and asks for help: how to come back, and nothing else."""
    _confirm(draft, message, "stop-confirmed")


def _confirm(draft: Draft, message: RawMessage, key: str) -> None:
    draft.say(
        draft.subject,
        key,
        Category.REPLY,
        channel=message.channel,
        address=message.address,
        expires_at=draft.now + _CONFIRMED_WITHIN,
        params=IMPERSONAL | (LAST_WORD if key == "stop-confirmed" else {}),
    )


def blocked(draft: Draft, message: RawMessage) -> None:
    """The bot was blocked at an address: nothing arrives there until it is unblocked, which a message shows too."""
    contact = contact_at(draft.subject, message.channel, message.address)
    if contact is not None and contact.state is ContactState.ACTIVE:
        draft.person = with_contact(draft.subject, replace(contact, state=ContactState.BLOCKED))
        if draft.subject.role is not Role.STRANGER:
            tell_of_contact(draft, "blocked", message.channel)


def doubt(draft: Draft, message: RawMessage) -> None:
    """Whoever has the address says that they are somebody else: only a code from the clinic makes it known again."""
    contact = contact_at(draft.subject, message.channel, message.address)
    if contact is not None:
        state = ContactState.STOPPED if contact.state is ContactState.STOPPED else ContactState.UNVERIFIED
        draft.person = with_contact(draft.subject, replace(contact, state=state, heard_at=NEVER))


def _meant_for(row: Communication, draft: Draft, message: RawMessage, left: bool) -> bool:
    """Whether a queued row would go to the number that sent STOP.

    A safety text stays: it is dropped at send time, where the way to another number or to the phone is known.
    """
    if row.recipient != draft.chart.subject or row.channel is not message.channel or row.category is Category.SAFETY:
        return False
    return row.address.strip() == message.address.strip() if row.address else not left


def tell_of_contact(draft: Draft, key: str, channel: ChannelKind) -> None:
    """A task about an address of whoever the chart is of: a patient by code, a colleague by name ("staff-" + key)."""
    who = draft.subject
    if who.role in (Role.PATIENT, Role.PROXY):
        tell_care_managers(draft, key, channel=channel.value)
        return
    for person in draft.team.care_managers():
        if person.id != who.id:
            text = draft.kit.texts.say(f"staff-{key}", person.language, owner=who.name, channel=channel.value)
            draft.say(person, f"staff-{key}", Category.OPERATIONS, text=text)


def pause(draft: Draft) -> None:
    """PAUSE is ours: reminders off until RESUME; safety texts still flow."""
    draft.person = replace(draft.subject, paused_until=FOREVER)


def resume(draft: Draft) -> None:
    """RESUME turns reminders on again."""
    draft.person = replace(draft.subject, paused_until=None)


def tell_care_managers(draft: Draft, key: str, **values: str) -> None:
    """A task for whoever looks after enrolment and contact; carries the patient's code only."""
    if not draft.team.care_managers():
        draft.notes.append(f"nobody works here who could be told: {key}")
    for person in draft.team.care_managers():
        text = draft.kit.texts.say(key, person.language, patient=draft.subject.code, **values)
        draft.say(person, key, Category.OPERATIONS, text=text)
