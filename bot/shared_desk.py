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
    ask_who_writes,
    coded,
    in_danger,
    is_ending,
    is_unclear,
    said_first,
    silent,
    without_facts,
)
from data.model.chart import Changes, Chart
from data.model.conversation import RawMessage
from data.model.people import Person
from nlu.carrier import carrier_word
from nlu.safety import screen

if TYPE_CHECKING:
    from bot.front_desk import FrontDesk
    from bot.house import House

_Answered = Callable[[Chart, RawMessage, Team], Changes]


class SharedDesk:
    """Answers a message that each of several people may have written. What it may do is in `bot.core.shared_number`."""

    def __init__(self, house: "House", desk: "FrontDesk") -> None:
        self._house, self._desk = house, desk

    def answer(self, message: RawMessage, people: tuple[Person, ...], now: datetime) -> None:
        """An emergency for all who may be meant, silence for all, anything else for whose code stands first.

        Without a code, words on consent and requests for data are asked back, and the rest is taken as the words of
        the likeliest (`people[0]`), whose code then stands before the answer.
        """
        if screen(message.text):
            self._answer_danger(message, people, now)
            return
        known = tuple(p for p in people if not is_unverified(p, message, now))
        if len(known) < min(2, len(people)):
            # Whoever else once had the number must not come into it: not even their code is said.
            self._desk.answer_patient(message, (known or people)[0], now)
            return
        people = known
        first, likeliest = said_first(message.text, people), people[0]
        parse = self._desk.parse(message.text, likeliest.language)
        if carrier_word(message.text) in ("stop", "start"):
            self._desk.answer_patient(message, likeliest, now)
        elif first is not None:
            self._answer_as(replace(message, text=first[1]), first[0], now)
        elif is_ending(message, parse, people):
            for person in people:
                self._answer_as(message, person, now)
        elif is_unclear(message, parse, people, asked=any(self._is_asked(p) for p in people)):
            kit = self._house.kit
            self._desk.commit(likeliest.id, message, now, lambda c, t: ask_who_writes(c, message, people, kit, t, now))
        else:
            self._answer_as(message, likeliest, now)

    def answer_danger_plainly(self, message: RawMessage, people: tuple[Person, ...], now: datetime) -> None:
        """The simplest answer to an emergency, for all who may be meant."""
        meant, kit = in_danger(message.text, people), self._house.kit
        self._answer_each(message, meant, now, lambda c, m, t: respond_plainly(c, m, kit, t, now))

    def _answer_danger(self, message: RawMessage, people: tuple[Person, ...], now: datetime) -> None:
        meant, kit = in_danger(message.text, people), self._house.kit
        parse = self._desk.parse(message.text, meant[0].language)
        # Readings are noted for one who is named only: on nobody's chart may those of another stand.
        noted = parse if len(meant) == 1 else without_facts(parse)
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
