"""`phms doctor`: each thing that is not well is told with what to do, and only what does not work fails."""

import io
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cli.doctor import look
from bot.cli.main import main
from bot.settings import read_settings
from data.clock import SimulatedClock
from data.model.chart import Changes
from data.record.anchoring import anchor
from data.record.checkup import State, check_room, check_skew, check_up
from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from data.record.sqlite_checkup import check_modes
from data.sealing.rotation import rotate
from tests.record import mongo_server
from tests.record.examples import MINUTE, NOW, due, message, put, sms
from tests.record.filled import LATER, fill
from tests.record.keys import FixedKeys
from tests.record.places import only_the_doctors
from tests.record.stores import Crash, CrashAt

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL", "PHMS_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO(":quit\n"))
    return tmp_path / "home"


@pytest.fixture
def clinic(own_home: Path, capsys) -> Path:
    """The record of a clinic at rest."""
    assert main(["chat"]) == 0
    capsys.readouterr()
    return own_home / "record.sqlite"


def doctor(capsys) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """The exit code, and what was said of each thing."""
    code = main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["well"] == (code == 0)
    return code, {row["what"]: (row["state"], row["found"], row["advice"]) for row in told["checks"]}


class TestTheCommand:
    def test_a_record_at_rest_is_well(self, clinic: Path, capsys) -> None:
        assert main(["doctor"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(line.startswith(("ok   ", "WARN ")) for line in lines)
        said = {line[5:].split(":")[0] for line in lines}
        assert said >= {"settings", "handbook", "root key", "record", "file modes", "durability", "write", "indexes"}
        assert said >= {
            "unfinished commits",
            "last entry",
            "messages",
            "timers",
            "outbox",
            "keys",
            "audit anchor",
            "disk",
        }
        assert "Anna" not in "".join(lines)

    def test_before_anything_is_there_nothing_is_made(self, own_home: Path, capsys) -> None:
        code, told = doctor(capsys)
        assert (code, told["root key"][0], told["record"][0]) == (0, "WARN", "WARN")
        assert "phms keys create" in told["root key"][2]
        assert not own_home.exists()

    def test_a_root_key_that_is_missing(self, clinic: Path, own_home: Path, capsys) -> None:
        (own_home / "master.key").unlink()
        code, told = doctor(capsys)
        assert (code, told["root key"][0]) == (1, "FAIL")
        assert "there is no such file" in told["root key"][1]
        assert "was not opened" in told["record"][1]

    def test_a_root_key_that_others_may_read(self, clinic: Path, own_home: Path, capsys) -> None:
        (own_home / "master.key").chmod(0o644)
        code, told = doctor(capsys)
        assert (code, told["root key"][0]) == (1, "FAIL")
        assert "chmod 600" in told["root key"][1]

    def test_a_weak_root_key(self, clinic: Path, own_home: Path, capsys) -> None:
        (own_home / "master.key").write_text(f"weak:{'A' * 43}=\n")
        code, told = doctor(capsys)
        assert (code, told["root key"][0]) == (1, "FAIL")
        assert "not random" in told["root key"][1]

    def test_the_wrong_root_key(self, clinic: Path, own_home: Path, capsys) -> None:
        (own_home / "master.key").unlink()
        assert main(["keys", "create"]) == 0
        capsys.readouterr()
        code, told = doctor(capsys)
        assert (code, told["root key"][0], told["record"][0]) == (1, "ok", "FAIL")
        assert "lacks the root key" in told["record"][1]

    def test_keys_that_are_gone(self, clinic: Path, capsys) -> None:
        clinic.with_name("record.sqlite.keys").unlink()
        code, told = doctor(capsys)
        assert (code, told["record"][0]) == (1, "FAIL")
        assert "is missing, and without it nothing" in told["record"][1]

    def test_a_record_of_another_version(self, clinic: Path, capsys) -> None:
        with closing(sqlite3.connect(clinic, isolation_level=None)) as file:
            file.execute("UPDATE schema_version SET version = 2")
        code, told = doctor(capsys)
        assert (code, told["record"][0]) == (1, "FAIL")
        assert "phms store migrate" in told["record"][1]

    def test_files_that_others_may_read(self, clinic: Path, own_home: Path, capsys) -> None:
        clinic.with_name("record.sqlite.keys").chmod(0o640)
        code, told = doctor(capsys)
        assert (code, told["file modes"][0]) == (1, "FAIL")
        assert "record.sqlite.keys" in told["file modes"][1]
        own_home.chmod(0o755)
        assert check_modes(clinic).state is State.WARN, "opening has put the files right, not the folder"
        own_home.chmod(0o700)
        assert check_modes(clinic).state is State.OK

    def test_a_handbook_that_cannot_be_read(self, clinic: Path, tmp_path: Path, monkeypatch, capsys) -> None:
        (tmp_path / "ours").mkdir()
        (tmp_path / "ours" / "recipes.toml").write_text("")
        monkeypatch.setenv("PHMS_HANDBOOK", str(tmp_path / "ours"))
        code, told = doctor(capsys)
        assert (code, told["handbook"][0], told["record"][0]) == (1, "FAIL", "ok"), "the rest is looked at all the same"

    def test_settings_that_cannot_be_read(self, monkeypatch, capsys) -> None:
        monkeypatch.setenv("PHMS_VITALS_FULL_DAYS", "soon")
        assert main(["doctor"]) == 2
        assert "PHMS_VITALS_FULL_DAYS 'soon' must be a whole number" in capsys.readouterr().err

    def test_a_server_that_does_not_answer(self, clinic: Path, monkeypatch, capsys) -> None:
        monkeypatch.setenv("PHMS_STORE", "mongodb://phms:secret@127.0.0.1:9/phms")
        assert main(["doctor"]) == 1
        said = capsys.readouterr().out
        assert "FAIL record: MongoDB database 'phms': no server that takes writes answers; start it" in said
        assert "secret" not in said

    def test_a_record_in_memory(self, monkeypatch) -> None:
        found = list(look(read_settings({"PHMS_STORE": "memory:"}), SimulatedClock(NOW)))
        assert [each.state for each in found if each.what == "record"] == [State.WARN]


@pytest.fixture(params=["sqlite", "mongo"])
def record(request: pytest.FixtureRequest, tmp_path: Path):
    """An empty record of either kind."""
    if request.param == "sqlite":
        made = SqliteRecord(tmp_path / "record.db", FixedKeys())
        yield made
        made.close()
        return
    url = mongo_server.fresh_url()
    mongo = MongoRecord(url, FixedKeys())
    yield mongo
    mongo.close()
    mongo_server.drop(url)
    only_the_doctors()


def checks(record, at=LATER) -> dict[str, tuple[State, str]]:
    return {each.what: (each.state, each.found) for each in check_up(record, SimulatedClock(at))}


class TestTheStore:
    def test_an_empty_one_is_well(self, record) -> None:
        told = checks(record)
        worries = {what for what, (state, _) in told.items() if state is not State.OK}
        # The clock of this test is not the server's.
        assert worries <= {"server", "clock"}
        assert told["audit anchor"] == (State.OK, "nothing to anchor yet")

    def test_a_full_one_tells_what_is_in_it(self, record) -> None:
        fill(record)
        told = checks(record, NOW + 2 * MINUTE)
        assert "3 people, 11 entries" in told["record"][1]
        assert told["keys"] == (
            State.WARN,
            "5 data keys under 2 key-encryption keys; 1 erased; 5 not under the newest",
        )
        assert told["audit anchor"] == (State.OK, "the last, number 2, 1 min ago")

    def test_a_patient_who_waits(self, record) -> None:
        record.keep(message("sms:1"))
        record.keep(message("sms:2"))
        assert checks(record, NOW + 30 * SECOND)["messages"] == (State.OK, "2 unanswered, the oldest for 30 s")
        assert checks(record, NOW + 2 * MINUTE)["messages"] == (State.WARN, "2 unanswered, the oldest for 2 min")
        assert checks(record, NOW + 10 * MINUTE)["messages"] == (State.FAIL, "2 unanswered, the oldest for 10 min")

    def test_timers_and_messages_that_nobody_works(self, record) -> None:
        held = sms("held", minutes=-5, not_before=NOW + 5 * MINUTE)
        put(record, "e", Changes(dues=(due("d", minutes=5),), communications=(sms("s"), held)))
        told = checks(record, NOW + 4 * MINUTE)
        assert told["timers"] == (State.OK, "none overdue")
        assert told["outbox"] == (State.WARN, "1 not sent, the oldest for 4 min")
        told = checks(record, NOW + 7 * MINUTE)
        assert told["timers"] == (State.WARN, "1 overdue, the oldest for 2 min")
        assert told["outbox"][1].startswith("2 not sent")
        assert record.claim_due(NOW + 7 * MINUTE, 30 * SECOND)
        assert checks(record, NOW + 7 * MINUTE)["timers"] == (State.OK, "none overdue"), "somebody is at work on it"

    def test_a_trail_that_went_on_without_an_anchor(self, record) -> None:
        put(record, "e1", Changes(notes=("one",)))
        assert checks(record, NOW)["audit anchor"] == (State.WARN, "none yet")
        anchor(record, NOW)
        assert checks(record, NOW + 5 * MINUTE)["audit anchor"][0] is State.OK
        put(record, "e2", Changes(notes=("two",)))
        state, found = checks(record, NOW + 15 * MINUTE)["audit anchor"]
        assert (state, found) == (State.WARN, "the last, number 1, 15 min ago; 1 streams went on since")

    def test_a_clock_behind_what_was_recorded(self, record) -> None:
        put(record, "e", Changes(notes=("one",)), now=NOW)
        assert checks(record, NOW - 30 * SECOND)["last entry"][0] is State.OK
        state, found = checks(record, NOW - 60 * MINUTE)["last entry"]
        assert (state, found) == (State.WARN, "lies 1 h ahead of this host's clock")

    def test_keys_that_wait_for_a_rewrap(self, record) -> None:
        put(record, "e", Changes(notes=("one",)))
        assert checks(record)["keys"][0] is State.OK
        rotate(record.sealing.keyring)
        assert checks(record)["keys"][0] is State.WARN


class TestSqliteOnly:
    def test_an_index_that_is_missing(self, tmp_path: Path) -> None:
        record = SqliteRecord(tmp_path / "record.db", FixedKeys())
        record._connection.execute("DROP INDEX due_order")
        assert checks(record)["indexes"] == (State.FAIL, "missing or altered: due_order")
        record.close()

    def test_a_file_that_is_not_synced(self, tmp_path: Path) -> None:
        record = SqliteRecord(tmp_path / "record.db", FixedKeys())
        record._connection.execute("PRAGMA synchronous = NORMAL")
        assert checks(record)["durability"][0] is State.FAIL
        record.close()


class TestMongoOnly:
    def test_a_commit_that_a_crash_left_half_written(self) -> None:
        url = mongo_server.fresh_url()
        probe = CrashAt(None)
        record = MongoRecord(url, FixedKeys(), probe)
        put(record, "e1", Changes(notes=("one",)))
        probe.nth = len(probe.names) + 1
        with pytest.raises(Crash):
            put(record, "e2", Changes(notes=("two",), dues=(due("d"),)))
        record.close()
        again = MongoRecord(url, FixedKeys())
        assert checks(again)["unfinished commits"] == (State.WARN, "1, finished now")
        assert checks(again)["unfinished commits"] == (State.OK, "none")
        again.close()
        mongo_server.drop(url)
        only_the_doctors()

    def test_an_index_that_is_missing(self) -> None:
        url = mongo_server.fresh_url()
        record = MongoRecord(url, FixedKeys())
        mongo_server.raw(url)["due"].drop_index("set")
        assert checks(record)["indexes"] == (State.FAIL, "missing or altered: due.set")
        record.close()
        mongo_server.drop(url)
        only_the_doctors()


class TestLimits:
    @pytest.mark.parametrize(
        ("seconds", "state"), [(0, State.OK), (2, State.OK), (3, State.WARN), (-29, State.WARN), (30, State.FAIL)]
    )
    def test_clocks_that_differ(self, seconds: int, state: State) -> None:
        assert check_skew(NOW, NOW + seconds * SECOND).state is state

    def test_a_server_that_does_not_tell_its_time(self) -> None:
        assert "does not tell" in check_skew(NOW, None).found

    @pytest.mark.parametrize(
        ("free", "state"),
        [(10**9, State.OK), (10**9 - 1, State.WARN), (10**8, State.WARN), (10**8 - 1, State.FAIL)],
    )
    def test_a_disk_that_fills_up(self, free: int, state: State) -> None:
        assert check_room("disk", free, "here").state is state
