"""A conversation at the terminal: speak as anyone, see what everyone hears, skip time where it is virtual."""

import difflib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.cli.assess import describe
from bot.house import House
from data.clock import SimulatedClock
from data.durations import parse_duration, say_duration
from data.errors import BadFile, BadInput, Conflict, Unavailable
from data.model.communication import Communication
from data.model.people import ContactPoint, Person, Role
from nlu.safety import screen

log = logging.getLogger("phms.terminal")

# A store that is locked, gone or spoilt; another that was quicker all the time.
_DOWN = (Unavailable, BadFile, Conflict)

HELP = """  Write as the person shown before the colon. Lines that begin with a colon steer the terminal:
  :as NAME    speak as somebody else (:who lists everyone)
  :skip 10m   let time pass (virtual time only)
  :risk NAME  how worried the house is about a patient, and why
  :who        everyone of the clinic
  :quit       leave
"""


@dataclass(frozen=True, slots=True)
class _Words:
    """What somebody said that the record could not keep yet, with the id it has whenever it is tried again."""

    speaker: Person
    contact: ContactPoint
    text: str
    id: str


class Terminal:
    """One session. `write` gets text to show; messages to anyone are shown by `heard`, the console channels' writer."""

    def __init__(self, zone: str, write: Callable[[str], object]) -> None:
        self._zone = ZoneInfo(zone)
        self._write = write
        self._house: House | None = None
        self._speaker: Person | None = None
        self._said = 0
        self._unkept: list[_Words] = []

    def enter(self, house: House, speaker: str) -> None:
        """Begin to speak as `speaker` in `house`. Raises `BadInput` when there is nobody of that name."""
        self._house = house
        self._said = sum(1 for _ in house.record.journal())
        self.speak_as(speaker)

    @property
    def house(self) -> House:
        """The house spoken to."""
        if self._house is None:
            raise BadInput("the conversation has not begun")
        return self._house

    @property
    def prompt(self) -> str:
        """What stands before the cursor: the time and who speaks."""
        name = self._speaker.name if self._speaker else "?"
        return f"{self.house.now().astimezone(self._zone):%a %H:%M} {name}: "

    def heard(self, to: ContactPoint, communication: Communication, at: datetime) -> None:
        """Show a message that somebody hears."""
        person = next((p for p in self.house.record.people() if p.id == communication.recipient), None)
        name = person.name if person else to.value
        self._write(f"{at.astimezone(self._zone):%a %H:%M}   {name} hears ({to.system}): {communication.text}\n")

    def line(self, text: str) -> bool:
        """Take one line from the keyboard; False when the session is over. A mistake is explained, no more."""
        text = text.strip()
        try:
            if text.startswith(":"):
                return self._steer(text[1:])
            if text:
                self._say(text)
        except BadInput as problem:
            self._write(f"  {problem}\n")
        except _DOWN as problem:
            log.error("a line could not be followed: %s", type(problem).__name__)
            self._write("  The record does not answer; please try again in a moment.\n")
        return True

    def speak_as(self, name: str) -> None:
        """Change who speaks."""
        people = {p.name.casefold(): p for p in self.house.record.people() if p.role is not Role.STRANGER}
        wanted = name.strip().casefold()
        fitting = people.get(wanted) or next((p for n, p in people.items() if n.startswith(wanted) and wanted), None)
        if fitting is None:
            close = difflib.get_close_matches(wanted, people, n=1)
            hint = f"; did you mean {people[close[0]].name}?" if close else ""
            names = ", ".join(p.name for p in people.values())
            raise BadInput(f"nobody here is called {name!r}{hint} (known: {names})")
        self._speaker, self._zone = fitting, fitting.tz

    def _say(self, text: str) -> None:
        speaker = self._speaker
        if speaker is None or not speaker.contacts:
            raise BadInput("this person has no phone or chat to write from")
        self._said += 1
        message_id = f"terminal-{self.house.now().timestamp():.6f}-{self._said}"
        words = _Words(speaker, speaker.contacts[0], text, message_id)
        # What was said before it comes first.
        self._unkept.append(words)
        if not self._keep_words():
            self._write(
                "  The record does not answer: this is NOT kept yet. I keep trying while this session is open.\n"
            )
            self._warn(words)
        elif self._settled() is None:
            self._write("  This is kept, but the record does not answer now: the reply comes later.\n")
            self._warn(words)

    def tick(self) -> bool:
        """Try again what could not be kept, and do what has become due; whether anything was done."""
        waited = bool(self._unkept)
        if not self._keep_words():
            return False
        if waited:
            self._write("  What was said is kept now.\n")
        return bool(self._settled()) or waited

    @property
    def unkept(self) -> int:
        """How many messages the record has not kept yet."""
        return len(self._unkept)

    def _keep_words(self) -> bool:
        """Hand over what waits, in order; whether nothing waits any more."""
        while self._unkept:
            words = self._unkept[0]
            try:
                self.house.hear(words.contact.system, words.contact.value, words.text, words.id)
            except _DOWN as problem:
                log.error("a message could not be kept: %s", type(problem).__name__)
                return False
            self._unkept.pop(0)
        return True

    def _settled(self) -> int | None:
        """How much was done of what is due; None when the record does not answer."""
        try:
            return self.house.settle()
        except _DOWN as problem:
            log.error("what is due could not be done: %s", type(problem).__name__)
            return None

    def _warn(self, words: _Words) -> None:
        """The emergency sentence, from the words alone: nobody in danger waits for a record."""
        if screen(words.text):
            texts, speaker = self.house.kit.texts, words.speaker
            number = texts.emergency_number(speaker.zone)
            self._write(f"  {texts.say('emergency-not-told', speaker.language, number=number)}\n")

    def _steer(self, order: str) -> bool:
        word, _, rest = order.partition(" ")
        if word in ("quit", "q", "exit"):
            return False
        if word == "as":
            self.speak_as(rest)
        elif word == "skip":
            self._skip(parse_duration(rest or "10 min"))
        elif word == "risk":
            self._risk(rest)
        elif word == "who":
            for person in self.house.record.people():
                where = ", ".join(f"{c.system} {c.value}" for c in person.contacts)
                self._write(f"  {person.name:10} {person.title:14} {person.code:8} {where}\n")
        else:
            if word not in ("help", "h", "?", ""):
                self._write(f"  there is no :{word}\n")
            self._write(HELP)
        return True

    def _skip(self, by: timedelta) -> None:
        """Let virtual time pass, from event to event."""
        clock = self.house.clock
        if not isinstance(clock, SimulatedClock):
            raise BadInput("time passes by itself here; :skip works in `phms demo --interactive`")
        until = clock.now() + by
        while True:
            self.house.settle()
            following = self.house.next_at()
            if following is None or following > until:
                break
            clock.move_to(following)
        clock.move_to(until)
        self._write(f"  {say_duration(by)} later\n")

    def _risk(self, name: str) -> None:
        wanted = (name.strip() or (self._speaker.name if self._speaker else "")).casefold()
        for person in self.house.record.people():
            if wanted in (person.name.casefold(), person.code.casefold()):
                chart = self.house.record.chart(person.id)
                text = describe(chart.assessment, chart) if chart.assessment else "risk: nothing is known yet\n"
                self._write("".join(f"  {line}\n" for line in text.splitlines()))
                return
        raise BadInput(f"nobody here is called {name!r}; :who lists everyone")
