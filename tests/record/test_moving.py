"""Moving a record between stores: unchanged, whatever cuts it off, and never onto something else."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import BadFile, NotFound
from data.model.chart import Changes
from data.model.communication import SendState
from data.record import moving, sqlite_moving
from data.record.anchoring import anchor
from data.record.coding import micros
from data.record.mongo import MongoRecord
from data.record.mongo_moving import MongoMovable, MongoTarget, is_made
from data.record.moving import TABLES, Compared, Movable, Target, compare, digest, move, whole_digest, work
from data.record.open_moving import movable
from data.record.sqlite import SqliteRecord
from data.record.sqlite_moving import SqliteMovable, SqliteTarget
from data.record.verify import verify
from tests.record import mongo_server
from tests.record.examples import LEASE, MINUTE, NOW, due, message, person, put, reading, sms
from tests.record.filled import LATER, Sealed, fill
from tests.record.keys import FixedKeys
from tests.record.stores import Crash, CrashAt

WAYS = [(a, b) for a in ("sqlite", "mongo") for b in ("sqlite", "mongo")]


class Places:
    """Records by name, each in a place of its own. Closes and removes what it made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._urls: dict[str, str] = {}
        self._open: list[Sealed | Target] = []

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def url(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = mongo_server.fresh_url()
        return self._urls[name]

    def record(self, kind: str, name: str) -> Sealed:
        made = (
            SqliteRecord(self.path(name), FixedKeys()) if kind == "sqlite" else MongoRecord(self.url(name), FixedKeys())
        )
        self._open.append(made)
        return made

    def target(self, kind: str, name: str, source: Movable, probe: Callable[[str], None] = lambda n: None) -> Target:
        made: Target = (
            SqliteTarget(self.path(name), probe)
            if kind == "sqlite"
            else MongoTarget(self.url(name), source.sealing, probe)
        )
        self._open.append(made)
        return made

    def move(self, source: Sealed, kind: str, name: str) -> tuple[Compared, ...]:
        target = self.target(kind, name, movable(source))
        try:
            return move(movable(source), target, LATER)
        finally:
            target.close()

    def close(self) -> None:
        for each in self._open:
            each.close()
        for url in self._urls.values():
            mongo_server.drop(url)
        if self._urls:
            assert mongo_server.WATCH.take() == []


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    made = Places(tmp_path)
    yield made
    made.close()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two rows, so that every table has several."""
    monkeypatch.setattr(moving, "_ROWS", 2)
    monkeypatch.setattr(sqlite_moving, "_PAGE", 3)


def same(compared: tuple[Compared, ...]) -> bool:
    return all(pair.same for pair in compared)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(("kind", "other"), WAYS)
class TestEveryWay:
    @pytest.fixture
    def source(self, places: Places, kind: str) -> Sealed:
        record = places.record(kind, "source")
        fill(record)
        return record

    def test_every_table_arrives_and_opens(self, places: Places, source: Sealed, other: str) -> None:
        compared = places.move(source, other, "target")
        assert same(compared)
        empty = [pair.source.table for pair in compared if not pair.source.rows]
        assert empty == [], "every table has rows in this record"
        target = places.record(other, "target")
        assert target.digest() == source.digest()
        assert [p.id for p in target.people()] == [p.id for p in source.people()] == ["anna", "clara", "dora"]
        for who in ("anna", "clara", "dora", "ben", "nobody"):
            assert target.chart(who) == source.chart(who)
            assert list(target.accesses(who)) == list(source.accesses(who))
        assert list(target.journal()) == list(source.journal())
        assert target.codes_of("clara", NOW) == source.codes_of("clara", NOW)
        hours = [r.hours("dora", "oxygen-saturation", NOW - timedelta(days=40), NOW) for r in (source, target)]
        assert hours[0] == hours[1]
        assert hours[0][0].n == 6, "what was thinned out is remembered"

    def test_the_audit_trail_is_whole_before_and_after_it_goes_on(
        self, places: Places, source: Sealed, other: str
    ) -> None:
        places.move(source, other, "target")
        target = places.record(other, "target")
        lines = [moved.number for moved in target.anchors()]
        assert lines == [kept.number for kept in source.anchors()]
        assert verify(target, now=LATER).sound
        put(target, "goes-on", Changes(notes=("there",)), now=LATER)
        put(target, "goes-on", Changes(person=person("emil", "+7")), "emil", LATER)
        assert anchor(target, LATER)
        assert anchor(target, LATER) is None
        verdict = verify(target, now=LATER)
        assert (verdict.faults, verdict.loose) == ((), 0)

    def test_work_goes_on_where_it_was(self, places: Places, source: Sealed, other: str) -> None:
        places.move(source, other, "target")
        target = places.record(other, "target")
        sent = [target.claim_outbox(LATER, LEASE) for _ in range(4)]
        assert [(row[0].id, row[1].attempt) for row in sent if row] == [("first", 2), ("second", 1), ("third", 1)]
        assert target.claim_due(LATER, LEASE)[0].id == "d"
        heard = [target.claim_message(LATER, LEASE) for _ in range(4)]
        assert [row[0].id for row in heard if row] == ["sms:m3", "sms:m4", "sms:m5"]
        later = target.claim_outbox(LATER + LEASE, LEASE)
        assert later[1].token > sent[0][1].token

    def test_what_is_gone_stays_gone_and_known(self, places: Places, source: Sealed, other: str) -> None:
        places.move(source, other, "target")
        target = places.record(other, "target")
        assert target.chart("ben").erased
        with pytest.raises(NotFound):
            put(target, "late", Changes(notes=("too late",)), "ben")
        for name in ("m1", "m2", "m3"):
            assert not target.keep(message(f"sms:{name}", address="+9")), "it was kept before, and is known"
        assert target.committed("ben", "erase-ben")
        # Their old queue is emptied as far as they had it alone.
        assert [m.id for m in target.messages("anna")] == [m.id for m in source.messages("anna")]
        put_person_again = target.holders(person("x", "+3").contacts[0].system, "+3")
        assert put_person_again == ()

    def test_the_next_erasure_finds_everything(self, places: Places, source: Sealed, other: str) -> None:
        from tests.record.mongo_steps import put_erasure

        source.keep(message("sms:alone", None, address="+2"))
        places.move(source, other, "target")
        for record in (source, places.record(other, "target")):
            put_erasure(record, "anna", "erase-anna")
            stranger = message("x", None, address="+2").order
            assert list(record.messages(stranger)) == [], "what came from a number that only anna had"
            assert list(record.messages("anna")) == []
            assert verify(record, now=LATER).sound

    def test_old_samples_leave_later_as_they_would_have(self, places: Places, source: Sealed, other: str) -> None:
        places.move(source, other, "target")
        target = places.record(other, "target")
        limits = (NOW + timedelta(days=30), timedelta(days=20), timedelta(days=80))
        assert target.tend(*limits) == source.tend(*limits)
        assert target.digest() == source.digest()

    def test_there_and_back_it_is_the_same(self, places: Places, source: Sealed, kind: str, other: str) -> None:
        there = {pair.source.table: pair.source for pair in places.move(source, other, "target")}
        back = {pair.target.table: pair.target for pair in places.move(places.record(other, "target"), kind, "back")}
        # A store of the other kind cannot go on from our mark, so it states once again how far each stream has got.
        assert back.pop("anchor").rows - there.pop("anchor").rows == (kind != other)
        assert back == there
        assert places.record(kind, "back").digest() == source.digest()

    def test_it_may_be_cut_off_at_every_write(self, places: Places, source: Sealed, other: str) -> None:
        counted = CrashAt(None)
        target = places.target(other, "whole", movable(source), counted)
        whole = move(movable(source), target, LATER)
        target.close()
        writes = len(counted.names)
        assert writes > 2 * len(TABLES)
        # One of four for the slower way: every kind of write is among them.
        for nth in range(0, writes, 1 if other == "sqlite" else 5):
            name = f"cut-{nth}"
            self.cut_off(places, source, other, name, nth)
            assert places.move(source, other, name) == whole, counted.names[nth]
            assert places.record(other, name).digest() == source.digest()

    @staticmethod
    def cut_off(places: Places, source: Sealed, other: str, name: str, nth: int) -> None:
        target = places.target(other, name, movable(source), CrashAt(nth))
        with pytest.raises(Crash):
            move(movable(source), target, LATER)
        target.close()

    def test_half_a_copy_opens_for_nobody(self, places: Places, source: Sealed, other: str) -> None:
        self.cut_off(places, source, other, "target", 20)
        with pytest.raises(BadFile, match="a move into it was cut off; run the same move again"):
            places.record(other, "target")
        assert same(places.move(source, other, "target"))
        places.record(other, "target")

    def test_what_is_written_meanwhile_is_found_and_the_copy_stays_closed(
        self, places: Places, source: Sealed, other: str
    ) -> None:
        self.cut_off(places, source, other, "target", 40)
        put(source, "meanwhile", Changes(notes=("late",)), "anna", LATER)
        source.keep(message("sms:early", "anna"))
        compared = places.move(source, other, "target")
        assert not same(compared)
        with pytest.raises(BadFile, match="a move into it was cut off"):
            places.record(other, "target")

    def test_a_whole_copy_is_told_as_one(self, places: Places, source: Sealed, other: str) -> None:
        first = places.move(source, other, "target")
        assert places.move(source, other, "target") == first
        target = places.record(other, "target")
        put(target, "lived on", Changes(notes=("there",)), now=LATER)
        before = target.digest()
        with pytest.raises(BadFile, match="holds a record already"):
            places.move(source, other, "target")
        assert target.digest() == before

    def test_another_record_is_never_written_over(self, places: Places, source: Sealed, other: str) -> None:
        mine = places.record(other, "target")
        put(mine, "mine", Changes(person=person("zoe")), "zoe")
        before = mine.dump()
        with pytest.raises(BadFile, match="of another record"):
            places.move(source, other, "target")
        assert mine.dump() == before

    def test_nor_half_a_copy_of_another(self, places: Places, source: Sealed, kind: str, other: str) -> None:
        stranger = places.record(kind, "stranger")
        put(stranger, "mine", Changes(person=person("zoe")), "zoe")
        self.cut_off(places, stranger, other, "target", 12)
        with pytest.raises(BadFile, match="another record"):
            places.move(source, other, "target")
        assert same(places.move(stranger, other, "target"))

    def test_progress_adds_up(self, places: Places, source: Sealed, other: str) -> None:
        told: list[int] = []
        target = places.target(other, "target", movable(source))
        movable(source).settle(LATER)
        move(movable(source), target, LATER, told.append)
        assert sum(told) == work(movable(source))

    def test_leases_that_run_are_counted(self, places: Places, source: Sealed, other: str) -> None:
        del other
        assert movable(source).leased(micros(LATER)) == 0
        assert (
            source.claim_message(LATER, LEASE) and source.claim_due(LATER, LEASE) and source.claim_outbox(LATER, LEASE)
        )
        assert movable(source).leased(micros(LATER)) == 3
        assert movable(source).leased(micros(LATER + LEASE)) == 0


class TestFilesOfOtherKinds:
    def test_a_file_of_something_else_is_left_alone(self, places: Places) -> None:
        source = places.record("sqlite", "source")
        fill(source)
        with closing(sqlite3.connect(places.path("target"))) as other:
            other.execute("CREATE TABLE recipes (name TEXT)")
        before = places.path("target").read_bytes()
        with pytest.raises(BadFile, match="something else"):
            places.move(source, "sqlite", "target")
        assert places.path("target").read_bytes() == before

    def test_keys_of_another_record_beside_the_target(self, places: Places) -> None:
        source, other = places.record("sqlite", "source"), places.record("sqlite", "target")
        other.close()
        places.path("target").unlink()
        with pytest.raises(BadFile, match=r"target\.db\.keys: holds the keys of another record"):
            places.move(source, "sqlite", "target")

    def test_an_empty_record_is_moved_too(self, places: Places) -> None:
        assert same(places.move(places.record("sqlite", "source"), "sqlite", "target"))
        places.record("sqlite", "target")

    def test_the_copy_is_private(self, places: Places) -> None:
        places.move(places.record("sqlite", "source"), "sqlite", "target")
        modes = {path.name: path.stat().st_mode & 0o777 for path in places.path("target").parent.glob("target*")}
        assert modes == dict.fromkeys(modes, 0o600)


ALTERED = {
    "key": "UPDATE key SET wrapped = CAST(wrapped || x'00' AS BLOB) WHERE rowid = 2",
    "inbox": "UPDATE inbox SET attempt = attempt + 1 WHERE n = 1",
    "journal": "UPDATE journal SET body = CAST(body || x'00' AS BLOB) WHERE seq = 3",
    "chart": "UPDATE chart SET link = x'00' WHERE n = 1",
    "vitals": "UPDATE vitals SET band = band + 1 WHERE rowid = 1",
    "outbox": "UPDATE outbox SET not_before = not_before + 1 WHERE n = 2",
    "due": "UPDATE due SET due_at = due_at + 1 WHERE n = 1",
    "person": "UPDATE address SET address = 'x' WHERE place = 1",
    "code": "UPDATE code SET given_at = given_at + 1 WHERE n = 1",
    "access": "UPDATE access SET digest = x'01' WHERE n = 2",
    "anchor": "UPDATE anchor SET upto = '9/9' WHERE number = 1",
}
SWAPPED = {
    "inbox": "UPDATE inbox SET n = CASE n WHEN 4 THEN 99 ELSE n END",
    "journal": "UPDATE journal SET seq = CASE seq WHEN 2 THEN 99 ELSE seq END",
    "person": "UPDATE person SET n = CASE n WHEN 2 THEN 99 ELSE n END",
}


class TestTheDigest:
    @pytest.mark.parametrize("table", TABLES)
    def test_one_changed_value_shows_in_its_table_alone(self, table: str, places: Places) -> None:
        self.is_found(places, table, ALTERED[table])

    @pytest.mark.parametrize("table", SWAPPED)
    def test_another_order_shows(self, table: str, places: Places) -> None:
        self.is_found(places, table, SWAPPED[table])

    @staticmethod
    def is_found(places: Places, table: str, statement: str) -> None:
        source = places.record("sqlite", "source")
        fill(source)
        places.move(source, "sqlite", "target")
        path = places.path("target")
        path = path.with_name(f"{path.name}.keys") if table == "key" else path
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            assert file.execute(statement).rowcount >= 1
        target = SqliteTarget(places.path("target"))
        changed = [pair.source.table for pair in compare(SqliteMovable(source), target) if not pair.same]
        target.close()
        assert changed == [table]

    def test_a_missing_row_shows_even_with_an_equal_rest(self, places: Places) -> None:
        source = places.record("sqlite", "source")
        fill(source)
        before = digest(SqliteMovable(source), "code")
        source.reserve_code("clara", "esc-3", "anna", NOW)
        after = digest(SqliteMovable(source), "code")
        assert (after.rows, after.digest != before.digest) == (before.rows + 1, True)


class TestFromMongo:
    """What only a store without a common counter and with late processes can hold."""

    def test_equal_numbers_of_two_processes_become_two(self, places: Places) -> None:
        source = places.record("mongo", "source")
        fill(source)
        raw = mongo_server.raw(places.url("source"))
        for table, field in (("journal", "seq"), ("inbox", "n"), ("access", "seq"), ("person", "n")):
            # Rows of different people that were written at the same moment by processes far apart.
            first, *_, last = list(raw[table].find().sort([(field, 1), ("_id", 1)]))
            between = raw[table].find({field: {"$gt": first[field]}}).sort([(field, 1)]).limit(1)[0]
            if between.get("s", between["_id"]) != first.get("s", first["_id"]):
                raw[table].update_one({"_id": between["_id"]}, {"$set": {field: first[field]}})
        assert same(places.move(source, "sqlite", "target"))
        target = places.record("sqlite", "target")
        assert [e.event_id for e in target.journal()] == [e.event_id for e in source.journal()]
        assert target.people() == source.people()
        assert verify(target, now=LATER).sound

    def test_work_that_a_late_process_put_back_stays_behind(self, places: Places) -> None:
        source = places.record("mongo", "source")
        put(source, "queued", Changes(communications=(sms("gone"), sms("waits")), dues=(due("fired"), due("ahead"))))
        raw = mongo_server.raw(places.url("source"))
        late = {table: list(raw[table].find()) for table in ("outbox", "due")}
        done = Changes(
            communications=(sms("gone", state=SendState.DELIVERED),),
            dues=(due("fired", done=True),),
        )
        put(source, "sent", done)
        for table, rows in late.items():
            for row in rows:
                raw[table].replace_one({"_id": row["_id"]}, row, upsert=True)
        assert same(places.move(source, "sqlite", "target"))
        target = places.record("sqlite", "target")
        sent = [target.claim_outbox(LATER, LEASE) for _ in range(2)]
        assert [row[0].id for row in sent if row] == ["waits"]
        fired = [target.claim_due(LATER, LEASE) for _ in range(2)]
        assert [row[0].id for row in fired if row] == ["ahead"]

    def test_a_commit_that_was_cut_off_is_finished_first(self, places: Places) -> None:
        probe = CrashAt(None)
        source = MongoRecord(places.url("source"), FixedKeys(), probe)
        fill(source)
        # Dies after its entry is in the journal.
        probe.nth = len(probe.names) + 1
        with pytest.raises(Crash):
            put(source, "half", Changes(communications=(sms("half"),), dues=(due("half"),)))
        source.close()
        again = places.record("mongo", "source")
        assert same(places.move(again, "sqlite", "target"))
        target = places.record("sqlite", "target")
        assert target.chart("anna").revision == again.chart("anna").revision
        assert "half" in {row.id for row in target.chart("anna").dues}

    def test_there_is_a_record_only_once_one_was_made(self, places: Places) -> None:
        assert not is_made(places.url("source"))
        places.record("mongo", "source")
        assert is_made(places.url("source"))
        assert isinstance(movable(places.record("mongo", "source")), MongoMovable)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["note", "sample", "send", "settle", "time", "hear", "claim", "finish", "code"]),
        st.sampled_from(["anna", "ben", "clara"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


def play(record: Sealed, steps: list[tuple[str, str, int]]) -> None:
    """Any history of three people."""
    claims = []
    for number, (what, who, n) in enumerate(steps):
        event, at = f"{number}", NOW + number * MINUTE
        if what == "note":
            put(record, event, Changes(notes=(f"note {n}",), person=person(who, f"+{n}")), who, at)
        elif what == "sample":
            put(record, event, Changes(observations=(reading(60 * n, 90.0 + n),)), who, at)
        elif what in ("send", "settle"):
            state = SendState.QUEUED if what == "send" else SendState.DELIVERED
            put(record, event, Changes(communications=(sms(f"c{n}", who, state=state),)), who, at)
        elif what == "time":
            put(record, event, Changes(dues=(due(f"d{n}", who, n, done=n % 3 == 0),)), who, at)
        elif what == "hear":
            record.keep(message(f"sms:{n}", who))
        elif what == "claim":
            claims += [c[1] for c in (record.claim_message(at, LEASE), record.claim_outbox(at, LEASE)) if c]
        elif what == "finish" and claims:
            record.finish_message(claims.pop(), forget=n % 2 == 0)
        elif what == "code":
            record.reserve_code(who, f"esc-{n}", "anna", at)


@pytest.mark.usefixtures("small_pages")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cut=st.integers(0, 60))
def test_any_history_moves_and_survives_a_crash(steps, cut, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("any")
    places = Places(folder)
    try:
        source = places.record("sqlite", "source")
        play(source, steps)
        target = places.target("sqlite", "target", movable(source), CrashAt(cut))
        try:
            move(movable(source), target, LATER)
        except Crash:
            pass
        target.close()
        assert same(places.move(source, "sqlite", "target"))
        copy = places.record("sqlite", "target")
        assert copy.digest() == source.digest()
        assert copy.next_at(LATER) == source.next_at(LATER)
    finally:
        places.close()
