"""Any history at all, with MongoDB in SQLite's place: it never disagrees with memory and the plain reference."""

from contextlib import suppress
from datetime import timedelta
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import consumes, initialize, multiple, rule

from data.ports import Claim
from data.record.memory import MemoryRecord
from data.record.mongo import MongoRecord
from tests.record import mongo_server
from tests.record.keys import FixedKeys
from tests.record.reference import Reference, Row
from tests.record.stores import Crash, CrashAt
from tests.record.test_stateful import LEASES, SUBJECTS, Histories, changes

if mongo_server.server() is None:
    pytest.skip(mongo_server.NONE, allow_module_level=True)


class MongoHistories(Histories):
    """`self.sqlite` is the record in MongoDB; its tokens are its own, so claims are finished each with its own."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.url = mongo_server.fresh_url()
        self.memory = MemoryRecord()
        self.sqlite = self._sqlite()
        self.reference = Reference()
        self.minutes = 0.0
        self.tokens: dict[str, int] = {}
        # The tokens of each claim of a message: in memory, and in MongoDB.
        self.given: dict[tuple[str, int], tuple[int, int]] = {}

    def _sqlite(self) -> MongoRecord:
        return MongoRecord(self.url, FixedKeys())

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "url"):
            mongo_server.drop(self.url)
            assert mongo_server.WATCH.take() == []

    @rule(data=st.data(), subject=SUBJECTS, event_id=st.sampled_from("123456789"), crash=st.integers(0, 12))
    def commit_that_dies(self, data: st.DataObject, subject: str, event_id: str, crash: int) -> None:
        what = data.draw(changes(subject, self.minutes))
        arguments = (event_id, "test", "tester", what, self.now)
        self.sqlite.close()
        self.sqlite = MongoRecord(self.url, FixedKeys(), CrashAt(crash))
        with suppress(Crash):
            self.sqlite.commit(self.sqlite.chart(subject), *arguments)
        self.sqlite.close()
        self.sqlite = self._sqlite()
        known = (subject, event_id) in self.reference.events
        written = self.sqlite.committed(subject, event_id)
        assert self.sqlite.commit(self.sqlite.chart(subject), *arguments) is not written
        assert self.memory.commit(self.memory.chart(subject), *arguments) is not known
        self.reference.commit(subject, event_id, what, self.now)

    @rule(target=Histories.claims, queue=st.sampled_from(["message", "due", "outbox"]), lease=LEASES)
    def claim(self, queue: str, lease: timedelta):
        expected = self.reference.claim(queue, self.now, lease)
        found = [getattr(record, f"claim_{queue}")(self.now, lease) for record in (self.memory, self.sqlite)]
        if expected is None:
            assert found == [None, None]
            return multiple()
        (thing, first), (other, second) = found
        assert thing == other == expected.thing
        assert (first.row_id, first.attempt) == (second.row_id, second.attempt) == (thing.id, expected.attempt)
        # Each row has tokens of its own there, and of two queues a row of the same id is another row.
        row = f"{queue} {second.row_id}"
        assert second.token > self.tokens.get(row, 0)
        self.tokens[row] = second.token
        if queue != "message":
            return multiple()
        self.given[thing.id, expected.attempt] = first.token, second.token
        return expected, expected.attempt

    @rule(claimed=consumes(Histories.claims))
    def finish(self, claimed: tuple[Row, int]) -> None:
        row, attempt = claimed
        valid = row.attempt == attempt
        row.done = row.done or valid
        tokens = self.given[row.thing.id, attempt]
        for record, token in zip((self.memory, self.sqlite), tokens, strict=True):
            assert record.finish_message(Claim(row.thing.id, token, attempt)) == valid

    @rule()
    def move_to_the_other_store(self) -> None:
        dump = self.sqlite.dump()
        self.sqlite.close()
        mongo_server.drop(self.url)
        self.url = mongo_server.fresh_url()
        self.sqlite = MongoRecord.load(self.memory.dump(), self.url, FixedKeys())
        self.memory = MemoryRecord.load(dump)
        # From now on each knows the other's tokens.
        self.tokens.clear()
        self.given = {key: (second, first) for key, (first, second) in self.given.items()}


TestMongoHistories = MongoHistories.TestCase
TestMongoHistories.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
