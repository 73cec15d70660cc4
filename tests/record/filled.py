"""A record with every kind of row, among them what is left of people, words and samples that are gone."""

from dataclasses import replace
from datetime import timedelta

from data.model.audit import Access
from data.model.chart import Changes
from data.model.people import Role
from data.record.anchoring import anchor
from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from data.sealing.rotation import rotate, rotate_owner
from tests.record.examples import LEASE, MINUTE, NOW, due, message, person, put, reading, sms
from tests.record.mongo_steps import put_erasure

Sealed = SqliteRecord | MongoRecord
# Long after everything in it happened, and after every lease.
LATER = NOW + timedelta(days=1)


def fill(record: Sealed) -> None:
    """Anna and Clara share a number; Ben was erased; Dora's old samples were thinned out."""
    old = NOW - timedelta(days=30)
    put(record, "enrol-1", Changes(person=person("anna", "+1", "+2")), "anna", old)
    put(record, "enrol-2", Changes(person=person("clara", "+1", role=Role.CLINICIAN)), "clara", old)
    put(record, "enrol-3", Changes(person=person("ben", "+3")), "ben", old)
    put(record, "enrol-4", Changes(person=person("dora", "+4", active=False)), "dora", old)
    days = [reading(-30 * 1440 + n, 90.0 + n) for n in range(6)]
    put(record, "old-samples", Changes(observations=tuple(days)), "dora", old + timedelta(hours=1))
    moved = reading(-130, 91.0)
    put(record, "samples", Changes(observations=(reading(0), reading(-70), moved, reading(0, 60.0, "heart-rate"))))
    # A correction of the time: the hour it was in is empty now.
    put(record, "moved", Changes(observations=(replace(moved, effective_at=NOW - 10 * MINUTE),)))
    put(
        record, "work", Changes(communications=(sms("first"), sms("second"), sms("third", minutes=3)), dues=(due("d"),))
    )
    put(record, "ben-1", Changes(communications=(sms("b", "ben"),), dues=(due("b", "ben"),)), "ben")
    for name, owner in (("m1", "anna"), ("m2", "ben"), ("m3", None), ("m4", "anna"), ("m5", "clara")):
        record.keep(message(f"sms:{name}", owner, address="+9"))
    finish(record, forget=False)
    finish(record, forget=True)
    record.reserve_code("clara", "esc-1", "anna", NOW)
    record.reserve_code("clara", "esc-2", "ben", NOW)
    for who in ("anna", "ben", "anna", "dora"):
        look = Access(subject=who, actor="clara", role="clinician", action="read chart", at=NOW, reason="ward round")
        record.note_access(look)
    anchor(record, NOW)
    put_erasure(record, "ben", "erase-ben")
    record.tend(NOW, timedelta(days=20), timedelta(days=60))
    rotate(record.sealing.keyring)
    rotate_owner(record.sealing.keyring, record.sealing.name("person", "anna"))
    put(record, "after", Changes(notes=("sealed with the next key",)))
    # A sender that died with the outcome unknown.
    assert record.claim_outbox(NOW, LEASE)
    anchor(record, NOW + MINUTE)


def finish(record: Sealed, *, forget: bool) -> None:
    claimed = record.claim_message(NOW, LEASE)
    assert claimed and record.finish_message(claimed[1], forget=forget)
