"""The front desk for a number that several patients, or a patient and a proxy, write from."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from bot.core.consent_question import standing
from bot.core.heard import is_unverified
from bot.core.kit import Team
from bot.core.last_resort import respond_plainly
from bot.core.respond import respond
from bot.core.shared_number import (
    answered_who,
    answers_who,
    ask_who_writes,
    coded,
    deadly_reading,
    in_danger,
    is_ending,
    is_unclear,
    measures,
    said_first,
    silent,
    waiting_words,
    without_facts,
)
from bot.core.unverified import may_be_deadly
from data.model.chart import Changes, Chart
from data.model.conversation import Parse, RawMessage
from data.model.people import Person, Role
from nlu.carrier import carrier_word
from nlu.safety import screen

if TYPE_CHECKING:
    from bot.front_desk import FrontDesk
    from bot.house import House

# How the questions that a unit answers are called.
_ABOUT_A_READING = "reading-"

_Answered = Callable[[Chart, RawMessage, Team], Changes]


class SharedDesk:
    """Answers a message that each of several people may have written. What it may do is in `bot.core.shared_number`."""

    def __init__(self, house: "House", desk: "FrontDesk") -> None:
        self._house, self._desk = house, desk

    def answer(self, message: RawMessage, people: tuple[Person, ...], now: datetime) -> None:
        """An emergency for all who may be meant, silence for all, anything else for whoever is named.

        Where nobody is, words on consent, requests for data and readings are asked back, and the rest is taken as the
        words of the likeliest (`people[0]`), whose code then stands before the answer.
        """
        if screen(message.text):
            self.answer_danger(message, people, now)
            return
        known = tuple(p for p in people if not is_unverified(p, message, now))
        if len(known) < min(2, len(people)):
            # Whoever else once had the number must not come into it: not even their code is said.
            self._desk.answer_patient(message, (known or people)[0], now)
            return
        people = known
        first = said_first(message.text, people)
        if carrier_word(message.text) in ("stop", "start"):
            self._desk.answer_patient(message, people[0], now)
        elif first is not None:
            self._answer_as(replace(message, text=first[1]), first[0], now)
        elif whose := answers_who(message.text, people):
            self._answer_waiting(message, whose, people, now)
        else:
            self._answer_unnamed(message, people, now)

    def _answer_unnamed(self, message: RawMessage, people: tuple[Person, ...], now: datetime) -> None:
        parse = self._parse(message.text, people)
        if is_ending(message, parse, people):
            for person in people:
                self._answer_as(message, person, now)
        elif is_unclear(message, parse, people, asked=any(self._is_asked(p) for p in people)):
            self._ask(message, people, now)
        elif measures(parse, people):
            if may_be_deadly(parse):
                self._answer_deadly(message, parse, people, now)
            else:
                self._ask(message, people, now)
        else:
            self._answer_as(message, self._asked_for_unit(parse, people) or people[0], now)

    def answer_danger_plainly(self, message: RawMessage, people: tuple[Person, ...], now: datetime) -> None:
        """The simplest answer to an emergency, for all who may be meant."""
        meant, kit = in_danger(message.text, people), self._house.kit
        self._answer_each(message, meant, now, lambda c, m, t: respond_plainly(c, m, kit, t, now))

    def _ask(self, message: RawMessage, people: tuple[Person, ...], now: datetime) -> None:
        kit = self._house.kit
        self._desk.commit(people[0].id, message, now, lambda c, t: ask_who_writes(c, message, people, kit, t, now))

    def _answer_deadly(self, message: RawMessage, parse: Parse, people: tuple[Person, ...], now: datetime) -> None:
        """For each patient an emergency, until it is known whose reading it is."""
        patients, kit = tuple(p for p in people if p.role is Role.PATIENT), self._house.kit
        asked = patients[0].id
        self._answer_each(
            message,
            patients,
            now,
            lambda c, m, t: deadly_reading(c, m, parse, people, kit, t, now, asks=c.subject == asked),
        )

    def _answer_waiting(self, message: RawMessage, whose: Person, people: tuple[Person, ...], now: datetime) -> None:
        """Whose the words are that were asked about: answered as theirs, and only then no longer kept waiting."""
        charts = [self._house.record.chart(p.id, observations=False) for p in people]
        found = next(((c, w) for c in charts if (w := waiting_words(c, now)) is not None), None)
        if found is None:
            self._answer_as(message, whose, now)
            return
        (chart, (words, since)), kit, event_id = found, self._house.kit, f"{message.id}/who"
        self._answer_as(replace(message, text=words, received_at=since), whose, now)
        self._house.commit(
            chart.subject, event_id, "message", whose.id, now, lambda c, t: answered_who(c, event_id, kit, t, now)
        )

    def _parse(self, text: str, people: tuple[Person, ...]) -> Parse:
        """As the likeliest would say it, else as any of them does who says readings."""
        languages = dict.fromkeys(p.language for p in people)
        parses = [self._desk.parse(text, language) for language in languages]
        return next((parse for parse in parses if parse.readings), parses[0])

    def _asked_for_unit(self, parse: Parse, people: tuple[Person, ...]) -> Person | None:
        """Who is asked about a unit, when the message is one."""
        if parse.intent != "unit":
            return None
        charts = {p: self._house.record.chart(p.id, observations=False) for p in people}
        asked = [p for p, chart in charts.items() if chart.dialogue.awaiting.startswith(_ABOUT_A_READING)]
        return asked[0] if len(asked) == 1 else None

    def answer_danger(
        self, message: RawMessage, people: tuple[Person, ...], now: datetime, *, believed: bool = True
    ) -> None:
        """An emergency, for all who may be meant. Of words that are not `believed` nothing else is noted."""
        meant, kit = in_danger(message.text, people), self._house.kit
        parse = self._desk.parse(message.text, meant[0].language)
        # Readings are noted for one who is named only: on nobody's chart may those of another stand.
        noted = parse if len(meant) == 1 and believed else without_facts(parse)
        self._answer_each(message, meant, now, lambda c, m, t: respond(c, m, noted, kit, t, now))

    def _answer_as(self, message: RawMessage, person: Person, now: datetime) -> None:
        own = replace(message, person_id=person.id)
        self._desk.answer_patient(own, person, now, lambda changes: coded(changes, person))

    def _answer_each(self, message: RawMessage, people: tuple[Person, ...], now: datetime, answered: _Answered) -> None:
        """On each of these charts, with one safety text to the number they share."""
        for place, person in enumerate(people):
            own = replace(message, person_id=person.id)

            def decided(c: Chart, t: Team, own: RawMessage = own, place: int = place, to: Person = person) -> Changes:
                changes = answered(c, own, t)
                return silent(changes, to) if place else changes

            self._desk.commit(person.id, own, now, decided)

    def _is_asked(self, person: Person) -> bool:
        return standing(self._house.record.chart(person.id, observations=False).dialogue) is not None
