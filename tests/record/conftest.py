from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.record.stores import KINDS, AnyRecord, Store


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place = Store(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def record(store: Store) -> AnyRecord:
    return store.open()
