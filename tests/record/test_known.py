"""What a store remembers so as not to decode it again: it never tells more than the file does."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.model.chart import Changes
from data.model.people import Person, Role
from data.record import known
from data.record.coding import encode
from data.record.known import KnownPeople
from data.record.sqlite import SqliteRecord
from data.record.sqlite_file import STAFF
from tests.record.examples import NOW, flag, person, put, reading
from tests.record.keys import FixedKeys
from tests.record.stores import AnyRecord, Crash, CrashAt, Store


def test_a_chart_is_remembered_as_it_would_be_read(store: Store) -> None:
    record = store.open()
    changes = Changes(person=person(), observations=(reading(value=97),), flags=(flag(),))
    put(record, "e1", changes)
    record.chart("anna")
    put(record, "e2", Changes(observations=(reading(1, 96),), notes=("whole numbers come back as they are read",)))
    remembered = (record.chart("anna"), record.chart("anna", observations=False))
    record = store.reopen(record)
    assert repr((record.chart("anna"), record.chart("anna", observations=False))) == repr(remembered)


def test_what_another_process_wrote_is_seen(tmp_path: Path) -> None:
    one, other = (SqliteRecord(tmp_path / "record.db", FixedKeys()) for _ in range(2))
    put(one, "e1", Changes(person=person("anna", "+1"), observations=(reading(),)))
    assert [r.chart("anna").revision for r in (one, other)] == [1, 1]
    assert [len(r.people()) + len(r.staff()) for r in (one, other)] == [1, 1]
    put(other, "e2", Changes(person=person("anna", "+1", role=Role.CLINICIAN), observations=(reading(1),)))
    assert one.chart("anna") == other.chart("anna")
    assert len(one.chart("anna").observations) == 2
    assert one.people() == other.people() == one.staff() == other.staff()
    assert one.people()[0].role is Role.CLINICIAN
    one.close()
    other.close()


@pytest.mark.parametrize("at", ["person", "chart", "commit"])
def test_what_was_rolled_back_is_forgotten(tmp_path: Path, at: str) -> None:
    count = CrashAt(None)
    first = SqliteRecord(tmp_path / "count.db", FixedKeys(), count)
    put(first, "e1", Changes(person=person("anna")))
    first.close()
    record = SqliteRecord(tmp_path / "record.db", FixedKeys(), CrashAt(count.names.index(at)))
    assert record.chart("anna").revision == 0
    assert record.people() == ()
    with pytest.raises(Crash):
        put(record, "e1", Changes(person=person("anna", name="Lost")))
    assert record.chart("anna").revision == 0
    assert record.people() == ()
    put(record, "e1", Changes(person=person("anna", name="Kept")))
    assert [p.name for p in record.people()] == ["Kept"]
    kept = record.chart("anna").person
    assert kept is not None
    assert kept.name == "Kept"
    record.close()


def test_more_charts_than_are_remembered(record: AnyRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_CHARTS", 2)
    for round_number in range(2):
        for name in "abcd":
            put(record, f"e{round_number}", Changes(observations=(reading(round_number),)), name)
    assert [len(record.chart(name).observations) for name in "abcdabcd"] == [2] * 8


def test_of_many_people_only_who_changed_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counting(rows: tuple[bytes, ...]) -> tuple[Person, ...]:
        read.append(len(rows))
        return known_decode(rows)

    known_decode = known.decode_people
    monkeypatch.setattr(known, "decode_people", counting)
    everyone = [person(f"p{n}") for n in range(50)]
    people = KnownPeople()
    assert people.of([(p.id, encode(p)) for p in everyone]) == tuple(everyone)
    everyone[7] = replace(everyone[7], active=False)
    assert people.of([(p.id, encode(p)) for p in everyone]) == tuple(everyone)
    assert people.of([(p.id, encode(p)) for p in everyone[:9]]) == tuple(everyone[:9])
    assert read == [50, 1]


def test_an_event_asks_for_nobody_but_staff(store: Store) -> None:
    """The same answer, not read again, for as long as no person changes."""
    record = store.open()
    put(record, "e1", Changes(person=person("clara", role=Role.CLINICIAN)), "clara")
    put(record, "e1", Changes(person=person("anna")))
    staff, everyone = record.staff(), record.people()
    put(record, "e2", Changes(observations=(reading(),)))
    assert record.staff() is staff
    assert record.people() is everyone


def test_the_queries_that_run_all_day_use_their_indexes(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / "record.db", FixedKeys())
    asked: list[str] = []
    record._connection.set_trace_callback(asked.append)
    record.staff()
    record.claim_due(NOW, NOW - NOW)
    record.next_at(NOW)
    record._connection.set_trace_callback(None)
    plans = [
        row[-1]
        for statement in asked
        if statement.startswith("SELECT")
        for row in record._connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]
    assert any(STAFF in statement for statement in asked)
    assert any("INDEX person_staff" in plan for plan in plans)
    assert any("INDEX due_order (due_at<" in plan for plan in plans)
    assert any("INDEX due_set (set_at>" in plan for plan in plans)
    assert any("INDEX due_order (due_at>" in plan for plan in plans)
    assert any("INDEX due_leased (lease_until>" in plan for plan in plans)
    assert not any(plan == "SCAN due" for plan in plans)
    record.close()
