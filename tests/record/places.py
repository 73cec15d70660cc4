"""Places that records are moved between, and moved to."""

from collections.abc import Callable
from pathlib import Path

from data.record.mongo import MongoRecord
from data.record.mongo_moving import MongoTarget
from data.record.moving import Compared, Movable, Target, move
from data.record.open_moving import movable
from data.record.sqlite import SqliteRecord
from data.record.sqlite_moving import SqliteTarget
from tests.record import mongo_server
from tests.record.filled import LATER, Sealed
from tests.record.keys import FixedKeys


class Places:
    """Records by name, each in a place of its own. Closes and removes what it made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._urls: dict[str, str] = {}
        self._open: list[Sealed | Target] = []

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def url(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = mongo_server.fresh_url()
        return self._urls[name]

    def record(self, kind: str, name: str) -> Sealed:
        made = (
            SqliteRecord(self.path(name), FixedKeys()) if kind == "sqlite" else MongoRecord(self.url(name), FixedKeys())
        )
        self._open.append(made)
        return made

    def target(self, kind: str, name: str, source: Movable, probe: Callable[[str], None] = lambda n: None) -> Target:
        made: Target = (
            SqliteTarget(self.path(name), probe)
            if kind == "sqlite"
            else MongoTarget(self.url(name), source.sealing, probe)
        )
        self._open.append(made)
        return made

    def move(self, source: Sealed, kind: str, name: str) -> tuple[Compared, ...]:
        target = self.target(kind, name, movable(source))
        try:
            return move(movable(source), target, LATER)
        finally:
            target.close()

    def close(self) -> None:
        for each in self._open:
            each.close()
        for url in self._urls.values():
            mongo_server.drop(url)
        if self._urls:
            assert mongo_server.WATCH.take() == []


def same(compared: tuple[Compared, ...]) -> bool:
    return all(pair.same for pair in compared)


def only_the_doctors() -> None:
    """Nothing was said to MongoDB but what a record may say, and what the check-up alone asks besides."""
    assert set(mongo_server.WATCH.take()) <= {"dbStats: is not on the list"}
    mongo_server.WATCH.seen.discard("dbStats")
