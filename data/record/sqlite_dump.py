"""A SQLite record as logical tables and back, and the statements that put one row in place."""

import sqlite3
from typing import Any

from data.record.tables import (
    ChartRow,
    CodeRow,
    DueRow,
    JournalRow,
    Key,
    MessageRow,
    ObservationRow,
    OutboxRow,
    PersonRow,
    Tables,
    pack,
    unpack,
)

# A row of the same or a later revision is left alone, as in every store.
PUT_OBSERVATION = (
    "INSERT INTO observation (subject, id, code, effective_at, held, revision, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (subject, id) DO UPDATE SET code = excluded.code, effective_at = excluded.effective_at,"
    " held = excluded.held, revision = excluded.revision, body = excluded.body"
)
PUT_OUTBOX = (
    "INSERT INTO outbox (subject, id, late, created_at, not_before, revision, set_at, body,"
    " lease_from, lease_until, token, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (subject, id) DO UPDATE SET late = excluded.late, created_at = excluded.created_at,"
    " not_before = excluded.not_before, revision = excluded.revision, set_at = excluded.set_at, body = excluded.body,"
    " lease_from = 0, lease_until = 0, token = 0, attempt = 0 WHERE excluded.revision > revision"
)
PUT_DUE = (
    "INSERT INTO due (subject, id, due_at, revision, set_at, body, lease_from, lease_until, token, attempt)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (subject, id) DO UPDATE SET due_at = excluded.due_at, revision = excluded.revision,"
    " set_at = excluded.set_at, body = excluded.body, lease_from = 0, lease_until = 0, token = 0, attempt = 0"
    " WHERE excluded.revision > revision"
)
PUT_CHART = (
    "INSERT INTO chart (subject, revision, body) VALUES (?, ?, ?)"
    " ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision, body = excluded.body"
)
PUT_PERSON = (
    "INSERT INTO person (id, active, role, revision, body) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET active = excluded.active, role = excluded.role, revision = excluded.revision,"
    " body = excluded.body"
)
PUT_CODE = (
    "INSERT INTO code (recipient, code, escalation_id, subject, given_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (recipient, code) DO UPDATE SET escalation_id = excluded.escalation_id,"
    " subject = excluded.subject, given_at = excluded.given_at"
)
_PUT_MESSAGE = (
    "INSERT INTO inbox (id, queue, body, done, lease_from, lease_until, token, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_ENTRY = "INSERT INTO journal (seq, subject, revision, event_id, body) VALUES (?, ?, ?, ?, ?)"


def outbox_values(key: Key, row: OutboxRow) -> tuple[Any, ...]:
    """The parameters of `PUT_OUTBOX`."""
    return (*key, row.late, row.created_at, row.not_before, row.revision, row.set_at, row.body, *_lease(row))


def due_values(key: Key, row: DueRow) -> tuple[Any, ...]:
    """The parameters of `PUT_DUE`."""
    return (*key, row.due_at, row.revision, row.set_at, row.body, *_lease(row))


def put_person(connection: sqlite3.Connection, person_id: str, row: PersonRow) -> None:
    """A person and the addresses they are found by, the earlier ones gone."""
    connection.execute(PUT_PERSON, (person_id, row.active, row.role, row.revision, row.body))
    connection.execute("UPDATE person_change SET last = last + 1")
    ((number,),) = connection.execute("SELECT n FROM person WHERE id = ?", (person_id,)).fetchall()
    connection.execute("DELETE FROM address WHERE person = ?", (number,))
    addresses = [(address, number, place) for place, address in enumerate(row.addresses)]
    connection.executemany("INSERT INTO address (address, person, place) VALUES (?, ?, ?)", addresses)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever kept here."""
    tables = ("inbox", "journal", "code")
    return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608


def write(connection: sqlite3.Connection, tables: Tables) -> None:
    """Fill an empty file, within the caller's transaction."""
    put = connection.executemany
    connection.execute("UPDATE token SET last = ?", (tables.token,))
    put(_PUT_MESSAGE, [(key, row.order, row.body, row.done, *_lease(row)) for key, row in tables.inbox.items()])
    entries = [
        (row.seq, subject, revision, row.event_id, row.body)
        for subject, rows in tables.journal.items()
        for revision, row in enumerate(rows, start=1)
    ]
    put(_PUT_ENTRY, sorted(entries))
    put(PUT_CHART, [(subject, row.revision, row.body) for subject, row in tables.charts.items()])
    for subject, packed in tables.observations.items():
        rows = unpack(packed).items()
        put(PUT_OBSERVATION, [(subject, k, r.code, r.effective_at, r.held, r.revision, r.body) for k, r in rows])
    put(PUT_OUTBOX, [outbox_values(key, row) for key, row in tables.outbox.items()])
    put(PUT_DUE, [due_values(key, row) for key, row in tables.dues.items()])
    for person_id, person in tables.people.items():
        put_person(connection, person_id, person)
    for recipient, given in tables.codes.items():
        put(PUT_CODE, [(recipient, code, r.escalation_id, r.subject, r.given_at) for code, r in given.items()])


def read(connection: sqlite3.Connection) -> Tables:
    """The whole file, within the caller's snapshot."""
    get = connection.execute
    tables = Tables()
    ((tables.token,),) = get("SELECT last FROM token").fetchall()
    for key, order, body, done, *lease in get(f"SELECT id, queue, body, done, {_LEASE} FROM inbox ORDER BY n"):  # noqa: S608
        tables.inbox[key] = MessageRow(order=order, body=body, done=bool(done), **_named(lease))
    for seq, subject, event_id, body in get("SELECT seq, subject, event_id, body FROM journal ORDER BY seq"):
        tables.journal.setdefault(subject, []).append(JournalRow(seq, event_id, body))
    for subject, revision, body in get("SELECT subject, revision, body FROM chart ORDER BY n"):
        tables.charts[subject] = ChartRow(revision, body)
    _read_observations(connection, tables)
    _read_work(connection, tables)
    _read_people(connection, tables)
    for recipient, code, *values in get(
        "SELECT recipient, code, escalation_id, subject, given_at FROM code ORDER BY n"
    ):
        tables.codes.setdefault(recipient, {})[code] = CodeRow(*values)
    return tables


def _read_observations(connection: sqlite3.Connection, tables: Tables) -> None:
    found: dict[str, dict[str, ObservationRow]] = {}
    for subject, key, code, effective_at, held, revision, body in connection.execute(
        "SELECT subject, id, code, effective_at, held, revision, body FROM observation ORDER BY n"
    ):
        row = ObservationRow(code, effective_at, bool(held), revision, body)
        found.setdefault(subject, {})[key] = row
    tables.observations = {subject: pack(rows) for subject, rows in found.items()}


def _read_work(connection: sqlite3.Connection, tables: Tables) -> None:
    for subject, key, late, created_at, not_before, revision, set_at, body, *lease in connection.execute(
        f"SELECT subject, id, late, created_at, not_before, revision, set_at, body, {_LEASE} FROM outbox ORDER BY n"  # noqa: S608
    ):
        tables.outbox[subject, key] = OutboxRow(
            late=late,
            created_at=created_at,
            not_before=not_before,
            revision=revision,
            set_at=set_at,
            body=body,
            **_named(lease),
        )
    for subject, key, due_at, revision, set_at, body, *lease in connection.execute(
        f"SELECT subject, id, due_at, revision, set_at, body, {_LEASE} FROM due ORDER BY n"  # noqa: S608
    ):
        row = DueRow(due_at=due_at, revision=revision, set_at=set_at, body=body, **_named(lease))
        tables.dues[subject, key] = row


def _read_people(connection: sqlite3.Connection, tables: Tables) -> None:
    addresses: dict[int, list[str]] = {}
    for number, address in connection.execute("SELECT person, address FROM address ORDER BY person, place"):
        addresses.setdefault(number, []).append(address)
    for number, key, active, role, revision, body in connection.execute(
        "SELECT n, id, active, role, revision, body FROM person ORDER BY n"
    ):
        tables.people[key] = PersonRow(revision, bool(active), role, tuple(addresses.get(number, ())), body)


_LEASE = "lease_from, lease_until, token, attempt"


def _lease(row: MessageRow | OutboxRow | DueRow) -> tuple[int, int, int, int]:
    return row.lease_from, row.lease_until, row.token, row.attempt


def _named(lease: list[int]) -> dict[str, int]:
    return dict(zip(("lease_from", "lease_until", "token", "attempt"), lease, strict=True))
