"""Moving out of MongoDB what only a store without a common counter, and with late processes, can hold."""

from itertools import pairwise

import pytest

from data.model.chart import Changes
from data.model.communication import SendState
from data.record.mongo import MongoRecord
from data.record.mongo_moving import MongoMovable, is_made
from data.record.open_moving import movable
from data.record.verify import verify
from tests.record import mongo_server
from tests.record.examples import LEASE, due, put, sms
from tests.record.filled import LATER, fill
from tests.record.keys import FixedKeys
from tests.record.places import Places, same
from tests.record.stores import Crash, CrashAt


class TestOutOfMongo:
    def test_equal_numbers_of_two_processes_become_two(self, places: Places) -> None:
        source = places.record("mongo", "source")
        fill(source)
        raw = mongo_server.raw(places.url("source"))
        for table, field, owner in (("journal", "seq", "s"), ("inbox", "n", "o"), ("person", "n", "s")):
            # Neighbours, of different people, that processes far apart wrote at the same moment.
            rows = [row for row in raw[table].find().sort([(field, 1)]) if row[field]]
            pair = next((a, b) for a, b in pairwise(rows) if a[owner] != b[owner])
            raw[table].update_one({"_id": pair[1]["_id"]}, {"$set": {field: pair[0][field]}})
        raw["access"].update_many({}, {"$set": {"seq": 7}})
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
