"""A patient's message: the safety screen on the raw words first, then facts, concern and a kind answer."""

from datetime import datetime

from bot.core.concern import Concern, weigh
from bot.core.contact import carrier_word_said, say_safely
from bot.core.dialogue import answer, completed
from bot.core.draft import Draft
from bot.core.facts import note_alarms, note_facts
from bot.core.kit import Kit, Team
from bot.core.orders import tell_owners
from data.model.chart import Changes, Chart
from data.model.conversation import Alarm, Dialogue, Parse, RawMessage
from data.model.people import Purpose, Role
from nlu.carrier import carrier_word
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
    if word in ("stop", "start") and not alarms:
        carrier_word_said(draft, message, word)
        return draft.changes()
    understood = completed(chart.dialogue, message, parse)
    if understood is not parse:
        # Answered once: the same unit again is no second reading.
        parse, draft.dialogue = understood, Dialogue()
    if known and draft.subject.consents_to(Purpose.MONITORING):
        note_facts(draft, message, parse)
    concerns = weigh(draft) if known else ()
    if alarms:
        say_emergency(draft, message, alarms)
        _owners_hear(draft, concerns)
    else:
        answer(draft, message, parse, concerns)
    return draft.changes()


def say_emergency(draft: Draft, message: RawMessage, alarms: tuple[Alarm, ...]) -> None:
    """Safety text goes first and alone: nobody in danger should have to read on."""
    known = draft.subject.role is not Role.STRANGER
    key = "emergency" if known else "emergency-stranger"
    if known and all(alarm.rule == "self-harm" for alarm in alarms):
        key = "emergency-self-harm"
    texts = draft.kit.texts
    text = texts.say(key, draft.subject.language, number=texts.emergency_number(draft.subject.zone))
    say_safely(draft, key, text=text, channel=message.channel, address=message.address)


def _owners_hear(draft: Draft, concerns: tuple[Concern, ...]) -> None:
    """A second cry about what somebody has taken already opens nothing new, so its owner is told."""
    if not concerns:
        tell_owners(draft)
