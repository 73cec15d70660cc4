"""A patient's message: the safety screen on the raw words first, then facts, concern and a kind answer."""

from datetime import datetime

from nlu.carrier import carrier_word

from bot.core.concern import weigh
from bot.core.contact import carrier_word_said
from bot.core.dialogue import answer
from bot.core.draft import Draft
from bot.core.facts import note_alarms, note_facts
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.concern import Priority
from data.model.conversation import Alarm, Parse, RawMessage
from data.model.people import Purpose, Role
from nlu.safety import screen


def respond(chart: Chart, message: RawMessage, parse: Parse, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that a patient's message makes. Pure; whatever `parse` says, the raw words are screened first.

    Before consent only the address is kept, but an emergency is always answered and always escalated.
    """
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    alarms = screen(message.text)
    note_alarms(draft, message, alarms)
    word = carrier_word(message.text)
    known = draft.subject.role is not Role.STRANGER
    if word and not alarms:
        carrier_word_said(draft, message, word)
        return draft.changes()
    if known and draft.subject.consents_to(Purpose.MONITORING):
        note_facts(draft, message, parse)
    concerns = weigh(draft) if known else ()
    if alarms:
        _say_emergency(draft, message, alarms, known=known)
    else:
        answer(draft, message, parse, concerns)
    return draft.changes()


def respond_plainly(chart: Chart, message: RawMessage, kit: Kit, team: Team, now: datetime) -> Changes:
    """What is left when thinking failed: the screen, the ladder and the safety text, nothing clever."""
    return respond(chart, message, Parse(text=message.text, language=""), kit, team, now)


def _say_emergency(draft: Draft, message: RawMessage, alarms: tuple[Alarm, ...], *, known: bool) -> None:
    """Safety text goes first and alone: nobody in danger should have to read on."""
    key = "emergency" if known else "emergency-stranger"
    if known and all(alarm.rule == "self-harm" for alarm in alarms):
        key = "emergency-self-harm"
    draft.say(
        draft.subject,
        key,
        Category.SAFETY,
        channel=message.channel,
        priority=Priority.P1,
        number=draft.kit.texts.emergency_number(draft.subject.zone),
    )
