"""The record of the release before (schema version 2, not sealed) is read, sealed and goes on where it was."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from data.errors import BadFile
from data.model.audit import Entry
from data.model.people import ChannelKind
from data.record import sqlite_dump
from data.record.coding import decode
from data.record.mongo import MongoRecord
from data.record.open_moving import Old, old_record
from data.record.open_record import open_record
from data.record.sqlite import SqliteRecord
from data.record.sqlite_v2 import is_old, read_old
from data.record.tables import Tables
from data.record.verify import verify
from tests.record.examples import LEASE
from tests.record.keys import FixedKeys
from tests.record.stores import Crash, CrashAt

# The fixture ends here: a reply waits for a sender that died, two messages wait to be read, a page is not acknowledged.
NOW = datetime(2026, 3, 13, 8, 0, 40, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
DUMP = Path(__file__).parent / "fixtures" / "record_v2.sql"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The file as the program of then left it."""
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.executescript(DUMP.read_text())
        file.execute("PRAGMA journal_mode = WAL")
    return path


@pytest.fixture
def upgraded(old: Path, tmp_path: Path) -> SqliteRecord:
    before, after = _old(old).seal_into(str(tmp_path / "new.sqlite"), FixedKeys())
    assert before == after
    return SqliteRecord(tmp_path / "new.sqlite", FixedKeys())


def _old(path: Path) -> Old:
    found = old_record(f"sqlite:{path}")
    assert found is not None
    return found


def tables_of(record: SqliteRecord) -> Tables:
    with record._reading() as connection:
        return sqlite_dump.read(connection, record.sealing)


class TestWhatIsRead:
    def test_only_the_version_before_counts_as_old(self, old: Path, tmp_path: Path) -> None:
        assert is_old(old)
        (tmp_path / "notes.txt").write_text("not a record")
        SqliteRecord(tmp_path / "today.sqlite", FixedKeys()).close()
        others = [tmp_path, tmp_path / "nowhere", tmp_path / "notes.txt", tmp_path / "today.sqlite"]
        assert not any(is_old(other) for other in others)
        assert old_record("memory:") is None
        assert old_record("mongodb://127.0.0.1:1/x") is None

    def test_the_program_of_today_says_what_to_do_with_it(self, old: Path) -> None:
        with pytest.raises(BadFile, match="schema version 2, this program reads 3; move it with `phms store migrate`"):
            open_record(str(old), FixedKeys())

    def test_the_old_file_stays_as_it_is(self, old: Path) -> None:
        before = sha256(old.read_bytes()).digest()
        read_old(old)
        assert sha256(old.read_bytes()).digest() == before

    def test_what_a_crash_left_in_its_log_is_read_too(self, old: Path) -> None:
        with closing(sqlite3.connect(old, isolation_level=None)) as writer:
            writer.execute("UPDATE inbox SET done = 1")
            assert old.with_name("old.sqlite-wal").stat().st_size
            assert all(row.done for row in read_old(old).inbox.values())

    def test_what_somebody_is_at_work_on_is_counted(self, old: Path) -> None:
        assert (_old(old).leased(NOW), _old(old).leased(LATER)) == (1, 0)

    @pytest.mark.parametrize(
        "damage",
        ["DELETE FROM journal WHERE subject = 'A-17'", "UPDATE chart SET body = 'x'", "DROP TABLE observation"],
    )
    def test_a_file_that_is_not_whole_is_refused(self, old: Path, damage: str) -> None:
        with closing(sqlite3.connect(old, isolation_level=None)) as file:
            file.execute(damage)
        with pytest.raises(BadFile):
            read_old(old)


class TestWhatBecomesOfIt:
    def test_it_is_what_todays_program_would_have_made_of_the_same_events(
        self, old: Path, upgraded: SqliteRecord, tmp_path: Path
    ) -> None:
        replayed = SqliteRecord(tmp_path / "replayed.sqlite", FixedKeys())
        for row in sorted((row for rows in read_old(old).journal.values() for row in rows), key=lambda row: row.seq):
            entry = decode(row.body, Entry)
            chart = replayed.chart(entry.subject)
            assert replayed.commit(chart, entry.event_id, entry.kind, entry.actor, entry.changes, entry.at)
        found, wanted = tables_of(upgraded), tables_of(replayed)
        assert found.charts == wanted.charts
        assert found.vitals == wanted.vitals
        assert found.dues == wanted.dues
        told = {key: (row.seq, row.place, row.late, row.created_at, row.set_at) for key, row in found.outbox.items()}
        assert told == {
            key: (row.seq, row.place, row.late, row.created_at, row.set_at) for key, row in wanted.outbox.items()
        }
        assert upgraded.people() == replayed.people()
        assert list(upgraded.journal()) == list(replayed.journal())
        replayed.close()

    def test_charts_carry_the_last_eight_days_and_the_record_all(self, upgraded: SqliteRecord) -> None:
        chart = upgraded.chart("A-17")
        assert {(row.code, row.value) for row in chart.observations} == {
            ("heart-rate", 78.0),
            ("oxygen-saturation", 97.0),
        }
        long_ago = NOW - timedelta(days=30)
        rates = upgraded.observations("A-17", "heart-rate", long_ago, NOW)
        assert [row.value for row in rates] == [72.0, 74.0, 75.0, 78.0]

    def test_work_goes_on_where_it_was(self, upgraded: SqliteRecord) -> None:
        claimed = upgraded.claim_outbox(LATER, LEASE)
        assert (claimed[0].text_key, claimed[1].attempt) == ("reading-noted", 2)
        assert upgraded.claim_outbox(LATER, LEASE) is None
        assert [upgraded.claim_message(LATER, LEASE)[0].id for _ in range(2)] == ["sms:M4", "sms:M5"]
        assert upgraded.claim_due(LATER, LEASE)[0].id == "A-17/flag/chest-pain/sms:M1/e1/tick"
        assert upgraded.code_use("nia", "242", NOW).escalation_id == "A-17/flag/chest-pain/sms:M1/e1"
        assert upgraded.person_at(ChannelKind.SMS, "+15550001").id == "A-17"
        assert not upgraded.keep(upgraded.claim_message(LATER + LEASE, LEASE)[0])

    def test_it_is_sealed_and_its_audit_trail_is_whole(self, upgraded: SqliteRecord, tmp_path: Path) -> None:
        verdict = verify(upgraded, now=LATER)
        assert (verdict.faults, verdict.links) == ((), 43)
        upgraded.close()
        for file in tmp_path.glob("new.sqlite*"):
            assert not any(word in file.read_bytes() for word in (b"Anna", b"15550001", b"chest", b"dizzy"))


class TestInterrupted:
    def test_a_crash_at_any_write_leaves_nothing_or_all(self, old: Path, tmp_path: Path) -> None:
        data = read_old(old).dump()
        counted = CrashAt(None)
        SqliteRecord.load(data, tmp_path / "whole.sqlite", FixedKeys(), counted).close()
        for nth in range(len(counted.names)):
            path = tmp_path / f"cut-{nth}.sqlite"
            with pytest.raises(Crash):
                SqliteRecord.load(data, path, FixedKeys(), CrashAt(nth))
            before, after = _old(old).seal_into(str(path), FixedKeys())
            assert before == after

    def test_done_twice_it_is_still_the_same(self, old: Path, upgraded: SqliteRecord, tmp_path: Path) -> None:
        before, after = _old(old).seal_into(str(tmp_path / "new.sqlite"), FixedKeys())
        assert before == after == upgraded.digest()

    def test_another_record_is_not_written_over(self, old: Path, upgraded: SqliteRecord, tmp_path: Path) -> None:
        upgraded.reserve_code("nia", "another", "A-17", NOW)
        content = upgraded.digest()
        with pytest.raises(BadFile, match="holds a record already"):
            _old(old).seal_into(str(tmp_path / "new.sqlite"), FixedKeys())
        assert upgraded.digest() == content


def test_into_mongodb(old: Path, url: str) -> None:
    before, after = _old(old).seal_into(url, FixedKeys())
    assert before == after
    assert _old(old).seal_into(url, FixedKeys()) == (before, after)
    record = MongoRecord(url, FixedKeys())
    assert record.claim_outbox(LATER, LEASE)[1].attempt == 2
    assert verify(record, now=LATER).sound
    record.close()
