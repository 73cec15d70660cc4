"""Vitals by the hour: the samples of one person and code within one hour are one row, packed."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from itertools import chain
from operator import attrgetter

from data.errors import BadFile
from data.model.observation import Observation
from data.ports import Hour
from data.record.coding import decode, decode_all, encode, instant, micros
from data.record.tables import BucketKey, BucketRow
from data.vocabulary import vital_signs

HOUR = 3_600_000_000
# Packing shorter ones costs more than it saves.
_WORTH_PACKING = 1_000
_PLAIN, _PACKED = b"j", b"z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What one hour holds, oldest first. Once thinned out, `measured` samples summed up to `total`."""

    rows: tuple[Observation, ...]
    measured: int = 0
    total: float = 0.0

    @property
    def n(self) -> int:
        """How many samples were measured."""
        return self.measured or len(self.rows)

    @property
    def sum(self) -> float:
        """What they add up to."""
        return self.total if self.measured else sum(row.value for row in self.rows)


@dataclass(slots=True)
class Touch:
    """What one commit does to one hour: samples that leave for another hour, and samples that come or change."""

    leave: set[str]
    come: dict[str, Observation]


def key_of(row: Observation) -> BucketKey:
    """Where a sample is kept: its code and the hour since 1970 in which it was measured."""
    return row.code, micros(row.effective_at) // HOUR


def touches(new: tuple[Observation, ...], held: tuple[Observation, ...]) -> dict[BucketKey, Touch]:
    """What `new` does to which hours, given what the chart holds: a correction may move a sample to another hour.

    A sample that was entered in error leaves its hour, so that no count, mean or band knows of it.
    """
    last = {row.id: row for row in new}
    found: dict[BucketKey, Touch] = {}
    for row in held:
        if row.id in last and key_of(row) != key_of(last[row.id]):
            found.setdefault(key_of(row), Touch(set(), {})).leave.add(row.id)
    for row in last.values():
        touch = found.setdefault(key_of(row), Touch(set(), {}))
        if row.withdrawn:
            touch.leave.add(row.id)
        else:
            touch.come[row.id] = row
    return found


def touched(old: BucketRow | None, touch: Touch, revision: int) -> BucketRow | None:
    """The hour afterwards; None when nothing is left. `old` is left alone when it has this revision already."""
    if old is not None and old.revision >= revision:
        return old
    before = unpack(old.body) if old is not None else Samples(rows=())
    rows = {row.id: row for row in before.rows if row.id not in touch.leave}
    rows.update(touch.come)
    if not rows:
        return None
    after = Samples(rows=tuple(sorted(rows.values(), key=_BY_TIME)))
    if before.measured:
        # Of a thinned hour only a few samples are left, so what came and went is reckoned onto what was measured.
        gone = [r.value for r in before.rows if r.id in touch.leave or r.id in touch.come]
        come = [r.value for r in touch.come.values()]
        measured = before.measured + len(come) - len(gone)
        after = replace(after, measured=measured, total=before.total + sum(come) - sum(gone))
    return row_of(after, revision)


def row_of(samples: Samples, revision: int) -> BucketRow:
    """The stored row of an hour's samples."""
    return BucketRow(samples.n, _band(samples.rows), revision, pack(samples))


def pack(samples: Samples) -> bytes:
    """As bytes, deflated when that is worth it: the samples of one hour are much alike."""
    data = encode(samples)
    return _PACKED + zlib.compress(data, 1) if len(data) > _WORTH_PACKING else _PLAIN + data


@lru_cache(maxsize=128)
def unpack(data: bytes) -> Samples:
    """What `pack` packed. Raises `BadFile` for other bytes."""
    return decode(_inflated(data), Samples)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data[1:]) if data[:1] == _PACKED else data[1:]
    except zlib.error:
        raise BadFile("an hour of vitals is damaged; restore a backup of the record") from None


def since(bodies: Iterable[bytes], start: int) -> tuple[Observation, ...]:
    """All samples of these hours measured after `start` (microseconds), oldest first."""
    after = instant(start)
    found = [row for row in _rows(bodies) if row.effective_at > after]
    found.sort(key=_BY_TIME)
    return tuple(found)


def within(bodies: Iterable[bytes], first: int, end: int) -> tuple[Observation, ...]:
    """The samples with `first` <= effective_at < `end` (microseconds), oldest first."""
    start, stop = instant(first), instant(end)
    found = [row for row in _rows(bodies) if start <= row.effective_at < stop]
    found.sort(key=_BY_TIME)
    return tuple(found)


def _rows(bodies: Iterable[bytes]) -> Iterator[Observation]:
    """The samples of many hours, decoded in one go: a month has hundreds of them."""
    return chain.from_iterable(hour.rows for hour in decode_all(map(_inflated, bodies), Samples))


def hour_of(number: int, body: bytes) -> Hour:
    """One hour for a page."""
    samples = unpack(body)
    values = [row.value for row in samples.rows]
    return Hour(instant(number * HOUR), samples.n, min(values), samples.sum / samples.n, max(values))


def thinned(row: BucketRow) -> BucketRow | None:
    """The hour with its first, least, most and last sample only; None when that saves nothing."""
    samples = unpack(row.body)
    rows = samples.rows
    kept = {r.id: r for r in (rows[0], min(rows, key=_by_value), max(rows, key=_by_value), rows[-1])}
    if samples.measured or len(kept) == len(rows):
        return None
    left = tuple(sorted(kept.values(), key=_BY_TIME))
    return row_of(Samples(rows=left, measured=samples.n, total=samples.sum), row.revision)


def first_hour(at: int) -> int:
    """The hour in which an instant (microseconds) lies."""
    return at // HOUR


def whole_hours(first: int, end: int) -> tuple[int, int]:
    """The hours that begin within `first` <= t < `end` (microseconds): from the first, and up to the second."""
    return -(-first // HOUR), -(-end // HOUR)


def last_hour(age: timedelta, now: int) -> int:
    """The first hour that is not yet that old: what lies before it is older as a whole."""
    return (now - age // timedelta(microseconds=1)) // HOUR


def _band(rows: tuple[Observation, ...]) -> int:
    signs = vital_signs()
    return max(signs[row.code].band(row.value) if row.code in signs else 0 for row in rows)


_BY_TIME = attrgetter("effective_at", "id")


def _by_value(row: Observation) -> tuple[float, object, str]:
    return row.value, row.effective_at, row.id
