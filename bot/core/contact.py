"""STOP, START, PAUSE, wrong numbers and people who cannot be reached: what may still be sent to whom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.core.draft import Draft
from data.model.communication import Category, Communication
from data.model.concern import Priority
from data.model.conversation import RawMessage
from data.model.people import ChannelKind, ContactState, Person, Role

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
# A safety text that could not be sent for so long is not sent any more: a person must phone instead.
SAFETY_LIFE = timedelta(hours=1)


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
    """A safety text to the patient. Where no address is left, a person is told to phone."""
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
    """STOP and START are answered by the carrier itself: record them, stay silent, tell the care manager of a STOP."""
    state = ContactState.STOPPED if word == "stop" else ContactState.ACTIVE
    before = draft.subject.contacts
    contacts = tuple(replace(c, state=state) if _same(c.system, c.value, message) else c for c in before)
    draft.person = replace(draft.subject, contacts=contacts)
    draft.notes.append(f"carrier word {word} on {message.channel}")
    if word != "stop":
        return
    left = any(c.system is message.channel and c.state is ContactState.ACTIVE for c in contacts)
    draft.cancel_queued("stopped", lambda row: _meant_for(row, draft, message, left))
    if contacts != before and draft.subject.role is not Role.STRANGER:
        _tell_of_stop(draft, draft.subject, message.channel)


def _meant_for(row: Communication, draft: Draft, message: RawMessage, left: bool) -> bool:
    """Whether a queued row would go to the number that sent STOP.

    A safety text stays: it is dropped at send time, where the way to another number or to the phone is known.
    """
    if row.recipient != draft.chart.subject or row.channel is not message.channel or row.category is Category.SAFETY:
        return False
    return row.address.strip() == message.address.strip() if row.address else not left


def _tell_of_stop(draft: Draft, who: Person, channel: ChannelKind) -> None:
    if who.role in (Role.PATIENT, Role.PROXY):
        tell_care_managers(draft, "stopped", channel=channel.value)
        return
    for person in draft.team.care_managers():
        if person.id != who.id:
            text = draft.kit.texts.say("staff-stopped", person.language, owner=who.name, channel=channel.value)
            draft.say(person, "staff-stopped", Category.OPERATIONS, text=text)


def _same(system: ChannelKind, value: str, message: RawMessage) -> bool:
    return system is message.channel and value.strip() == message.address.strip()


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
