"""A patient's message: the safety screen on the raw words first, then facts, concern and a kind answer."""

from datetime import datetime

from bot.core.concern import Concern, weigh
from bot.core.consent_chat import about_consent, offer_renewal
from bot.core.consent_question import standing, turn_to
from bot.core.contact import carrier_word_said, say_safely
from bot.core.correction import about_correction, ask_beside
from bot.core.dialogue import answer, completed
from bot.core.draft import Draft
from bot.core.facts import note_alarms, note_facts
from bot.core.heard import is_unverified
from bot.core.kit import Kit, Team
from bot.core.orders import tell_owners
from bot.core.trend import about_trend
from bot.core.unverified import put_in_doubt, respond_unverified
from data.model.chart import Changes, Chart
from data.model.conversation import Alarm, Parse, RawMessage
from data.model.people import ContactPoint, Person, Purpose, Role
from nlu.carrier import carrier_word
from nlu.safety import screen

# Answers after which nobody wants to be asked about anything else.
_PARTING = ("wrong-number", "stop", "pause", "worse")


def respond(
    chart: Chart,
    message: RawMessage,
    parse: Parse,
    kit: Kit,
    team: Team,
    now: datetime,
    relatives: tuple[Person, ...] = (),
) -> Changes:
    """The changes that a patient's message makes. Pure; whatever `parse` says, the raw words are screened first.

    Before consent only the address is kept, but an emergency is always answered and always escalated. `relatives` are
    the proxies recorded as speaking for the patient: only with them can anything be shared.
    """
    origin = ContactPoint(system=message.channel, value=message.address)
    draft = Draft(chart, kit, team, event_id=message.id, now=now, heard_from=origin)
    alarms = screen(message.text)
    note_alarms(draft, message, alarms)
    known, unverified = draft.subject.role is not Role.STRANGER, is_unverified(draft.subject, message, now)
    if not alarms and _answered_first(draft, message, parse, relatives, unverified=unverified):
        return draft.changes()
    # Whose words these may be is not known: of an emergency the alarm is noted, and nothing else.
    agreed = known and not unverified and draft.subject.consents_to(Purpose.MONITORING)
    parse = _with_what_was_asked(draft, message, parse, agreed=agreed or bool(alarms))
    # In an emergency nothing is taken back: what else the message says is noted as said.
    if agreed and not alarms and (about_trend(draft, message, parse) or about_correction(draft, message, parse)):
        return draft.changes()
    if agreed:
        note_facts(draft, message, parse)
    if unverified:
        put_in_doubt(draft, message)
    if alarms:
        # Said before anything else is thought: of what leaves at one instant, it leaves first.
        say_emergency(draft, message, alarms)
    concerns = weigh(draft) if agreed or (known and alarms) else ()
    if alarms:
        _owners_hear(draft, concerns)
        return draft.changes()
    answer(draft, message, parse, concerns)
    if agreed:
        ask_beside(draft, message, parse)
    if agreed and not concerns and parse.intent not in _PARTING:
        offer_renewal(draft, message)
    return draft.changes()


def _answered_first(
    draft: Draft, message: RawMessage, parse: Parse, relatives: tuple[Person, ...], *, unverified: bool
) -> bool:
    """Carrier words, words from an address that may be somebody else's, and words on consent: before anything else."""
    word = carrier_word(message.text)
    if word in ("stop", "start"):
        carrier_word_said(draft, message, word)
        return True
    if unverified:
        respond_unverified(draft, message, parse)
        return True
    known = draft.subject.role is not Role.STRANGER
    return known and not parse.readings and about_consent(draft, message, relatives)


def _with_what_was_asked(draft: Draft, message: RawMessage, parse: Parse, *, agreed: bool) -> Parse:
    """What was understood together with the question before; a question that was passed over stands no longer.

    Only where nothing is kept yet does the question about consent stay until it is answered.
    """
    understood = completed(draft.chart.dialogue, message, parse)
    if understood is not parse or (agreed and standing(draft.chart.dialogue)):
        # Answered once: the same unit again is no second reading.
        turn_to(draft)
    return understood


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
