"""Columns in clear decide alone who is paged and what is due: whether they are what the charts say, and put right."""

from datetime import timedelta
from pathlib import Path

import pytest

from data.model.chart import Changes
from data.model.communication import SendState
from data.model.people import ChannelKind, Role
from data.record.agreement import Disagreement, disagreements
from data.record.checkup import State, check_agreement
from data.record.memory import MemoryRecord
from tests.record.examples import LEASE, MINUTE, NOW, due, message, person, put, sms
from tests.record.filled import fill
from tests.record.stores import Store
from tests.record.tampering import Sealed, Tamperer, sealed

SMS = ChannelKind.SMS
FAR = 9_000_000_000_000_000


@pytest.fixture(params=("sqlite", "mongo"))
def store(request: pytest.FixtureRequest, tmp_path: Path):
    place = Store(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def record(store: Store):
    yield from sealed(store)


def live(record: Sealed) -> None:
    """Anna, who is on the team, with pages and timers; and Ben beside her."""
    for who, address in (("anna", "+1"), ("ben", "+2")):
        changes = Changes(
            person=person(who, address, role=Role.CLINICIAN),
            communications=(sms(f"{who}/page", who), sms(f"{who}/held", who, not_before=NOW + MINUTE)),
            dues=(due(f"{who}/weigh", who), due(f"{who}/later", who, minutes=9)),
        )
        put(record, f"enrol:{who}", changes, who)
        put(record, f"more:{who}", Changes(notes=("more",)), who)


def told(record: Sealed) -> list[tuple[str, str]]:
    return sorted((each.table, each.what.split(":")[0]) for each in disagreements(record))


def test_nothing_is_wrong_with_what_was_written(record: Sealed, store: Store) -> None:
    fill(record)
    # Nothing in that record answers its two finished messages; of one the words were forgotten.
    assert told(record) == [("inbox", "unanswered")]
    assert told(store.reopen(record)) == [("inbox", "unanswered")]


def test_a_record_in_memory_has_no_columns_to_doubt() -> None:
    assert list(disagreements(MemoryRecord())) == []


CHANGED = {
    "the page is gone": (lambda by: by.remove("outbox"), [("outbox", "missing")] * 2),
    "the timers are gone": (lambda by: by.remove("due"), [("due", "missing")] * 2),
    "the page is held back": (lambda by: by.change("outbox", not_before=FAR), [("outbox", "edited")] * 2),
    "the page goes last": (lambda by: by.change("outbox", late=9), [("outbox", "edited")] * 2),
    "the timers lie ahead": (lambda by: by.change("due", due_at=FAR), [("due", "edited")] * 2),
    "the page is leased": (lambda by: by.change("outbox", lease_from=0, lease_until=FAR), [("outbox", "edited")] * 2),
    "the timers are leased": (lambda by: by.change("due", lease_from=0, lease_until=FAR), [("due", "edited")] * 2),
    "off the team": (lambda by: by.change("person", role="patient"), [("person", "edited")]),
    "not active": (lambda by: by.change("person", active=False), [("person", "edited")]),
    "a later revision": (lambda by: by.change("person", revision=99), [("person", "edited")]),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_was_changed_is_told_and_put_right(record: Sealed, store: Store, what: str) -> None:
    change, expected = CHANGED[what]
    live(record)
    digest, by = record.digest(), Tamperer(store, record)
    change(by)
    record = store.reopen(record)
    found = list(disagreements(record))
    assert sorted((each.table, each.what.split(":")[0]) for each in found) == expected
    assert {each.subject for each in found} == {record.sealing.name("person", "anna")}
    assert "anna" not in "".join(map(str, found))
    assert check_agreement(record).state is State.FAIL
    assert record.recover() == 1
    assert told(record) == []
    assert check_agreement(record).state is State.OK
    assert record.digest() == digest
    assert record.recover() == 0
    assert sorted(p.id for p in record.staff()) == ["anna", "ben"]
    assert claimed(record) == ["anna/held", "anna/later", "anna/page", "anna/weigh", *BENS]


BENS = ["ben/held", "ben/later", "ben/page", "ben/weigh"]


def claimed(record: Sealed) -> list[str]:
    now, found = NOW + timedelta(hours=1), []
    while timer := record.claim_due(now, LEASE):
        found.append(timer[0].id)
    while sent := record.claim_outbox(now, LEASE):
        found.append(sent[0].id)
    return sorted(found)


def test_a_person_who_was_taken_away_is_put_back(record: Sealed, store: Store) -> None:
    live(record)
    by = Tamperer(store, record)
    by.remove("person")
    record = store.reopen(record)
    assert ("person", "missing") in told(record)
    assert record.recover() == 1
    assert told(record) == []
    assert [p.id for p in record.holders(SMS, "+1")] == ["anna"]


def test_an_address_that_leads_to_somebody_else_is_not_followed(record: Sealed, store: Store) -> None:
    live(record)
    Tamperer(store, record).move_addresses(record.sealing.name("person", "ben"))
    record = store.reopen(record)
    assert record.holders(SMS, "+1") == ()
    assert told(record) == [("person", "edited"), ("person", "edited")]
    assert record.recover() == 2
    assert [p.id for p in record.holders(SMS, "+1")] == ["anna"]
    assert [p.id for p in record.holders(SMS, "+2")] == ["ben"]


def test_a_column_makes_nobody_a_colleague_or_a_patient(record: Sealed, store: Store) -> None:
    live(record)
    put(record, "left", Changes(person=person("anna", "+1", role=Role.PATIENT)))
    by = Tamperer(store, record)
    by.change("person", role="clinician")
    record = store.reopen(record)
    assert [p.id for p in record.staff()] == ["ben"]
    # Who is known to be a colleague stays one, whatever the column says now.
    put(record, "back", Changes(person=person("anna", "+1", role=Role.CLINICIAN)))
    assert len(record.people()) == 2
    by.change("person", role="patient")
    put(record, "again", Changes(person=person("ben", "+2", role=Role.CLINICIAN)), "ben")
    assert sorted(p.id for p in record.staff()) == ["anna", "ben"]


def test_a_page_that_was_sent_and_is_put_back_does_not_go_out_again(record: Sealed, store: Store) -> None:
    live(record)
    by = Tamperer(store, record)
    rows = by.rows("outbox")
    for which in ("anna/page", "anna/held"):
        put(record, f"sent:{which}", Changes(communications=(sms(which, state=SendState.DELIVERED),)))
    by.put_back("outbox", rows)
    record = store.reopen(record)
    # In MongoDB a late process may leave such a row; no claim takes it.
    assert told(record) == ([("outbox", "inserted")] * 2 if store.kind == "sqlite" else [])
    record.recover()
    assert claimed(record) == ["anna/later", "anna/weigh", *BENS]


def test_a_message_that_counts_as_answered_though_nobody_answered(record: Sealed, store: Store) -> None:
    live(record)
    for name in ("m1", "m2", "m3"):
        record.keep(message(name))
    taken = record.claim_message(NOW, LEASE)
    assert taken is not None
    put(record, "m1", Changes(notes=("answered",)))
    record.finish_message(taken[1])
    # One that another's chart tells of.
    put(record, "m2", Changes(notes=("answered",)), "ben")
    assert told(record) == []
    Tamperer(store, record).change("inbox", done=True)
    (found,) = disagreements(record)
    assert (found.table, found.row) == ("inbox", record.sealing.name("message", "m3"))
    assert found.what.startswith("unanswered")


def test_a_message_that_is_leased_for_ever(record: Sealed, store: Store) -> None:
    live(record)
    record.keep(message("m1"))
    assert record.claim_message(NOW, LEASE) is not None
    assert told(record) == []
    Tamperer(store, record).change("inbox", lease_from=0, lease_until=FAR)
    assert told(record) == [("inbox", "edited")]


def test_a_line_of_the_audit_names_table_person_and_row() -> None:
    line = str(Disagreement(table="outbox", subject="name", row="row", what="missing: the chart says that it waits"))
    assert line == "outbox of name: row: missing: the chart says that it waits"
