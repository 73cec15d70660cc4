"""Every store under one handle: open it, and open it again as a process that starts after a crash would."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord

KINDS = ("memory", "sqlite")
AnyRecord = MemoryRecord | SqliteRecord
Probe = Callable[[str], None]


def _silent(name: str) -> None:
    pass


@dataclass
class Store:
    """A place for one record. Closes whatever it opened."""

    kind: str
    folder: Path
    opened: list[AnyRecord] = field(default_factory=list)

    def open(self, probe: Probe = _silent) -> AnyRecord:
        record = MemoryRecord(probe) if self.kind == "memory" else SqliteRecord(self.folder / "record.db", probe)
        self.opened.append(record)
        return record

    def reopen(self, record: AnyRecord, probe: Probe = _silent) -> AnyRecord:
        if isinstance(record, SqliteRecord):
            record.close()
            return self.open(probe)
        return MemoryRecord.load(record.dump(), probe)

    def close(self) -> None:
        for record in self.opened:
            record.close()


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
