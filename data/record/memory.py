"""A record in memory that keeps nothing but bytes, and writes them one by one as a document store would."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from threading import RLock
from typing import TypeVar

from data.errors import Conflict, NotFound
from data.model.audit import Access, Entry
from data.model.chart import Changes, Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.observation import Observation
from data.model.people import ChannelKind, Person
from data.model.plan import Due
from data.ports import Claim, CodeUse, Hour, Tended
from data.record import buckets, codes
from data.record.coding import (
    decode,
    decode_known,
    encode,
    encode_checked,
    encode_input,
    instant,
    micros,
    span,
)
from data.record.known import KnownCharts, KnownPeople
from data.record.projection import Projection, address_key, check, project
from data.record.retention import relieved_entry, tend_limits
from data.record.tables import (
    BACK,
    NOT_STAFF,
    STRANGER,
    CodeRow,
    JournalRow,
    Key,
    MessageRow,
    PersonRow,
    Projected,
    Tables,
    Work,
    load_tables,
)
from data.sealing.keyring import ERASED

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
            return self._tables.dump()

    def digest(self) -> str:
        """SHA-256 of the content, leases left out."""
        with self._lock:
            return self._tables.digest()

    def close(self) -> None:
        """Nothing is held that needs letting go of."""

    # Inbound messages.

    def keep(self, message: RawMessage) -> bool:
        """See `Record.keep`."""
        body = encode_input(message)
        with self._lock:
            self._must_live(message.order)
            new = not {message.id, _unnamed(message.id)} & self._tables.inbox.keys()
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

    def finish_message(self, claim: Claim, *, forget: bool = False) -> bool:
        """See `Record.finish_message`."""
        with self._lock:
            row = self._tables.inbox.get(claim.row_id)
            if row is None or row.token != claim.token:
                return False
            if not row.done:
                self._probe("inbox")
                row.done = True
                row.body = _without_words(row.body) if forget else row.body
                self._unfinished.pop(claim.row_id, None)
            self._probe("answer")
            return True

    def messages(self, subject: str) -> Iterator[RawMessage]:
        """See `Record.messages`."""
        with self._lock:
            kept = [row.body for row in self._tables.inbox.values() if row.order == subject and row.body]
        for body in kept:
            message = decode(body, RawMessage)
            if message.text:
                yield message

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
            return self._full(chart)

    def _full(self, chart: Chart) -> Chart:
        full = self._charts.full(chart.subject, chart.revision)
        if full is None:
            full = chart
            if chart.observed_from is not None:
                start = micros(chart.observed_from)
                hours = self._tables.vitals.get(chart.subject, {}).items()
                rows = buckets.since((r.body for (_, h), r in hours if h >= buckets.first_hour(start)), start)
                full = chart.with_observations(rows) if rows else chart
            self._charts.read_full(full)
        return full

    def observations(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Observation, ...]:
        """See `Record.observations`."""
        first, end = micros(since), micros(until)
        with self._lock:
            self._roll_forward(subject)
            hours = self._tables.vitals.get(subject, {}).items()
            return buckets.within((row.body for (name, _), row in hours if name == code), first, end)

    def hours(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Hour, ...]:
        """See `Record.hours`."""
        first, end = buckets.whole_hours(micros(since), micros(until))
        with self._lock:
            self._roll_forward(subject)
            hours = self._tables.vitals.get(subject, {}).items()
            found = sorted((h, row.body) for (name, h), row in hours if name == code and first <= h < end)
        return tuple(buckets.hour_of(hour, body) for hour, body in found)

    def bands(self, code: str, since: datetime, until: datetime) -> dict[int, int]:
        """See `Record.bands`."""
        counts: dict[int, int] = {}
        first, end = buckets.whole_hours(micros(since), micros(until))
        with self._lock:
            for hours in self._tables.vitals.values():
                for (name, hour), row in hours.items():
                    if name == code and first <= hour < end:
                        counts[row.band] = counts.get(row.band, 0) + 1
        return counts

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
            return event_id in events or _unnamed(event_id) in events

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

    def tend(self, now: datetime, full: timedelta, keep: timedelta) -> Tended:
        """See `Record.tend`."""
        thin, gone = tend_limits(now, full, keep)
        thinned = removed = relieved = 0
        with self._lock:
            for hours in self._tables.vitals.values():
                for key in [key for key in hours if key[1] < thin]:
                    less = buckets.thinned(hours[key]) if key[1] >= gone else None
                    if key[1] < gone:
                        del hours[key]
                        removed += 1
                    elif less is not None:
                        hours[key] = less
                        thinned += 1
            for rows in self._tables.journal.values():
                for row in rows:
                    entry = decode(row.body, Entry) if row.body else None
                    if entry is not None and (less_of := relieved_entry(entry, thin)) is not None:
                        row.body = encode(less_of)
                        relieved += 1
            self._charts = KnownCharts()
        return Tended(thinned, removed, relieved)

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

    def _stored(self, subject: str) -> Chart:
        row = self._tables.charts.get(subject)
        if row is None:
            return Chart(subject=subject)
        if not row.body:
            return Chart(subject=subject, revision=row.revision, erased=True)
        known = self._charts.bare(subject, row.revision)
        if known is None:
            known = decode_known(row.body, Chart)
            self._charts.read(known)
        return known

    def _must_live(self, subject: str) -> None:
        if self._stored(subject).erased:
            raise NotFound(ERASED)

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

    def _write_vitals(self, rows: Projection) -> None:
        held = self._full(self._stored(rows.subject)).observations
        table = self._tables.vitals.setdefault(rows.subject, {})
        for key, touch in buckets.touches(rows.observations, held).items():
            old = table.get(key)
            new = buckets.touched(old, touch, rows.revision)
            if new is old:
                continue
            self._probe("vitals")
            if new is None:
                del table[key]
            else:
                table[key] = new

    def _wipe(self, subject: str, revision: int) -> None:
        """Everything of a person goes; names of events and messages stay unreadable, so that none is taken for new.

        The person goes last, for without them nobody knows any more which addresses were theirs.
        """
        tables = self._tables
        queues = self._queues_of(subject)
        for row_id, message in tables.inbox.items():
            if message.order in queues and message.body:
                self._probe("wipe")
                message.done, message.body, message.order = True, b"", _unnamed(message.order)
                self._unfinished.pop(row_id, None)
        self._probe("wipe")
        tables.inbox = {row_id if row.body else _unnamed(row_id): row for row_id, row in tables.inbox.items()}
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
                entry.event_id, entry.body = _unnamed(entry.event_id), b""
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
                (row.due_at, row.seq, row.place, key)
                for key, row in self._tables.dues.items()
                if (row.due_at <= at or row.set_at > back) and not row.leased(at)
            ]
            if not ready:
                return None
            *_, key = min(ready)
            row = self._tables.dues[key]
            return decode(row.body, Due), self._take(key[1], row, at, lease)

    def claim_outbox(self, now: datetime, lease: timedelta) -> tuple[Communication, Claim] | None:
        """See `Record.claim_outbox`."""
        at = micros(now)
        back = at + BACK
        with self._lock:
            ready = [
                (row.late, row.created_at, row.seq, row.place, key)
                for key, row in self._tables.outbox.items()
                if (row.not_before <= at or row.set_at > back) and not row.leased(at)
            ]
            if not ready:
                return None
            *_, key = min(ready)
            row = self._tables.outbox[key]
            return decode(row.body, Communication), self._take(key[1], row, at, lease)

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
            self._must_live(subject)
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


def _unnamed(name: str) -> str:
    """What stays of the name of an event or message, which may hold an address, once its person was erased."""
    known = name.startswith("~")
    return name if known else f"~{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _without_words(body: bytes) -> bytes:
    return encode(replace(decode(body, RawMessage), text=""))


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
