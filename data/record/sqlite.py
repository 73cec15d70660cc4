"""A record in one SQLite file: one commit is one transaction, synced to disk before it is answered."""

import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import BadFile, Conflict, NotFound
from data.model.audit import Entry
from data.model.chart import Changes, Chart
from data.ports import KeyStore
from data.record import sqlite_dump
from data.record.chain import ERASE, FIRST, RELIEVED
from data.record.coding import encode_checked
from data.record.linking import entry_columns
from data.record.placing import at_revision
from data.record.projection import Projection, check, project
from data.record.sqlite_agreement import mend as mend_person
from data.record.sqlite_agreement import to_mend
from data.record.sqlite_erasing import SqliteErasing
from data.record.sqlite_trail import SqliteTrail
from data.record.sqlite_vitals import SqliteVitals
from data.record.sqlite_work import SqliteWork
from data.record.tables import load_tables
from data.sealing.keyring import ERASED

log = logging.getLogger("phms.record")

_BEHIND = (
    "SELECT subject FROM chart AS me WHERE EXISTS"
    " (SELECT 1 FROM journal WHERE subject = me.subject AND revision = me.revision + 1)"
    " UNION SELECT subject FROM journal WHERE subject NOT IN (SELECT subject FROM chart)"
)
# All that a commit has to know first: whether the event is there, the chart's place, and the journal's last.
_HEAD = (
    "SELECT EXISTS (SELECT 1 FROM journal WHERE subject = :owner AND event = :event), revision, length(body) = 0, link,"
    " coalesce((SELECT max(revision) FROM journal WHERE subject = :owner), 0) FROM chart WHERE subject = :owner"
)
# A later entry may have put the row there again.
_LEAVES = "DELETE FROM {} WHERE subject = ? AND id = ? AND revision < ?"


class _Behind(Exception):  # noqa: N818 - no error: what to do about it is known
    """The journal goes on beyond a chart."""


class SqliteRecord(SqliteWork, SqliteErasing, SqliteVitals, SqliteTrail):
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

    def chart(self, subject: str, *, observations: bool = True) -> Chart:
        """See `Record.chart`."""
        owner = self._person(subject)
        with self._lock:
            try:
                return self._chart(subject, owner, observations)
            except _Behind:
                self._catch_up(owner)
                return self._chart(subject, owner, observations)

    def _chart(self, subject: str, owner: str, observations: bool) -> Chart:
        known = self._known(subject, owner, observations)
        if known is not None:
            return known
        with self._reading():
            chart = self._stored(subject, owner)
            return self._full(chart, owner) if observations else chart

    def _known(self, subject: str, owner: str, observations: bool) -> Chart | None:
        """The chart as it is remembered, where it still is so."""
        rows = self._read("SELECT revision FROM chart WHERE subject = ? AND length(body) > 0", (owner,))
        if not rows:
            return None
        bare = self._charts.bare(subject, rows[0][0])
        return self._charts.full(subject, rows[0][0]) if bare is not None and observations else bare

    def commit(self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime) -> bool:
        """See `Record.commit`."""
        check(chart.subject, kind, changes)
        owner = self._person(chart.subject)
        with self._lock:
            try:
                written = self._commit(chart, owner, event_id, kind, actor, changes, now)
            except _Behind:
                self._catch_up(owner)
                written = self._commit(chart, owner, event_id, kind, actor, changes, now)
            if changes.erased:
                self._charts.forget(chart.subject)
                self._destroy(owner)
            elif written is not None:
                # Only now: what was rolled back must not be remembered.
                self._charts.moved(*written)
            return written is not None

    def _commit(
        self, chart: Chart, owner: str, event_id: str, kind: str, actor: str, changes: Changes, now: datetime
    ) -> tuple[Chart, Entry] | None:
        event = self.sealing.name("event", event_id)
        # An erasure is on the disk before the keys go.
        with self._writing(at_once=changes.erased) as connection:
            head = connection.execute(_HEAD, {"owner": owner, "event": event}).fetchone()
            if head[0] if head else self._committed(owner, event):
                return None
            stored, link = self._on_top(chart.subject, owner, head)
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
            seq, link = self._write_entry(owner, link, entry, body)
            projection = project(entry, stored, seq)
            self._write_all(connection, owner, stored, projection, link)
            return projection.after, entry

    def _on_top(self, subject: str, owner: str, head: tuple[bool, int, bool, bytes, int] | None) -> tuple[Chart, bytes]:
        """What a commit is put on, by what `_HEAD` found: the chart without its observations, and the last link."""
        if head is None:
            self._must_be_last(owner, 0)
            return Chart(subject=subject), FIRST
        _, revision, empty, link, last = head
        if empty:
            self._forget(owner)
            raise NotFound(ERASED)
        if last > revision:
            raise _Behind
        chart = self._charts.bare(subject, revision)
        if chart is None:
            chart = self._opened_chart(owner)
            self._charts.read(chart)
        return chart, link

    def _write_entry(self, owner: str, previous: bytes, entry: Entry, body: bytes) -> tuple[int, bytes]:
        """The entry as the link that follows `previous`; its place in the whole journal, and the link."""
        columns = entry_columns(self.sealing, owner, previous, entry, body)
        values = sqlite_dump.entry_values(owner, entry.revision, columns)
        put = self._write("journal", sqlite_dump.PUT_ENTRY, (None, *values))
        return put.lastrowid or 0, columns["link"]

    def committed(self, subject: str, event_id: str) -> bool:
        """See `Record.committed`."""
        known = self._committed(self._person(subject), self.sealing.name("event", event_id))
        if known and self._owing and not self._thread.together:
            self._sync()
        return known

    def _committed(self, owner: str, event: str) -> bool:
        return bool(self._read("SELECT 1 FROM journal WHERE subject = ? AND event = ?", (owner, event)))

    def _stored(self, subject: str, owner: str) -> Chart:
        """The chart without its observations; within the caller's transaction, or nothing may come in between."""
        rows = self._read("SELECT revision, body = x'' FROM chart WHERE subject = ?", (owner,))
        if not rows:
            self._must_be_last(owner, 0)
            return Chart(subject=subject)
        if rows[0][1]:
            self._forget(owner)
            return Chart(subject=subject, revision=rows[0][0], erased=True)
        chart = self._charts.bare(subject, rows[0][0])
        if chart is None:
            self._must_be_last(owner, rows[0][0])
            chart = self._opened_chart(owner)
            self._charts.read(chart)
        return chart

    # A chart and its last entry are written in one transaction, so one that is behind was put back by somebody.

    def _must_be_last(self, owner: str, revision: int) -> None:
        ((last,),) = self._read("SELECT max(revision) FROM journal WHERE subject = ?", (owner,))
        if (last or 0) > revision:
            raise _Behind

    def _catch_up(self, owner: str) -> int:
        """Write what the journal has and the chart lacks; how many entries that was."""
        with self._writing(at_once=True) as connection:
            behind = connection.execute(
                "SELECT seq, revision, kind, relieved, link, body FROM journal WHERE subject = ?"
                " AND revision > coalesce((SELECT revision FROM chart WHERE subject = ?), 0) ORDER BY revision",
                (owner, owner),
            ).fetchall()
            erased = bool(behind) and behind[-1][2] == ERASE
            if behind:
                log.error("the chart of %s is %d entries behind its journal: written anew", owner, len(behind))
            if erased:
                _, revision, *_, link, _ = behind[-1]
                self._wipe(connection, owner, revision, closed=True)
                self._write("chart", sqlite_dump.PUT_CHART, (owner, revision, link, b""))
            elif behind:
                self._replay(connection, owner, behind)
        # What was read of hours while they were written anew must not be remembered.
        self._forget(owner)
        if erased:
            self._destroy(owner)
        return len(behind)

    def _replay(self, connection: sqlite3.Connection, owner: str, behind: list[Any]) -> None:
        there = self._read("SELECT 1 FROM chart WHERE subject = ?", (owner,))
        chart = self._opened_chart(owner) if there else None
        for seq, revision, _, relieved, link, body in behind:
            entry = self._open(RELIEVED if relieved else "journal", owner, str(revision), body, Entry)
            before = chart or Chart(subject=entry.subject)
            rows = project(entry, before, seq)
            self._write_all(connection, owner, before, rows, link)
            chart = rows.after

    def recover(self) -> int:
        """See `Record.recover`. A commit that a crash cut off left nothing; the rest is what somebody did to the file.

        Charts that are behind their journal are written anew, erasures finished, and what follows from the charts
        (people, messages that wait, timers) is put right where it is not what they say.
        """
        owners = [owner for (owner,) in self._read(_BEHIND, ())]
        behind = sum(self._mended(owner, lambda name: self._catch_up(name) > 0) for owner in owners)
        return behind + super().recover() + sum(self._mended(owner, self._mend) for owner in to_mend(self))

    def _mended(self, owner: str, mend: Callable[[str], bool]) -> bool:
        """Whether it was mended; what cannot be must not keep the others waiting."""
        try:
            return mend(owner)
        except (BadFile, NotFound) as problem:
            log.error("what is stored of %s could not be put right (%s)", owner, type(problem).__name__)
            return False

    def _mend(self, owner: str) -> bool:
        with self._writing() as connection:
            mended = mend_person(self, connection, owner)
        if mended:
            log.error("rows of %s were not what the chart says: written anew", owner)
            self._forget(owner)
        return mended

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
                self._write("outbox", _LEAVES.format("outbox"), (owner, name, rows.revision))
            else:
                values = sqlite_dump.outbox_values(self.sealing, owner, name, message)
                self._write("outbox", sqlite_dump.PUT_OUTBOX, values)
        for key, due in rows.dues.items():
            name = self.sealing.name("row", key)
            if due is None:
                self._write("due", _LEAVES.format("due"), (owner, name, rows.revision))
            else:
                self._write("due", sqlite_dump.PUT_DUE, sqlite_dump.due_values(self.sealing, owner, name, due))
        if rows.person is not None:
            self._probe("person")
            sqlite_dump.put_person(connection, self.sealing, rows.subject, rows.person)
        place = at_revision("chart", rows.revision)
        body = self.sealing.seal("chart", owner, place, rows.chart.body) if rows.chart.body else b""
        self._write("chart", sqlite_dump.PUT_CHART, (owner, rows.revision, link, body))
