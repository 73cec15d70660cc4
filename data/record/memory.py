"""A record in memory that keeps nothing but bytes, and writes them one by one as a document store would."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import RLock
from typing import TypeVar

from data.errors import Conflict
from data.model.audit import Entry
from data.model.chart import Changes, Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.observation import Observation
from data.model.people import ChannelKind, Person
from data.model.plan import Due
from data.ports import Claim, CodeUse
from data.record import codes
from data.record.coding import (
    decode,
    decode_all,
    decode_known,
    encode,
    encode_checked,
    instant,
    micros,
    span,
)
from data.record.known import KnownCharts, KnownPeople
from data.record.projection import Projection, address_key, check, project
from data.record.tables import (
    BACK,
    NOT_STAFF,
    STRANGER,
    CodeRow,
    JournalRow,
    Key,
    MessageRow,
    ObservationRow,
    PersonRow,
    Projected,
    Tables,
    Work,
    load_tables,
    pack,
    unpack,
)

_P = TypeVar("_P", bound=Projected)


class MemoryRecord:
    """The `Record` port over plain tables of bytes, for scenes and tests.

    The insert of a journal entry is the commit; every other table follows from the journal, written row by
    row, the chart last. A crash in between leaves a chart behind its journal; whoever needs that chart next
    writes what is missing. `probe` is called with a name before every single write, and once more ("answer")
    when all is written: raise from it to crash there.
    """

    def __init__(self, probe: Callable[[str], None] = lambda name: None) -> None:
        self._probe = probe
        self._lock = RLock()
        self._open(Tables())

    @classmethod
    def load(cls, data: bytes, probe: Callable[[str], None] = lambda name: None) -> "MemoryRecord":
        """A record with the content of a dump, rolled forward. Raises `BadFile` for other bytes."""
        record = cls(probe)
        record._open(load_tables(data))
        record.recover()
        return record

    def _open(self, tables: Tables) -> None:
        self._tables = tables
        # Observations that somebody asked for, unpacked; those of `_changed` are newer than the packed ones.
        self._unpacked: dict[str, dict[str, ObservationRow]] = {}
        self._changed: dict[str, None] = {}
        # What follows from the tables and is safe to lose.
        self._unfinished = {key: row for key, row in tables.inbox.items() if not row.done}
        self._events: dict[str, set[str]] = {}
        self._charts = KnownCharts()
        self._persons = KnownPeople()
        self._everyone: tuple[Person, ...] | None = None
        self._staff: tuple[Person, ...] | None = None
        self._at_address: dict[str, list[str]] | None = None
        self._last_seq = max((rows[-1].seq for rows in tables.journal.values()), default=0)

    def dump(self) -> bytes:
        """All of it as bytes, the same bytes from any store with the same history."""
        with self._lock:
            return self._packed().dump()

    def digest(self) -> str:
        """SHA-256 of the content, leases left out."""
        with self._lock:
            return self._packed().digest()

    def _packed(self) -> Tables:
        for subject in self._changed:
            self._tables.observations[subject] = pack(self._unpacked[subject])
        self._changed.clear()
        return self._tables

    def close(self) -> None:
        """Nothing is held that needs letting go of."""

    # Inbound messages.

    def keep(self, message: RawMessage) -> bool:
        """See `Record.keep`."""
        body = encode(message)
        with self._lock:
            new = message.id not in self._tables.inbox
            if new:
                row = MessageRow(order=message.order, body=body)
                self._probe("inbox")
                self._tables.inbox[message.id] = row
                self._unfinished[message.id] = row
            self._probe("answer")
            return new

    def claim_message(self, now: datetime, lease: timedelta) -> tuple[RawMessage, Claim] | None:
        """See `Record.claim_message`."""
        at = micros(now)
        with self._lock:
            for key, row in self._first_of_each_order():
                if not row.leased(at):
                    return decode(row.body, RawMessage), self._take(key, row, at, lease)
        return None

    def finish_message(self, claim: Claim) -> bool:
        """See `Record.finish_message`."""
        with self._lock:
            row = self._tables.inbox.get(claim.row_id)
            if row is None or row.token != claim.token:
                return False
            if not row.done:
                self._probe("inbox")
                row.done = True
                self._unfinished.pop(claim.row_id, None)
            self._probe("answer")
            return True

    def _first_of_each_order(self) -> Iterator[tuple[str, MessageRow]]:
        seen = set()
        for key, row in self._unfinished.items():
            if row.order not in seen:
                seen.add(row.order)
                yield key, row

    # The chart and its one write.

    def chart(self, subject: str, *, observations: bool = True) -> Chart:
        """See `Record.chart`."""
        with self._lock:
            self._roll_forward(subject)
            chart = self._stored(subject)
            if not observations:
                return chart
            full = self._charts.full(subject, chart.revision)
            if full is None:
                held = [(row.effective_at, key, row.body) for key, row in self._observed(subject).items() if row.held]
                held.sort()
                rows = decode_all((body for _, _, body in held), Observation) if held else ()
                full = chart.with_observations(rows) if rows else chart
                self._charts.read_full(full)
            return full

    def observations(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Observation, ...]:
        """See `Record.observations`."""
        first, end = micros(since), micros(until)
        with self._lock:
            self._roll_forward(subject)
            found = sorted(
                (row.effective_at, key, row.body)
                for key, row in self._observed(subject).items()
                if row.code == code and first <= row.effective_at < end
            )
        return decode_all((body for _, _, body in found), Observation)

    def commit(self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime) -> bool:
        """See `Record.commit`."""
        subject = chart.subject
        check(subject, changes)
        with self._lock:
            self._roll_forward(subject)
            if self.committed(subject, event_id):
                self._probe("answer")
                return False
            journal = self._tables.journal.get(subject, [])
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
            projection = project(entry, self._stored(subject))
            self._insert(subject, JournalRow(self._last_seq + 1, event_id, body))
            self._write(projection)
            self._charts.moved(projection.after, entry)
            self._probe("answer")
            return True

    def committed(self, subject: str, event_id: str) -> bool:
        """See `Record.committed`."""
        with self._lock:
            events = self._events.get(subject)
            if events is None:
                events = self._events[subject] = {row.event_id for row in self._tables.journal.get(subject, ())}
            return event_id in events

    def journal(self, subject: str | None = None) -> Iterator[Entry]:
        """See `Record.journal`."""
        with self._lock:
            journal = self._tables.journal
            rows = (
                list(journal.get(subject, ()))
                if subject is not None
                else sorted((row for rows in journal.values() for row in rows), key=lambda row: row.seq)
            )
        for row in rows:
            yield decode(row.body, Entry)

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
            projection = project(entry, self._stored(subject))
            self._write(projection)
            self._charts.moved(projection.after, entry)
        return len(behind)

    def _stored(self, subject: str) -> Chart:
        row = self._tables.charts.get(subject)
        if row is None:
            return Chart(subject=subject)
        known = self._charts.bare(subject, row.revision)
        if known is None:
            known = decode_known(row.body, Chart)
            self._charts.read(known)
        return known

    def _observed(self, subject: str) -> dict[str, ObservationRow]:
        rows = self._unpacked.get(subject)
        if rows is None:
            packed = self._tables.observations.get(subject)
            rows = self._unpacked[subject] = {} if packed is None else unpack(packed)
        return rows

    def _write(self, rows: Projection) -> None:
        """Idempotent: a row that already has this revision may have been claimed since, and is left alone."""
        subject, revision = rows.subject, rows.revision
        if rows.held_after is not None:
            self._write_observations(rows, rows.held_after)
        _merge(self._tables.outbox, subject, revision, rows.outbox, lambda: self._probe("outbox"))
        _merge(self._tables.dues, subject, revision, rows.dues, lambda: self._probe("due"))
        if rows.person is not None:
            self._write_person(subject, rows.person)
        self._probe("chart")
        self._tables.charts[subject] = rows.chart

    def _write_observations(self, rows: Projection, held_after: int) -> None:
        table = self._observed(rows.subject)
        self._changed[rows.subject] = None
        for old in table.values():
            if old.held and old.effective_at <= held_after:
                self._probe("observation leaves the chart")
                old.held = False
        for key, row in rows.observations.items():
            self._probe("observation")
            table[key] = row

    def _write_person(self, subject: str, person: PersonRow) -> None:
        self._probe("person")
        old = self._tables.people.get(subject)
        self._tables.people[subject] = person
        self._everyone = None
        if person.role not in NOT_STAFF or (old is not None and old.role not in NOT_STAFF):
            self._staff = None
        if self._at_address is not None and old is None:
            # The last enrolled: their place is at every list's end.
            for address in person.addresses:
                self._at_address.setdefault(address, []).append(subject)
        elif old is not None and old.addresses != person.addresses:
            self._at_address = None

    # Work that waits: timers and the outbox.

    def claim_due(self, now: datetime, lease: timedelta) -> tuple[Due, Claim] | None:
        """See `Record.claim_due`."""
        at = micros(now)
        back = at + BACK
        with self._lock:
            ready = [
                (row.due_at, key[1], key[0])
                for key, row in self._tables.dues.items()
                if (row.due_at <= at or row.set_at > back) and not row.leased(at)
            ]
            if not ready:
                return None
            _, row_id, subject = min(ready)
            row = self._tables.dues[subject, row_id]
            return decode(row.body, Due), self._take(row_id, row, at, lease)

    def claim_outbox(self, now: datetime, lease: timedelta) -> tuple[Communication, Claim] | None:
        """See `Record.claim_outbox`."""
        at = micros(now)
        back = at + BACK
        with self._lock:
            ready = [
                (row.late, row.created_at, key[1], key[0])
                for key, row in self._tables.outbox.items()
                if (row.not_before <= at or row.set_at > back) and not row.leased(at)
            ]
            if not ready:
                return None
            *_, row_id, subject = min(ready)
            row = self._tables.outbox[subject, row_id]
            return decode(row.body, Communication), self._take(row_id, row, at, lease)

    def next_at(self, now: datetime) -> datetime | None:
        """See `Record.next_at`."""
        at = micros(now)
        back = at + BACK
        with self._lock:
            wakes = [row.wake(0, at) for _, row in self._first_of_each_order()]
            wakes += [row.wake(row.due_at if row.set_at <= back else 0, at) for row in self._tables.dues.values()]
            outbox = self._tables.outbox.values()
            wakes += [row.wake(row.not_before if row.set_at <= back else 0, at) for row in outbox]
        ahead = min((wake for wake in wakes if wake > at), default=None)
        return None if ahead is None else instant(ahead)

    def _take(self, row_id: str, row: Work, at: int, lease: timedelta) -> Claim:
        self._probe("token")
        self._tables.token += 1
        self._probe("lease")
        row.take(at, span(lease), self._tables.token)
        self._probe("answer")
        return Claim(row_id, row.token, row.attempt)

    # People and reply codes.

    def person_at(self, system: ChannelKind, value: str) -> Person | None:
        """See `Record.person_at`."""
        return next(iter(self.holders(system, value)), None)

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """See `Record.holders`."""
        with self._lock:
            if self._at_address is None:
                self._at_address = {}
                for key, row in self._tables.people.items():
                    for address in row.addresses:
                        self._at_address.setdefault(address, []).append(key)
            people = self._tables.people
            found = [(key, people[key]) for key in reversed(self._at_address.get(address_key(system, value), ()))]
            found.sort(key=lambda pair: (pair[1].role == STRANGER, not pair[1].active))
            return self._persons.of((key, row.body) for key, row in found)

    def people(self) -> tuple[Person, ...]:
        """See `Record.people`."""
        with self._lock:
            if self._everyone is None:
                self._everyone = self._persons.of((key, row.body) for key, row in self._tables.people.items())
            return self._everyone

    def staff(self) -> tuple[Person, ...]:
        """See `Record.staff`."""
        with self._lock:
            if self._staff is None:
                rows = self._tables.people.items()
                self._staff = self._persons.of((key, row.body) for key, row in rows if row.role not in NOT_STAFF)
            return self._staff

    def reserve_code(self, recipient: str, escalation_id: str, subject: str, now: datetime) -> str:
        """See `Record.reserve_code`."""
        at = micros(now)
        with self._lock:
            given = self._tables.codes.get(recipient, {})
            used = {code: row for code, row in given.items() if row.given_at > at - span(codes.KEEP)}
            code = next((code for code, row in used.items() if row.escalation_id == escalation_id), None)
            if code is None:
                code = codes.choose_code(recipient, escalation_id, {key: row.given_at for key, row in used.items()})
                self._probe("code")
                self._tables.codes.setdefault(recipient, {})[code] = CodeRow(escalation_id, subject, at)
            self._probe("answer")
            return code

    def code_use(self, recipient: str, code: str, now: datetime) -> CodeUse | None:
        """See `Record.code_use`."""
        with self._lock:
            row = self._tables.codes.get(recipient, {}).get(code)
        if row is None or row.given_at <= micros(now - codes.KEEP):
            return None
        return CodeUse(recipient, code, row.escalation_id, row.subject, instant(row.given_at))

    def codes_of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """See `Record.codes_of`."""
        first = micros(since)
        with self._lock:
            rows = [pair for pair in self._tables.codes.get(recipient, {}).items() if pair[1].given_at >= first]
        rows.sort(key=lambda pair: (pair[1].given_at, pair[0]))
        return tuple(
            CodeUse(recipient, code, row.escalation_id, row.subject, instant(row.given_at)) for code, row in rows
        )


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
