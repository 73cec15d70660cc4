"""Writes taken together, in every store: each stands by itself at once, and all of them when it is over."""

import pytest

from data.errors import Conflict
from data.model.chart import Changes
from tests.record.examples import LEASE, NOW, due, message, person, put, sms


def test_writes_taken_together_are_seen_at_once_and_stay(store):
    record = store.open()
    with record.together():
        assert record.keep(message("m1"))
        assert not record.keep(message("m1"))
        assert put(record, "e1", Changes(person=person(), communications=(sms("c"),), dues=(due("d"),)))
        assert not put(record, "e1", Changes())
        said, claim = record.claim_message(NOW, LEASE)
        assert said.id == "m1"
        assert record.finish_message(claim)
        assert record.claim_outbox(NOW, LEASE)[0].id == "c"
        assert record.claim_due(NOW, LEASE)[0].id == "d"
    again = store.reopen(record)
    assert again.chart("anna").revision == 1
    assert not again.keep(message("m1"))
    assert again.claim_message(NOW, LEASE) is None
    assert again.claim_outbox(NOW, LEASE) is None
    assert again.claim_due(NOW, LEASE) is None


def test_what_fails_within_takes_nothing_else_with_it(record):
    with record.together():
        put(record, "e1", Changes(person=person()))
        chart = record.chart("anna")
        put(record, "e2", Changes())
        with pytest.raises(Conflict):
            record.commit(chart, "e3", "test", "tester", Changes(), NOW)
    assert [entry.event_id for entry in record.journal("anna")] == ["e1", "e2"]


def test_an_erasure_within_is_an_erasure(record):
    with record.together():
        put(record, "e1", Changes(person=person()))
        record.commit(record.chart("anna"), "gone", "erase", "tester", Changes(erased=True), NOW)
        assert record.chart("anna").erased
    assert record.chart("anna").erased
