"""STOP, START, PAUSE and wrong numbers: what may still be sent to whom."""

from dataclasses import replace
from datetime import UTC, datetime

from bot.core.draft import Draft
from data.model.communication import Category, SendState
from data.model.conversation import RawMessage
from data.model.people import ContactState, Role

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def carrier_word_said(draft: Draft, message: RawMessage, word: str) -> None:
    """STOP and START are answered by the carrier itself: record them, stay silent, tell the care manager of a STOP."""
    if word == "help":
        number = draft.kit.texts.emergency_number(draft.subject.zone)
        draft.say(draft.subject, "help", Category.REPLY, channel=message.channel, number=number)
        return
    state = ContactState.STOPPED if word == "stop" else ContactState.ACTIVE
    contacts = tuple(
        replace(c, state=state) if c.system is message.channel and c.value == message.address else c
        for c in draft.subject.contacts
    )
    changed = contacts != draft.subject.contacts
    draft.person = replace(draft.subject, contacts=contacts)
    if word == "stop":
        _withdraw_queued(draft, message)
        if changed and draft.subject.role is not Role.STRANGER:
            tell_care_managers(draft, "stopped", channel=message.channel.value)
    draft.notes.append(f"carrier word {word} on {message.channel}")


def _withdraw_queued(draft: Draft, message: RawMessage) -> None:
    for row in draft.chart.communications:
        if row.recipient == draft.chart.subject and row.channel is message.channel and row.state is SendState.QUEUED:
            draft.cancel(row.id, "stopped")


def pause(draft: Draft) -> None:
    """PAUSE is ours: reminders off until RESUME; safety texts still flow."""
    draft.person = replace(draft.subject, paused_until=FOREVER)


def resume(draft: Draft) -> None:
    """RESUME turns reminders on again."""
    draft.person = replace(draft.subject, paused_until=None)


def tell_care_managers(draft: Draft, key: str, **values: str) -> None:
    """A task for whoever looks after enrolment and contact; carries the patient's code only."""
    for person in draft.team.care_managers():
        text = draft.kit.texts.say(key, person.language, patient=draft.subject.code, **values)
        draft.say(person, key, Category.OPERATIONS, text=text)
