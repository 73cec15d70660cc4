"""A SQLite record as logical tables and back, and the statements that put one row in place."""

import sqlite3
from typing import Any, TypeVar

from data.model.audit import Access, Entry
from data.model.chart import Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.people import Person
from data.model.plan import Due
from data.ports import CodeUse
from data.record.chain import ERASE, FIRST, RELIEVED
from data.record.coding import decode, encode, instant, micros
from data.record.linking import Columns, access_columns, entry_columns, gone_columns
from data.record.placing import at_revision
from data.record.projection import address_key
from data.record.tables import (
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
from data.sealing.sealing import Sealing

# A row of the same or a later revision is left alone, as in every store.
PUT_OUTBOX = (
    "INSERT INTO outbox (subject, id, late, created_at, not_before, seq, place, revision, set_at, body,"
    " lease_from, lease_until, token, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (subject, id) DO UPDATE SET late = excluded.late, created_at = excluded.created_at,"
    " not_before = excluded.not_before, seq = excluded.seq, place = excluded.place, revision = excluded.revision,"
    " set_at = excluded.set_at, body = excluded.body,"
    " lease_from = 0, lease_until = 0, token = 0, attempt = 0 WHERE excluded.revision > revision"
)
PUT_DUE = (
    "INSERT INTO due (subject, id, due_at, seq, place, revision, set_at, body,"
    " lease_from, lease_until, token, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (subject, id) DO UPDATE SET due_at = excluded.due_at, seq = excluded.seq, place = excluded.place,"
    " revision = excluded.revision, set_at = excluded.set_at, body = excluded.body,"
    " lease_from = 0, lease_until = 0, token = 0, attempt = 0 WHERE excluded.revision > revision"
)
PUT_CHART = (
    "INSERT INTO chart (subject, revision, link, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision, link = excluded.link, body = excluded.body"
)
PUT_VITALS = (
    "INSERT INTO vitals (subject, code, hour, n, band, revision, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (subject, code, hour) DO UPDATE SET n = excluded.n, band = excluded.band,"
    " revision = excluded.revision, body = excluded.body"
)
PUT_PERSON = (
    "INSERT INTO person (id, active, role, revision, body) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET active = excluded.active, role = excluded.role, revision = excluded.revision,"
    " body = excluded.body"
)
PUT_CODE = (
    "INSERT INTO code (recipient, code, escalation, subject, given_at, body) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (recipient, code) DO UPDATE SET escalation = excluded.escalation,"
    " subject = excluded.subject, given_at = excluded.given_at, body = excluded.body"
)
PUT_ACCESS = "INSERT INTO access (subject, number, kind, actor, at, digest, link, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
PUT_ENTRY = (
    "INSERT INTO journal (seq, subject, revision, event, kind, actor, at, digest, link, relieved, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_MESSAGE = (
    "INSERT INTO inbox (id, owner, body, done, lease_from, lease_until, token, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_LEASE = "lease_from, lease_until, token, attempt"
T = TypeVar("T")


def outbox_values(sealing: Sealing, owner: str, name: str, row: OutboxRow) -> tuple[Any, ...]:
    """The parameters of `PUT_OUTBOX`."""
    body = sealing.seal("outbox", owner, at_revision(name, row.revision), row.body)
    told = (row.late, row.created_at, row.not_before, row.seq, row.place, row.revision, row.set_at)
    return (owner, name, *told, body, *_lease(row))


def due_values(sealing: Sealing, owner: str, name: str, row: DueRow) -> tuple[Any, ...]:
    """The parameters of `PUT_DUE`."""
    body = sealing.seal("due", owner, at_revision(name, row.revision), row.body)
    return (owner, name, row.due_at, row.seq, row.place, row.revision, row.set_at, body, *_lease(row))


def vitals_values(sealing: Sealing, owner: str, code: str, hour: int, row: BucketRow) -> tuple[Any, ...]:
    """The parameters of `PUT_VITALS`."""
    body = sealing.seal("vitals", owner, at_revision(f"{code}/{hour}", row.revision), row.body)
    return owner, code, hour, row.n, row.band, row.revision, body


def code_values(sealing: Sealing, use: CodeUse) -> tuple[Any, ...]:
    """The parameters of `PUT_CODE`."""
    recipient, subject = sealing.name("person", use.recipient), sealing.name("person", use.subject)
    body = sealing.seal("code", recipient, use.code, encode(use))
    return recipient, use.code, sealing.name("escalation", use.escalation_id), subject, micros(use.given_at), body


def entry_values(owner: str, revision: int, columns: Columns) -> tuple[Any, ...]:
    """The parameters of `PUT_ENTRY`, but for the first, `seq`."""
    *told, body = columns.values()
    return (owner, revision, *told, 0, body)


def put_person(connection: sqlite3.Connection, sealing: Sealing, person_id: str, row: PersonRow) -> None:
    """A person and the addresses they are found by, the earlier ones gone."""
    name = sealing.name("person", person_id)
    body = sealing.seal("person", name, at_revision("person", row.revision), row.body)
    connection.execute(PUT_PERSON, (name, row.active, row.role, row.revision, body))
    connection.execute("UPDATE person_change SET last = last + 1")
    ((number,),) = connection.execute("SELECT n FROM person WHERE id = ?", (name,)).fetchall()
    connection.execute("DELETE FROM address WHERE person = ?", (number,))
    addresses = [(sealing.name("address", a), number, place) for place, a in enumerate(row.addresses)]
    connection.executemany("INSERT INTO address (address, person, place) VALUES (?, ?, ?)", addresses)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever kept here."""
    tables = ("inbox", "journal", "code")
    return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608


def write(connection: sqlite3.Connection, tables: Tables, sealing: Sealing) -> None:
    """Fill an empty file, within the caller's transaction; the chain is forged anew with this record's keys."""
    put = connection.executemany
    connection.execute("UPDATE token SET last = ?", (tables.token,))
    for key, message in tables.inbox.items():
        name, owner = sealing.name("message", key), sealing.name("person", message.order)
        body = sealing.seal("inbox", owner, name, message.body) if message.body else b""
        connection.execute(_PUT_MESSAGE, (name, owner, body, message.done, *_lease(message)))
    links = _write_journal(connection, tables, sealing)
    for subject, chart in tables.charts.items():
        owner = sealing.name("person", subject)
        body = sealing.seal("chart", owner, at_revision("chart", chart.revision), chart.body) if chart.body else b""
        connection.execute(PUT_CHART, (owner, chart.revision, links.get(owner, FIRST), body))
    for subject, hours in tables.vitals.items():
        owner = sealing.name("person", subject)
        put(PUT_VITALS, [vitals_values(sealing, owner, code, hour, row) for (code, hour), row in hours.items()])
    for (subject, key), queued in tables.outbox.items():
        owner = sealing.name("person", subject)
        connection.execute(PUT_OUTBOX, outbox_values(sealing, owner, sealing.name("row", key), queued))
    for (subject, key), due in tables.dues.items():
        owner = sealing.name("person", subject)
        connection.execute(PUT_DUE, due_values(sealing, owner, sealing.name("row", key), due))
    for person_id, person in tables.people.items():
        put_person(connection, sealing, person_id, person)
    for recipient, given in tables.codes.items():
        uses = (CodeUse(recipient, c, r.escalation_id, r.subject, instant(r.given_at)) for c, r in given.items())
        put(PUT_CODE, [code_values(sealing, use) for use in uses])
    for subject, looks in tables.accesses.items():
        previous = FIRST
        for number, look in enumerate(looks, start=1):
            owner = sealing.name("person", subject)
            columns = access_columns(sealing, owner, previous, number, decode(look, Access))
            connection.execute(PUT_ACCESS, (owner, number, *columns.values()))
            previous = columns["link"]


def _write_journal(connection: sqlite3.Connection, tables: Tables, sealing: Sealing) -> dict[str, bytes]:
    """The journal in its order; each person's last link, by name."""
    links: dict[str, bytes] = {}
    rows = [(row.seq, subject, n, row) for subject, rows in tables.journal.items() for n, row in enumerate(rows, 1)]
    for seq, subject, revision, row in sorted(rows, key=lambda told: told[0]):
        owner = sealing.name("person", subject)
        chart, previous = tables.charts.get(subject), links.get(owner, FIRST)
        if chart is not None and not chart.body:
            kind = ERASE if revision == chart.revision else ""
            columns = gone_columns(sealing, owner, previous, revision, row.event_id, kind)
        else:
            columns = entry_columns(sealing, owner, previous, decode(row.body, Entry), row.body)
        connection.execute(PUT_ENTRY, (seq, *entry_values(owner, revision, columns)))
        links[owner] = columns["link"]
    for subject in (subject for subject, chart in tables.charts.items() if not chart.body):
        sealing.shred(sealing.name("person", subject))
    return links


def read(connection: sqlite3.Connection, sealing: Sealing) -> Tables:
    """The whole file, opened, within the caller's snapshot. Of erased persons only that they were is told."""
    get, tables = connection.execute, Tables()
    ((tables.token,),) = get("SELECT last FROM token").fetchall()
    for name, owner, body, done, *lease in get(
        f"SELECT id, owner, body, done, {_LEASE} FROM inbox WHERE body <> x'' ORDER BY n"  # noqa: S608
    ):
        opened = sealing.unseal("inbox", owner, name, body)
        message = decode(opened, RawMessage)
        tables.inbox[message.id] = MessageRow(order=message.order, body=opened, done=bool(done), **_named(lease))
    subjects = {}
    for owner, revision, body in get("SELECT subject, revision, body FROM chart ORDER BY n"):
        opened = sealing.unseal("chart", owner, at_revision("chart", revision), body) if body else b""
        subjects[owner] = decode(opened, Chart).subject if body else owner
        tables.charts[subjects[owner]] = ChartRow(revision, opened)
    for seq, owner, revision, event, relieved, body in get(
        "SELECT seq, subject, revision, event, relieved, body FROM journal ORDER BY seq"
    ):
        gone = subjects[owner] == owner
        opened = b"" if gone else sealing.unseal(RELIEVED if relieved else "journal", owner, str(revision), body)
        event_id = event if gone else decode(opened, Entry).event_id
        tables.journal.setdefault(subjects[owner], []).append(JournalRow(seq, event_id, opened))
    for owner, code, hour, n, band, revision, body in get(
        "SELECT subject, code, hour, n, band, revision, body FROM vitals ORDER BY rowid"
    ):
        opened = sealing.unseal("vitals", owner, at_revision(f"{code}/{hour}", revision), body)
        tables.vitals.setdefault(subjects[owner], {})[code, hour] = BucketRow(n, band, revision, opened)
    _read_work(connection, sealing, tables, subjects)
    _read_people(connection, sealing, tables)
    return tables


def _read_work(connection: sqlite3.Connection, sealing: Sealing, tables: Tables, subjects: dict[str, str]) -> None:
    for owner, name, late, created_at, not_before, seq, place, revision, set_at, body, *lease in connection.execute(
        "SELECT subject, id, late, created_at, not_before, seq, place, revision, set_at, body,"  # noqa: S608
        f" {_LEASE} FROM outbox ORDER BY n"
    ):
        opened = sealing.unseal("outbox", owner, at_revision(name, revision), body)
        tables.outbox[subjects[owner], decode(opened, Communication).id] = OutboxRow(
            late=late,
            created_at=created_at,
            not_before=not_before,
            seq=seq,
            place=place,
            revision=revision,
            set_at=set_at,
            body=opened,
            **_named(lease),
        )
    for owner, name, due_at, seq, place, revision, set_at, body, *lease in connection.execute(
        f"SELECT subject, id, due_at, seq, place, revision, set_at, body, {_LEASE} FROM due ORDER BY n"  # noqa: S608
    ):
        opened = sealing.unseal("due", owner, at_revision(name, revision), body)
        row = DueRow(
            due_at=due_at, seq=seq, place=place, revision=revision, set_at=set_at, body=opened, **_named(lease)
        )
        tables.dues[subjects[owner], decode(opened, Due).id] = row


def _read_people(connection: sqlite3.Connection, sealing: Sealing, tables: Tables) -> None:
    for name, active, role, revision, body in connection.execute(
        "SELECT id, active, role, revision, body FROM person ORDER BY n"
    ):
        opened = sealing.unseal("person", name, at_revision("person", revision), body)
        person = decode(opened, Person)
        addresses = dict.fromkeys(address_key(point.system, point.value) for point in person.contacts)
        tables.people[person.id] = PersonRow(revision, bool(active), role, tuple(addresses), opened)
    for recipient, code, body in connection.execute("SELECT recipient, code, body FROM code ORDER BY n"):
        use = decode(sealing.unseal("code", recipient, code, body), CodeUse)
        row = CodeRow(use.escalation_id, use.subject, micros(use.given_at))
        tables.codes.setdefault(use.recipient, {})[code] = row
    for owner, number, body in connection.execute(
        "SELECT subject, number, body FROM access WHERE body <> x'' ORDER BY n"
    ):
        opened = sealing.unseal("access", owner, str(number), body)
        tables.accesses.setdefault(decode(opened, Access).subject, []).append(opened)


def _lease(row: MessageRow | OutboxRow | DueRow) -> tuple[int, int, int, int]:
    return row.lease_from, row.lease_until, row.token, row.attempt


def _named(lease: list[int]) -> dict[str, int]:
    return dict(zip(("lease_from", "lease_until", "token", "attempt"), lease, strict=True))
