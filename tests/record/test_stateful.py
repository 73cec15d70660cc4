"""Any history at all: both stores and the plain reference never disagree, through restarts, crashes and clock jumps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from data.errors import Conflict
from data.model.chart import WINDOW, Changes
from data.model.communication import Category, SendState
from data.model.concern import Priority
from data.model.people import ChannelKind, Role
from data.ports import Claim
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from tests.record.examples import LEASE, MINUTE, NOW, due, flag, message, person, reading, sms
from tests.record.keys import FixedKeys
from tests.record.reference import Reference, Row
from tests.record.stores import Crash, CrashAt

SUBJECTS = st.sampled_from(["anna", "nia"])
MINUTES = st.sampled_from([-12000.0, -11519.5, -1.0, 0.0, 0.25, 0.5, 1.0, 5.0])
IDS = st.sampled_from("abc")
ROLES = st.sampled_from([Role.PATIENT, Role.STRANGER, Role.CLINICIAN])
LEASES = st.sampled_from([LEASE, 3 * LEASE])


@st.composite
def changes(draw: st.DrawFn, subject: str, minutes: float) -> Changes:
    """A commit around now; a sample's id is its time, as it is with every source."""
    near = MINUTES.map(lambda m: m + minutes)
    rows = st.builds(reading, near, st.sampled_from([91.0, 97.0]), st.sampled_from(["heart-rate", "weight"]))
    sent = st.builds(
        sms,
        IDS,
        st.just(subject),
        near,
        state=st.sampled_from([SendState.QUEUED, SendState.QUEUED, SendState.UNKNOWN, SendState.DELIVERED]),
        category=st.sampled_from([Category.REPLY, Category.SAFETY, Category.PAGE, Category.OPERATIONS, Category.NUDGE]),
        priority=st.sampled_from([Priority.P1, Priority.P2, Priority.P4]),
        not_before=st.none() | near.map(lambda m: NOW + m * MINUTE),
    )
    return Changes(
        person=draw(st.none() | st.builds(person, st.just(subject), IDS, active=st.booleans(), role=ROLES)),
        observations=tuple(draw(st.lists(rows, max_size=3))),
        flags=tuple(draw(st.lists(st.builds(flag, IDS, st.just(subject)), max_size=1))),
        dues=tuple(draw(st.lists(st.builds(due, IDS, st.just(subject), near, done=st.booleans()), max_size=3))),
        communications=tuple(draw(st.lists(sent, max_size=3))),
    )


class Histories(RuleBasedStateMachine):
    claims = Bundle("claims")

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "record.db"
        self.memory = MemoryRecord()
        self.sqlite = self._sqlite()
        self.reference = Reference()
        self.minutes = 0.0
        self.tokens: dict[str, int] = {}

    def _sqlite(self) -> SqliteRecord:
        record = SqliteRecord(self.path, FixedKeys())
        record._connection.execute("PRAGMA synchronous = OFF")
        return record

    @property
    def now(self):
        return NOW + self.minutes * MINUTE

    def teardown(self) -> None:
        if hasattr(self, "sqlite"):
            self.sqlite.close()
            self.folder.cleanup()

    @rule(by=st.sampled_from([0.25, 0.5, 1.0, 5.0, -0.25, -60.0, WINDOW / MINUTE]))
    def time_passes_or_jumps(self, by: float) -> None:
        self.minutes += by

    @rule(message_id=IDS, person_id=st.sampled_from(["anna", "nia", None]))
    def keep(self, message_id: str, person_id: str | None) -> None:
        row = message(message_id, person_id)
        answers = {self.memory.keep(row), self.sqlite.keep(row), self.reference.keep(row)}
        assert len(answers) == 1

    @rule(data=st.data(), subject=SUBJECTS, event_id=st.sampled_from("123456789"), crash=st.none() | st.integers(0, 12))
    def commit(self, data: st.DataObject, subject: str, event_id: str, crash: int | None) -> None:
        what = data.draw(changes(subject, self.minutes))
        arguments = (event_id, "test", "tester", what, self.now)
        again = (subject, event_id) in self.reference.events
        if crash is not None:
            with self._crashing(crash):
                self.memory.commit(self.memory.chart(subject), *arguments)
        written = self.reference.commit(subject, event_id, what, self.now)
        assert self.sqlite.commit(self.sqlite.chart(subject), *arguments) is written
        known = self.memory.committed(subject, event_id)
        assert self.memory.commit(self.memory.chart(subject), *arguments) is not known
        assert written is not again

    @contextmanager
    def _crashing(self, nth: int) -> Iterator[None]:
        self.memory = MemoryRecord.load(self.memory.dump(), CrashAt(nth))
        try:
            yield
        except Crash:
            pass
        finally:
            self.memory = MemoryRecord.load(self.memory.dump())

    @rule(subject=SUBJECTS)
    def commit_on_a_stale_chart(self, subject: str) -> None:
        chart = self.reference.chart(subject)
        if chart.revision == 0:
            return
        stale = type(chart)(subject=subject, revision=chart.revision - 1)
        for record in (self.memory, self.sqlite):
            with pytest.raises(Conflict):
                record.commit(stale, "stale", "test", "tester", Changes(), self.now)

    @rule(target=claims, queue=st.sampled_from(["message", "due", "outbox"]), lease=LEASES)
    def claim(self, queue: str, lease: timedelta):
        expected = self.reference.claim(queue, self.now, lease)
        found = [getattr(record, f"claim_{queue}")(self.now, lease) for record in (self.memory, self.sqlite)]
        assert found[0] == found[1]
        if expected is None:
            assert found[0] is None
            return multiple()
        thing, claim = found[0]
        assert (thing, claim.attempt) == (expected.thing, expected.attempt)
        assert claim.token > self.tokens.get(claim.row_id, 0)
        self.tokens[claim.row_id] = expected.token = claim.token
        return (expected, claim) if queue == "message" else multiple()

    @rule(claimed=consumes(claims))
    def finish(self, claimed: tuple[Row, Claim]) -> None:
        row, claim = claimed
        valid = row.token == claim.token
        row.done = row.done or valid
        assert {record.finish_message(claim) for record in (self.memory, self.sqlite)} == {valid}

    @rule(escalation_id=IDS, recipient=st.sampled_from(["clara", "omar"]))
    def reserve_code(self, escalation_id: str, recipient: str) -> None:
        codes = {
            record.reserve_code(recipient, escalation_id, "anna", self.now) for record in (self.memory, self.sqlite)
        }
        assert len(codes) == 1
        (code,) = codes
        uses = {record.code_use(recipient, code, self.now) for record in (self.memory, self.sqlite)}
        assert [use.escalation_id for use in uses if use] == [escalation_id]

    @rule()
    def restart(self) -> None:
        self.memory = MemoryRecord.load(self.memory.dump())
        self.sqlite.close()
        self.sqlite = self._sqlite()

    @rule()
    def move_to_the_other_store(self) -> None:
        dump = self.sqlite.dump()
        self.sqlite.close()
        self.path = self.path.with_name(self.path.name + "+")
        SqliteRecord.load(self.memory.dump(), self.path, FixedKeys()).close()
        self.sqlite = self._sqlite()
        self.memory = MemoryRecord.load(dump)

    @invariant()
    def agree(self) -> None:
        assert self.memory.digest() == self.sqlite.digest()
        for record in (self.memory, self.sqlite):
            for subject in ("anna", "nia"):
                expected = self.reference.chart(subject)
                assert record.chart(subject, observations=False) == replace(expected, observations=())
                assert record.chart(subject) == expected
            assert record.next_at(self.now) == self.reference.next_at(self.now)
            assert [(e.subject, e.event_id) for e in record.journal()] == self.reference.events
        people = self.memory.people()
        assert people == self.sqlite.people()
        assert sorted(p.id for p in people) == sorted(c.subject for c in self.reference.charts.values() if c.person)
        for record in (self.memory, self.sqlite):
            assert record.staff() == tuple(p for p in people if p.role is Role.CLINICIAN)
            for address in "abc":
                there = [p for p in reversed(people) if p.contacts[0].value == address]
                there.sort(key=lambda p: (p.role is Role.STRANGER, not p.active))
                assert record.holders(ChannelKind.SMS, address) == tuple(there)
                assert record.person_at(ChannelKind.SMS, address) == (there[0] if there else None)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
