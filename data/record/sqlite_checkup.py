"""The check-up of a SQLite record: who may read its files, whether it is durable and whole, and what waits in it."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from time import perf_counter

from data.model.conversation import RawMessage
from data.ports import Clock
from data.record.checkup import (
    Checked,
    Waiting,
    check_agreement,
    check_anchor,
    check_disk,
    check_keys,
    check_last,
    check_recovery,
    check_rows,
    check_unkeyed,
    check_work,
    fault,
    overdue_before,
    well,
    worry,
)
from data.record.coding import instant, micros
from data.record.sqlite import SqliteRecord
from data.record.sqlite_file import make_tables
from data.record.tables import VERSION

# What PRAGMA synchronous answers for FULL; EXTRA is more.
_FULL = 2
# A synced write takes a few ms; at so many seconds, messages pile up.
_SLOW = 0.5


def check_modes(path: Path) -> Checked:
    """Whether others may read the files. For before it is opened: opening puts the mode of the files right."""
    sides = ("", "-wal", "-shm", ".keys", ".keys-wal", ".keys-shm")
    files = [file for side in sides if (file := path.with_name(path.name + side)).exists()]
    open_ones = [file.name for file in files if _others(file)]
    if open_ones:
        found = f"others may read {', '.join(open_ones)}"
        return fault("file modes", found, f"run `chmod 600` on them in {path.parent}; see who has read them")
    folder = path.absolute().parent
    if _others(folder):
        return worry("file modes", f"others may look into {folder}", f"run `chmod 700 {folder}`")
    return well("file modes", f"only this user may read {path.name} and its keys")


def _others(file: Path) -> bool:
    return bool(stat.S_IMODE(file.stat().st_mode) & 0o077)


def checkup(record: SqliteRecord, clock: Clock) -> Iterator[Checked]:
    """Everything about an open record. See `data.record.checkup.check_up`."""
    ((entries,),) = record._read("SELECT count(*) FROM journal", ())
    ((people,),) = record._read("SELECT count(*) FROM person", ())
    yield well("record", f"{record._path}: schema version {VERSION}, {people} people, {entries} entries")
    yield _durability(record)
    yield _write(record)
    yield _indexes(record)
    yield check_agreement(record)
    # Before the recovery, which makes rows anew where it can.
    yield check_unkeyed(record)
    yield check_rows("rows", record.closed_rows(), "persons, charts, messages, outbox, timers and codes")
    yield check_rows("vitals", record.closed_hours(clock.now()), "the last week")
    yield check_recovery(record)
    now = clock.now()
    last = record._read("SELECT at FROM journal ORDER BY seq DESC LIMIT 1", ())
    yield check_last(instant(last[0][0]) if last else None, now)
    yield from _work(record, clock)
    yield check_keys(record.keys)
    yield check_anchor(record, now)
    yield check_disk(record._path.parent)


def glance(record: SqliteRecord, clock: Clock) -> Iterator[Checked]:
    """See `data.record.checkup.glance`."""
    yield _write(record)
    yield from _work(record, clock)
    yield check_disk(record._path.parent)


def _durability(record: SqliteRecord) -> Checked:
    ((journal,),) = record._read("PRAGMA journal_mode", ())
    ((synchronous,),) = record._read("PRAGMA synchronous", ())
    found = f"journal mode {journal}, synchronous {synchronous} ({_FULL} is FULL)"
    if journal != "wal" or synchronous < _FULL:
        return fault("durability", found, "put the file on a local disk: WAL is not to be had on a network's")
    return well("durability", found)


def _write(record: SqliteRecord) -> Checked:
    """One write that changes nothing, synced as every other."""
    began = perf_counter()
    with record._writing() as connection:
        connection.execute("UPDATE token SET last = last")
    took = perf_counter() - began
    found = f"a synced write took {took * 1000:.1f} ms"
    if took > _SLOW:
        return worry("write", found, "use a faster disk, or see who else writes to it")
    return well("write", found)


def _indexes(record: SqliteRecord) -> Checked:
    """Tables and indexes, word by word as this version makes them."""
    select = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        make_tables(fresh)
        wanted = dict(fresh.execute(select).fetchall())
    found = dict(record._read(select, ()))
    wrong = sorted(name for name, sql in wanted.items() if found.get(name) != sql)
    if wrong:
        return fault("indexes", f"missing or altered: {', '.join(wrong)}", "move the record with `phms store migrate`")
    return well("indexes", f"{len(wanted)} tables and indexes, as they must be")


def _work(record: SqliteRecord, clock: Clock) -> Iterator[Checked]:
    now = clock.now()
    first = record._read("SELECT owner, id, body FROM inbox WHERE done = 0 ORDER BY n LIMIT 1", ())
    ((unanswered,),) = record._read("SELECT count(*) FROM inbox WHERE done = 0", ())
    opened = [record._tried("inbox", o, n, partial(record._open, "inbox", o, n, b, RawMessage)) for o, n, b in first]
    since = [message.received_at for message in opened if message is not None]
    yield from check_work(
        Waiting(unanswered, since[0] if since else None),
        _waiting(record, "due", "due_at", clock),
        _waiting(record, "outbox", "max(created_at, not_before)", clock),
        now,
    )


def _waiting(record: SqliteRecord, table: str, ready: str, clock: Clock) -> Waiting:
    at, before = micros(clock.now()), micros(overdue_before(clock.now()))
    free = "NOT (lease_from <= :at AND :at < lease_until)"
    select = f"SELECT count(*), min({ready}) FROM {table} WHERE {ready} < :before AND {free}"  # noqa: S608
    ((count, since),) = record._read(select, {"at": at, "before": before})
    return Waiting(count, instant(since) if count else None)
