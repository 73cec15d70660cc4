"""What a scene is played on: a record in memory or in a file, and a real house over it."""

from pathlib import Path
from typing import Any

from bot.house import House
from data.clock import SimulatedClock
from data.ports import KeyStore, Parser
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord


class Houses:
    """Builds houses; the same over every record."""

    def build(self, record: Any, clock: SimulatedClock, carriers: Any, kit: Any, parser: Parser) -> House:
        """A house over a record."""
        return House(record, clock, carriers, kit, parser)


class InMemory(Houses):
    """Houses over an in-memory record."""

    def empty(self) -> MemoryRecord:
        """A record in which nothing is written."""
        return MemoryRecord()

    def reload(self, record: MemoryRecord) -> MemoryRecord:
        """The record as it comes back from its own dump."""
        return MemoryRecord.load(record.dump())


class OnDisk(Houses):
    """Houses over one file: every reload closes it and opens it again, as a restarted server does."""

    def __init__(self, path: Path, keys: KeyStore) -> None:
        """Keep the record in `path`, sealed with `keys`; what an earlier performance left there goes."""
        self.path, self.keys = path, keys
        for file in (path, path.with_name(f"{path.name}.keys")):
            for end in ("", "-wal", "-shm"):
                file.with_name(f"{file.name}{end}").unlink(missing_ok=True)

    def empty(self) -> SqliteRecord:
        """The file, with nothing written."""
        return SqliteRecord(self.path, self.keys)

    def reload(self, record: SqliteRecord) -> SqliteRecord:
        """The record as it comes back from the file."""
        record.close()
        return SqliteRecord(self.path, self.keys)
