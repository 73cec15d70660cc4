"""A record in one SQLite file: one commit is one transaction, synced to disk before it is answered."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import BadFile, Conflict, NotFound
from data.model.audit import Entry
from data.model.chart import Changes, Chart
from data.ports import KeyStore
from data.record import sqlite_dump
from data.record.chain import FIRST, RELIEVED
from data.record.coding import decode, encode_checked
from data.record.linking import entry_columns
from data.record.projection import Projection, address_key, check, project
from data.record.sqlite_file import translated
from data.record.sqlite_people import SqlitePeople
from data.record.sqlite_trail import SqliteTrail
from data.record.sqlite_vitals import SqliteVitals
from data.record.sqlite_work import SqliteWork
from data.record.tables import load_tables

_PAGE = 200


class SqliteRecord(SqliteWork, SqlitePeople, SqliteVitals, SqliteTrail):
    """The `Record` port over one file, safe for several threads and several processes.

    One connection behind one lock serves all threads; processes take turns by SQLite's own lock. Open it
    after a fork, never before. Every method may raise `Unavailable` (try the same again) or `BadFile` (the
    file is damaged, or was sealed with other keys); `probe` is called with a name before every statement that
    writes, before COMMIT ("commit") and after it ("answer"): raise from it to crash there.
    """

    @classmethod
    def load(
        cls, data: bytes, path: Path, keys: KeyStore, probe: Callable[[str], None] = lambda name: None
    ) -> "SqliteRecord":
        """A new file with the content of a dump of any store. Raises `BadFile` for other bytes or a used file."""
        tables = load_tables(data)
        record = cls(path, keys, probe)
        try:
            with record._writing() as connection:
                if not sqlite_dump.is_empty(connection):
                    raise BadFile(f"{path}: holds a record already; name a new file")
                sqlite_dump.write(connection, tables, record.sealing)
        except BaseException:
            record.close()
            raise
        return record

    def dump(self) -> bytes:
        """All of it as bytes, opened: the same bytes from any store with the same history."""
        with self._reading() as connection:
            return sqlite_dump.read(connection, self.sealing).dump()

    def digest(self) -> str:
        """SHA-256 of the content, leases left out."""
        with self._reading() as connection:
            return sqlite_dump.read(connection, self.sealing).digest()

    def recover(self) -> int:
        """Finish erasures whose keys a crash left undestroyed; how many. A commit that was cut off left nothing."""
        erased = self._read("SELECT subject FROM chart WHERE body = x''", ())
        cut_off = [name for (name,) in erased if any(row.generation for row in self.keys.keys_of(name))]
        for name in cut_off:
            self._destroy(name)
        return len(cut_off)

    def chart(self, subject: str, *, observations: bool = True) -> Chart:
        """See `Record.chart`."""
        owner = self._person(subject)
        with self._reading():
            chart = self._stored(subject, owner)
            return self._full(chart, owner) if observations else chart

    def commit(self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime) -> bool:
        """See `Record.commit`."""
        check(chart.subject, kind, changes)
        owner = self._person(chart.subject)
        with self._lock:
            written = self._commit(chart, owner, event_id, kind, actor, changes, now)
            if changes.erased:
                self._charts.forget(chart.subject)
                self._persons.forget(owner)
                self._destroy(owner)
            elif written is not None:
                # Only now: what was rolled back must not be remembered.
                self._charts.moved(*written)
            return written is not None

    def _destroy(self, owner: str) -> None:
        """The keys of an erased person, and what the write-ahead log and free pages still hold of their rows."""
        self.sealing.shred(owner)
        with translated(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _commit(
        self, chart: Chart, owner: str, event_id: str, kind: str, actor: str, changes: Changes, now: datetime
    ) -> tuple[Chart, Entry] | None:
        event = self.sealing.name("event", event_id)
        with self._writing() as connection:
            if self._committed(owner, event):
                return None
            self._must_live(owner)
            stored = self._stored(chart.subject, owner)
            if stored.revision != chart.revision:
                raise Conflict(
                    f"the chart is at revision {stored.revision}, not {chart.revision}: reload, decide again"
                )
            body, entry = encode_checked(
                Entry(
                    subject=chart.subject,
                    revision=chart.revision + 1,
                    event_id=event_id,
                    kind=kind,
                    actor=actor,
                    at=now,
                    changes=changes,
                )
            )
            seq, link = self._write_entry(connection, owner, entry, body)
            projection = project(entry, stored, seq)
            self._write_all(connection, owner, stored, projection, link)
            return projection.after, entry

    def _write_entry(self, connection: sqlite3.Connection, owner: str, entry: Entry, body: bytes) -> tuple[int, bytes]:
        """The entry as the next link of its chain; its place in the whole journal, and the link."""
        head = connection.execute("SELECT link FROM chart WHERE subject = ?", (owner,)).fetchone()
        columns = entry_columns(self.sealing, owner, head[0] if head else FIRST, entry, body)
        values = sqlite_dump.entry_values(owner, entry.revision, columns)
        put = self._write("journal", sqlite_dump.PUT_ENTRY, (None, *values))
        return put.lastrowid or 0, columns["link"]

    def committed(self, subject: str, event_id: str) -> bool:
        """See `Record.committed`."""
        return self._committed(self._person(subject), self.sealing.name("event", event_id))

    def _committed(self, owner: str, event: str) -> bool:
        return bool(self._read("SELECT 1 FROM journal WHERE subject = ? AND event = ?", (owner, event)))

    def journal(self, subject: str | None = None) -> Iterator[Entry]:
        """See `Record.journal`."""
        last = 0
        values: dict[str, Any] = {} if subject is None else {"owner": self._person(subject)}
        mine = "" if subject is None else "subject = :owner AND"
        select = (
            f"SELECT seq, subject, revision, relieved, body FROM journal WHERE {mine} seq > :last"  # noqa: S608
            f" AND body <> x'' ORDER BY seq LIMIT {_PAGE}"
        )
        # By pages, so that a long reader neither holds the lock nor a snapshot.
        while rows := self._read(select, {**values, "last": last}):
            for last, owner, revision, relieved, body in rows:  # noqa: B007 - the next page starts after it
                try:
                    yield self._open(RELIEVED if relieved else "journal", owner, str(revision), body, Entry)
                except NotFound:
                    # Erased while we read, or the entry that erased them: there is nothing to tell.
                    continue

    def _stored(self, subject: str, owner: str) -> Chart:
        """The chart without its observations; within the caller's transaction, or nothing may come in between."""
        rows = self._read("SELECT revision, body = x'' FROM chart WHERE subject = ?", (owner,))
        if not rows:
            return Chart(subject=subject)
        if rows[0][1]:
            return Chart(subject=subject, revision=rows[0][0], erased=True)
        chart = self._charts.bare(subject, rows[0][0])
        if chart is None:
            ((body,),) = self._read("SELECT body FROM chart WHERE subject = ?", (owner,))
            chart = decode(self.sealing.unseal("chart", owner, "chart", body), Chart)
            self._charts.read(chart)
        return chart

    def _write_all(
        self, connection: sqlite3.Connection, owner: str, before: Chart, rows: Projection, link: bytes
    ) -> None:
        if rows.erased:
            self._wipe(connection, owner, rows.revision)
        if rows.observations:
            self._write_vitals(connection, owner, before, rows)
        for key, message in rows.outbox.items():
            name = self.sealing.name("row", key)
            if message is None:
                self._write("outbox", "DELETE FROM outbox WHERE subject = ? AND id = ?", (owner, name))
            else:
                values = sqlite_dump.outbox_values(self.sealing, owner, name, message)
                self._write("outbox", sqlite_dump.PUT_OUTBOX, values)
        for key, due in rows.dues.items():
            name = self.sealing.name("row", key)
            if due is None:
                self._write("due", "DELETE FROM due WHERE subject = ? AND id = ?", (owner, name))
            else:
                self._write("due", sqlite_dump.PUT_DUE, sqlite_dump.due_values(self.sealing, owner, name, due))
        if rows.person is not None:
            self._probe("person")
            sqlite_dump.put_person(connection, self.sealing, rows.subject, rows.person)
        body = self.sealing.seal("chart", owner, "chart", rows.chart.body) if rows.chart.body else b""
        self._write("chart", sqlite_dump.PUT_CHART, (owner, rows.revision, link, body))

    def _wipe(self, connection: sqlite3.Connection, owner: str, revision: int) -> None:
        """Everything of a person goes; the names of events and the links of the chain stay, bodies empty."""
        self._probe("wipe")
        # Codes are sealed with their recipients' keys, and messages from an address with its own: they must not stay
        # in free pages, where other rows have but what nothing opens any more.
        connection.execute("PRAGMA secure_delete = ON")
        # Messages of an address that somebody else has too are not this person's alone.
        queues = self._queues_of(connection, owner)
        for queue in queues:
            connection.execute("UPDATE inbox SET done = 1, body = x'' WHERE owner = ?", (queue,))
        for table in ("outbox", "due", "vitals", "code"):
            connection.execute(f"DELETE FROM {table} WHERE subject = ?", (owner,))  # noqa: S608
        connection.execute("DELETE FROM code WHERE recipient = ?", (owner,))
        connection.execute("UPDATE journal SET body = x'' WHERE subject = ? AND revision < ?", (owner, revision))
        connection.execute("UPDATE access SET body = x'' WHERE subject = ?", (owner,))
        connection.execute("DELETE FROM address WHERE person IN (SELECT n FROM person WHERE id = ?)", (owner,))
        connection.execute("DELETE FROM person WHERE id = ?", (owner,))
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("UPDATE person_change SET last = last + 1")

    def _queues_of(self, connection: sqlite3.Connection, owner: str) -> list[str]:
        """The person's own queue, and those of their addresses that nobody else has."""
        row = connection.execute("SELECT body FROM person WHERE id = ?", (owner,)).fetchone()
        if row is None:
            return [owner]
        known = self._persons.of([(owner, row[0])], self._open_person)[0]
        queues = [owner]
        for point in known.contacts:
            address = address_key(point.system, point.value)
            holders = connection.execute(
                "SELECT count(*) FROM address WHERE address = ?", (self.sealing.name("address", address),)
            ).fetchone()[0]
            if holders <= 1:
                queues.append(self._person(address))
        return queues
