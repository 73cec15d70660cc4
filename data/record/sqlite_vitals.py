"""Vitals by the hour in a SQLite record."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from data.model.audit import Entry
from data.model.chart import WINDOW, Chart
from data.model.observation import Observation
from data.ports import Hour, Spoilt, Tended
from data.record import buckets, sqlite_dump
from data.record.chain import ERASE, RELIEVED
from data.record.coding import encode, micros
from data.record.known import KnownCharts
from data.record.placing import at_revision
from data.record.projection import Projection
from data.record.retention import relieved_entry, tend_limits
from data.record.sqlite_healing import SqliteHealing
from data.record.tables import BucketKey, BucketRow

# A sweep writes that many rows between two chances for others to write.
_BATCH = 200


class SqliteVitals(SqliteHealing):
    """The hours of a `SqliteRecord`."""

    def observations(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Observation, ...]:
        """See `Record.observations`."""
        first, end = micros(since), micros(until)
        hours = self._hours(subject, code, buckets.first_hour(first), buckets.first_hour(end) + 1)
        return buckets.within((body for _, body in hours), first, end)

    def hours(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Hour, ...]:
        """See `Record.hours`."""
        first, end = buckets.whole_hours(micros(since), micros(until))
        return tuple(buckets.hour_of(hour, body) for hour, body in self._hours(subject, code, first, end))

    def bands(self, code: str, since: datetime, until: datetime) -> dict[int, int]:
        """See `Record.bands`."""
        count = "SELECT band, count(*) FROM vitals WHERE code = ? AND ? <= hour AND hour < ? GROUP BY band"
        return dict(self._read(count, (code, *buckets.whole_hours(micros(since), micros(until)))))

    def _hours(self, subject: str, code: str, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        owner = self._person(subject)
        select = (
            "SELECT hour, revision, body FROM vitals"
            " WHERE subject = ? AND code = ? AND ? <= hour AND hour < ? ORDER BY hour"
        )
        for hour, revision, sealed in self._read(select, (owner, code, first, end)):
            yield hour, self._open_hour(owner, code, hour, revision, sealed)

    def _full(self, chart: Chart, owner: str) -> Chart:
        """The chart with its observations; within the caller's transaction."""
        full = self._charts.full(chart.subject, chart.revision)
        if full is None:
            full = chart
            if chart.observed_from is not None:
                start = micros(chart.observed_from)
                rows = self._read(
                    "SELECT code, hour, revision, body FROM vitals WHERE subject = ? AND hour >= ?",
                    (owner, buckets.first_hour(start)),
                )
                opened = (self._tried_hour(owner, *row) for row in rows)
                found = buckets.since((body for body in opened if body is not None), start)
                full = chart.with_observations(found) if found else chart
            self._charts.read_full(full)
        return full

    def _write_vitals(self, connection: sqlite3.Connection, owner: str, before: Chart, rows: Projection) -> None:
        held = self._full(before, owner).observations
        for key, touch in buckets.touches(rows.observations, held).items():
            new = buckets.touched(self._bucket(connection, owner, key), touch, rows.revision)
            if new is None:
                self._write("vitals", "DELETE FROM vitals WHERE subject = ? AND code = ? AND hour = ?", (owner, *key))
            else:
                self._write("vitals", sqlite_dump.PUT_VITALS, sqlite_dump.vitals_values(self.sealing, owner, *key, new))

    def _bucket(self, connection: sqlite3.Connection, owner: str, key: BucketKey) -> BucketRow | None:
        select = "SELECT n, band, revision, body FROM vitals WHERE subject = ? AND code = ? AND hour = ?"
        row = connection.execute(select, (owner, *key)).fetchone()
        if row is None or self._tried_hour(owner, *key, *row[2:]) is None:
            # What does not open is lost but for the journal; it must not keep out what is measured now.
            return None
        return self._opened(owner, key, *row)

    def _opened(self, owner: str, key: BucketKey, n: int, band: int, revision: int, sealed: bytes) -> BucketRow:
        return BucketRow(n, band, revision, self._open_hour(owner, *key, revision, sealed))

    def _open_hour(self, owner: str, code: str, hour: int, revision: int, sealed: bytes) -> bytes:
        return self.sealing.unseal("vitals", owner, at_revision(f"{code}/{hour}", revision), sealed)

    def _tried_hour(self, owner: str, code: str, hour: int, revision: int, sealed: bytes) -> bytes | None:
        """An hour, or None for one that does not open: the others are judged without it."""
        opened = partial(self._open_hour, owner, code, hour, revision, sealed)
        return self._tried("vitals", owner, f"{code}/{hour}", opened)

    def closed_hours(self, now: datetime) -> Iterator[Spoilt]:
        """The hours of the charts' window that do not open, each tried: for a check-up."""
        last, first = ("", "", 0), buckets.first_hour(micros(now - WINDOW))
        select = (
            "SELECT subject, code, hour, revision, body FROM vitals WHERE (subject, code, hour) > (?, ?, ?)"  # noqa: S608
            f" AND hour >= ? ORDER BY subject, code, hour LIMIT {_BATCH}"
        )
        while rows := self._read(select, (*last, first)):
            for owner, code, hour, revision, body in rows:
                if self._tried_hour(owner, code, hour, revision, body) is None:
                    yield Spoilt(table="vitals", owner=owner, row=f"{code}/{hour}")
            last = rows[-1][:3]

    def tend(self, now: datetime, full: timedelta, keep: timedelta) -> Tended:
        """See `Record.tend`."""
        thin, gone = tend_limits(now, full, keep)
        with self._writing() as connection:
            removed = connection.execute("DELETE FROM vitals WHERE hour < ?", (gone,)).rowcount
        tended = Tended(sum(self._thin(thin)), removed, sum(self._relieve(thin)))
        with self._lock:
            self._charts = KnownCharts()
        return tended

    def _thin(self, before: int) -> Iterator[int]:
        last = ("", "", 0)
        select = (
            "SELECT subject, code, hour, n, band, revision, body FROM vitals WHERE (subject, code, hour) > (?, ?, ?)"  # noqa: S608
            f" AND hour < ? ORDER BY subject, code, hour LIMIT {_BATCH}"
        )
        while True:
            with self._writing() as connection:
                rows = connection.execute(select, (*last, before)).fetchall()
                for subject, code, hour, *columns in rows:
                    if self._tried_hour(subject, code, hour, *columns[2:]) is None:
                        continue
                    less = buckets.thinned(self._opened(subject, (code, hour), *columns))
                    if less is not None:
                        values = sqlite_dump.vitals_values(self.sealing, subject, code, hour, less)
                        connection.execute(sqlite_dump.PUT_VITALS, values)
                        yield 1
            if not rows:
                return
            last = rows[-1][:3]

    def _relieve(self, before: int) -> Iterator[int]:
        """Take old samples out of the journal's entries: they are sealed anew in a place that says so."""
        last, most = 0, before * buckets.HOUR
        select = (
            "SELECT seq, subject, revision, body FROM journal WHERE seq > ? AND at < ?"  # noqa: S608
            # What erased somebody opens no more.
            f" AND relieved = 0 AND body <> x'' AND kind <> '{ERASE}' ORDER BY seq LIMIT {_BATCH}"
        )
        while True:
            with self._writing() as connection:
                rows = connection.execute(select, (last, most)).fetchall()
                for seq, subject, revision, body in rows:
                    opened = partial(self._open, "journal", subject, str(revision), body, Entry)
                    entry = self._tried("journal", subject, str(revision), opened)
                    less = relieved_entry(entry, before) if entry is not None else None
                    if less is not None:
                        sealed = self.sealing.seal(RELIEVED, subject, str(revision), encode(less))
                        connection.execute("UPDATE journal SET relieved = 1, body = ? WHERE seq = ?", (sealed, seq))
                        yield 1
            if not rows:
                return
            last = rows[-1][0]
