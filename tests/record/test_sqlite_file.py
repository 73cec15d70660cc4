"""The file on disk: private, of one version, never overwritten, and clear about what is wrong with it."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from data.errors import BadFile, PhmsError, Unavailable
from data.model.chart import Changes
from data.model.people import ChannelKind
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from data.record.sqlite_file import in_our_words
from data.record.tables import VERSION
from tests.record.examples import NOW, due, message, put
from tests.record.keys import FixedKeys


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "record.db"
    old = os.umask(0)
    try:
        record = SqliteRecord(path, FixedKeys())
        put(record, "e1", Changes())
    finally:
        os.umask(old)
    files = sorted(path.parent.iterdir())
    assert [f.name.removeprefix("record.db") for f in files] == ["", "-shm", "-wal", ".keys", ".keys-shm", ".keys-wal"]
    assert {mode(f) for f in files} == {0o600}
    assert mode(path.parent) == 0o700
    record.close()


def test_a_file_that_was_opened_up_is_closed_again_and_a_shared_folder_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "record.db"
    SqliteRecord(path, FixedKeys()).close()
    path.chmod(0o644)
    record = SqliteRecord(path, FixedKeys())
    put(record, "e1", Changes())
    assert {mode(f) for f in tmp_path.iterdir()} == {0o600}
    assert mode(tmp_path) == 0o755
    record.close()


def test_every_commit_is_synced_to_disk(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / "record.db", FixedKeys())
    pragmas = [record._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert pragmas == ["wal", 2]
    record.close()


def test_another_schema_version_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    SqliteRecord(path, FixedKeys()).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(BadFile, match=f"record.db: has schema version 99, this program reads {VERSION}; use"):
        SqliteRecord(path, FixedKeys())
    assert path.read_bytes() == before


def test_a_file_of_something_else_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photo (name TEXT)")
    path.chmod(0o644)
    before = path.read_bytes()
    with pytest.raises(BadFile, match="something else; name another file"):
        SqliteRecord(path, FixedKeys())
    assert path.read_bytes() == before
    assert mode(path) == 0o644
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(BadFile, match="is not a record; name another file"):
        SqliteRecord(path, FixedKeys())
    assert path.read_bytes() == b"Dear diary, " * 1000


def test_a_damaged_file_is_a_bad_file(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    record = SqliteRecord(path, FixedKeys())
    for n in range(50):
        put(record, f"e{n}", Changes(notes=("x" * 500,)))
    record.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(BadFile, match=r"restore a backup") as caught:
        record = SqliteRecord(path, FixedKeys())
        list(record.journal())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["folder", "file/record.db"])
def test_a_path_that_cannot_be_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(BadFile, match=r"cannot be opened: .*name a file that this user may write"):
        SqliteRecord(tmp_path / place, FixedKeys())


def test_a_record_that_may_not_be_written_is_unavailable_and_says_so(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / "record.db", FixedKeys())
    record._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable, match="may not be written; let this user write"):
        record.keep(message("sms:1"))
    record._connection.execute("PRAGMA query_only = OFF")
    assert record.keep(message("sms:1"))
    record.close()


def test_a_full_disk_is_unavailable_and_nothing_is_half_written(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / "record.db", FixedKeys())
    pages = record._connection.execute("PRAGMA page_count").fetchone()[0]
    record._connection.execute(f"PRAGMA max_page_count = {pages}")
    digest = record.digest()
    with pytest.raises(Unavailable, match="the disk is full; make room"):
        put(record, "e1", Changes(dues=(due("d"),), notes=("x" * 100_000,)))
    assert record.digest() == digest
    record._connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert put(record, "e1", Changes(dues=(due("d"),), notes=("x" * 100_000,)))
    record.close()


def test_a_record_held_by_another_process_is_unavailable(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / "record.db", FixedKeys())
    record._connection.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "record.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another process is writing; try again"):
            record.keep(message("sms:1"))
        assert record.chart("anna").revision == 0, "readers are not held up"
        other.execute("ROLLBACK")
    assert record.keep(message("sms:1"))
    record.close()


def test_a_closed_record_is_unavailable(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / "record.db", FixedKeys())
    record.close()
    record.close()
    with pytest.raises(Unavailable, match="closed"):
        record.chart("anna")


def test_half_a_character_in_a_question_finds_nobody(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / "record.db", FixedKeys())
    assert record.person_at(ChannelKind.SMS, "\ud800") is None
    record.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, Unavailable),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Unavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, Unavailable),
        (sqlite3.SQLITE_FULL, Unavailable),
        (sqlite3.SQLITE_READONLY_DBMOVED, Unavailable),
        (sqlite3.SQLITE_INTERRUPT, Unavailable),
        (sqlite3.SQLITE_CORRUPT_INDEX, BadFile),
        (sqlite3.SQLITE_NOTADB, BadFile),
    ],
)
def test_errors_in_our_words(code: int, kind: type[PhmsError]) -> None:
    problem = sqlite3.OperationalError("constraint failed: Anna Berg")
    problem.sqlite_errorcode, problem.sqlite_errorname = code, "SQLITE_NAME"
    ours = in_our_words(problem, Path("record.db"))
    assert type(ours) is kind
    assert str(ours).startswith("record.db: ")
    assert "Anna" not in str(ours)


def test_a_dump_moves_between_stores(tmp_path: Path) -> None:
    memory = MemoryRecord()
    memory.keep(message("sms:1"))
    put(memory, "e1", Changes(dues=(due("d"),)))
    memory.claim_due(NOW, NOW - NOW.replace(hour=20))
    path = tmp_path / "record.db"
    record = SqliteRecord.load(memory.dump(), path, FixedKeys())
    assert (record.dump(), record.digest()) == (memory.dump(), memory.digest())
    assert MemoryRecord.load(record.dump()).dump() == memory.dump()
    record.close()
    with pytest.raises(BadFile, match="holds a record already"):
        SqliteRecord.load(memory.dump(), path, FixedKeys())
    with pytest.raises(BadFile, match="not a record's dump"):
        MemoryRecord.load(b"nonsense")
