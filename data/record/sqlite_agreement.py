"""The agreement of a SQLite record: what is stored of each person at one moment, and its mending from the chart."""

import sqlite3
from collections.abc import Iterator
from typing import TypeVar

from data.errors import BadFile, NotFound
from data.model.audit import Entry
from data.model.chart import Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.people import Person
from data.model.plan import Due
from data.record import sqlite_dump
from data.record.agreement import (
    DUE,
    INBOX,
    MENDED,
    OUTBOX,
    PERSON,
    Disagreement,
    PersonSeen,
    Seen,
    WorkSeen,
    compared,
    live_in,
    long_lease,
    person_anew,
    queued_anew,
    timer_anew,
)
from data.record.chain import FIRST, RELIEVED
from data.record.placing import at_revision
from data.record.sqlite_base import SqliteBase

T = TypeVar("T")
_PAGE = 200
_EVERYBODY = (
    "SELECT subject AS name FROM chart UNION SELECT subject FROM journal UNION SELECT id FROM person"
    " UNION SELECT subject FROM outbox UNION SELECT subject FROM due ORDER BY name"
)
_TOLD = {OUTBOX: ("late", "created_at", "not_before"), DUE: ("due_at",)}
_KINDS: dict[str, type[Communication] | type[Due]] = {OUTBOX: Communication, DUE: Due}


def disagreements_in(record: SqliteBase) -> Iterator[Disagreement]:
    """See `data.record.agreement.disagreements`."""
    yield from _of_people(record)
    yield from _answered(record)


def to_mend(record: SqliteBase) -> tuple[str, ...]:
    """Whose rows are not what their charts say, where `mend` can put that right."""
    return tuple(dict.fromkeys(each.subject for each in _of_people(record) if each.table in MENDED))


def _of_people(record: SqliteBase) -> Iterator[Disagreement]:
    names = [name for (name,) in record._read(_EVERYBODY, ())]
    for start in range(0, len(names), _PAGE):
        # One snapshot, so that no commit comes in between; and not for long, so that others may write.
        with record._reading():
            page = names[start : start + _PAGE]
            found = [each for name in page for each in compared(record.sealing, seen(record, name))]
        yield from found


def seen(record: SqliteBase, name: str) -> Seen:
    """What is stored of one person, within the caller's snapshot."""
    chart = record._read("SELECT revision, link, body FROM chart WHERE subject = ?", (name,))
    revision, link, body = chart[0] if chart else (0, FIRST, b"")
    last = record._read(
        "SELECT revision, link, kind FROM journal WHERE subject = ? ORDER BY revision DESC LIMIT 1", (name,)
    )
    return Seen(
        name=name,
        head=(revision, link),
        erased=bool(chart) and not body,
        chart=_opened(record, "chart", name, at_revision("chart", revision), body, Chart) if body else None,
        last=last[0] if last else (0, FIRST, ""),
        person=_person(record, name),
        work={table: _work(record, table, name) for table in _TOLD},
    )


def _person(record: SqliteBase, name: str) -> PersonSeen | None:
    rows = record._read("SELECT n, revision, active, role, body FROM person WHERE id = ?", (name,))
    if not rows:
        return None
    ((number, revision, active, role, body),) = rows
    addresses = record._read("SELECT address FROM address WHERE person = ?", (number,))
    return PersonSeen(
        revision=revision,
        active=bool(active),
        role=role,
        addresses=frozenset(address for (address,) in addresses),
        person=_opened(record, "person", name, at_revision("person", revision), body, Person),
    )


def _work(record: SqliteBase, table: str, name: str) -> dict[str, WorkSeen]:
    told = _TOLD[table]
    select = f"SELECT id, revision, body, lease_from, lease_until, {', '.join(told)} FROM {table} WHERE subject = ?"  # noqa: S608
    return {
        row: WorkSeen(
            revision=revision,
            told=tuple(columns),
            lease=(first, until),
            thing=_opened(record, table, name, at_revision(row, revision), body, _KINDS[table]),
        )
        for row, revision, body, first, until, *columns in record._read(select, (name,))
    }


def _opened(record: SqliteBase, table: str, owner: str, row: str, body: bytes, kind: type[T]) -> T | None:
    try:
        return record._open(table, owner, row, body, kind)
    except (BadFile, NotFound):
        return None


def _answered(record: SqliteBase) -> Iterator[Disagreement]:
    """Messages that count as answered, though no entry tells of them, or that are leased for ever."""
    last, open_ones = 0, dict[str, tuple[str, str]]()
    select = f"SELECT n, owner, id, done, lease_from, lease_until, body FROM inbox WHERE n > ? ORDER BY n LIMIT {_PAGE}"  # noqa: S608
    while rows := record._read(select, (last,)):
        for last, owner, name, done, first, until, body in rows:  # noqa: B007 - the next page starts after it
            what = "" if done else long_lease(first, until)
            if what:
                yield Disagreement(table=INBOX, subject=owner, row=name, what=what)
            message = _opened(record, INBOX, owner, name, body, RawMessage) if done and body else None
            if message is not None and message.text:
                event = record.sealing.name("event", message.id)
                if not record._read("SELECT 1 FROM journal WHERE subject = ? AND event = ?", (owner, event)):
                    open_ones[event] = owner, name
    # Most messages are told of in the journal of whoever's queue they stood in; for the rest, once through all of it.
    seq = 0
    while open_ones and (events := record._read(_EVENTS, (seq,))):
        for _, event in events:
            open_ones.pop(event, None)
        seq = events[-1][0]
    for owner, name in open_ones.values():
        what = "unanswered: it counts as done, but no entry tells of it"
        yield Disagreement(table=INBOX, subject=owner, row=name, what=what)


_EVENTS = "SELECT seq, event FROM journal WHERE seq > ? ORDER BY seq LIMIT 5000"


# Mending.


def mend(record: SqliteBase, connection: sqlite3.Connection, name: str) -> bool:
    """Put right what follows from one person's chart, within the caller's transaction; whether anything was wrong."""
    found = seen(record, name)
    wrong = [each for each in compared(record.sealing, found) if each.table in MENDED]
    chart = found.chart
    if chart is None:
        return False
    for each in wrong:
        if each.table == PERSON:
            _mend_person(record, connection, name, chart)
        else:
            _mend_work(record, connection, each, chart)
    return bool(wrong)


def _mend_person(record: SqliteBase, connection: sqlite3.Connection, name: str, chart: Chart) -> None:
    if chart.person is not None:
        row = person_anew(chart.person, _entries(record, name), chart.revision)
        sqlite_dump.put_person(connection, record.sealing, chart.subject, row)


def _mend_work(record: SqliteBase, connection: sqlite3.Connection, each: Disagreement, chart: Chart) -> None:
    connection.execute(f"DELETE FROM {each.table} WHERE subject = ? AND id = ?", (each.subject, each.row))  # noqa: S608
    said = live_in(record.sealing, each.table, chart).get(each.row)
    place = record.sealing, each.subject, each.row
    entries = _entries(record, each.subject)
    if isinstance(said, Due) and (timer := timer_anew(said, entries, chart.revision)) is not None:
        connection.execute(sqlite_dump.PUT_DUE, sqlite_dump.due_values(*place, timer))
    if isinstance(said, Communication) and (queued := queued_anew(said, entries, chart.revision)) is not None:
        connection.execute(sqlite_dump.PUT_OUTBOX, sqlite_dump.outbox_values(*place, queued))


def _entries(record: SqliteBase, name: str) -> Iterator[tuple[int, Entry]]:
    """A person's entries, the newest first, but for those that do not open."""
    select = "SELECT seq, revision, relieved, body FROM journal WHERE subject = ? ORDER BY revision DESC"
    for seq, revision, relieved, body in record._connection.execute(select, (name,)):
        entry = _opened(record, RELIEVED if relieved else "journal", name, str(revision), body, Entry)
        if entry is not None:
            yield seq, entry
