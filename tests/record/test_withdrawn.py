"""A reading that was entered in error, in every store: nothing is reckoned from it, and the journal keeps it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from data.model.chart import WINDOW, Changes
from data.model.observation import Observation, Status
from data.ports import Record
from data.record.retention import relieved_entry
from tests.record.examples import MINUTE, NOW, put, reading
from tests.record.stores import AnyRecord, Store

CODE = "oxygen-saturation"
EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
LOW, USUAL = reading(0, 70.0), reading(1, 97.0)


def in_error(row: Observation, minutes: float = 5) -> Observation:
    return replace(row, status=Status.ENTERED_IN_ERROR, received_at=NOW + minutes * MINUTE)


def held(record: Record) -> tuple[list[float], list[float], list[tuple[int, float, float]], dict[int, int]]:
    """Values on the chart and in the vitals, and what hours and bands say of them."""
    rows = record.observations("anna", CODE, *EVER)
    hours = [(hour.n, hour.least, hour.mean) for hour in record.hours("anna", CODE, *EVER)]
    on_chart = [row.value for row in record.chart("anna").observations]
    return on_chart, [row.value for row in rows], hours, record.bands(CODE, *EVER)


def test_it_leaves_chart_hours_and_bands(store: Store) -> None:
    record = store.open()
    put(record, "e1", Changes(observations=(LOW, USUAL)))
    assert held(record) == ([70.0, 97.0], [70.0, 97.0], [(2, 70.0, 83.5)], {3: 1})
    put(record, "e2", Changes(observations=(in_error(LOW),)))
    expected = ([97.0], [97.0], [(1, 97.0, 97.0)], {0: 1})
    assert held(record) == expected
    assert held(store.reopen(record)) == expected


def test_the_last_of_its_hour_leaves_no_empty_hour(store: Store) -> None:
    record = store.open()
    put(record, "e1", Changes(observations=(LOW,)))
    put(record, "e2", Changes(observations=(in_error(LOW),)))
    assert held(record) == ([], [], [], {})
    assert held(store.reopen(record)) == ([], [], [], {})


def test_the_journal_has_both_versions(record: AnyRecord) -> None:
    put(record, "e1", Changes(observations=(LOW,)))
    put(record, "e2", Changes(observations=(in_error(LOW),)))
    assert [entry.changes.observations for entry in record.journal("anna")] == [(LOW,), (in_error(LOW),)]


def test_one_that_never_came_is_no_hour(record: AnyRecord) -> None:
    put(record, "e1", Changes(observations=(in_error(LOW),)))
    assert held(record) == ([], [], [], {})


def test_what_is_said_again_counts_again(record: AnyRecord) -> None:
    put(record, "e1", Changes(observations=(LOW,)))
    put(record, "e2", Changes(observations=(in_error(LOW),)))
    put(record, "e3", Changes(observations=(replace(LOW, value=96.0),)))
    assert held(record) == ([96.0], [96.0], [(1, 96.0, 96.0)], {0: 1})


def test_a_sweep_takes_old_samples_out_of_the_journal_but_not_what_was_in_error(record: AnyRecord) -> None:
    put(record, "e1", Changes(observations=(LOW, USUAL)))
    put(record, "e2", Changes(observations=(in_error(LOW), replace(USUAL, value=96.0))))
    for _ in range(2):
        record.tend(NOW + timedelta(days=40), full=WINDOW + timedelta(days=1), keep=timedelta(days=400))
        assert [entry.changes.observations for entry in record.journal("anna")] == [(), (in_error(LOW),)]
    assert [row.value for row in record.observations("anna", CODE, *EVER)] == [96.0]


def test_an_entry_of_nothing_else_needs_no_relief(record: AnyRecord) -> None:
    put(record, "e1", Changes(observations=(in_error(LOW),)))
    (entry,) = record.journal("anna")
    assert relieved_entry(entry, 10**9) is None


@pytest.mark.parametrize("status", list(Status))
def test_the_codes_are_those_of_fhir(status: Status) -> None:
    assert status in ("final", "entered-in-error")
