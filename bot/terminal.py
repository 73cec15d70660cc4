"""A conversation at the terminal: speak as anyone, see what everyone hears, skip time where it is virtual."""

import difflib
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.cli.assess import describe
from bot.house import House
from data.clock import SimulatedClock
from data.durations import parse_duration, say_duration
from data.errors import BadInput
from data.model.communication import Communication
from data.model.people import ContactPoint, Person, Role

HELP = """  Write as the person shown before the colon. Lines that begin with a colon steer the terminal:
  :as NAME    speak as somebody else (:who lists everyone)
  :skip 10m   let time pass (virtual time only)
  :risk NAME  how worried the house is about a patient, and why
  :who        everyone of the clinic
  :quit       leave
"""


class Terminal:
    """One session. `write` gets text to show; messages to anyone are shown by `heard`, the console channels' writer."""

    def __init__(self, zone: str, write: Callable[[str], object]) -> None:
        self._zone = ZoneInfo(zone)
        self._write = write
        self._house: House | None = None
        self._speaker: Person | None = None
        self._said = 0

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
        contact = speaker.contacts[0]
        self._said += 1
        self.house.hear(
            contact.system, contact.value, text, f"terminal-{self.house.now().timestamp():.6f}-{self._said}"
        )
        self.house.settle()

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
