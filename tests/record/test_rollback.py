"""Somebody puts back what was stored before: a body alone does not open, a whole chart is rolled forward again."""

import logging
from pathlib import Path

import pytest

from data.errors import BadFile, NotFound
from data.model.chart import Changes, Chart
from data.model.people import ChannelKind, Role
from data.record.agreement import disagreements
from data.record.sqlite import SqliteRecord
from data.record.verify import verify
from data.sealing.sealing import Sealing
from tests.record.examples import LEASE, NOW, due, person, put, reading, sms
from tests.record.keys import FixedKeys
from tests.record.stores import Store
from tests.record.tampering import Sealed, Tamperer, sealed
from tests.sealing.tables import MemoryKeys

SMS = ChannelKind.SMS


@pytest.fixture(params=("sqlite", "mongo"))
def store(request: pytest.FixtureRequest, tmp_path: Path):
    place = Store(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def record(store: Store):
    yield from sealed(store)


def before_and_after(record: Sealed, store: Store) -> tuple[Tamperer, dict[str, list]]:
    """Two commits that write every kind of row; the rows as the first left them."""
    by = Tamperer(store, record)
    first = Changes(
        person=person("anna", "+1", role=Role.CLINICIAN),
        observations=(reading(),),
        communications=(sms("page"),),
        dues=(due("weigh"),),
        notes=("first",),
    )
    put(record, "e1", first)
    rows = {table: by.rows(table) for table in ("person", "chart", "vitals", "outbox", "due")}
    second = Changes(
        person=person("anna", "+1", "+2", role=Role.CLINICIAN, active=False),
        observations=(reading(1),),
        communications=(sms("page", text="Come at once."),),
        dues=(due("weigh", minutes=-1),),
        notes=("second",),
    )
    put(record, "e2", second)
    return by, rows


@pytest.mark.parametrize("table", ["person", "chart", "vitals", "outbox", "due"])
def test_an_earlier_body_does_not_open_in_the_place_of_a_later_one(record: Sealed, store: Store, table: str) -> None:
    by, rows = before_and_after(record, store)
    by.put_back(table, rows[table], "body")
    with pytest.raises(BadFile, match="cannot be opened"):
        record.dump()


def test_each_body_opens_where_it_was_put(record: Sealed, store: Store) -> None:
    before_and_after(record, store)
    record = store.reopen(record)
    record.dump()
    assert record.chart("anna").revision == 2
    assert [p.active for p in record.staff()] == [False]
    assert list(disagreements(record)) == []


def test_a_whole_chart_put_back_is_rolled_forward(
    record: Sealed, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    by, rows = before_and_after(record, store)
    whole, digest = record.chart("anna"), record.digest()
    for again in (False, True):
        record = store.reopen(record) if again else record
        by.put_back("chart", rows["chart"])
        with caplog.at_level(logging.ERROR):
            assert record.chart("anna") == whole
        assert record.digest() == digest
        assert list(disagreements(record)) == []
    if isinstance(record, SqliteRecord):
        assert record.sealing.name("person", "anna") in caplog.text
    assert "anna" not in caplog.text
    assert put(record, "e3", Changes(notes=("third",)))
    assert record.chart("anna").revision == 3
    assert verify(record).sound


def test_the_next_commit_does_not_fail_for_ever(record: Sealed, store: Store) -> None:
    by, rows = before_and_after(record, store)
    chart = record.chart("anna")
    by.put_back("chart", rows["chart"])
    assert record.commit(chart, "e3", "test", "tester", Changes(notes=("third",)), NOW)
    assert record.chart("anna").revision == 3
    assert verify(record).sound


def test_a_start_finds_a_chart_that_is_behind(record: Sealed, store: Store) -> None:
    by, rows = before_and_after(record, store)
    digest = record.digest()
    for table in ("chart", "person", "outbox", "due"):
        by.put_back(table, rows[table])
    record = store.reopen(record)
    # MongoDB rolls forward whatever is looked at.
    assert [each.table for each in disagreements(record)] == (["chart"] if store.kind == "sqlite" else [])
    record.recover()
    assert record.digest() == digest
    assert record.recover() == 0
    assert list(disagreements(record)) == []


def test_a_chart_that_was_taken_away_is_made_anew(tmp_path: Path) -> None:
    store = Store("sqlite", tmp_path)
    for record in sealed(store):
        by, _ = before_and_after(record, store)
        whole = record.chart("anna")
        by.remove("chart")
        record = store.reopen(record)
        assert [each.what.split(":")[0] for each in disagreements(record)] == ["behind"]
        assert record.chart("anna") == whole
        assert verify(record).sound
        assert list(disagreements(record)) == []
    store.close()


def test_a_claimed_page_stays_claimed_while_its_chart_is_rolled_forward(record: Sealed, store: Store) -> None:
    by, rows = before_and_after(record, store)
    taken = record.claim_outbox(NOW, LEASE)
    assert taken is not None
    by.put_back("chart", rows["chart"])
    record = store.reopen(record)
    assert record.chart("anna").revision == 2
    assert record.claim_outbox(NOW, LEASE) is None


def test_the_chart_of_somebody_erased_cannot_be_put_back(record: Sealed, store: Store) -> None:
    by, rows = before_and_after(record, store)
    assert record.commit(record.chart("anna"), "gone", "erase", "operator", Changes(erased=True), NOW)
    by.put_back("chart", rows["chart"])
    record = store.reopen(record)
    assert record.recover() >= 1
    assert record.chart("anna") == Chart(subject="anna", revision=3, erased=True)
    assert record.recover() == 0
    assert list(disagreements(record)) == []


def test_a_process_that_sees_an_erasure_forgets_at_once(record: Sealed, store: Store) -> None:
    before_and_after(record, store)
    other = store.open()
    assert isinstance(other, type(record))
    other.chart("anna")
    assert [p.id for p in other.people()] == [p.id for p in other.staff()] == ["anna"]
    name = other.sealing.name("person", "anna")
    assert name in other.sealing.keyring._known
    assert record.commit(record.chart("anna"), "gone", "erase", "operator", Changes(erased=True), NOW)
    assert other.people() == ()
    assert name not in other.sealing.keyring._known
    assert known_charts(other).subjects() == ()
    assert other.staff() == other.holders(SMS, "+1") == ()


def test_a_chart_seen_to_be_erased_is_forgotten_with_its_keys(record: Sealed, store: Store) -> None:
    before_and_after(record, store)
    other = store.open()
    assert isinstance(other, type(record))
    other.chart("anna")
    other.people()
    assert record.commit(record.chart("anna"), "gone", "erase", "operator", Changes(erased=True), NOW)
    assert other.chart("anna").erased
    with pytest.raises(NotFound):
        other.reserve_code("clara", "anna/flag/1", "anna", NOW)
    assert known_charts(other).subjects() == ()
    assert other.sealing.name("person", "anna") not in other.sealing.keyring._known
    known = other._persons.names() if isinstance(other, SqliteRecord) else tuple(other._people._known)
    assert known == ()


def known_charts(record: Sealed):
    return record._charts if isinstance(record, SqliteRecord) else record._charts._known


def test_expired_keys_go_with_any_use() -> None:
    sealing, clock = Sealing(FixedKeys(), MemoryKeys()), [0.0]
    sealing.keyring._monotonic = lambda: clock[0]
    sealing.keyring.forget()
    for use in (lambda: sealing.digest(b"x"), lambda: sealing.link(b"", 1), lambda: sealing.keyring.shred("other")):
        sealing.seal("note", "owner", "1", b"x")
        assert "owner" in sealing.keyring._known
        clock[0] += 301
        use()
        assert "owner" not in sealing.keyring._known
