"""A record in MongoDB whose writers die, stand still or are cut off, at any single write."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from data.errors import Conflict, NotFound
from data.model.chart import Changes
from data.model.communication import SendState
from data.ports import Record
from data.record.chain import ERASE
from data.record.memory import MemoryRecord
from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from tests.record import mongo_server
from tests.record.examples import LEASE, MINUTE, NOW, due, message, person, put, reading, sms
from tests.record.keys import FixedKeys
from tests.record.mongo_steps import ERASED, LOOK, put_erasure
from tests.record.stores import Crash, CrashAt
from tests.record.test_crash import EVERYTHING, prepare

DAY = timedelta(days=1)


class TestCrashes:
    def test_every_kind_of_write_of_a_commit_is_among_them_and_it_comes_to_what_memory_has(self, url: str) -> None:
        probe = CrashAt(None)
        record, memory = MongoRecord(url, FixedKeys(), probe), MemoryRecord()
        for each in (record, memory):
            prepare(each)
            put(each, "event", EVERYTHING)
        assert {"journal", "vitals", "outbox", "due", "person", "chart", "answer"} <= set(probe.names)
        assert record.digest() == memory.digest()
        record.close()

    def test_what_was_left_half_written_is_found_from_the_charts_alone(self, url: str) -> None:
        for name in ("anna", "nia", "mia"):
            record = MongoRecord(url, FixedKeys(), _after("journal"))
            with pytest.raises(Crash):
                put(record, "e1", Changes(dues=(due("d", name),)), name)
            record.close()
        record = MongoRecord(url, FixedKeys())
        assert record.claim_due(NOW, LEASE) is None
        assert record.recover() == 3
        assert record.recover() == 0
        assert record.claim_due(NOW, LEASE)
        record.close()

    def test_a_row_claimed_before_the_chart_caught_up_keeps_its_lease(self, url: str) -> None:
        record = MongoRecord(url, FixedKeys(), _before("chart", 2))
        what = Changes(communications=(sms("c"),))
        with pytest.raises(Crash):
            put(record, "e1", what)
        assert record.claim_outbox(NOW, LEASE)
        assert not put(record, "e1", what)
        assert record.claim_outbox(NOW, LEASE) is None
        record.close()

    def test_the_retry_alone_brings_the_work_about(self, url: str) -> None:
        record = MongoRecord(url, FixedKeys(), _after("journal"))
        chart, changes = record.chart("anna"), Changes(communications=(sms("c"),))
        with pytest.raises(Crash):
            record.commit(chart, "e1", "test", "tester", changes, NOW)
        assert not record.commit(chart, "e1", "test", "tester", changes, NOW)
        assert record.claim_outbox(NOW, LEASE)
        record.close()


class TestALateProcess:
    """It read a chart, stood still while others went on, and now writes what it meant to."""

    def test_cannot_bring_back_a_timer_that_was_done(self, url: str, mongo: MongoRecord) -> None:
        put(mongo, "e1", Changes(dues=(due("d"),), communications=(sms("c"),)))
        old = {name: mongo_server.raw(url)[name].find_one() for name in ("due", "outbox")}
        put(mongo, "e2", Changes(dues=(due("d", done=True),), communications=(sms("c", state=SendState.DELIVERED),)))
        for name, row in old.items():
            mongo_server.raw(url)[name].insert_one(row)
        assert mongo.claim_due(NOW, LEASE) is None
        assert mongo.claim_outbox(NOW, LEASE) is None
        assert [mongo_server.raw(url)[name].count_documents({}) for name in old] == [0, 0], "and it is cleared away"

    def test_cannot_fill_an_hour_again_that_a_correction_emptied(self, url: str, mongo: MongoRecord) -> None:
        put(mongo, "e1", Changes(observations=(reading(),)))
        late = MongoRecord(url, FixedKeys())
        name = late.sealing.name("person", "anna")
        moves = late._vitals.moves(name, (reading(value=50.0),), (reading(),), 2)
        put(mongo, "e2", Changes(observations=(reading(value=50.0),)))
        moved = replace(reading(), effective_at=NOW - timedelta(hours=3))
        put(mongo, "e3", Changes(observations=(moved,)))
        late._vitals.write(name, moves, 2)
        for each in (mongo, late):
            assert each.chart("anna").observations == (moved,)
            assert each.observations("anna", moved.code, NOW - DAY, NOW + DAY) == (moved,)
            assert [hour.n for hour in each.hours("anna", moved.code, NOW - DAY, NOW + DAY)] == [1]
        late.close()

    @pytest.mark.parametrize("last", ["undo", "erase"])
    def test_another_may_go_ahead_at_any_of_its_writes(self, last: str, tmp_path: Path) -> None:
        """Whatever the first was about to write when the second began and ended: it comes to the same."""
        expected, nth, going = {_one_after_the_other(last, order, tmp_path) for order in ("ab", "ba")}, 0, True
        while going:
            url = mongo_server.fresh_url()
            setup = MongoRecord(url, FixedKeys())
            prepare(setup)
            other = MongoRecord(url, FixedKeys())
            meanwhile = _At(nth, partial(_last, other, last))
            first = MongoRecord(url, FixedKeys(), meanwhile)
            try:
                put(first, "event", EVERYTHING, now=NOW + MINUTE)
            except Conflict:
                put(first, "event", EVERYTHING, now=NOW + MINUTE)
            except NotFound:
                assert last == "erase"
            going = meanwhile.reached
            if not going:
                _last(other, last)
            assert other.recover() == 0
            assert {first.digest(), other.digest()} <= expected, nth
            for record in (setup, other, first):
                record.close()
            mongo_server.drop(url)
            nth += 1
        assert nth > 8

    def test_cannot_bring_back_somebody_who_was_erased(self, url: str, mongo: MongoRecord) -> None:
        put(mongo, "e1", Changes(person=person("anna", "+1"), dues=(due("d"),)))
        rows = {name: mongo_server.raw(url)[name].find_one() for name in ("due",)}
        late = MongoRecord(url, FixedKeys())
        assert late.chart("anna").revision == 1
        put_erasure(mongo)
        mongo_server.raw(url)["due"].insert_one(rows["due"])
        with pytest.raises((NotFound, Conflict)):
            late.commit(replace(late.chart("anna"), erased=False, revision=1), "e2", "test", "t", Changes(), NOW)
        assert late.people() == ()
        assert late.claim_due(NOW, LEASE) is None
        mongo_server.raw(url)["due"].insert_one(rows["due"])
        mongo.recover()
        assert mongo_server.raw(url)["due"].count_documents({}) == 0
        late.close()


class TestErasing:
    def test_nothing_that_opens_is_left_and_it_comes_to_what_sqlite_has(
        self, url: str, mongo: MongoRecord, tmp_path: Path
    ) -> None:
        sqlite = SqliteRecord(tmp_path / "record.db", FixedKeys())
        for each in (mongo, sqlite):
            prepare(each)
            put(each, "event", EVERYTHING)
            each.keep(message("sms:2", None, address="+2"))
            each.note_access(LOOK)
            assert put_erasure(each)
            assert not put_erasure(each), "the same call again"
            assert each.chart("anna").erased
            assert (list(each.messages("anna")), list(each.journal("anna")), list(each.accesses("anna"))) == (
                [],
                [],
                [],
            )
            assert [p.id for p in each.people()] == ["nia"]
            assert not each.keep(message("sms:2", None, address="+2")), "its id is known for ever"
            with pytest.raises(NotFound):
                each.note_access(LOOK)
            with pytest.raises(NotFound):
                put(each, "e9", Changes())
        assert mongo.digest() == sqlite.digest()
        sqlite.close()
        rows = mongo_server.contents(url)
        name = mongo.sealing.name("person", "anna")
        assert {len(row["body"]) for row in rows[f"{mongo._store.database.name}.access"]} == {0}
        kept = [row for key, found in rows.items() for row in found if row.get("s") == name and row.get("body")]
        assert [row["kind"] for row in kept] == [ERASE], "the entry that says so, which nobody can open"
        assert [row.generation for row in mongo.keys.keys_of(name)] == [0]

    @pytest.mark.parametrize("healing", ["recover", "again", "read"])
    def test_cut_off_at_any_write_it_is_finished_by_whoever_comes(self, healing: str) -> None:
        nth, crashed = 0, True
        while crashed:
            url = mongo_server.fresh_url()
            record = MongoRecord(url, FixedKeys())
            prepare(record)
            put(record, "event", EVERYTHING)
            record.close()
            record, chart = MongoRecord(url, FixedKeys(), CrashAt(nth)), None
            try:
                chart = record.chart("anna")
                record.commit(chart, "erase", ERASE, "anna", ERASED, NOW)
                crashed = False
            except Crash:
                pass
            record.close()
            record = MongoRecord(url, FixedKeys())
            written = record.committed("anna", "erase")
            if healing == "recover":
                record.recover()
            elif healing == "again" and chart is not None:
                assert record.commit(chart, "erase", ERASE, "anna", ERASED, NOW) is not written
            if written or healing == "again":
                assert record.chart("anna").erased
                name = record.sealing.name("person", "anna")
                assert [row.generation for row in record.keys.keys_of(name)] == [0]
                assert all(row.get("s") != name for row in mongo_server.raw(url)["vitals"].find())
            record.close()
            mongo_server.drop(url)
            nth += 1
        assert nth > 12

    def test_messages_of_a_shared_address_stay(self, mongo: MongoRecord) -> None:
        put(mongo, "e1", Changes(person=person("anna", "+1", "+2")))
        put(mongo, "e1", Changes(person=person("nia", "+2")), "nia")
        for address in ("+1", "+2"):
            mongo.keep(message(f"sms:{address}", None, address=address))
        put_erasure(mongo)
        claimed = mongo.claim_message(NOW, LEASE)
        assert claimed is not None
        assert claimed[0].address == "+2"
        assert mongo.claim_message(NOW, LEASE) is None
        assert mongo.keep(message("sms:9", None, address="+1")), "whoever writes from there again is heard"
        again = mongo.claim_message(NOW, LEASE)
        assert again is not None
        assert again[0].id == "sms:9"


class _At:
    """A probe that has something else done before the nth write."""

    def __init__(self, nth: int, then: Callable[[], None]) -> None:
        self._left, self._then = nth, then
        self.reached = False

    def __call__(self, name: str) -> None:
        self._left -= 1
        if self._left == -1:
            self.reached = True
            self._then()


def _last(record: Record, what: str) -> None:
    """What the second does: takes back much of what the first does, or erases the person."""
    undo = Changes(
        person=person("anna", "+4"),
        observations=(replace(reading(1), effective_at=NOW - timedelta(hours=2)), reading(2, 60.0, "heart-rate")),
        dues=(due("new", done=True), due("moves", minutes=7), due("fires")),
        communications=(sms("new", state=SendState.DELIVERED), sms("settles"), sms("again", state=SendState.UNKNOWN)),
    )
    for _ in range(3):
        try:
            put_erasure(record) if what == "erase" else put(record, "last", undo, now=NOW + MINUTE)
            return
        except Conflict:
            continue
    raise AssertionError("always a conflict")


def _one_after_the_other(what: str, order: str, folder: Path) -> str:
    record = SqliteRecord(folder / f"{what}-{order}.db", FixedKeys())
    prepare(record)
    for step in order:
        if step == "b":
            _last(record, what)
        elif not record.chart("anna").erased:
            put(record, "event", EVERYTHING, now=NOW + MINUTE)
    digest = record.digest()
    record.close()
    return digest


def _before(name: str, nth: int = 1) -> Callable[[str], None]:
    """A probe that crashes before the nth write of that name."""
    count = 0

    def probe(found: str) -> None:
        nonlocal count
        count += found == name
        if found == name and count == nth:
            raise Crash(name)

    return probe


def _after(name: str) -> Callable[[str], None]:
    """A probe that crashes at the write after the first of that name, once."""
    seen: list[str] = []

    def probe(found: str) -> None:
        seen.append(found)
        if len(seen) > 1 and seen[-2] == name and seen.count(name) == 1:
            raise Crash(name)

    return probe
