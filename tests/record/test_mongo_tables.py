"""What a record in MongoDB keeps: vitals by the hour, the chain, and all of it on the move to another store."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from data.errors import BadFile
from data.model.chart import Changes
from data.record.chain import ACCESS, FIRST, JOURNAL, Anchor, Head, next_link
from data.record.memory import MemoryRecord
from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from tests.record import mongo_server
from tests.record.examples import LEASE, MINUTE, NOW, due, message, person, put, reading, sms
from tests.record.keys import FixedKeys
from tests.record.mongo_steps import LOOK, put_erasure
from tests.record.stores import Crash, CrashAt
from tests.record.test_crash import EVERYTHING, prepare

DAY = timedelta(days=1)


class TestVitals:
    def test_old_hours_are_thinned_out_and_removed_as_in_memory(self, mongo: MongoRecord) -> None:
        memory = MemoryRecord()
        rows = tuple(reading(-m, 90.0 + m % 7) for m in range(0, 40 * 1440, 97))
        near = tuple(reading(-m * 5 - 20 * 1440, 91.0 + m % 5) for m in range(1, 30))
        for each in (mongo, memory):
            put(each, "e1", Changes(observations=rows))
            put(each, "e2", Changes(observations=near))
            put(each, "e3", Changes(observations=(reading(),)), now=NOW + DAY)
        code, since, until = reading().code, NOW - 60 * DAY, NOW + DAY
        for now in (NOW, NOW + DAY, NOW + 12 * DAY, NOW + 12 * DAY):
            assert mongo.tend(now, 10 * DAY, 30 * DAY) == memory.tend(now, 10 * DAY, 30 * DAY)
            assert mongo.hours("anna", code, since, until) == memory.hours("anna", code, since, until)
            assert mongo.bands(code, since, until) == memory.bands(code, since, until)
            assert mongo.observations("anna", code, since, until) == memory.observations("anna", code, since, until)
            assert list(mongo.journal()) == list(memory.journal())
            assert mongo.chart("anna") == memory.chart("anna")
            assert mongo.digest() == memory.digest()
        correction = Changes(observations=(reading(-97.0 * 20, 70.0),))
        for each in (mongo, memory):
            put(each, "e4", correction)
        assert mongo.digest() == memory.digest()

    def test_half_a_page_of_hours_at_a_time(self, mongo: MongoRecord, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("data.record.mongo_store.PAGE", 3)
        memory = MemoryRecord()
        for each in (mongo, memory):
            for n in range(8):
                rows = tuple(reading(-n * 60 - m, 90.0 + m) for m in range(9))
                put(each, f"e{n}", Changes(observations=rows))
                put(each, f"e{n}", Changes(person=person(f"p{n}"), communications=(sms("c", f"p{n}"),)), f"p{n}")
                each.keep(message(f"sms:{n}"))
                each.note_access(LOOK)
        assert [list(each.messages("anna")) for each in (mongo,)] == [list(memory.messages("anna"))]
        assert list(mongo.journal()) == list(memory.journal())
        assert list(mongo.accesses("anna")) == list(memory.accesses("anna"))
        assert mongo.digest() == memory.digest()
        now = NOW + 20 * DAY
        assert mongo.tend(now, 9 * DAY, 99 * DAY) == memory.tend(now, 9 * DAY, 99 * DAY)
        assert mongo.digest() == memory.digest()


class TestTheChain:
    def test_each_link_is_over_the_one_before(self, mongo: MongoRecord) -> None:
        prepare(mongo)
        put(mongo, "event", EVERYTHING)
        for action in ("read chart", "read messages"):
            mongo.note_access(replace(LOOK, action=action, permitted=action == "read chart"))
        for stream, count in ((JOURNAL, 2), (ACCESS, 2)):
            previous = FIRST
            links = list(mongo.links(stream, mongo.sealing.name("person", "anna")))
            assert [link.number for link in links] == list(range(1, count + 1))
            for link in links:
                told = {key: getattr(link, key) for key in ("event", "kind", "actor", "at", "digest")}
                expected = next_link(
                    mongo.sealing, previous, stream=stream, subject=link.subject, number=link.number, **told
                )
                assert link.link == expected
                previous = link.link
        assert [link.kind for link in links] == ["read chart", "!read messages"]
        heads = {head.subject: head for head in mongo.chart_heads()}
        assert {link.subject for link in mongo.links(JOURNAL)} == set(heads)

    def test_heads_since_never_leaves_out_a_stream_that_moved(self, mongo: MongoRecord) -> None:
        put(mongo, "e1", Changes())
        heads, mark = mongo.heads_since("")
        assert [(head.stream, head.number) for head in heads] == [(JOURNAL, 1)]
        put(mongo, "e1", Changes(), "nia", NOW + DAY)
        mongo.note_access(replace(LOOK, at=NOW + DAY))
        heads, mark = mongo.heads_since(mark)
        assert {(h.stream, h.subject) for h in heads} >= {
            (JOURNAL, mongo.sealing.name("person", "nia")),
            (ACCESS, mongo.sealing.name("person", "anna")),
        }
        late = MongoRecord(mongo_server.named(mongo_server.server() or "", mongo._store.database.name), FixedKeys())
        put(late, "e2", Changes(), "mia", NOW - DAY)
        late.close()
        heads, _ = mongo.heads_since(mark)
        assert mongo.sealing.name("person", "mia") in {h.subject for h in heads}, "whatever its clock says"

    def test_an_anchor_is_kept_once_whole_however_large(
        self, mongo: MongoRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("data.record.mongo_chain._PART", 2)
        heads = tuple(Head(stream=JOURNAL, subject=f"s{n}", number=n, link=bytes([n])) for n in range(5))
        anchors = [Anchor(number=n, at=n, upto=str(n), heads=heads[:n], link=bytes([n])) for n in (0, 1, 2, 5)]
        assert [mongo.put_anchor(anchor) for anchor in anchors] == [True] * 4
        assert not mongo.put_anchor(replace(anchors[3], link=b"other", heads=()))
        assert list(mongo.anchors()) == anchors


class TestMovingHouse:
    def test_there_and_back(self, url: str, tmp_path: Path) -> None:
        memory = MemoryRecord()
        prepare(memory)
        put(memory, "event", EVERYTHING)
        memory.note_access(LOOK)
        memory.claim_due(NOW + MINUTE, LEASE)
        record = MongoRecord.load(memory.dump(), url, FixedKeys())
        assert record.digest() == memory.digest()
        back = SqliteRecord.load(record.dump(), tmp_path / "record.db", FixedKeys())
        assert back.digest() == memory.digest()
        for each in (record, back, memory):
            put(each, "after", Changes(person=person("mia"), dues=(due("d", "mia"),)), "mia")
            each.keep(message("sms:3"))
            assert each.claim_due(NOW + MINUTE, LEASE)
        assert record.digest() == back.digest() == memory.digest()
        back.close()
        record.close()
        with pytest.raises(BadFile, match="holds a record already; name another database"):
            MongoRecord.load(memory.dump(), url, FixedKeys())

    def test_cut_off_it_goes_on_and_is_not_taken_for_whole(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("data.record.mongo_dump._BATCH", 1)
        memory = MemoryRecord()
        prepare(memory)
        put(memory, "event", EVERYTHING)
        data = memory.dump()
        with pytest.raises(Crash):
            MongoRecord.load(data, url, FixedKeys(), CrashAt(5))
        with pytest.raises(BadFile, match="a move into it was cut off; run the same move again"):
            MongoRecord(url, FixedKeys())
        prepare(other := MemoryRecord())
        with pytest.raises(BadFile, match="cut off"):
            MongoRecord.load(other.dump(), url, FixedKeys())
        record = MongoRecord.load(data, url, FixedKeys())
        assert record.digest() == memory.digest()
        record.close()
        MongoRecord(url, FixedKeys()).close()

    def test_who_was_erased_stays_so(self, url: str, tmp_path: Path) -> None:
        other = mongo_server.fresh_url()
        record = MongoRecord(other, FixedKeys())
        prepare(record)
        put_erasure(record)
        moved = MongoRecord.load(record.dump(), url, FixedKeys())
        assert moved.digest() == record.digest()
        assert len(list(moved.links(JOURNAL))) == len(list(record.links(JOURNAL)))
        for each in (record, moved):
            each.close()
        mongo_server.drop(other)
