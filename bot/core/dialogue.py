"""The kind answer to a patient's message that is no emergency: what was understood, said back, and what follows."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from bot.core.concern import Concern
from bot.core.consent_chat import ask_first
from bot.core.consent_question import turn_to
from bot.core.contact import doubt, pause, resume, say_safely, tell_care_managers
from bot.core.draft import Draft
from bot.core.orders import tell_owners
from data.model.communication import Category
from data.model.concern import FlagState, Level
from data.model.conversation import Dialogue, Parse, RawMessage, Reading
from data.model.observation import Assertion
from data.model.people import ChannelKind, Purpose, Role
from data.vocabulary import vital_signs
from nlu.readings import complete_reading
from nlu.units import read_unit
from scheduler.courtesy import IMPERSONAL

# Intents whose answer is one fixed sentence of the same name.
_PLAIN = {
    "greeting": "greeting",
    "thanks": "thanks",
    "goodbye": "goodbye",
    "help": "help",
    "feeling-well": "feeling-well",
    "yes": "acknowledged",
    "no": "acknowledged",
    "ask-data": "data",
    "unavailable": "cannot-read-now",
}
# What is heard before consent too: nothing of it needs to be kept.
_ALWAYS = ("wrong-number", "stop", "pause", "resume")
# Questions about a unit that a later message may answer with the unit alone, and for how long they stand.
_UNIT_QUESTIONS = ("reading-unit", "reading-weight-unit")
_ASKED_FOR = timedelta(hours=1)
# May go to somebody else than the person.
_TELLS_NOTHING = ("wrong-number", "cannot-read-now")


def completed(dialogue: Dialogue, message: RawMessage, parse: Parse) -> Parse:
    """What was understood, with the reading that was asked about put together when this message names its unit."""
    if dialogue.awaiting not in _UNIT_QUESTIONS or parse.intent != "unit" or dialogue.asked_at is None:
        return parse
    unit = read_unit(message.text)
    if unit is None or message.received_at > dialogue.asked_at + _ASKED_FOR:
        return parse
    readings = complete_reading(dialogue.slots["words"], unit)
    return replace(parse, readings=readings, intent="report-reading", understood=True) if readings else parse


def answer(draft: Draft, message: RawMessage, parse: Parse, concerns: tuple[Concern, ...]) -> None:
    """Queue one reply. Never silence: what was not understood is answered with a question and the emergency number."""
    person = draft.subject
    if person.role is Role.STRANGER:
        # One helpful answer to someone we do not know, then silence: no numbers can be probed through us.
        if draft.chart.revision <= 1:
            key = "stranger-chat" if message.channel is ChannelKind.TELEGRAM else "stranger"
            _reply(draft, message, key, draft.kit.texts.say(key, person.language, **_number(draft)))
        return
    if not person.consents_to(Purpose.MONITORING):
        _before_consent(draft, message, parse)
        return
    if parse.readings or parse.entities:
        key, text = noted(draft, parse, concerns)
        if dangerous(draft, {r.code for r in parse.readings if r.problem is None}):
            # A typed reading this bad is answered as a device's would be: the safety text first.
            safety = draft.kit.texts.say("vital-critical", person.language, **_number(draft))
            say_safely(
                draft, "vital-critical", text=f"{safety} {text}", channel=message.channel, address=message.address
            )
            return
    else:
        key, text = _plain(draft, message, parse)
    _reply(draft, message, key, text)


def _before_consent(draft: Draft, message: RawMessage, parse: Parse) -> None:
    """The question comes first, but who wants silence, is somebody else or gets worse is heard without it."""
    if parse.intent in _ALWAYS or (parse.intent == "worse" and _somebody_looks(draft)):
        _reply(draft, message, *_plain(draft, message, parse))
    else:
        ask_first(draft, message)


def dangerous(draft: Draft, typed: Collection[str]) -> bool:
    """Whether a reading of this very message is part of a critical finding; older worries say nothing about it.

    `typed` are the vital signs that it says.
    """
    findings = draft.assessment.findings if draft.assessment else ()
    critical = (f for f in findings if f.level is Level.CRITICAL)
    return any(e.code in typed and e.value is not None for f in critical for e in f.evidence)


def noted(draft: Draft, parse: Parse, concerns: tuple[Concern, ...]) -> tuple[str, str]:
    """What was noted, what must be asked back, and what happens next, as one message."""
    language, texts = draft.subject.language, draft.kit.texts
    sentences, key, asked = [], "", set[str]()
    if what := _what(draft, parse):
        key = "reading-noted" if parse.readings else "symptom-noted"
        if parse.readings and parse.entities:
            key = "both-noted"
        sentences.append(texts.say(key, language, what=what))
    for reading in parse.readings:
        if reading.problem and reading.problem not in asked:
            asked.add(reading.problem)
            turn_to(draft, Dialogue(awaiting=reading.problem, slots={"words": reading.words}, asked_at=draft.now))
            key = key or reading.problem
            sentences.append(texts.say(reading.problem, language, words=reading.words))
    worried = any(c.flag.level.rank >= Level.MODERATE.rank for c in concerns)
    felt = any(e.assertion in (Assertion.PRESENT, Assertion.POSSIBLE) for e in parse.entities)
    if worried or (felt and _somebody_looks(draft)):
        sentences.append(texts.say("team-told", language, **_number(draft)))
    elif felt:
        sentences.append(texts.say("watch-it", language, **_number(draft)))
    return key, " ".join(sentences)


def _what(draft: Draft, parse: Parse) -> str:
    """Facts said back in a row, absent symptoms last: "oxygen 91% and headache, and that you do not have fever"."""
    language, texts = draft.subject.language, draft.kit.texts
    said = [_say_reading(r, language) for r in _paired(parse.readings) if r.problem is None]
    said += [e.words for e in parse.entities if e.assertion is not Assertion.ABSENT]
    absent = ", ".join(e.words for e in parse.entities if e.assertion is Assertion.ABSENT)
    what = ", ".join(dict.fromkeys(said))
    if absent and what:
        return texts.say("and-not", language, what=what, absent=absent)
    return texts.say("only-absent", language, absent=absent) if absent else what


def _paired(readings: tuple[Reading, ...]) -> list[Reading]:
    """Readings with the two halves of a blood pressure said once: the systolic row carries the patient's words."""
    return [r for r in readings if r.code != "diastolic-blood-pressure"]


def _say_reading(reading: Reading, language: str) -> str:
    if reading.code == "systolic-blood-pressure":
        return reading.words
    sign = vital_signs()[reading.code]
    value = sign.say(reading.value)
    return f"{sign.display} {value}" if language == "en" else f"{reading.words} ({value})"


def _plain(draft: Draft, message: RawMessage, parse: Parse) -> tuple[str, str]:
    person, texts = draft.subject, draft.kit.texts
    if parse.intent == "pause":
        pause(draft)
        return "paused", texts.say("paused", person.language)
    if parse.intent == "stop":
        # Said in other words than the carrier's: reminders end, and a person makes sure what was meant.
        pause(draft)
        tell_care_managers(draft, "wants-no-messages")
        return "paused", texts.say("paused", person.language)
    if parse.intent == "resume":
        resume(draft)
        return "resumed", texts.say("resumed", person.language)
    if parse.intent == "ask-status":
        concerns = texts.say("status-open" if _somebody_looks(draft) else "status-none", person.language)
        count = str(sum(a.active for a in draft.chart.activities))
        return "status", texts.say("status", person.language, count=count, concerns=concerns)
    if parse.intent == "worse":
        if not _somebody_looks(draft):
            return "worse-asked", texts.say("worse-asked", person.language, **_number(draft))
        tell_owners(draft)
        return "worse-told", texts.say("worse-told", person.language, **_number(draft))
    if parse.intent == "wrong-number":
        # Nothing personal goes to a number that may be somebody else's until a person has checked it.
        doubt(draft, message)
        tell_care_managers(draft, "number-doubtful")
        return "wrong-number", texts.say("wrong-number", person.language)
    key = _PLAIN.get(parse.intent, "not-understood")
    return key, texts.say(key, person.language, **_number(draft))


def _somebody_looks(draft: Draft) -> bool:
    flags = {flag.id: flag for flag in draft.chart.flags} | draft.flags
    return any(flag.state is not FlagState.CLOSED for flag in flags.values())


def _number(draft: Draft) -> dict[str, str]:
    return {"number": draft.kit.texts.emergency_number(draft.subject.zone)}


def _reply(draft: Draft, message: RawMessage, key: str, text: str) -> None:
    params = dict(IMPERSONAL) if key in _TELLS_NOTHING else {}
    to, channel, address = draft.subject, message.channel, message.address
    draft.say(to, key, Category.REPLY, channel=channel, address=address, text=text, params=params)
