"""Vitals by the hour in a record in memory."""

from datetime import datetime, timedelta

from data.model.audit import Entry
from data.model.chart import Chart
from data.model.observation import Observation
from data.ports import Hour, Tended
from data.record import buckets
from data.record.coding import (
    decode,
    encode,
    micros,
)
from data.record.known import KnownCharts
from data.record.memory_base import MemoryBase
from data.record.projection import Projection
from data.record.retention import relieved_entry, tend_limits


class MemoryVitals(MemoryBase):
    """The hours of a `MemoryRecord`."""

    def observations(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Observation, ...]:
        """See `Record.observations`."""
        first, end = micros(since), micros(until)
        with self._lock:
            self._roll_forward(subject)
            hours = self._tables.vitals.get(subject, {}).items()
            return buckets.within((row.body for (name, _), row in hours if name == code), first, end)

    def hours(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Hour, ...]:
        """See `Record.hours`."""
        first, end = buckets.whole_hours(micros(since), micros(until))
        with self._lock:
            self._roll_forward(subject)
            hours = self._tables.vitals.get(subject, {}).items()
            found = sorted((h, row.body) for (name, h), row in hours if name == code and first <= h < end)
        return tuple(buckets.hour_of(hour, body) for hour, body in found)

    def bands(self, code: str, since: datetime, until: datetime) -> dict[int, int]:
        """See `Record.bands`."""
        counts: dict[int, int] = {}
        first, end = buckets.whole_hours(micros(since), micros(until))
        with self._lock:
            for hours in self._tables.vitals.values():
                for (name, hour), row in hours.items():
                    if name == code and first <= hour < end:
                        counts[row.band] = counts.get(row.band, 0) + 1
        return counts

    def _full(self, chart: Chart) -> Chart:
        full = self._charts.full(chart.subject, chart.revision)
        if full is None:
            full = chart
            if chart.observed_from is not None:
                start = micros(chart.observed_from)
                hours = self._tables.vitals.get(chart.subject, {}).items()
                rows = buckets.since((r.body for (_, h), r in hours if h >= buckets.first_hour(start)), start)
                full = chart.with_observations(rows) if rows else chart
            self._charts.read_full(full)
        return full

    def _write_vitals(self, rows: Projection) -> None:
        held = self._full(self._stored(rows.subject)).observations
        table = self._tables.vitals.setdefault(rows.subject, {})
        for key, touch in buckets.touches(rows.observations, held).items():
            old = table.get(key)
            new = buckets.touched(old, touch, rows.revision)
            if new is old:
                continue
            self._probe("vitals")
            if new is None:
                del table[key]
            else:
                table[key] = new

    def tend(self, now: datetime, full: timedelta, keep: timedelta) -> Tended:
        """See `Record.tend`."""
        thin, gone = tend_limits(now, full, keep)
        thinned = removed = relieved = 0
        with self._lock:
            for hours in self._tables.vitals.values():
                for key in [key for key in hours if key[1] < thin]:
                    less = buckets.thinned(hours[key]) if key[1] >= gone else None
                    if key[1] < gone:
                        del hours[key]
                        removed += 1
                    elif less is not None:
                        hours[key] = less
                        thinned += 1
            for rows in self._tables.journal.values():
                for row in rows:
                    entry = decode(row.body, Entry) if row.body else None
                    if entry is not None and (less_of := relieved_entry(entry, thin)) is not None:
                        row.body = encode(less_of)
                        relieved += 1
            self._charts = KnownCharts()
        return Tended(thinned, removed, relieved)
