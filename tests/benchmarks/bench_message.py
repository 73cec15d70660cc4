"""One message from the door to the receipt of its answer: on a synced file, in memory, beside a bare insert."""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bot.house import House
from data.clock import SimulatedClock
from data.model.people import ChannelKind
from data.ports import Record
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from integrations.simulator_channel import Receipt, SimulatedProvider
from nlu.safety import screen
from tests.acceptance.crashing import KIT, PARSER, START, people
from tests.record.keys import FixedKeys

MESSAGES = 200
TEXT = "bp 128/82, a bit dizzy but no chest pain"


def main(write: Callable[[str], object]) -> None:
    """Time each path and print medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        insert = _median(_bare_insert(Path(folder) / "bare.sqlite"))
        on_disk = _median(_answer(SqliteRecord(Path(folder) / "record.sqlite", FixedKeys())))
    in_memory = _median(_answer(MemoryRecord()))
    parse = _median(lambda _: PARSER.parse(TEXT, "en"))
    screened = _median(lambda _: screen(TEXT))
    write(f"  a message answered, file with full sync: {on_disk:.2f} ms, {on_disk / insert:.1f} bare synced inserts\n")
    write(f"  the same in memory: {in_memory:.2f} ms; file / memory: {on_disk / in_memory:.1f} x\n")
    write(f"  parse {parse:.2f} ms, safety screen {screened:.2f} ms: {(parse + screened) / in_memory:.0%} of it\n")


def _median(step: Callable[[int], object]) -> float:
    times = []
    for n in range(MESSAGES):
        began = time.perf_counter()
        step(n)
        times.append(time.perf_counter() - began)
    return statistics.median(times[20:]) * 1000


def _bare_insert(path: Path) -> Callable[[int], object]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE row (n INTEGER PRIMARY KEY, body TEXT)")
    return lambda n: connection.execute("INSERT INTO row VALUES (?, ?)", (n, "x" * 400))


def _answer(record: Record) -> Callable[[int], object]:
    carriers = (SimulatedProvider("A", ChannelKind.SMS), SimulatedProvider("telegram", ChannelKind.TELEGRAM))
    clock = SimulatedClock(START)
    house = House(record, clock, carriers, KIT, PARSER)
    for person in people():
        house.enrol(person, event_id=f"enrol:{person.id}")

    def step(n: int) -> None:
        """A message every hour, its answer, and the receipt of the answer."""
        clock.move_to(START + n * timedelta(hours=1))
        house.hear(ChannelKind.SMS, "+15550001", TEXT, f"B{n}")
        house.settle()
        for happening in carriers[0].take_due(clock.now() + timedelta(minutes=1)):
            if isinstance(happening, Receipt):
                house.receipt(
                    happening.communication_id,
                    happening.state,
                    provider=happening.provider,
                    provider_id=happening.provider_id,
                    event_id=f"receipt:{happening.provider_id}",
                )

    return step
