from collections.abc import Iterator
from pathlib import Path

import pytest

from data.record import moving, sqlite_moving
from data.record.mongo import MongoRecord
from tests.record import mongo_server
from tests.record.keys import FixedKeys
from tests.record.places import Places
from tests.record.stores import KINDS, AnyRecord, Store


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place = Store(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def record(store: Store) -> AnyRecord:
    return store.open()


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of a new MongoDB database; nothing but what is allowed may have been said to it in the end."""
    name = mongo_server.fresh_url()
    yield name
    mongo_server.drop(name)
    assert mongo_server.WATCH.take() == []


@pytest.fixture
def mongo(url: str) -> Iterator[MongoRecord]:
    record = MongoRecord(url, FixedKeys())
    yield record
    record.close()


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    made = Places(tmp_path)
    yield made
    made.close()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two rows, so that every table has several."""
    monkeypatch.setattr(moving, "_ROWS", 2)
    monkeypatch.setattr(sqlite_moving, "_PAGE", 3)
