"""One message from the door to the receipt of its answer: on a synced file, in memory, beside a bare insert."""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.house import House
from data.clock import SimulatedClock
from data.model.observation import Observation
from data.model.people import ChannelKind, ContactPoint, Role
from data.ports import Record
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from integrations.simulator_channel import Receipt, SimulatedProvider
from nlu.safety import screen
from tests.acceptance.crashing import KIT, PARSER, START, people
from tests.record.keys import FixedKeys

MESSAGES, WARM, PERSONS = 300, 50, 500
GOAL = 3.0
# What the persons of the crowd have measured before: a value of each every few hours, for as long as a chart carries.
EVERY, DAYS = timedelta(hours=4), 8
CODES = (("heart-rate", 72.0, "/min"), ("oxygen-saturation", 97.0, "%"), ("systolic-blood-pressure", 127.0, "mm[Hg]"))

# No text comes again soon: what is remembered of an earlier message must not count as quick.
_FELT = ("a bit dizzy", "rather tired", "a mild headache", "some nausea today", "a slight cough", "sore throat since 3")
_DENIED = ("chest pain", "fever", "trouble breathing", "vomiting", "palpitations")
_OPENING = ("good morning,", "hello doctor", "hi", "so today", "as you asked,", "after my walk", "here it is:")


def text_of(n: int) -> str:
    """The n-th message: a blood pressure, a complaint and a denial."""
    felt, denied, opening = _FELT[n % 6], _DENIED[n % 5], _OPENING[n % 7]
    return f"{opening} bp {110 + n % 23}/{66 + n % 13}, {felt} but no {denied}"


def main(write: Callable[[str], object]) -> None:
    """Time each path and print medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        insert = _median(_bare_insert(Path(folder) / "bare.sqlite"))
        on_disk = _median(_answer(SqliteRecord(Path(folder) / "record.sqlite", FixedKeys())))
        crowd = _median(_crowd(SqliteRecord(Path(folder) / "crowd.sqlite", FixedKeys())))
    in_memory = _median(_answer(MemoryRecord()))
    parse = _median(lambda n: PARSER.parse(text_of(n), "en"))
    screened = _median(lambda n: screen(text_of(n)))
    write(f"  a message answered, file with full sync: {on_disk} (goal {GOAL}), {on_disk.of(insert)} bare inserts\n")
    write(f"  the same of {PERSONS} persons in turn, each with 8 days of readings: {crowd}\n")
    write(f"  the same in memory: {in_memory}; file / memory: {on_disk.of(in_memory)} x\n")
    write(f"  parse {parse}, safety screen {screened}\n")


class _Took:
    """The median wall time of a step, and its mean processor time, in milliseconds."""

    def __init__(self, wall: float, busy: float) -> None:
        self.wall, self.busy = wall, busy

    def of(self, peer: "_Took") -> str:
        """As a multiple of another."""
        return f"{self.wall / peer.wall:.1f}"

    def __str__(self) -> str:
        return f"{self.wall:.2f} ms (processor {self.busy:.2f})"


def _median(step: Callable[[int], object]) -> _Took:
    for n in range(WARM):
        step(n)
    times, busy = [], time.process_time()
    for n in range(WARM, WARM + MESSAGES):
        began = time.perf_counter()
        step(n)
        times.append(time.perf_counter() - began)
    return _Took(statistics.median(times) * 1000, (time.process_time() - busy) * 1000 / MESSAGES)


def _bare_insert(path: Path) -> Callable[[int], object]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE row (n INTEGER PRIMARY KEY, body TEXT)")
    return lambda n: connection.execute("INSERT INTO row VALUES (?, ?)", (n, "x" * 400))


class _Clinic:
    """A house over one record, and the providers that its patients are reached by."""

    def __init__(self, record: Record) -> None:
        self.carriers = (SimulatedProvider("A", ChannelKind.SMS), SimulatedProvider("telegram", ChannelKind.TELEGRAM))
        self.clock = SimulatedClock(START)
        self.house = House(record, self.clock, self.carriers, KIT, PARSER)
        for person in people():
            self.house.enrol(person, event_id=f"enrol:{person.id}")

    def answer(self, n: int, at: datetime, address: str) -> None:
        """A message at that time, its answer, and the receipt of the answer."""
        house, clock = self.house, self.clock
        clock.move_to(at)
        house.hear(ChannelKind.SMS, address, text_of(n), f"B{n}")
        house.settle()
        for happening in self.carriers[0].take_due(clock.now() + timedelta(minutes=1)):
            if isinstance(happening, Receipt):
                house.receipt(
                    happening.communication_id,
                    happening.state,
                    provider=happening.provider,
                    provider_id=happening.provider_id,
                    event_id=f"receipt:{happening.provider_id}",
                )


def _answer(record: Record) -> Callable[[int], object]:
    """One person who writes every hour, with all that they have said so far."""
    clinic = _Clinic(record)
    return lambda n: clinic.answer(n, START + n * timedelta(hours=1), "+15550001")


def _crowd(record: Record) -> Callable[[int], object]:
    """Many persons with a past, who write in turn."""
    clinic = _Clinic(record)
    patient = next(p for p in people() if p.role is Role.PATIENT)
    for i in range(PERSONS):
        contact = ContactPoint(system=ChannelKind.SMS, value=_number(i))
        person = replace(patient, id=f"crowd-{i}", code=f"C-{i}", contacts=(contact,))
        clinic.house.enrol(person, event_id=f"enrol:{person.id}")
        clinic.house.stream(person.id, _past(person.id), batch_id=f"past-{i}")
    clinic.house.settle()
    return lambda n: clinic.answer(n, START + n * timedelta(seconds=7), _number(n % PERSONS))


def _number(i: int) -> str:
    return f"+1556{i:07}"


def _past(subject: str) -> tuple[Observation, ...]:
    return tuple(
        Observation(
            id=f"{subject}/{code}/{k}",
            code=code,
            value=usual + k % 3,
            unit=unit,
            effective_at=START - k * EVERY,
            received_at=START,
            source="cuff",
        )
        for k in range(1, int(timedelta(days=DAYS) / EVERY))
        for code, usual, unit in CODES
    )
