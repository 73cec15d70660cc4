"""Moving a record between stores: unchanged, whatever cuts it off, and never onto something else."""

from datetime import timedelta

import pytest

from data.errors import BadFile, NotFound
from data.model.chart import Changes
from data.record.anchoring import anchor
from data.record.coding import micros
from data.record.moving import TABLES, move, work
from data.record.open_moving import movable
from data.record.verify import verify
from tests.record.examples import LEASE, NOW, message, person, put
from tests.record.filled import LATER, Sealed, fill
from tests.record.mongo_steps import put_erasure
from tests.record.places import Places, same
from tests.record.stores import Crash, CrashAt

WAYS = [(a, b) for a in ("sqlite", "mongo") for b in ("sqlite", "mongo")]


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
        holders = target.holders(person("x", "+3").contacts[0].system, "+3")
        assert holders == ()

    def test_the_next_erasure_finds_everything(self, places: Places, source: Sealed, other: str) -> None:
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

    def test_it_may_be_cut_off_at_every_write(self, places: Places, source: Sealed, kind: str, other: str) -> None:
        counted = CrashAt(None)
        target = places.target(other, "whole", movable(source), counted)
        whole = move(movable(source), target, LATER)
        target.close()
        writes = len(counted.names)
        assert writes > 2 * len(TABLES)
        # Some only where it is slower: every kind of write is among them.
        for nth in range(0, writes, 1 if kind == other == "sqlite" else 9):
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
