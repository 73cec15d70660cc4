"""A record in memory that keeps nothing but bytes, and writes them one by one as a document store would."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from data.errors import Conflict
from data.model.audit import Access, Entry
from data.model.chart import Changes, Chart
from data.record.coding import (
    decode,
    encode_checked,
    encode_input,
)
from data.record.memory_base import unnamed
from data.record.memory_people import MemoryPeople
from data.record.memory_vitals import MemoryVitals
from data.record.memory_work import MemoryWork
from data.record.projection import Projection, check, project
from data.record.tables import (
    JournalRow,
    Key,
    Projected,
    load_tables,
)

_P = TypeVar("_P", bound=Projected)


class MemoryRecord(MemoryWork, MemoryPeople, MemoryVitals):
    """The `Record` port over plain tables of bytes, for scenes and tests.

    The insert of a journal entry is the commit; every other table follows from the journal, written row by
    row, the chart last. A crash in between leaves a chart behind its journal; whoever needs that chart next
    writes what is missing. `probe` is called with a name before every single write, and once more ("answer")
    when all is written: raise from it to crash there.
    """

    @classmethod
    def load(cls, data: bytes, probe: Callable[[str], None] = lambda name: None) -> "MemoryRecord":
        """A record with the content of a dump, rolled forward. Raises `BadFile` for other bytes."""
        record = cls(probe)
        record._open(load_tables(data))
        record.recover()
        return record

    def close(self) -> None:
        """Nothing is held that needs letting go of."""

    def chart(self, subject: str, *, observations: bool = True) -> Chart:
        """See `Record.chart`."""
        with self._lock:
            self._roll_forward(subject)
            chart = self._stored(subject)
            if not observations:
                return chart
            return self._full(chart)

    def commit(self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime) -> bool:
        """See `Record.commit`."""
        subject = chart.subject
        check(subject, kind, changes)
        with self._lock:
            self._roll_forward(subject)
            if self.committed(subject, event_id):
                self._probe("answer")
                return False
            journal = self._tables.journal.get(subject, [])
            self._must_live(subject)
            if chart.revision != len(journal):
                raise Conflict(f"the chart is at revision {len(journal)}, not {chart.revision}: reload, decide again")
            body, entry = encode_checked(
                Entry(
                    subject=subject,
                    revision=chart.revision + 1,
                    event_id=event_id,
                    kind=kind,
                    actor=actor,
                    at=now,
                    changes=changes,
                )
            )
            # Before anything is written: what cannot be projected must not enter the journal.
            seq = self._last_seq + 1
            projection = project(entry, self._stored(subject), seq)
            self._insert(subject, JournalRow(seq, event_id, body))
            self._write(projection, entry)
            self._probe("answer")
            return True

    def committed(self, subject: str, event_id: str) -> bool:
        """See `Record.committed`."""
        with self._lock:
            events = self._events.get(subject)
            if events is None:
                events = self._events[subject] = {row.event_id for row in self._tables.journal.get(subject, ())}
            return event_id in events or unnamed(event_id) in events

    def journal(self, subject: str | None = None) -> Iterator[Entry]:
        """See `Record.journal`."""
        with self._lock:
            asked = self._tables.journal if subject is None else (subject,)
            told = [row for name in asked if not self._stored(name).erased for row in self._rows(name)]
        for row in sorted(told, key=lambda row: row.seq):
            if row.body:
                yield decode(row.body, Entry)

    def _rows(self, subject: str) -> list[JournalRow]:
        return self._tables.journal.get(subject, [])

    # Who looked.

    def note_access(self, access: Access) -> None:
        """See `Record.note_access`."""
        body = encode_input(access)
        with self._lock:
            self._must_live(access.subject)
            self._probe("access")
            self._tables.accesses.setdefault(access.subject, []).append(body)
            self._probe("answer")

    def accesses(self, subject: str) -> Iterator[Access]:
        """See `Record.accesses`."""
        with self._lock:
            rows = list(self._tables.accesses.get(subject, ()))
        for body in rows:
            yield decode(body, Access)

    # What follows from the journal.

    def recover(self) -> int:
        """Write whatever a crash left unwritten, for everybody; the number of entries that needed it."""
        with self._lock:
            return sum(self._roll_forward(subject) for subject in self._tables.journal)

    def _insert(self, subject: str, row: JournalRow) -> None:
        """The commit itself. The place in the list is the revision, so no two entries can have the same."""
        self._probe("journal")
        self._tables.journal.setdefault(subject, []).append(row)
        self._last_seq = row.seq
        self._events[subject].add(row.event_id)

    def _roll_forward(self, subject: str) -> int:
        journal = self._tables.journal.get(subject)
        if journal is None:
            return 0
        stored = self._tables.charts.get(subject)
        behind = journal[stored.revision if stored else 0 :]
        for row in behind:
            entry = decode(row.body, Entry)
            self._write(project(entry, self._stored(subject), row.seq), entry)
        return len(behind)

    def _write(self, rows: Projection, entry: Entry) -> None:
        """Idempotent: a row that already has this revision may have been claimed since, and is left alone."""
        subject, revision = rows.subject, rows.revision
        if rows.erased:
            self._wipe(subject, revision)
        if rows.observations:
            self._write_vitals(rows)
        _merge(self._tables.outbox, subject, revision, rows.outbox, lambda: self._probe("outbox"))
        _merge(self._tables.dues, subject, revision, rows.dues, lambda: self._probe("due"))
        if rows.person is not None:
            self._write_person(subject, rows.person)
        self._probe("chart")
        self._tables.charts[subject] = rows.chart
        if rows.erased:
            self._charts.forget(subject)
        else:
            self._charts.moved(rows.after, entry)

    def _wipe(self, subject: str, revision: int) -> None:
        """Everything of a person goes; names of events and messages stay unreadable, so that none is taken for new.

        The person goes last, for without them nobody knows any more which addresses were theirs.
        """
        tables = self._tables
        queues = self._queues_of(subject)
        for row_id, message in tables.inbox.items():
            if message.order in queues and message.body:
                self._probe("wipe")
                message.done, message.body, message.order = True, b"", unnamed(message.order)
                self._unfinished.pop(row_id, None)
        self._probe("wipe")
        tables.inbox = {row_id if row.body else unnamed(row_id): row for row_id, row in tables.inbox.items()}
        for work in (tables.outbox, tables.dues):
            for key in [key for key in work if key[0] == subject]:
                self._probe("wipe")
                del work[key]
        self._probe("wipe")
        tables.vitals.pop(subject, None)
        for recipient, given in tables.codes.items():
            for code in [c for c, row in given.items() if subject in (recipient, row.subject)]:
                self._probe("wipe")
                del given[code]
        self._probe("wipe")
        tables.accesses.pop(subject, None)
        for entry in tables.journal[subject][: revision - 1]:
            if entry.body:
                self._probe("wipe")
                entry.event_id, entry.body = unnamed(entry.event_id), b""
        self._events.pop(subject, None)
        self._probe("wipe")
        tables.people.pop(subject, None)
        self._persons.forget(subject)
        self._everyone = self._staff = self._at_address = None

    def _queues_of(self, subject: str) -> set[str]:
        """The person's own queue, and those of their addresses that nobody else has."""
        people = self._tables.people
        mine = people[subject].addresses if subject in people else ()
        others = {address for key, row in people.items() if key != subject for address in row.addresses}
        return {subject, *(address for address in mine if address not in others)}


def _merge(
    table: dict[Key, _P], subject: str, revision: int, rows: dict[str, _P | None], probe: Callable[[], None]
) -> None:
    for row_id, row in rows.items():
        key = (subject, row_id)
        old = table.get(key)
        if row is None:
            if old is not None:
                probe()
                del table[key]
        elif old is None or old.revision < revision:
            probe()
            table[key] = row
