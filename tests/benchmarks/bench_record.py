"""The sealed record on a synced file: a commit, a chart with a month of vitals, and a flood of vitals."""

import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from data.model.chart import Changes
from data.model.observation import Observation
from data.model.people import Person
from data.record.sqlite import SqliteRecord
from tests.record.examples import NOW, due, person, put, reading, sms
from tests.record.keys import FixedKeys

COMMITS, READS = 400, 200
FLOOD, BATCH, PATIENTS = 100_000, 250, 100
CODES = ("heart-rate", "oxygen-saturation", "respiratory-rate", "systolic-blood-pressure", "diastolic-blood-pressure")


def main(write: Callable[[str], object]) -> None:
    """Time each and print medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        bare = _bare(place / "bare.sqlite")
        record = SqliteRecord(place / "record.sqlite", FixedKeys())
        sealing = _Counted(record)
        commit = _commits(record)
        share = sealing.seconds / sealing.busy
        ratio = commit / bare
        write(f"  commit of a message (6 rows), full sync: p50 {commit:.2f} ms (goal 3), {ratio:.1f} bare inserts\n")
        write(f"  of it sealing, names and chain: {share:.0%} (goal 25 %)\n")
        write(f"  chart of 30 days of hourly vitals, 5 codes: {_charts(record)}\n")
        record.close()
        write(f"  {_flood(SqliteRecord(place / 'flood.sqlite', FixedKeys()))}\n")


class _Counted:
    """Wraps a record's sealing, to know how long it took."""

    def __init__(self, record: SqliteRecord) -> None:
        self.seconds = self.busy = 0.0
        for name in ("seal", "unseal", "digest", "link", "name"):
            setattr(record.sealing, name, self._timed(getattr(record.sealing, name)))
        commit = record.commit

        def counted(*args: object) -> bool:
            began, before = time.perf_counter(), self.seconds
            done = commit(*args)  # type: ignore[arg-type]
            self.busy += time.perf_counter() - began
            self.seconds, self.within = self.seconds, self.seconds - before
            return done

        record.commit = counted  # type: ignore[method-assign,assignment]

    def _timed(self, call: Callable[..., object]) -> Callable[..., object]:
        def timed(*args: object) -> object:
            began = time.perf_counter()
            try:
                return call(*args)
            finally:
                self.seconds += time.perf_counter() - began

        return timed


def _bare(path: Path) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE row (n INTEGER PRIMARY KEY, body TEXT)")
    return _median(COMMITS, lambda n: connection.execute("INSERT INTO row VALUES (?, ?)", (n, "x" * 400)))


def _commits(record: SqliteRecord) -> float:
    """Two readings, an answer, a timer, a profile and the chart: six rows beside the journal's."""
    patient = person()
    put(record, "enrol", Changes(person=patient))

    def step(n: int) -> None:
        record.commit(
            record.chart("anna"), f"m{n}", "message", "anna", _message(patient, n), NOW + n * timedelta(minutes=30)
        )

    return _median(COMMITS, step)


def _message(patient: Person, n: int) -> Changes:
    return Changes(
        person=replace(patient, title=str(n)),
        observations=(reading(30 * n, 97.0), reading(30 * n, 72.0, "heart-rate")),
        communications=(sms(f"anna/m{n}/reply", minutes=30 * n),),
        dues=(due("anna/due", minutes=30 * n + 60),),
    )


def _charts(record: SqliteRecord) -> str:
    """A patient with 3,600 readings of 30 days: read by a process that knows the chart, and by one that does not."""
    for day in range(30):
        at = [NOW + timedelta(days=day, hours=hour) for hour in range(24)]
        samples = tuple(_sample(code, when.timestamp()) for when in at for code in CODES)
        record.commit(record.chart("bo"), f"day{day}", "readings", "feed", Changes(observations=samples), at[-1])
    known = _median(READS, lambda _: record.chart("bo"))

    def cold(_: int) -> None:
        record._charts.forget("bo")
        record.chart("bo")

    held = len(record.chart("bo").observations)
    return f"p50 {known:.2f} ms (goal 5); unknown to the process {_median(READS, cold):.2f} ms, {held} readings in it"


def _sample(code: str, at: float) -> Observation:
    one = reading(0, 90.0 + at % 7, code)
    when = one.effective_at.fromtimestamp(at, one.effective_at.tzinfo)
    return replace(one, id=f"feed:{code}:{when.isoformat()}", effective_at=when, received_at=when)


def _flood(record: SqliteRecord) -> str:
    """Samples once a minute of 100 patients, in batches as a device sends them."""
    start, began, before = NOW.timestamp(), time.perf_counter(), _memory()
    per_patient = FLOOD // PATIENTS
    halfway = 0
    for first in range(0, per_patient, BATCH):
        for patient in range(PATIENTS):
            samples = tuple(_sample("heart-rate", start + 60 * n) for n in range(first, first + BATCH))
            chart = record.chart(f"p{patient}")
            now = samples[-1].effective_at
            record.commit(chart, f"b{first}", "readings", "feed", Changes(observations=samples), now)
        halfway = halfway or _memory()
    spent = time.perf_counter() - began
    grown = (_memory() - halfway) / 1024
    record.close()
    return (
        f"{FLOOD:,} samples in batches of {BATCH}: {FLOOD / spent:,.0f}/s (goal 10,000); "
        f"memory +{(halfway - before) / 1024:.0f} MB in the first quarter, +{grown:.0f} MB in the rest"
    )


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _median(times: int, step: Callable[[int], object]) -> float:
    spent = []
    for n in range(times):
        began = time.perf_counter()
        step(n)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent[times // 10 :]) * 1000
