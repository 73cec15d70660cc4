from pathlib import Path

import pytest

from data.errors import BadFile
from data.record.memory import MemoryRecord
from data.record.open_record import open_record
from data.record.sqlite import SqliteRecord
from tests.record.keys import FixedKeys


def test_in_memory() -> None:
    assert isinstance(open_record("memory:", FixedKeys()), MemoryRecord)


@pytest.mark.parametrize("scheme", ["", "sqlite:"])
def test_a_path(scheme: str, tmp_path: Path) -> None:
    record = open_record(f"{scheme}{tmp_path}/new/record.db", FixedKeys())
    assert isinstance(record, SqliteRecord)
    record.close()
    assert (tmp_path / "new" / "record.db").exists()


@pytest.mark.parametrize("where", ["", "sqlite:", "postgres://phms:secret@db/phms", "sqlite:///x"])
def test_anything_else_is_refused_without_quoting_a_password(where: str) -> None:
    with pytest.raises(BadFile, match="allowed: memory:, sqlite:PATH") as caught:
        open_record(where, FixedKeys())
    assert "secret" not in str(caught.value)
