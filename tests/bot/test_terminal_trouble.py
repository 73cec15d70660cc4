"""The terminal while the record does not answer: words are screened, held, and kept as soon as that is possible."""

import io
import sqlite3
from pathlib import Path

import pytest

from bot.cli.chat import converse
from bot.house import House
from bot.terminal import Terminal
from data.clock import SimulatedClock
from data.errors import BadFile, Unavailable
from data.model.people import ChannelKind
from data.record.sqlite import SqliteRecord
from integrations.console_channel import ConsoleChannel
from tests.acceptance.crashing import KIT, PARSER, START, people
from tests.record.keys import FixedKeys


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def terminal(tmp_path: Path, seen: list[str]):
    record = SqliteRecord(tmp_path / "record.sqlite", FixedKeys())
    built = Terminal("Europe/Tallinn", seen.append)
    carriers = tuple(ConsoleChannel(kind, built.heard) for kind in ChannelKind)
    house = House(record, SimulatedClock(START), carriers, KIT, PARSER)
    for person in people():
        house.enrol(person, event_id=f"enrol:{person.id}")
    built.enter(house, "anna")
    yield built
    record.close()


def test_an_emergency_while_another_process_locks_the_record(terminal, seen, tmp_path, monkeypatch):
    terminal.house.record._connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "record.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert terminal.line("my chest hurts\n")
    assert not terminal.tick()
    shown = "".join(seen)
    assert "NOT kept yet" in shown
    assert "Call 112 now" in shown
    assert "care team at once" not in shown
    assert terminal.unkept == 1
    terminal.line("hello\n")
    assert terminal.unkept == 2
    other.execute("ROLLBACK")
    other.close()
    seen.clear()
    assert terminal.tick()
    shown = "".join(seen)
    assert "is kept now" in shown
    assert "Anna hears (sms): This may be an emergency" in shown
    assert "Nia hears (sms): P1 A-17" in shown
    assert terminal.unkept == 0
    assert [m.text for m in terminal.house.record.messages("A-17")] == ["my chest hurts", "hello"]
    assert not terminal.tick()


@pytest.mark.parametrize("problem", [Unavailable("gone"), BadFile("spoilt")])
def test_kept_but_not_answered_is_said_and_mended(terminal, seen, monkeypatch, problem):
    def raises(*args):
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr(terminal.house, "work_message", raises)
        terminal.line("my chest hurts\n")
    assert "This is kept" in "".join(seen)
    assert "Call 112 now" in "".join(seen)
    assert terminal.unkept == 0
    assert terminal.tick()
    assert "Nia hears (sms): P1 A-17" in "".join(seen)


def test_without_an_emergency_no_alarm_is_shown(terminal, seen, monkeypatch):
    monkeypatch.setattr(terminal.house, "hear", lambda *args: (_ for _ in ()).throw(Unavailable("gone")))
    terminal.line("hello\n")
    assert "NOT kept yet" in "".join(seen)
    assert "112" not in "".join(seen)


def test_who_leaves_with_words_that_were_not_kept_is_told(terminal, monkeypatch):
    monkeypatch.setattr(terminal.house, "hear", lambda *args: (_ for _ in ()).throw(Unavailable("gone")))
    with pytest.raises(Unavailable, match="1 of your messages could not be kept"):
        converse(terminal, io.StringIO("my chest hurts\n:quit\n"))


def test_a_line_that_steers_survives_too(terminal, seen, monkeypatch):
    monkeypatch.setattr(terminal.house.record, "people", lambda: (_ for _ in ()).throw(Unavailable("gone")))
    assert terminal.line(":who\n")
    assert "does not answer" in "".join(seen)
