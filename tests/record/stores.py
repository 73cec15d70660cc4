"""Every store under one handle: open it, and open it again as a process that starts after a crash would."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from data.record.memory import MemoryRecord
from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from tests.record import mongo_server
from tests.record.keys import FixedKeys

# Those that need no server, and all.
LOCAL = ("memory", "sqlite")
KINDS = (*LOCAL, "mongo")
AnyRecord = MemoryRecord | SqliteRecord | MongoRecord
Probe = Callable[[str], None]


def _silent(name: str) -> None:
    pass


@dataclass
class Store:
    """A place for one record. Closes whatever it opened. Skips the test of "mongo" where there is no server."""

    kind: str
    folder: Path
    opened: list[AnyRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.url = mongo_server.fresh_url() if self.kind == "mongo" else ""

    def open(self, probe: Probe = _silent) -> AnyRecord:
        if self.kind == "memory":
            record: AnyRecord = MemoryRecord(probe)
        elif self.kind == "sqlite":
            record = SqliteRecord(self.folder / "record.db", FixedKeys(), probe)
        else:
            record = MongoRecord(self.url, FixedKeys(), probe)
        self.opened.append(record)
        return record

    def reopen(self, record: AnyRecord, probe: Probe = _silent) -> AnyRecord:
        if isinstance(record, MemoryRecord):
            return MemoryRecord.load(record.dump(), probe)
        record.close()
        return self.open(probe)

    def close(self) -> None:
        for record in self.opened:
            record.close()
        if self.kind == "mongo":
            mongo_server.drop(self.url)
            assert mongo_server.WATCH.take() == []


class Crash(BaseException):
    """The process died here. Not an Exception, so that nothing can swallow it."""


class CrashAt:
    """A probe that crashes at the nth write (from 0) and counts how many there were."""

    def __init__(self, nth: int | None) -> None:
        self.nth = nth
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if self.nth == len(self.names) - 1:
            raise Crash(name)
