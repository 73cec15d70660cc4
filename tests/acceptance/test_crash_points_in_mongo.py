"""Every crash point of every event type on MongoDB: nothing lost, nothing doubled, the same end."""

from pathlib import Path

import pytest

from data.ports import Record
from data.record.mongo import MongoRecord
from tests.acceptance import test_crash_points
from tests.acceptance.crashing import World
from tests.record import mongo_server
from tests.record.keys import FixedKeys


@pytest.fixture(autouse=True)
def worlds(monkeypatch: pytest.MonkeyPatch):
    """Every world of this test is kept in a database of its own, until the test is over."""
    made: list[MongoWorld] = []

    def make(store: str, folder: Path) -> MongoWorld:
        made.append(MongoWorld(store, folder))
        return made[-1]

    monkeypatch.setattr(test_crash_points, "World", make)
    yield
    for world in made:
        world.record.close()
        mongo_server.drop(world.url)
    assert mongo_server.WATCH.take() == []


class MongoWorld(World):
    """One clinic over a record in MongoDB."""

    url = ""

    def _open(self) -> Record:
        self.url = self.url or mongo_server.fresh_url()
        record = MongoRecord(self.url, FixedKeys(), lambda write: self.bomb(write))
        # As every program of ours does when it starts.
        record.recover()
        return record


@pytest.mark.parametrize("story", test_crash_points.STORIES)
def test_every_crash_point(story: str, tmp_path: Path) -> None:
    test_crash_points.test_every_crash_point(story, "mongo", tmp_path)
