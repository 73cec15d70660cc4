"""A record in one SQLite file: one commit is one transaction, synced to disk before it is answered."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from data.errors import BadFile, Conflict
from data.model.audit import Entry
from data.model.chart import Changes, Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.observation import Observation
from data.model.people import ChannelKind, Person
from data.model.plan import Due
from data.ports import Claim, CodeUse
from data.record import codes, sqlite_dump
from data.record.coding import (
    decode,
    decode_all,
    encode,
    encode_checked,
    instant,
    micros,
    span,
)
from data.record.known import KnownCharts, KnownPeople
from data.record.projection import Projection, address_key, check, project
from data.record.sqlite_file import STAFF, open_file, roll_back, translated
from data.record.tables import BACK, STRANGER, PersonRow, load_tables

_FREE = "NOT (lease_from <= :now AND :now < lease_until)"
_PAGE = 200
T = TypeVar("T")


class SqliteRecord:
    """The `Record` port over one file, safe for several threads and several processes.

    One connection behind one lock serves all threads; processes take turns by SQLite's own lock. Open it
    after a fork, never before. Every method may raise `Unavailable` (try the same again) or `BadFile` (the
    file is damaged); `probe` is called with a name before every statement that writes, before COMMIT
    ("commit") and after it ("answer"): raise from it to crash there.
    """

    def __init__(self, path: Path, probe: Callable[[str], None] = lambda name: None) -> None:
        """Open or make the file. Raises `BadFile` when it is not a record of this schema version."""
        self._path = path
        self._probe = probe
        self._lock = RLock()
        self._connection = open_file(path)
        # What follows from the file and is safe to lose; other processes write too, so it is checked at each use.
        self._charts = KnownCharts()
        self._persons = KnownPeople()
        self._everyone: tuple[int, tuple[Person, ...]] = (-1, ())
        self._staff: tuple[int, tuple[Person, ...]] = (-1, ())

    @classmethod
    def load(cls, data: bytes, path: Path, probe: Callable[[str], None] = lambda name: None) -> "SqliteRecord":
        """A new file with the content of a dump of either store. Raises `BadFile` for other bytes or a used file."""
        tables = load_tables(data)
        record = cls(path, probe)
        try:
            with record._writing() as connection:
                if not sqlite_dump.is_empty(connection):
                    raise BadFile(f"{path}: holds a record already; name a new file")
                sqlite_dump.write(connection, tables)
        except BaseException:
            record.close()
            raise
        return record

    def dump(self) -> bytes:
        """All of it as bytes, the same bytes from any store with the same history."""
        with self._reading() as connection:
            return sqlite_dump.read(connection).dump()

    def digest(self) -> str:
        """SHA-256 of the content, leases left out."""
        with self._reading() as connection:
            return sqlite_dump.read(connection).digest()

    def recover(self) -> int:
        """Always 0: a transaction that was cut off leaves nothing behind."""
        return 0

    def close(self) -> None:
        """See `Record.close`."""
        with self._lock, translated(self._path):
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot for all reads within."""
        with self._lock, translated(self._path):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                roll_back(self._connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, all or nothing; the file is locked for writers from its first read on."""
        with self._lock, translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._probe("commit")
                self._connection.execute("COMMIT")
            except BaseException:
                roll_back(self._connection)
                raise
            self._probe("answer")

    def _write(self, name: str, statement: str, values: Any) -> sqlite3.Cursor:
        self._probe(name)
        return self._connection.execute(statement, values)

    # Inbound messages.

    def keep(self, message: RawMessage) -> bool:
        """See `Record.keep`."""
        body = encode(message)
        with self._writing():
            put = "INSERT INTO inbox (id, queue, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
            return self._write("inbox", put, (message.id, message.order, body)).rowcount == 1

    def claim_message(self, now: datetime, lease: timedelta) -> tuple[RawMessage, Claim] | None:
        """See `Record.claim_message`."""
        with self._writing() as connection:
            row = connection.execute(
                f"SELECT n, id, body, attempt FROM inbox AS me WHERE done = 0 AND {_FREE} AND NOT EXISTS"  # noqa: S608
                " (SELECT 1 FROM inbox WHERE done = 0 AND queue = me.queue AND n < me.n) ORDER BY n LIMIT 1",
                {"now": micros(now)},
            ).fetchone()
            return (decode(row[2], RawMessage), self._take("inbox", row, now, lease)) if row else None

    def finish_message(self, claim: Claim) -> bool:
        """See `Record.finish_message`."""
        with self._writing():
            done = "UPDATE inbox SET done = 1 WHERE id = ? AND token = ?"
            return self._write("inbox", done, (claim.row_id, claim.token)).rowcount == 1

    # The chart and its one write.

    def chart(self, subject: str, *, observations: bool = True) -> Chart:
        """See `Record.chart`."""
        with self._reading() as connection:
            chart = self._stored(subject)
            if not observations:
                return chart
            full = self._charts.full(subject, chart.revision)
            if full is None:
                held = connection.execute(
                    "SELECT body FROM observation WHERE subject = ? AND held = 1 ORDER BY effective_at, id", (subject,)
                ).fetchall()
                full = chart.with_observations(_all(held, Observation)) if held else chart
                self._charts.read_full(full)
            return full

    def observations(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Observation, ...]:
        """See `Record.observations`."""
        found = self._read(
            "SELECT body FROM observation WHERE subject = ? AND code = ? AND ? <= effective_at AND effective_at < ?"
            " ORDER BY effective_at, id",
            (subject, code, micros(since), micros(until)),
        )
        return _all(found, Observation)

    def commit(self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime) -> bool:
        """See `Record.commit`."""
        check(chart.subject, changes)
        with self._lock:
            written = self._commit(chart, event_id, kind, actor, changes, now)
            if written is None:
                return False
            # Only now: what was rolled back must not be remembered.
            self._charts.moved(*written)
            return True

    def _commit(
        self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime
    ) -> tuple[Chart, Entry] | None:
        subject, revision = chart.subject, chart.revision + 1
        with self._writing() as connection:
            if self.committed(subject, event_id):
                return None
            stored = self._stored(subject)
            if stored.revision != chart.revision:
                raise Conflict(
                    f"the chart is at revision {stored.revision}, not {chart.revision}: reload, decide again"
                )
            body, entry = encode_checked(
                Entry(
                    subject=subject,
                    revision=revision,
                    event_id=event_id,
                    kind=kind,
                    actor=actor,
                    at=now,
                    changes=changes,
                )
            )
            projection = project(entry, stored)
            put = "INSERT INTO journal (subject, revision, event_id, body) VALUES (?, ?, ?, ?)"
            self._write("journal", put, (subject, revision, event_id, body))
            self._write_all(connection, projection)
            return projection.after, entry

    def committed(self, subject: str, event_id: str) -> bool:
        """See `Record.committed`."""
        return bool(self._read("SELECT 1 FROM journal WHERE subject = ? AND event_id = ?", (subject, event_id)))

    def journal(self, subject: str | None = None) -> Iterator[Entry]:
        """See `Record.journal`."""
        last = 0
        mine = "" if subject is None else "subject = :subject AND"
        select = f"SELECT seq, body FROM journal WHERE {mine} seq > :last ORDER BY seq LIMIT {_PAGE}"  # noqa: S608
        # By pages, so that a long reader neither holds the lock nor a snapshot.
        while rows := self._read(select, {"subject": subject, "last": last}):
            for last, body in rows:  # noqa: B007 - the next page starts after it
                yield decode(body, Entry)

    def _read(self, select: str, values: Any) -> list[Any]:
        with self._lock, translated(self._path):
            return self._connection.execute(select, values).fetchall()

    def _stored(self, subject: str) -> Chart:
        """The chart without its observations; within the caller's transaction, or nothing may come in between."""
        rows = self._read("SELECT revision FROM chart WHERE subject = ?", (subject,))
        if not rows:
            return Chart(subject=subject)
        chart = self._charts.bare(subject, rows[0][0])
        if chart is None:
            ((body,),) = self._read("SELECT body FROM chart WHERE subject = ?", (subject,))
            chart = decode(body, Chart)
            self._charts.read(chart)
        return chart

    def _write_all(self, connection: sqlite3.Connection, rows: Projection) -> None:
        subject, revision = rows.subject, rows.revision
        if rows.held_after is not None:
            leave = "UPDATE observation SET held = 0 WHERE subject = ? AND held = 1 AND effective_at <= ?"
            self._write("observation leaves the chart", leave, (subject, rows.held_after))
        for key, seen in rows.observations.items():
            values = (subject, key, seen.code, seen.effective_at, seen.held, revision, seen.body)
            self._write("observation", sqlite_dump.PUT_OBSERVATION, values)
        for key, message in rows.outbox.items():
            if message is None:
                self._write("outbox", "DELETE FROM outbox WHERE subject = ? AND id = ?", (subject, key))
            else:
                self._write("outbox", sqlite_dump.PUT_OUTBOX, sqlite_dump.outbox_values((subject, key), message))
        for key, due in rows.dues.items():
            if due is None:
                self._write("due", "DELETE FROM due WHERE subject = ? AND id = ?", (subject, key))
            else:
                self._write("due", sqlite_dump.PUT_DUE, sqlite_dump.due_values((subject, key), due))
        if rows.person is not None:
            self._write_person(connection, subject, rows.person)
        self._write("chart", sqlite_dump.PUT_CHART, (subject, revision, rows.chart.body))

    def _write_person(self, connection: sqlite3.Connection, subject: str, person: PersonRow) -> None:
        self._probe("person")
        sqlite_dump.put_person(connection, subject, person)

    # Work that waits: timers and the outbox.

    def claim_due(self, now: datetime, lease: timedelta) -> tuple[Due, Claim] | None:
        """See `Record.claim_due`."""
        with self._writing() as connection:
            # Two looks, each by its own index: hardly ever is a clock set back, and thousands of timers lie ahead.
            order = "ORDER BY due_at, id, subject LIMIT 1"
            row = connection.execute(
                "SELECT n, id, body, attempt FROM ("  # noqa: S608
                f"SELECT * FROM (SELECT * FROM due WHERE due_at <= :now AND {_FREE} {order}) UNION ALL "
                f"SELECT * FROM (SELECT * FROM due INDEXED BY due_set WHERE set_at > :back AND {_FREE} {order})"
                f") {order}",
                _instants(now),
            ).fetchone()
            return (decode(row[2], Due), self._take("due", row, now, lease)) if row else None

    def claim_outbox(self, now: datetime, lease: timedelta) -> tuple[Communication, Claim] | None:
        """See `Record.claim_outbox`."""
        with self._writing() as connection:
            row = connection.execute(
                f"SELECT n, id, body, attempt FROM outbox WHERE (not_before <= :now OR set_at > :back) AND {_FREE}"  # noqa: S608
                " ORDER BY late, created_at, id, subject LIMIT 1",
                _instants(now),
            ).fetchone()
            return (decode(row[2], Communication), self._take("outbox", row, now, lease)) if row else None

    def next_at(self, now: datetime) -> datetime | None:
        """See `Record.next_at`."""
        # Timers may lie ahead by the thousand: the first that is free, and the few that are leased, each by an index.
        leased = "lease_from <= :now AND :now < lease_until"
        set_back = "CASE WHEN set_at > :back THEN 0 ELSE"
        select = (
            "SELECT min(wake) FROM ("  # noqa: S608
            f"SELECT lease_until AS wake FROM inbox AS me WHERE done = 0 AND {leased}"
            " AND NOT EXISTS (SELECT 1 FROM inbox WHERE done = 0 AND queue = me.queue AND n < me.n)"
            f" UNION ALL SELECT * FROM (SELECT due_at FROM due WHERE due_at > :now AND set_at <= :back AND {_FREE}"
            " ORDER BY due_at LIMIT 1)"
            f" UNION ALL SELECT max({set_back} due_at END, lease_until) FROM due INDEXED BY due_leased WHERE {leased}"
            f" UNION ALL SELECT {set_back} not_before END FROM outbox WHERE {_FREE}"
            f" UNION ALL SELECT max({set_back} not_before END, lease_until) FROM outbox WHERE {leased}"
            ") WHERE wake > :now"
        )
        ((ahead,),) = self._read(select, _instants(now))
        return None if ahead is None else instant(ahead)

    def _take(self, table: str, row: tuple[int, str, bytes, int], now: datetime, lease: timedelta) -> Claim:
        number, row_id, _, attempt = row
        self._write("token", "UPDATE token SET last = last + 1", ())
        ((token,),) = self._read("SELECT last FROM token", ())
        at, length = micros(now), span(lease)
        take = f"UPDATE {table} SET lease_from = ?, lease_until = ?, token = ?, attempt = ? WHERE n = ?"  # noqa: S608
        self._write("lease", take, (at - length, at + length, token, attempt + 1, number))
        return Claim(row_id, token, attempt + 1)

    # People and reply codes.

    def person_at(self, system: ChannelKind, value: str) -> Person | None:
        """See `Record.person_at`."""
        return next(iter(self.holders(system, value)), None)

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """See `Record.holders`."""
        with self._lock:
            rows = self._read(
                "SELECT id, body FROM person JOIN address ON person = n WHERE address = ?"
                " ORDER BY role = ?, active DESC, n DESC",
                (address_key(system, value), STRANGER),
            )
            return self._persons.of(rows)

    def people(self) -> tuple[Person, ...]:
        """See `Record.people`."""
        with self._lock:
            self._everyone = self._since(self._everyone, "SELECT id, body FROM person ORDER BY n")
            return self._everyone[1]

    def staff(self) -> tuple[Person, ...]:
        """See `Record.staff`."""
        with self._lock:
            self._staff = self._since(self._staff, f"SELECT id, body FROM person WHERE {STAFF} ORDER BY n")  # noqa: S608
            return self._staff[1]

    def _since(self, known: tuple[int, tuple[Person, ...]], select: str) -> tuple[int, tuple[Person, ...]]:
        """What is known, if nobody was changed since; otherwise what is selected, with the count of changes."""
        with self._reading() as connection:
            ((changes,),) = connection.execute("SELECT last FROM person_change").fetchall()
            if changes == known[0]:
                return known
            return changes, self._persons.of(connection.execute(select).fetchall())

    def reserve_code(self, recipient: str, escalation_id: str, subject: str, now: datetime) -> str:
        """See `Record.reserve_code`."""
        with self._writing() as connection:
            rows = connection.execute(
                "SELECT code, escalation_id, given_at FROM code WHERE recipient = ? AND given_at > ? ORDER BY n",
                (recipient, micros(now - codes.KEEP)),
            ).fetchall()
            for code, owner, _ in rows:
                if owner == escalation_id:
                    return str(code)
            code = codes.choose_code(recipient, escalation_id, {code: given_at for code, _, given_at in rows})
            self._write("code", sqlite_dump.PUT_CODE, (recipient, code, escalation_id, subject, micros(now)))
            return code

    def code_use(self, recipient: str, code: str, now: datetime) -> CodeUse | None:
        """See `Record.code_use`."""
        rows = self._read(
            "SELECT recipient, code, escalation_id, subject, given_at FROM code"
            " WHERE recipient = ? AND code = ? AND given_at > ?",
            (recipient, code, micros(now - codes.KEEP)),
        )
        return _code_use(rows[0]) if rows else None

    def codes_of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """See `Record.codes_of`."""
        rows = self._read(
            "SELECT recipient, code, escalation_id, subject, given_at FROM code"
            " WHERE recipient = ? AND given_at >= ? ORDER BY given_at, code",
            (recipient, micros(since)),
        )
        return tuple(_code_use(row) for row in rows)


def _all(rows: Iterable[tuple[bytes]], kind: type[T]) -> tuple[T, ...]:
    return decode_all((body for (body,) in rows), kind)


def _instants(now: datetime) -> dict[str, int]:
    """`:now`, and `:back`: what was set later than that was set before the clock was set back."""
    return {"now": micros(now), "back": micros(now) + BACK}


def _code_use(row: tuple[str, str, str, str, int]) -> CodeUse:
    return CodeUse(*row[:4], instant(row[4]))
