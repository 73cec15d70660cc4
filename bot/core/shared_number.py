"""A number that several patients, or a patient and a proxy, write from: whom a message is about. Pure.

An address is no proof of who writes, and from a shared one it does not even say who. So an emergency counts for each
of them who may be meant, what ends consent holds for all, and what gives, shows or measures something asks for a code
or a first name.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.concern import weigh
from bot.core.consent_question import standing, turn_to
from bot.core.contact import say_safely
from bot.core.draft import Draft
from bot.core.facts import UNKNOWN_WRITER, note_symptom
from bot.core.kit import Kit, Team
from bot.core.orders import tell_owners
from bot.core.trend import asks_trend
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.conversation import Dialogue, Parse, RawMessage
from data.model.people import Person, Purpose, Role
from nlu.consent import Verb, read_consent
from nlu.text import fold
from nlu.tokens import words_of

# Orders that wait for a name; those that only end something hold for everybody at once.
_ASKING_INTENTS = ("who-saw", "ask-status", "resume")
_ENDING_INTENTS = ("stop", "pause", "wrong-number")
# "A-17 I agree", "a17: I agree", "#A-17, I agree".
_FIRST = re.compile(r"\s*#?([^\s:,;]+)[\s:,;]+(.*)", re.DOTALL)
# Words that wait for an answer to who wrote them, and how long they do.
_AWAITING, _ASKED_FOR = "who-writes", timedelta(hours=1)


def writers(holders: Iterable[Person]) -> tuple[Person, ...]:
    """Who may have written: the patients, then the proxies; those who have left only where nobody else is there."""
    found = [p for p in holders if p.role in (Role.PATIENT, Role.PROXY)]
    found = [p for p in found if p.active] or found
    return tuple(sorted(found, key=lambda p: p.role is Role.PROXY))


def said_first(text: str, people: tuple[Person, ...]) -> tuple[Person, str] | None:
    """Whose message the text says it is, and its words without that; None where it says nobody's, or several's.

    A code counts where it stands first: "A-17 ...". A first name does there ("Anna: ..."), and with a capital anywhere
    ("this is Anna, ..."), where nobody else is named.
    """
    if first := _code_first(text, people):
        return first
    named = tuple(p for p in people if _says_name(p, text))
    if len(named) != 1:
        return None
    parts = _FIRST.fullmatch(text)
    if parts is not None and parts[2].strip() and words_of(parts[1]) == _first_name(named[0]):
        return named[0], parts[2].strip()
    return (named[0], text.strip()) if len(words_of(text)) > 1 else None


def answers_who(text: str, people: tuple[Person, ...]) -> Person | None:
    """Whose code or first name is the whole text, as it is when it answers who wrote before."""
    said, words = _bare(text), words_of(text)
    found = [p for p in people if said and said == _bare(p.code)]
    found = found or [p for p in people if words and words == _first_name(p)]
    return found[0] if len(found) == 1 else None


def _code_first(text: str, people: tuple[Person, ...]) -> tuple[Person, str] | None:
    parts = _FIRST.fullmatch(text)
    if parts is None or not parts[2].strip():
        return None
    found = [p for p in people if _bare(p.code) == _bare(parts[1]) and _bare(p.code)]
    return (found[0], parts[2].strip()) if len(found) == 1 else None


def in_danger(text: str, people: tuple[Person, ...]) -> tuple[Person, ...]:
    """For whom an emergency is opened: the one patient who is named, else every one; a proxy where there is none."""
    patients = tuple(p for p in people if p.role is Role.PATIENT) or people
    if first := _code_first(text, patients):
        return (first[0],)
    named = tuple(p for p in patients if _is_named(p, text))
    return named if len(named) == 1 else patients


def is_ending(message: RawMessage, parse: Parse, people: tuple[Person, ...]) -> bool:
    """Whether it ends consent or reminders: towards silence, so it holds for all when nobody is named."""
    return parse.intent in _ENDING_INTENTS or Verb.WITHDRAW in _verbs(message, people)


def is_unclear(message: RawMessage, parse: Parse, people: tuple[Person, ...], *, asked: bool) -> bool:
    """Whether it must be known who writes: words on consent, and requests for what is kept.

    A bare yes or no is one of them only where one of these people is `asked` about consent.
    """
    verbs = _verbs(message, people)
    about_data = parse.intent in _ASKING_INTENTS and not parse.readings and not parse.entities
    return about_data or asks_trend(message.text, parse) or bool(verbs if asked else verbs - {Verb.YES, Verb.NO})


def _verbs(message: RawMessage, people: tuple[Person, ...]) -> set[Verb]:
    orders = (read_consent(message.text, language) for language in {p.language for p in people})
    return {order.verb for order in orders if order is not None}


def measures(parse: Parse, people: tuple[Person, ...]) -> bool:
    """Whether it has a reading that may be that of any of several patients."""
    return bool(parse.readings) and len([p for p in people if p.role is Role.PATIENT]) > 1


def without_facts(parse: Parse) -> Parse:
    """The same with nothing to note: whose readings these are is not known."""
    return replace(parse, readings=(), entities=())


def coded(changes: Changes, person: Person) -> Changes:
    """Answers to somebody on a shared number begin with their code, so that all who read them know whose they are."""
    rows = (
        replace(c, text=f"{person.code}: {c.text}") if c.recipient == person.id and c.category is Category.REPLY else c
        for c in changes.communications
    )
    return replace(changes, communications=tuple(rows))


def silent(changes: Changes, person: Person) -> Changes:
    """The same without a second safety text to the same number."""
    rows = (c for c in changes.communications if not (c.recipient == person.id and c.category is Category.SAFETY))
    return replace(changes, communications=tuple(rows))


def ask_who_writes(
    chart: Chart, message: RawMessage, people: tuple[Person, ...], kit: Kit, team: Team, now: datetime
) -> Changes:
    """The question whose message it was: by codes, the patients first and each in order of enrolment."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    _ask(draft, message, people)
    return draft.changes()


def _ask(draft: Draft, message: RawMessage, people: tuple[Person, ...]) -> None:
    """Their words wait for the answer where each has agreed that words are kept; else they must be sent again."""
    oldest_first = people[::-1]
    codes = [p.code for p in sorted(oldest_first, key=lambda p: p.role is Role.PROXY)]
    person, number = draft.subject, draft.kit.texts.emergency_number(draft.subject.zone)
    agreed = all(p.consents_to(Purpose.MONITORING) for p in people)
    key = "who-writes"
    if agreed and standing(draft.chart.dialogue) is None:
        key = "who-writes-code"
        earlier = waiting_words(draft.chart, draft.now)
        words = message.text if earlier is None else f"{earlier[0]}\n{message.text}"
        turn_to(draft, Dialogue(awaiting=_AWAITING, slots={"words": words}, asked_at=draft.now))
    text = draft.kit.texts.say(key, person.language, items=" / ".join(codes), first=codes[0], number=number)
    draft.say(person, "who-writes", Category.REPLY, channel=message.channel, address=message.address, text=text)


def waiting_words(chart: Chart, now: datetime) -> tuple[str, datetime] | None:
    """The words that wait on a chart until it is known whose they are, and since when."""
    dialogue = chart.dialogue
    if dialogue.awaiting != _AWAITING or dialogue.asked_at is None or now > dialogue.asked_at + _ASKED_FOR:
        return None
    return dialogue.slots["words"], dialogue.asked_at


def answered_who(chart: Chart, event_id: str, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes on the chart where words waited, when it is known whose they were."""
    draft = Draft(chart, kit, team, event_id=event_id, now=now)
    if chart.dialogue.awaiting == _AWAITING:
        turn_to(draft)
    return draft.changes()


def deadly_reading(
    chart: Chart,
    message: RawMessage,
    parse: Parse,
    people: tuple[Person, ...],
    kit: Kit,
    team: Team,
    now: datetime,
    *,
    asks: bool,
) -> Changes:
    """The changes on one chart for a reading that may be deadly and may be this patient's: the team is paged.

    The value itself stands on nobody's chart until it is known whose it is; with `asks`, that is asked from here.
    """
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    words = ", ".join(reading.words for reading in parse.readings)
    note_symptom(draft, message, UNKNOWN_WRITER, words)
    number = kit.texts.emergency_number(draft.subject.zone)
    text = kit.texts.say("vital-critical", draft.subject.language, number=number)
    say_safely(draft, "vital-critical", text=text, channel=message.channel, address=message.address)
    if not weigh(draft):
        tell_owners(draft)
    if asks:
        _ask(draft, message, people)
    return draft.changes()


def _first_name(person: Person) -> tuple[str, ...]:
    return tuple(words_of(person.name)[:1])


def _says_name(person: Person, text: str) -> bool:
    """By the whole first name, or "Anna's"; without a capital only where it stands first, for it may be a word."""
    name = _first_name(person)
    if not name:
        return False
    for nth, word in enumerate(text.split()):
        said = tuple(words_of(word))[:1]
        if said in (name, (f"{name[0]}s",)) and (nth == 0 or word.lstrip("\"'([#")[:1].isupper()):
            return True
    return False


def _bare(code: str) -> str:
    return "".join(char for char in fold(code).plain if char.isalnum())


def _is_named(person: Person, text: str) -> bool:
    """By code, or by first name with whatever ending ("Ben's", "Annal"): named once too often means all of them."""
    code, name = _bare(person.code), words_of(person.name)[:1]
    if code and code in {_bare(word) for word in text.split()}:
        return True
    said = words_of(text)
    return bool(name) and any(w == name[0] or (len(name[0]) > 2 and w.startswith(name[0])) for w in said)
