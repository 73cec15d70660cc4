"""What was acknowledged is there, whatever kills the process; what cannot be opened or written is left as it was."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from bot.cli.main import main
from data.errors import BadFile, Unavailable
from data.model.chart import Changes
from data.record.sqlite import SqliteRecord
from data.record.sqlite_keys import SqliteKeys
from data.record.tables import VERSION
from data.record.verify import verify
from integrations.file_keystore import FileKeyStore, fresh_line
from tests.record.examples import MINUTE, NOW, message, person, put
from tests.record.keys import FixedKeys
from tests.record.lowly import NOBODY
from tests.record.worker import of

ROOT = Path(__file__).parents[2]


def worker(path: Path, what: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.record.worker", str(path), what, name]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


class TestKilled:
    KILLS = 20

    def test_20_times_in_mid_stream_no_acknowledged_write_is_lost(self, tmp_path: Path) -> None:
        """Two processes at a time, each killed at a moment of chance; what they had answered is counted afterwards."""
        path, random = tmp_path / "record.db", Random(4)  # noqa: S311 - moments, not secrets
        SqliteRecord(path, FixedKeys()).close()
        acknowledged: dict[str, list[list[str]]] = {}
        for turn in range(self.KILLS // 2):
            names = [f"{turn}-a", f"{turn}-b"]
            workers = [worker(path, "live", name) for name in names]
            for name, process in zip(names, workers, strict=True):
                assert process.stdout is not None
                lines = [process.stdout.readline() for _ in range(random.randrange(1, 120))]
                process.kill()
                lines += process.stdout.read().splitlines(keepends=True)
                process.wait()
                process.stdout.close()
                assert process.returncode == -9
                # The last line may have been cut off in the middle.
                acknowledged[name] = [line.split() for line in lines if line.endswith("\n")]
            # After every kill it opens, and nobody waits for a dead process's lock.
            record = SqliteRecord(path, FixedKeys())
            for name in names:
                self.is_all_there(record, name, acknowledged[name])
            record.close()
        assert len(acknowledged) == self.KILLS
        record = SqliteRecord(path, FixedKeys())
        assert record.recover() == 0
        for name, lines in acknowledged.items():
            self.is_all_there(record, name, lines)
        assert verify(record).sound
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        record.close()

    def is_all_there(self, record: SqliteRecord, name: str, lines: list[list[str]]) -> None:
        """Every acknowledged write, and at most the one more whose answer was cut off."""
        last = Counter(what for what, *_ in lines)
        entries = list(record.journal(name))
        assert [entry.event_id for entry in entries] == [f"{name}-{n}" for n in range(1, len(entries) + 1)]
        assert len(entries) - last["commit"] in (0, 1)
        assert [entry.changes for entry in entries] == [of(name, n) for n in range(1, len(entries) + 1)]
        kept = [one.text for one in record.messages(name)]
        assert kept == [f"{name} {n}" for n in range(1, len(kept) + 1)]
        assert len(kept) - last["message"] in (0, 1)
        assert len(list(record.accesses(name))) - last["access"] in (0, 1)
        codes = {use.escalation_id: use.code for use in record.codes_of(f"nurse of {name}", NOW)}
        told = {f"{name}/{line[1]}": line[2] for line in lines if line[0] == "code"}
        assert told.items() <= codes.items()
        assert len(codes) - len(told) in (0, 1)
        # What follows from the journal is as far as the journal is.
        chart = record.chart(name)
        assert chart.revision == len(entries)
        assert len(chart.observations) == 2 * len(entries)
        assert len(chart.dues) == min(1, len(entries))
        hours = record.hours(name, "heart-rate", NOW - MINUTE * 60, NOW + MINUTE * 10_000)
        assert sum(hour.n for hour in hours) == len(entries)


class TestFull:
    def test_a_disk_that_fills_up_loses_nothing_and_half_writes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "record.db"
        process = worker(path, "fill", "anna")
        told = process.communicate(timeout=60)[0].split(maxsplit=2)
        assert process.returncode == 0
        answered, kind, text = int(told[0]), told[1], told[2]
        assert kind == "Unavailable"
        assert text.startswith(f"{path}: the disk ")
        assert text.count("\n") == 1
        assert answered > 20
        record = SqliteRecord(path, FixedKeys())
        entries = list(record.journal("anna"))
        assert len(entries) - 1 - answered in (0, 1)
        assert [entry.changes for entry in entries] == [of("anna", n) for n in range(len(entries))]
        assert record.chart("anna").revision == len(entries)
        assert verify(record).sound
        # With room again, the same call again.
        n = len(entries)
        assert put(record, f"anna-{n}", of("anna", n), "anna")
        record.close()

    @pytest.mark.parametrize("limit", [0, 1, 4096, 20_000, 40_000, 100_000])
    def test_a_disk_without_room_for_a_new_record(self, tmp_path: Path, limit: int) -> None:
        """It says so, and once there is room the same place is made good."""
        path = tmp_path / "record.db"
        script = (
            "import resource, sys; from pathlib import Path; from data.errors import PhmsError;"
            "from data.record.sqlite import SqliteRecord; from tests.record.keys import FixedKeys\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
            "try: SqliteRecord(Path(sys.argv[1]), FixedKeys())\n"
            "except PhmsError as problem: print(type(problem).__name__, problem)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.stderr == ""
        if done.stdout:
            assert done.stdout.startswith("Unavailable ")
            assert "the disk" in done.stdout
            assert done.stdout.count("\n") == 1
        else:
            assert limit >= 20_000
        record = SqliteRecord(path, FixedKeys())
        assert put(record, "e1", Changes())
        record.close()


def files(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes; SQLite's own -shm says nothing that lasts."""
    return {
        file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file() and file.suffix != ".db-shm"
    }


class TestReadOnly:
    """Root may write everything, so these run in a process that is nobody."""

    @pytest.fixture
    def place(self) -> Iterator[Path]:
        """A record in a folder of its own that belongs to whoever may be held back."""
        folder = Path(tempfile.mkdtemp(prefix="phms-"))
        record = SqliteRecord(folder / "record.db", FixedKeys())
        put(record, "e1", Changes(person=person()))
        record.close()
        self.own(folder)
        yield folder
        shutil.rmtree(folder)

    def own(self, folder: Path) -> None:
        if os.geteuid() == 0:
            for one in (folder, *folder.iterdir()):
                os.chown(one, NOBODY, NOBODY)

    def opened(self, path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.record.lowly", str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode == 3:
            pytest.skip("root may write everything, and may not become anybody else here")
        assert done.stderr == ""
        return done

    def refused(self, place: Path) -> str:
        before = files(place)
        done = self.opened(place / "record.db")
        assert (done.returncode, done.stdout.count("\n")) == (2, 1)
        assert files(place) == before
        return done.stdout

    def test_what_may_be_written_is(self, place: Path) -> None:
        assert self.opened(place / "record.db").stdout == "written\n"

    @pytest.mark.parametrize("name", ["record.db", "record.db.keys"])
    def test_a_file_that_may_only_be_read(self, place: Path, name: str) -> None:
        (place / name).chmod(0o400)
        assert f"BadFile {place / name}: cannot be opened: Permission denied; name a file" in self.refused(place)

    def test_a_folder_that_may_only_be_read(self, place: Path) -> None:
        place.chmod(0o500)
        told = self.refused(place)
        assert told.startswith(f"Unavailable {place / 'record.db'}: ")
        assert "its folder" in told

    def test_a_new_record_in_a_folder_that_may_only_be_read(self, place: Path) -> None:
        place.chmod(0o500)
        done = self.opened(place / "new.db")
        assert done.stdout.startswith(f"BadFile {place / 'new.db'}: cannot be opened: Permission denied")
        assert not (place / "new.db").exists()

    def test_a_record_of_somebody_else(self, place: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can give a file away")
        os.chown(place / "record.db", 0, 0)
        assert "cannot be opened: Permission denied" in self.refused(place)


# What cannot be opened. Each damage, what is said of it, and by which file.

Damage = Callable[[Path], None]


def written(home: Path, *, at: str = "record.db") -> Path:
    """A record with something in it."""
    record = SqliteRecord(home / at, FixedKeys())
    put(record, "e1", Changes(person=person()))
    record.keep(message("sms:1"))
    record.close()
    return home / at


def other_version(name: str) -> Damage:
    def spoil(home: Path) -> None:
        with closing(sqlite3.connect(home / name)) as connection:
            connection.execute("UPDATE schema_version SET version = version + 1")
            connection.commit()

    return spoil


def something_else(name: str) -> Damage:
    def spoil(home: Path) -> None:
        (home / name).unlink()
        with closing(sqlite3.connect(home / name)) as connection:
            connection.execute("CREATE TABLE photo (name TEXT)")
            connection.execute("INSERT INTO photo VALUES ('a holiday')")
            connection.commit()

    return spoil


def swapped_keys(home: Path) -> None:
    """Those of another record under the same root."""
    other, root = home / "other", home / "root.key"
    other.mkdir()
    SqliteRecord(other / "record.db", FileKeyStore.of_file(root) if root.exists() else FixedKeys()).close()
    shutil.copy(other / "record.db.keys", home / "record.db.keys")
    shutil.rmtree(other)


def emptied_keys(home: Path) -> None:
    """The table is there and holds nothing: a keys file that was made anew by mistake."""
    (home / "record.db.keys").unlink()
    SqliteKeys(home / "record.db.keys").close()


def cut_off(name: str) -> Damage:
    return lambda home: os.truncate(home / name, (home / name).stat().st_size // 2)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "keys missing": (lambda home: (home / "record.db.keys").unlink(), "record.db.keys: is missing, .*; restore it"),
    "keys of another record": (swapped_keys, "record.db.keys: holds the keys of another record; restore"),
    "keys emptied": (emptied_keys, "record.db.keys: is empty, .*; restore it"),
    "keys of no length": (
        lambda home: os.truncate(home / "record.db.keys", 0),
        "record.db.keys: is empty, .*; restore",
    ),
    "keys of something else": (something_else("record.db.keys"), "record.db.keys: is an SQLite file of something else"),
    "keys that are text": (
        lambda home: (home / "record.db.keys").write_bytes(b"Dear diary, " * 999) and None,
        "record.db.keys: is not a record; name another file, or restore a backup",
    ),
    "keys of another version": (other_version("record.db.keys"), f"record.db.keys: has schema version {VERSION + 1}"),
    "another version": (other_version("record.db"), f"record.db: has schema version {VERSION + 1}, this program reads"),
    "something else": (something_else("record.db"), "record.db: is an SQLite file of something else; name another"),
    "text": (
        lambda home: (home / "record.db").write_bytes(b"Dear diary, " * 999) and None,
        "record.db: is not a record; name another file, or restore a backup",
    ),
    "cut off": (cut_off("record.db"), "record.db: is damaged; keep a copy, then restore a backup"),
    "keys cut off": (cut_off("record.db.keys"), "record.db.keys: is damaged; keep a copy, then restore a backup"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_opened_is_said_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    spoil, told = DAMAGES[damage]
    path = written(tmp_path)
    spoil(tmp_path)
    before = files(tmp_path)
    with pytest.raises(BadFile, match=told) as caught:
        read_all(SqliteRecord(path, FixedKeys()))
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == before


def read_all(record: SqliteRecord) -> None:
    """SQLite reads a damaged page when somebody needs it, and not before."""
    try:
        record.digest()
        list(record.keys.keys())
    finally:
        record.close()


def test_the_wrong_root_key_opens_nothing_and_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = files(tmp_path)
    with pytest.raises(BadFile, match="there is no root key 'test-7'"):
        SqliteRecord(path, FixedKeys(8))
    assert files(tmp_path) == before


class Down(FixedKeys):
    """A vault that does not answer."""

    def unwrap(self, root: str, wrapped: bytes, context: bytes) -> bytes:
        raise Unavailable("the vault does not answer; try again")

    wrap = unwrap  # type: ignore[assignment]


def test_a_vault_that_is_down_opens_nothing_and_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = files(tmp_path)
    with pytest.raises(Unavailable, match="the vault does not answer"):
        SqliteRecord(path, Down())
    assert files(tmp_path) == before


# The same at the command line: exit code 2, one line, nothing touched.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a record and its root key in a file."""
    for name in ("PHMS_MASTER_KEY", "PHMS_KEY_VAULT", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL", "PHMS_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path))
    monkeypatch.setenv("PHMS_MASTER_KEY_FILE", str(tmp_path / "root.key"))
    monkeypatch.setenv("PHMS_STORE", f"sqlite:{tmp_path / 'record.db'}")
    assert main(["keys", "create"]) == 0
    record = SqliteRecord(tmp_path / "record.db", FileKeyStore.of_file(tmp_path / "root.key"))
    put(record, "e1", Changes(person=person()))
    record.close()
    return tmp_path


COMMANDS = (
    ["people"],
    ["erase", "--patient", "A-17", "--yes"],
    ["export", "--patient", "A-17", "--out", "-", "--format", "json"],
)


def refuses(home: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> str:
    before = files(home)
    capsys.readouterr()
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("phms: ")
    assert files(home) == before
    return err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("damage", [name for name in DAMAGES if name not in ("cut off", "keys cut off")])
def test_a_command_says_what_is_wrong_and_touches_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], damage: str, command: list[str]
) -> None:
    DAMAGES[damage][0](home)
    assert str(home / "record.db") in refuses(home, capsys, command)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_command_with_the_wrong_key(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.delenv("PHMS_MASTER_KEY_FILE")
    monkeypatch.setenv("PHMS_MASTER_KEY", fresh_line()[1])
    assert "root key" in refuses(home, capsys, command)
    monkeypatch.delenv("PHMS_MASTER_KEY")
    assert "master.key" in refuses(home, capsys, command)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_command_on_a_record_that_another_process_holds_waits_and_says_so(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr("data.record.sqlite_file.BUSY", 0.1)
    with closing(sqlite3.connect(home / "record.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = monotonic()
        assert "another process is writing; try again" in refuses(home, capsys, command)
        assert monotonic() - began < 20
        other.execute("ROLLBACK")


def test_a_mongodb_that_is_down(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHMS_STORE", "mongodb://127.0.0.1:9/phms?serverSelectionTimeoutMS=200")
    assert "no server that takes writes answers; start it or check the address" in refuses(home, capsys, ["people"])
