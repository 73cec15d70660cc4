"""A number that several patients, or a patient and a proxy, write from: whom a message is about. Pure.

An address is no proof of who writes, and from a shared one it does not even say who. So an emergency counts for each
of them who may be meant, what ends consent holds for all, and what gives or shows something asks for a code first.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.conversation import Parse, RawMessage
from data.model.people import Person, Role
from nlu.consent import Verb, read_consent
from nlu.text import fold
from nlu.tokens import words_of

# Orders that wait for a name; those that only end something hold for everybody at once.
_ASKING_INTENTS = ("who-saw", "ask-status", "resume")
_ENDING_INTENTS = ("stop", "pause", "wrong-number")
# "A-17 I agree", "a17: I agree", "#A-17, I agree".
_FIRST = re.compile(r"\s*#?([^\s:,;]+)[\s:,;]+(.*)", re.DOTALL)


def writers(holders: Iterable[Person]) -> tuple[Person, ...]:
    """Who may have written: the patients, then the proxies; those who have left only where nobody else is there."""
    found = [p for p in holders if p.role in (Role.PATIENT, Role.PROXY)]
    found = [p for p in found if p.active] or found
    return tuple(sorted(found, key=lambda p: p.role is Role.PROXY))


def said_first(text: str, people: tuple[Person, ...]) -> tuple[Person, str] | None:
    """Whose code the text begins with, and what follows it; None where it begins with nobody's."""
    parts = _FIRST.fullmatch(text)
    if parts is None:
        return None
    found = [p for p in people if _bare(p.code) == _bare(parts[1]) and _bare(p.code)]
    return (found[0], parts[2].strip()) if len(found) == 1 and parts[2].strip() else None


def in_danger(text: str, people: tuple[Person, ...]) -> tuple[Person, ...]:
    """For whom an emergency is opened: the one patient who is named, else every one; a proxy where there is none."""
    patients = tuple(p for p in people if p.role is Role.PATIENT) or people
    if first := said_first(text, patients):
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
    return about_data or bool(verbs if asked else verbs - {Verb.YES, Verb.NO})


def _verbs(message: RawMessage, people: tuple[Person, ...]) -> set[Verb]:
    orders = (read_consent(message.text, language) for language in {p.language for p in people})
    return {order.verb for order in orders if order is not None}


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
    oldest_first = people[::-1]
    codes = [p.code for p in sorted(oldest_first, key=lambda p: p.role is Role.PROXY)]
    person, number = draft.subject, kit.texts.emergency_number(draft.subject.zone)
    text = kit.texts.say("who-writes", person.language, items=" / ".join(codes), first=codes[0], number=number)
    draft.say(person, "who-writes", Category.REPLY, channel=message.channel, address=message.address, text=text)
    return draft.changes()


def _bare(code: str) -> str:
    return "".join(char for char in fold(code).plain if char.isalnum())


def _is_named(person: Person, text: str) -> bool:
    """By code, or by first name with whatever ending ("Ben's", "Annal"): named once too often means all of them."""
    code, name = _bare(person.code), words_of(person.name)[:1]
    if code and code in {_bare(word) for word in text.split()}:
        return True
    said = words_of(text)
    return bool(name) and any(w == name[0] or (len(name[0]) > 2 and w.startswith(name[0])) for w in said)
