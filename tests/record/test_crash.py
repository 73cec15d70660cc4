"""A crash at every single write, then a restart and the same call again: nothing lost, nothing doubled."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from data.model.chart import WINDOW, Changes
from data.model.communication import SendState
from data.record.memory import MemoryRecord
from data.record.tables import load_tables
from tests.record.examples import LEASE, MINUTE, NOW, due, flag, message, person, put, reading, sms
from tests.record.stores import KINDS, LOCAL, AnyRecord, Crash, CrashAt, Store

# What happened before the step under test.
OLD = reading(-WINDOW / MINUTE + 1)
BEFORE = Changes(
    person=person("anna", "+1", "+2"),
    observations=(OLD, reading(0)),
    dues=(due("fires"), due("moves"), due("stays")),
    communications=(sms("settles"), sms("again")),
)
# One commit that writes every kind of row, and removes some.
EVERYTHING = Changes(
    person=person("anna", "+2", "+3"),
    observations=(reading(1), reading(2, 72.0, "heart-rate"), reading(0, 95.0)),
    flags=(flag(),),
    dues=(due("fires", done=True), due("moves", minutes=3), due("new", minutes=4)),
    communications=(sms("settles", state=SendState.DELIVERED), sms("again"), sms("new")),
    notes=("why",),
)


def prepare(record: AnyRecord) -> None:
    put(record, "before", BEFORE, now=NOW)
    put(record, "other", Changes(person=person("nia", "+9"), dues=(due("d", "nia", minutes=9),)), "nia")
    record.keep(message("sms:1"))
    record.reserve_code("clara", "esc-0", "anna", NOW)


def commit(record: AnyRecord, now: datetime) -> object:
    put(record, "event", EVERYTHING, now=now)
    return record.chart("anna")


def claim(record: AnyRecord, now: datetime) -> object:
    claimed = [record.claim_message(now, LEASE), record.claim_due(now, LEASE), record.claim_outbox(now, LEASE)]
    return [c[0].id for c in claimed if c]


def finish(record: AnyRecord, now: datetime) -> object:
    claimed = record.claim_message(now, LEASE)
    return claimed is None or record.finish_message(claimed[1])


# Each step, and how long after the crash it is tried again: what was leased comes back when its lease lapses.
STEPS: dict[str, tuple[Callable[[AnyRecord, datetime], object], timedelta]] = {
    "keep": (lambda record, now: record.keep(message("sms:2")) or True, timedelta()),
    "commit": (commit, timedelta()),
    "claim": (claim, LEASE),
    "finish": (finish, LEASE),
    "code": (lambda record, now: record.reserve_code("clara", "esc-1", "anna", now), timedelta()),
}
THEN = NOW + 2 * MINUTE


def crashed_at(kind: str, folder: Path, name: str, nth: int | None) -> tuple[Store, AnyRecord, CrashAt]:
    """A record whose step died at its nth write, or did not die."""
    folder.mkdir(parents=True)
    place = Store(kind, folder)
    record = place.open()
    prepare(record)
    probe = CrashAt(nth)
    record = place.reopen(record, probe)
    step, _ = STEPS[name]
    if nth is None:
        step(record, THEN)
    else:
        with pytest.raises(Crash):
            step(record, THEN)
    return place, record, probe


def restarted(place: Store, record: AnyRecord, name: str) -> tuple[object, str]:
    """What the step answers after a restart, and the content it leaves."""
    step, later = STEPS[name]
    record = place.reopen(record)
    answer = step(record, THEN + later)
    digest = record.digest()
    place.close()
    return answer, digest


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_at_every_write_heals(kind: str, name: str, tmp_path: Path) -> None:
    place, record, probe = crashed_at(kind, tmp_path / "whole", name, None)
    whole = restarted(place, record, name)
    assert len(probe.names) >= 2, "the step writes something, and answers"
    for nth in range(len(probe.names)):
        place, record, _ = crashed_at(kind, tmp_path / f"crash-{nth}", name, nth)
        assert restarted(place, record, name) == whole, probe.names[nth]


def test_every_kind_of_write_of_a_commit_is_among_them(tmp_path: Path) -> None:
    for kind in LOCAL:
        place, _, probe = crashed_at(kind, tmp_path / kind, "commit", None)
        place.close()
        expected = {"journal", "vitals", "outbox", "due", "person", "chart"}
        assert expected <= set(probe.names)
        assert probe.names[-1] == "answer"


def test_both_stores_come_to_the_same_bytes(tmp_path: Path) -> None:
    dumps = []
    for kind in LOCAL:
        place, record, _ = crashed_at(kind, tmp_path / kind, "commit", None)
        claim(record, THEN)
        dumps.append((record.dump(), record.digest()))
        place.close()
    assert dumps[0] == dumps[1]


def test_a_second_crash_while_healing_heals_too(tmp_path: Path) -> None:
    place, record, probe = crashed_at("memory", tmp_path / "whole", "commit", None)
    digest = record.digest()
    for first in range(len(probe.names)):
        second = 0
        while True:
            _, record, _ = crashed_at("memory", tmp_path / f"{first}-{second}", "commit", first)
            dump, again = record.dump(), CrashAt(second)
            try:
                place.reopen(record, again)
                break
            except Crash:
                second += 1
            # The process died while it rolled forward; what it had written by then is lost or kept: try both.
            for left in (dump, _rolled_forward_until(dump, second - 1)):
                healed = MemoryRecord.load(left)
                commit(healed, THEN)
                assert healed.digest() == digest


def _rolled_forward_until(dump: bytes, nth: int) -> bytes:
    """The tables as a crash at the nth write of a recovery leaves them."""
    record = MemoryRecord(CrashAt(nth))
    record._open(load_tables(dump))
    with pytest.raises(Crash):
        record.recover()
    return record.dump()


def test_a_row_claimed_before_the_chart_caught_up_keeps_its_lease() -> None:
    """The commit died after its outbox row; a sender already has it when the retry comes."""
    count = CrashAt(None)
    put(MemoryRecord(count), "e1", Changes(communications=(sms("c"),)))
    record = MemoryRecord(CrashAt(count.names.index("chart")))
    with pytest.raises(Crash):
        put(record, "e1", Changes(communications=(sms("c"),)))
    assert record.claim_outbox(NOW, LEASE)
    assert not put(record, "e1", Changes(communications=(sms("c"),)))
    assert record.chart("anna").communications == (sms("c"),)
    assert record.claim_outbox(NOW, LEASE) is None


def test_a_reader_rolls_a_chart_forward(tmp_path: Path) -> None:
    place, record, _ = crashed_at("memory", tmp_path / "x", "commit", 1)
    assert record.chart("anna").revision == 2
    assert record.recover() == 0
    place.close()


def test_the_retry_alone_brings_the_work_about() -> None:
    """The commit died right after the journal entry; nobody reads the chart before the same call comes again."""
    record = MemoryRecord(CrashAt(1))
    chart, changes = record.chart("anna"), Changes(communications=(sms("c"),))
    with pytest.raises(Crash):
        record.commit(chart, "e1", "test", "tester", changes, NOW)
    assert record.claim_outbox(NOW, LEASE) is None
    assert not record.commit(chart, "e1", "test", "tester", changes, NOW)
    assert record.claim_outbox(NOW, LEASE)
