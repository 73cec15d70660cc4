"""One stored row that does not open silences nobody: others are answered and paged, and so is the person concerned."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.house import House
from bot.keys import root_keys
from bot.settings import read_settings
from data.clock import SimulatedClock
from data.model.people import ChannelKind, ContactPoint
from data.record.checkup import Checked, State, check_up
from data.record.open_record import open_record
from integrations.simulator_channel import SimulatedProvider
from tests.acceptance.crashing import KIT, PARSER, START, people
from tests.record import mongo_server
from tests.record.places import only_the_doctors
from tests.record.stores import Crash, CrashAt, Store

ANNA, NIA, LEE, MIA = people()
BEN = replace(
    ANNA, id="B-22", code="B-22", name="Ben", contacts=(ContactPoint(system=ChannelKind.SMS, value="+15550009"),)
)
HELP = "my chest hurts badly, i cant breathe"
ANNAS, BENS = "+15550001", "+15550009"
_COUNT = count(1)


class Clinic:
    """A house over a stored record that can be closed, edited from outside and opened again."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, SimulatedClock(START)
        self.carriers = (SimulatedProvider("A", ChannelKind.SMS), SimulatedProvider("telegram", ChannelKind.TELEGRAM))
        self.open()
        for person in (ANNA, BEN, NIA, LEE, MIA):
            self.house.enrol(person, event_id=f"enrol:{person.id}")

    def open(self) -> None:
        self.record = self.store.open()
        self.house = House(self.record, self.clock, self.carriers, KIT, PARSER)

    def hears(self, text: str, address: str) -> None:
        self.house.hear(ChannelKind.SMS, address, text, f"M{next(_COUNT)}")

    def says(self, text: str, address: str) -> None:
        self.hears(text, address)
        self.house.settle()

    def heard(self, person_id: str) -> list[str]:
        return [text for to, _, text in self.sent() if to == person_id]

    def sent(self) -> list[tuple[str, str, str]]:
        sent = [each.communication for carrier in self.carriers for each in carrier.accepted]
        return [(row.recipient, row.address, row.text) for row in sent]

    def answered_at(self, address: str) -> bool:
        return any(to == address and "Call 112" in text for _, to, text in self.sent())

    def pages(self) -> list[str]:
        return [text for text in self.heard("nia") + self.heard("dr-lee") if text.startswith("P1")]

    def later(self) -> None:
        self.clock.move_to(self.clock.now() + timedelta(minutes=2))
        self.house.settle()

    def name(self, subject: str) -> str:
        return self.record.sealing.name("person", subject)  # type: ignore[union-attr]

    def spoil(self, table: str, owner: str | None, *, bodies: bool = True) -> int:
        """Alter rows past the record (of one owner, or all of the table); how many. Without `bodies`, none."""
        self.record.close()
        alter = _flipped if bodies else bytes
        changed = self._spoil_mongo(table, owner, alter) if self.store.url else self._spoil_file(table, owner, alter)
        self.open()
        return changed

    def _spoil_file(self, table: str, owner: str | None, alter: Callable[[bytes], bytes]) -> int:
        column = {"person": "id", "inbox": "owner", "code": "recipient"}.get(table, "subject")
        where = f" AND {column} = ?" if owner else ""
        with closing(sqlite3.connect(self.store.folder / "record.db")) as file, file:
            file.create_function("changed", 1, alter)
            put = f"UPDATE {table} SET body = changed(body) WHERE body <> x''{where}"  # noqa: S608
            return file.execute(put, (owner,) if owner else ()).rowcount

    def _spoil_mongo(self, table: str, owner: str | None, alter: Callable[[bytes], bytes]) -> int:
        rows = mongo_server.raw(self.store.url)[table]
        wanted = {("o" if table == "inbox" else "s"): owner} if owner else {}
        found = [row for row in rows.find(wanted) if row["body"]]
        for row in found:
            rows.update_one({"_id": row["_id"]}, {"$set": {"body": alter(row["body"])}})
        return len(found)

    def doctor(self) -> dict[str, Checked]:
        return {each.what: each for each in check_up(self.record, self.clock)}


def _flipped(body: bytes) -> bytes:
    return body[:20] + bytes([body[20] ^ 1]) + body[21:]


@pytest.fixture(params=["sqlite", "mongo"])
def clinic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clinic]:
    store = Store(request.param, tmp_path)
    yield Clinic(store)
    only_the_doctors()
    store.close()


# Table, whose row (None: all of the table), and what goes before.
CASES = {
    "a message": ("inbox", "A-17"),
    "a message to send": ("outbox", None),
    "a timer": ("due", None),
    "a colleague": ("person", "nia"),
    "a colleague's chart": ("chart", "nia"),
    "another patient": ("person", "A-17"),
    "another's chart": ("chart", "A-17"),
    "the person": ("person", "B-22"),
    "their chart": ("chart", "B-22"),
    "their vitals": ("vitals", "B-22"),
    "their code": ("code", None),
}


def prepared(clinic: Clinic, table: str) -> None:
    clinic.says("bp 120/80", BENS)
    if table in ("due", "code"):
        clinic.says("my chest hurts", ANNAS)
    if table in ("inbox", "outbox"):
        clinic.hears("hi", ANNAS)
    if table == "outbox":
        assert clinic.house.work_message()


@pytest.mark.parametrize("bodies", [False, True], ids=["control", "spoilt"])
@pytest.mark.parametrize("case", CASES)
def test_a_spoilt_row_silences_nobody(
    clinic: Clinic, case: str, bodies: bool, caplog: pytest.LogCaptureFixture
) -> None:
    table, whose = CASES[case]
    prepared(clinic, table)
    before = len(clinic.pages())
    with caplog.at_level(logging.ERROR):
        assert clinic.spoil(table, clinic.name(whose) if whose else None, bodies=bodies)
        clinic.says(HELP, BENS)
    assert clinic.answered_at(BENS)
    assert len(clinic.pages()) > before
    pages = len(clinic.pages())
    clinic.later()
    assert len(clinic.pages()) > pages, "pages go on"
    told = any("does not open" in record.message for record in caplog.records)
    # Rows of others may not have been met yet.
    assert told == bodies or (bodies and case.startswith(("another", "a colleague's", "their code")))
    assert "Ben" not in caplog.text
    assert "chest" not in caplog.text


@pytest.mark.parametrize("case", CASES)
def test_the_doctor_names_a_row_that_does_not_open(clinic: Clinic, case: str) -> None:
    table, whose = CASES[case]
    prepared(clinic, table)
    what = "vitals" if table == "vitals" else "rows"
    assert clinic.doctor()[what].state is State.OK
    assert clinic.spoil(table, clinic.name(whose) if whose else None)
    told = clinic.doctor()[what]
    assert told.state is State.FAIL
    assert f"{table} " in told.found


def test_who_wrote_what_cannot_be_read_is_asked_again_and_the_clinic_is_told_once(clinic: Clinic) -> None:
    clinic.hears(HELP, ANNAS)
    clinic.spoil("inbox", clinic.name("A-17"))
    clinic.house.settle()
    assert any("112" in text for text in clinic.heard("A-17"))
    assert any("A-17" in text and "cannot be read" in text for text in clinic.heard("mia"))
    for _ in range(3):
        clinic.later()
    assert sum("A-17 was kept and cannot be read" in text for text in clinic.heard("mia")) == 1
    assert clinic.record.claim_message(clinic.clock.now() + timedelta(minutes=1), timedelta(seconds=30)) is None
    clinic.says(HELP, ANNAS)
    assert clinic.answered_at(ANNAS)
    assert clinic.pages()


def test_a_queued_message_and_a_timer_that_do_not_open_are_made_anew_from_the_chart(clinic: Clinic) -> None:
    clinic.hears(HELP, ANNAS)
    assert clinic.house.work_message()
    clinic.spoil("outbox", None)
    clinic.house.settle()
    assert clinic.answered_at(ANNAS)
    assert clinic.pages()


@pytest.mark.parametrize("tables", [("chart", "journal"), ("person", "chart", "journal")])
def test_somebody_of_whom_nothing_opens_is_answered_and_the_team_is_paged(
    clinic: Clinic, tables: tuple[str, ...]
) -> None:
    for table in tables:
        assert clinic.spoil(table, clinic.name("B-22"))
    clinic.says("hello", BENS)
    assert any(to == BENS and "112" in text for _, to, text in clinic.sent())
    assert not clinic.pages()
    clinic.says("my chest hurts badly", BENS)
    assert clinic.answered_at(BENS)
    (page,) = [text for text in clinic.heard("nia") if text.startswith("P1")]
    assert "Ben" not in page
    assert any("cannot be read" in text for text in clinic.heard("mia"))
    code = page.split("Reply ")[1][:3]
    clinic.house.hear(ChannelKind.SMS, NIA.contacts[0].value, f"{code} OK", f"M{next(_COUNT)}")
    clinic.house.settle()
    pages = len(clinic.pages())
    clinic.later()
    assert len(clinic.pages()) == pages, "taken by the code on the page"


@pytest.mark.parametrize("whose", ["B-22", "nia"])
def test_a_table_of_keys_that_was_restored_too_old_is_told_and_silences_nobody(
    clinic: Clinic, whose: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert clinic.doctor()["persons' keys"].state is State.OK
    assert clinic.record.unkeyed() == ()
    owner = clinic.name(whose)
    clinic.record.close()
    _lose_keys(clinic.store, owner)
    with caplog.at_level(logging.ERROR):
        clinic.open()
    assert "1 persons have no key" in caplog.text
    assert clinic.record.unkeyed() == (owner,)
    assert clinic.doctor()["persons' keys"].state is State.FAIL
    for address in (ANNAS, BENS):
        clinic.says(HELP, address)
        assert clinic.answered_at(address)
    assert len(clinic.pages()) >= 2


def _lose_keys(store: Store, owner: str) -> None:
    if store.url:
        mongo_server.raw_keys(store.url)["key"].delete_many({"s": owner})
        return
    with closing(sqlite3.connect(store.folder / "record.db.keys")) as file, file:
        assert file.execute("DELETE FROM key WHERE owner = ?", (owner,)).rowcount == 1


def test_a_table_of_keys_of_yesterday_in_the_place_of_todays(tmp_path: Path) -> None:
    clinic = Clinic(store := Store("sqlite", tmp_path))
    clinic.record.close()
    shutil.copy(tmp_path / "record.db.keys", tmp_path / "yesterday")
    clinic.open()
    new = replace(BEN, id="C-33", code="C-33", contacts=(ContactPoint(system=ChannelKind.SMS, value="+15550033"),))
    clinic.house.enrol(new, event_id="enrol:C-33")
    clinic.record.close()
    for file in tmp_path.glob("record.db.keys*"):
        file.unlink()
    shutil.copy(tmp_path / "yesterday", tmp_path / "record.db.keys")
    clinic.open()
    clinic.says(HELP, "+15550033")
    assert clinic.answered_at("+15550033")
    assert clinic.pages()
    store.close()


def test_the_same_log_line_is_not_written_again_and_again(clinic: Clinic, caplog: pytest.LogCaptureFixture) -> None:
    clinic.says("hello", ANNAS)
    clinic.spoil("person", clinic.name("nia"))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            clinic.record.staff()
    assert sum("does not open" in record.message for record in caplog.records) == 1


def test_verify_and_doctor_say_how_many_have_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHMS_HOME", str(tmp_path))
    for name in ("PHMS_STORE", "PHMS_MASTER_KEY", "PHMS_MASTER_KEY_FILE", "PHMS_KEY_VAULT"):
        monkeypatch.delenv(name, raising=False)
    settings = read_settings()
    with closing(open_record(settings.store_url, root_keys(settings, make=True))) as record:
        house = House(record, SimulatedClock(START), (), KIT, PARSER)
        for person in (ANNA, BEN):
            house.enrol(person, event_id=f"enrol:{person.id}")
        owner = record.sealing.name("person", "B-22")  # type: ignore[attr-defined]
    assert main(["keys", "verify"]) == 0
    assert settings.store_path is not None
    with closing(sqlite3.connect(f"{settings.store_path}.keys")) as file, file:
        file.execute("DELETE FROM key WHERE owner = ?", (owner,))
    capsys.readouterr()
    assert main(["keys", "verify"]) == 1
    assert "1 persons have no key" in capsys.readouterr().out
    assert main(["doctor"]) == 1
    assert "FAIL persons' keys: missing for 1 persons" in capsys.readouterr().out


def test_killed_at_any_write_of_such_an_answer_it_is_given_all_the_same(tmp_path: Path) -> None:
    """Neither the writer's chart nor their journal opens, and the process dies at every write in turn."""
    count_of = CrashAt(None)
    # One safety text, and a page for each of the two things that are told.
    assert _answered_after_a_crash(tmp_path / "whole", count_of) == (1, 2)
    writes = len(count_of.names)
    assert writes > 10
    for nth in range(writes):
        answers, pages = _answered_after_a_crash(tmp_path / str(nth), CrashAt(nth))
        # A sender that died may have sent or not: what must arrive goes again rather than not at all.
        assert 1 <= answers <= 2, f"write {nth} ({count_of.names[nth]})"
        assert 2 <= pages <= 3, f"write {nth} ({count_of.names[nth]})"


def _answered_after_a_crash(folder: Path, probe: CrashAt) -> tuple[int, int]:
    folder.mkdir()
    clinic = Clinic(Store("sqlite", folder))
    clinic.says("bp 120/80", BENS)
    for table in ("chart", "journal"):
        assert clinic.spoil(table, clinic.name("B-22"))
    clinic.record.close()
    clinic.record = clinic.store.open(probe)
    clinic.house = House(clinic.record, clinic.clock, clinic.carriers, KIT, PARSER)
    try:
        clinic.house.hear(ChannelKind.SMS, BENS, HELP, "once")
        clinic.house.settle()
    except Crash:
        clinic.record.close()
        clinic.open()
        # The door was not answered, so the provider sends it again; then leases lapse.
        clinic.house.hear(ChannelKind.SMS, BENS, HELP, "once")
        clinic.clock.move_to(clinic.clock.now() + timedelta(seconds=40))
        clinic.house.settle()
    answers = sum(to == BENS and "Call 112" in text for _, to, text in clinic.sent())
    pages = len(clinic.pages())
    clinic.store.close()
    return answers, pages
