"""A SQLite file of the release before (schema version 2, not sealed) as the tables of today; the file is only read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from data.errors import BadFile
from data.model.audit import Entry
from data.model.chart import Chart, observed_from
from data.model.observation import Observation
from data.record.buckets import Samples, key_of, row_of
from data.record.coding import decode, decode_all, encode
from data.record.sqlite_file import translated
from data.record.tables import (
    BucketKey,
    BucketRow,
    ChartRow,
    CodeRow,
    DueRow,
    JournalRow,
    MessageRow,
    OutboxRow,
    PersonRow,
    Tables,
)

OLD_VERSION = 2
_LEASE = ("lease_from", "lease_until", "token", "attempt")
_LEASES = ", ".join(_LEASE)
_PLACED = ("revision", "set_at", "body")


def is_old(path: Path) -> bool:
    """Whether a record of version 2 is there. What is no record at all is not."""
    if not path.is_file():
        return False
    try:
        with _read_only(path) as connection:
            return bool(connection.execute("SELECT version FROM schema_version").fetchone() == (OLD_VERSION,))
    except sqlite3.Error:
        return False


def read_old(path: Path) -> Tables:
    """Everything that is in it.

    Observations become hours, and work gets its place in line from the entry that put it there. Raises `BadFile` for a
    file that cannot be read.
    """
    try:
        with translated(path), _read_only(path) as connection:
            connection.execute("BEGIN")
            return _read(connection)
    except (KeyError, IndexError):
        raise BadFile(f"{path}: is not whole: its journal lacks what other rows refer to; restore a backup") from None


def _read(connection: sqlite3.Connection) -> Tables:
    tables = Tables()
    ((tables.token,),) = connection.execute("SELECT last FROM token").fetchall()
    _read_inbox(connection, tables)
    seen = _read_journal(connection, tables)
    _read_charts(connection, tables, seen)
    _read_work(connection, tables)
    _read_people(connection, tables)
    return tables


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    # As an URI, because only so SQLite promises not to write.
    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        yield connection


def _read_inbox(connection: sqlite3.Connection, tables: Tables) -> None:
    for key, order, body, done, *lease in connection.execute(
        f"SELECT id, queue, body, done, {_LEASES} FROM inbox ORDER BY n"  # noqa: S608
    ):
        tables.inbox[key] = MessageRow(order=order, body=body, done=bool(done), **_named(lease))


def _read_journal(connection: sqlite3.Connection, tables: Tables) -> dict[str, datetime]:
    """The journal; and from when on each chart carries what was measured, which charts did not yet say themselves."""
    seen: dict[str, datetime] = {}
    for seq, subject, event_id, body in connection.execute(
        "SELECT seq, subject, event_id, body FROM journal ORDER BY seq"
    ):
        tables.journal.setdefault(subject, []).append(JournalRow(seq, event_id, body))
        entry = decode(body, Entry)
        since = observed_from(Chart(subject=subject, observed_from=seen.get(subject)), entry.changes, entry.at)
        if since is not None:
            seen[subject] = since
    return seen


def _read_charts(connection: sqlite3.Connection, tables: Tables, seen: dict[str, datetime]) -> None:
    for subject, revision, body in connection.execute("SELECT subject, revision, body FROM chart ORDER BY n"):
        chart = replace(decode(body, Chart), observed_from=seen.get(subject))
        tables.charts[subject] = ChartRow(revision, encode(chart))
        hours = _hours(connection, subject)
        if hours:
            tables.vitals[subject] = hours


def _hours(connection: sqlite3.Connection, subject: str) -> dict[BucketKey, BucketRow]:
    """The observations of one person by code and hour, each hour as of its latest revision."""
    found: dict[BucketKey, list[Observation]] = {}
    revisions: dict[BucketKey, int] = {}
    select = "SELECT revision, body FROM observation WHERE subject = ? ORDER BY effective_at, id"
    rows = connection.execute(select, (subject,)).fetchall()
    for (revision, _), row in zip(rows, decode_all([body for _, body in rows], Observation), strict=True):
        found.setdefault(key_of(row), []).append(row)
        revisions[key_of(row)] = max(revision, revisions.get(key_of(row), 0))
    return {key: row_of(Samples(rows=tuple(samples)), revisions[key]) for key, samples in found.items()}


def _read_work(connection: sqlite3.Connection, tables: Tables) -> None:
    for subject, key, row in _rows(connection, "outbox", ("late", "created_at", "not_before", *_PLACED)):
        entry = _entry(tables, subject, row["revision"])
        place = {each.id: place for place, each in enumerate(entry.changes.communications)}[key]
        tables.outbox[subject, key] = OutboxRow(seq=_seq(tables, entry), place=place, **row)
    for subject, key, row in _rows(connection, "due", ("due_at", *_PLACED)):
        entry = _entry(tables, subject, row["revision"])
        place = {each.id: place for place, each in enumerate(entry.changes.dues)}[key]
        tables.dues[subject, key] = DueRow(seq=_seq(tables, entry), place=place, **row)


def _rows(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    named = (*columns, *_LEASE)
    for subject, key, *values in connection.execute(f"SELECT subject, id, {', '.join(named)} FROM {table} ORDER BY n"):  # noqa: S608
        yield subject, key, dict(zip(named, values, strict=True))


def _entry(tables: Tables, subject: str, revision: int) -> Entry:
    return decode(tables.journal[subject][revision - 1].body, Entry)


def _seq(tables: Tables, entry: Entry) -> int:
    return tables.journal[entry.subject][entry.revision - 1].seq


def _read_people(connection: sqlite3.Connection, tables: Tables) -> None:
    addresses: dict[int, list[str]] = {}
    for number, address in connection.execute("SELECT person, address FROM address ORDER BY person, place"):
        addresses.setdefault(number, []).append(address)
    for number, key, active, role, revision, body in connection.execute(
        "SELECT n, id, active, role, revision, body FROM person ORDER BY n"
    ):
        tables.people[key] = PersonRow(revision, bool(active), role, tuple(addresses.get(number, ())), body)
    for recipient, code, *values in connection.execute(
        "SELECT recipient, code, escalation_id, subject, given_at FROM code ORDER BY n"
    ):
        tables.codes.setdefault(recipient, {})[code] = CodeRow(*values)


def _named(lease: list[int]) -> dict[str, int]:
    return dict(zip(_LEASE, lease, strict=True))
