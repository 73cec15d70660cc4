"""Issue 4, "Stores", point 5: `phms store migrate`, and the house goes on in the new place where it was."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest

from bot.cli import store as command
from bot.cli.main import main
from bot.keys import root_keys
from bot.settings import read_settings
from data.clock import SystemClock
from data.errors import BadFile
from data.model.audit import Access
from data.model.chart import Changes
from data.model.communication import Category
from data.model.people import ChannelKind
from data.ports import Record
from data.record.open_record import open_record
from data.record.sqlite import SqliteRecord
from tests.acceptance.crashing import START, World
from tests.record import mongo_server
from tests.record.examples import LEASE, message, put, reading
from tests.record.places import only_the_doctors
from tests.record.test_upgrade import DUMP

ANNA = "+15550001"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch, capsys) -> Path:
    """A home with a root key of its own."""
    for name in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL", "PHMS_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "home"))
    assert main(["keys", "create"]) == 0
    capsys.readouterr()
    return tmp_path / "home"


@pytest.fixture(params=["sqlite", "mongo"])
def target(request, tmp_path: Path) -> Iterator[str]:
    """Where the record goes: a new place of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'new.sqlite'}"
        return
    url = mongo_server.fresh_url()
    yield url
    mongo_server.drop(url)
    only_the_doctors()


def opened(where: str) -> Record:
    return open_record(where, root_keys(read_settings(), make=False))


class Clinic(World):
    """The crash tests' clinic, on a record that the command line can open."""

    where = ""

    def _open(self) -> Record:
        return opened(self.where)

    def moves(self, target: str) -> None:
        """The programs stop, the record is moved, the programs start on the new one."""
        self.record.close()
        assert main(["store", "migrate", "--from", self.where, "--to", target]) == 0
        self.where = target
        self.record = self._open()
        self._build()


def clinic(folder: Path) -> Clinic:
    """An emergency that was thought through and not yet told anybody, and a message that nobody has read."""
    folder.mkdir()

    class Here(Clinic):
        where = f"sqlite:{folder / 'record.sqlite'}"

    world = Here("sqlite", folder)
    world.work()
    world.house.hear(ChannelKind.SMS, ANNA, "my chest hurts", "M1")
    assert world.house.work_message()
    world.house.hear(ChannelKind.SMS, ANNA, "bp 150/95", "M2")
    look = Access(subject="A-17", actor="nia", role="clinician", action="read chart", at=world.clock.now())
    world.record.note_access(look)
    return world


def night(world: Clinic) -> tuple[object, object]:
    """The rest of the story: everything is sent, nobody answers the page, the reminder comes, then Nia takes it."""
    world.work()
    world.live(timedelta(minutes=15))
    world.house.hear(ChannelKind.SMS, "+15550002", "yes", "M3")
    world.live(timedelta(minutes=15))
    return world.sent(), world.facts()


class TestTheHouseGoesOn:
    def test_nothing_is_lost_doubled_or_told_otherwise(self, tmp_path: Path, target: str, capsys) -> None:
        stays, moves = clinic(tmp_path / "stays"), clinic(tmp_path / "moves")
        moves.moves(target)
        expected, found = night(stays), night(moves)
        assert found == expected
        sent = found[0]
        assert sent["safety", "A-17", "sms", "emergency"] == 1, "what was queued before is delivered once"
        assert sum(count for what, count in sent.items() if what[0] == Category.NUDGE) == 1, "the timer fired"
        assert any(what[0] == Category.PAGE and what[1] == "dr-lee" for what in sent), "the ladder went on"
        for world in (stays, moves):
            world.record.close()

    def test_what_the_command_line_says_of_both(self, tmp_path: Path, target: str, monkeypatch, capsys) -> None:
        world = clinic(tmp_path / "a")
        old = world.where
        world.moves(target)
        said = capsys.readouterr().out
        assert said.count("  same\n") == 11
        assert "every table the same by digest" in said
        assert "Never start the old record again" in said
        night(world)
        world.record.close()
        monkeypatch.setenv("PHMS_STORE", target)
        for arguments, told in (
            (["audit", "verify"], "The audit trail is whole"),
            (["audit", "trail", "A-17", "--reason", "test"], "read chart"),
            (["doctor"], "ok   record"),
            (["people"], "A-17"),
            (["keys", "verify"], "nothing wrong"),
        ):
            code, said = main(arguments), capsys.readouterr().out
            assert told in said
            assert code == 0, said
        monkeypatch.setenv("PHMS_STORE", old)
        # The anchors kept outside tell the one that lived on from the one that was left.
        assert main(["audit", "verify"]) == 1
        assert "truncated: anchors up to" in capsys.readouterr().out
        assert main(["audit", "verify", "--anchors", os.devnull]) == 0, "in itself it is as it was"

    def test_the_same_digest_before_and_after(self, tmp_path: Path, target: str, monkeypatch, capsys) -> None:
        world = clinic(tmp_path / "a")
        world.record.close()
        assert main(["store", "migrate", "--from", world.where, "--to", target, "--json"]) == 0
        moved = json.loads(capsys.readouterr().out)
        assert moved["same"]
        assert all(table["same"] and table["from"] == table["to"] for table in moved["tables"])
        for place in (world.where, target):
            monkeypatch.setenv("PHMS_STORE", place)
            assert main(["store", "digest", "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["digest"] == moved["digest"]

    def test_twice_is_once(self, tmp_path: Path, target: str, capsys) -> None:
        world = clinic(tmp_path / "a")
        world.record.close()
        arguments = ["store", "migrate", "--from", world.where, "--to", target, "--json"]
        assert main(arguments) == 0
        first = capsys.readouterr().out
        assert main(arguments) == 0
        assert capsys.readouterr().out == first


class TestWhatIsRefused:
    @pytest.fixture
    def source(self, tmp_path: Path) -> str:
        world = clinic(tmp_path / "a")
        world.record.close()
        return world.where

    def refused(self, capsys, *arguments: str) -> str:
        assert main(["store", "migrate", *arguments]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        return said.err

    def test_places_that_cannot_be(self, source: str, tmp_path: Path, capsys) -> None:
        path = source.removeprefix("sqlite:")
        assert "the same place" in self.refused(capsys, "--from", source, "--to", f"{path}/../record.sqlite")
        assert "cannot be moved" in self.refused(capsys, "--from", "memory:", "--to", str(tmp_path / "x"))
        assert "nor anything moved there" in self.refused(capsys, "--from", source, "--to", "memory:")
        assert "no record can be kept" in self.refused(capsys, "--from", source, "--to", "redis://u:secret@h")
        nowhere = self.refused(capsys, "--from", str(tmp_path / "nowhere"), "--to", str(tmp_path / "x"))
        assert "there is no record" in nowhere
        assert not (tmp_path / "nowhere").exists()
        assert not (tmp_path / "x").exists()

    def test_a_server_that_does_not_answer(self, source: str, capsys) -> None:
        said = self.refused(capsys, "--from", source, "--to", "mongodb://u:secret@127.0.0.1:9/phms")
        assert "start it or check the address" in said
        assert "secret" not in said

    def test_a_record_that_somebody_is_at_work_on(self, source: str, tmp_path: Path, capsys) -> None:
        record, now = opened(source), SystemClock().now()
        assert record.claim_message(now, LEASE)
        record.close()
        target = str(tmp_path / "x")
        said = self.refused(capsys, "--from", source, "--to", target)
        assert "1 rows are at work there; stop every program" in said
        assert not Path(target).exists()
        assert main(["store", "migrate", "--from", source, "--to", target, "--force"]) == 0

    def test_another_record(self, source: str, tmp_path: Path, capsys) -> None:
        other = clinic(tmp_path / "other")
        before = other.record.digest()
        assert "holds the keys of another record" in self.refused(capsys, "--from", source, "--to", other.where)
        assert other.record.digest() == before
        other.record.close()

    def test_a_record_that_is_written_to_meanwhile(self, source: str, tmp_path: Path, monkeypatch, capsys) -> None:
        from data.record import moving

        def copies_and_somebody_writes(from_, to, _copy=moving._copy):
            yield from _copy(from_, to)
            record = opened(source)
            record.keep(message("sms:late", "A-17"))
            record.close()

        monkeypatch.setattr(moving, "_copy", copies_and_somebody_writes)
        target = str(tmp_path / "x")
        assert main(["store", "migrate", "--from", source, "--to", target]) == 1
        said = capsys.readouterr().out
        assert "inbox" in next(line for line in said.splitlines() if "DIFFERS" in line)
        assert "The copy is not the same and stays closed" in said
        with pytest.raises(BadFile, match="a move into it was cut off"):
            opened(target)


class TestKilled:
    def test_kill_9_in_the_middle_and_the_same_again(self, tmp_path: Path, capsys) -> None:
        world = clinic(tmp_path / "a")
        for number in range(1_500):
            world.record.keep(message(f"sms:{number}", None, address=f"+{number}"))
        world.record.close()
        target = tmp_path / "new.sqlite"
        arguments = ["store", "migrate", "--from", world.where, "--to", str(target)]
        killed = sum(self.kill_in_the_middle(arguments, target, pages) for pages in (1, 2, 3, 4))
        assert killed >= 2
        assert main(arguments) == 0
        assert "every table the same by digest" in capsys.readouterr().out

    @staticmethod
    def kill_in_the_middle(arguments: list[str], target: Path, pages: int) -> bool:
        """Kill it once it has put so many pages more; whether it was still at it."""
        run = [sys.executable, "-m", "bot.cli.main", *arguments]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(run, env=dict(os.environ), stdout=quiet, stderr=quiet)  # noqa: TID251
        places, until = set(), monotonic() + 30
        while process.poll() is None and len(places) < pages + 1 and monotonic() < until:
            places.add(place(target))
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def place(target: Path) -> str:
    """How far a move says it has got."""
    if not target.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"file:{target}?mode=ro", uri=True, timeout=1)) as file:
            return str(file.execute("SELECT place FROM move").fetchone()[0])
    except sqlite3.Error:
        return ""


class TestTheReleaseBefore:
    @pytest.fixture
    def old(self, tmp_path: Path) -> Path:
        path = tmp_path / "old.sqlite"
        with closing(sqlite3.connect(path)) as file:
            file.executescript(DUMP.read_text())
        return path

    def test_its_record_is_sealed_and_the_old_one_left(self, old: Path, target: str, monkeypatch, capsys) -> None:
        before = old.read_bytes()
        monkeypatch.setenv("PHMS_STORE", f"sqlite:{old}")
        assert main(["people"]) == 2
        assert "phms store migrate" in capsys.readouterr().err
        assert main(["store", "migrate", "--from", str(old), "--to", target]) == 0
        said = capsys.readouterr().out
        assert "its content is the same by digest" in said
        assert "The old file is not sealed" in said
        assert old.read_bytes() == before
        monkeypatch.setenv("PHMS_STORE", target)
        assert main(["people", "--json"]) == 0
        assert [p["id"] for p in json.loads(capsys.readouterr().out)] == ["A-17", "nia", "dr-lee", "mia"]
        assert main(["audit", "verify"]) == 0

    def test_its_house_goes_on(self, old: Path, tmp_path: Path, monkeypatch, capsys) -> None:
        target = f"sqlite:{tmp_path / 'new.sqlite'}"
        assert main(["store", "migrate", "--from", str(old), "--to", target]) == 0

        class There(World):
            def _open(self) -> Record:
                return opened(target)

        world = There("sqlite", tmp_path)
        world.clock.move_to(START + timedelta(days=9, minutes=20))
        world.work()
        sent = world.sent()
        assert sent["reply", "A-17", "sms", "reading-noted"] == 1
        assert any(what[0] == Category.SAFETY or what[0] == Category.REPLY for what in sent), "M4 is answered"
        world.record.close()


class TestTending:
    def test_old_vitals_are_thinned_out_and_removed(self, home: Path, monkeypatch, capsys) -> None:
        record, now = opened(f"sqlite:{home / 'record.sqlite'}"), SystemClock().now()
        assert isinstance(record, SqliteRecord)
        for number, days in enumerate((5, 20, 200)):
            age = (now - timedelta(days=days)).replace(minute=0)
            rows = tuple(reading((age - reading(0).effective_at) / timedelta(minutes=1) + n) for n in range(6))
            put(record, f"e{number}", Changes(observations=rows), now=age)
        record.close()
        monkeypatch.setenv("PHMS_VITALS_FULL_DAYS", "10")
        monkeypatch.setenv("PHMS_VITALS_KEEP_DAYS", "100")
        assert main(["store", "tend", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"thinned": 1, "removed": 1, "relieved": 2, "full_days": 10, "keep_days": 100}
        assert main(["store", "tend"]) == 0
        assert "hours thinned out (older than 10 days): 0" in capsys.readouterr().out

    def test_the_defaults_keep_all_of_a_quarter_and_ten_years(self) -> None:
        settings = read_settings({})
        assert (settings.vitals_full.days, settings.vitals_keep.days) == (90, 3650)

    @pytest.mark.parametrize(
        ("full", "keep", "told"),
        [
            ("8", "100", "PHMS_VITALS_FULL_DAYS '8' must be a whole number from 9"),
            ("many", "100", "PHMS_VITALS_FULL_DAYS 'many' must be"),
            ("90", "89", "PHMS_VITALS_KEEP_DAYS must not be less than PHMS_VITALS_FULL_DAYS"),
        ],
    )
    def test_settings_that_would_take_from_charts_are_refused(self, full: str, keep: str, told: str) -> None:
        with pytest.raises(BadFile, match=told):
            read_settings({"PHMS_VITALS_FULL_DAYS": full, "PHMS_VITALS_KEEP_DAYS": keep})

    def test_without_a_record_there_is_nothing_to_tend(self, home: Path, capsys) -> None:
        assert main(["store", "tend"]) == 2
        assert "there is no record yet" in capsys.readouterr().err
        assert not (home / "record.sqlite").exists()


class TestTheBar:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    def test_after_two_seconds_at_a_terminal(self, monkeypatch) -> None:
        screen, times = self.Screen(), iter([100.0, 101.0, 103.0, 103.1, 104.0])
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr(command.time, "monotonic", lambda: next(times))
        bar = command.Bar(200)
        for _ in range(4):
            bar.add(50)
        assert screen.getvalue().split("\r")[1:] == [
            f"  [{'#' * 15}{' ' * 15}]  50%  100 of 200 rows",
            f"  [{'#' * 30}] 100%  200 of 200 rows",
        ]
        bar.close()
        assert screen.getvalue().endswith("\r\x1b[K")

    def test_never_into_a_file(self, monkeypatch) -> None:
        screen, times = io.StringIO(), iter([0.0, 10.0])
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr(command.time, "monotonic", lambda: next(times))
        bar = command.Bar(1)
        bar.add(1)
        bar.close()
        assert screen.getvalue() == ""
