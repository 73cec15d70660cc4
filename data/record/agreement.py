"""Whether what follows from the charts says what they say: people, queued messages, timers, and who was answered.

The rows beside the charts hold columns in clear, which decide alone who is paged and what is due. A chart is sealed and
its journal is chained, so it is taken at its word; `disagreements` only reads, `Record.recover` mends what is safe.
Its honest limit: a message that was taken away before anybody answered it has left no trace to miss it by.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from data.model.audit import Entry
from data.model.chart import Chart
from data.model.communication import Communication, SendState
from data.model.people import Person
from data.model.plan import Due
from data.ports import Record
from data.record.chain import ERASE
from data.record.coding import micros
from data.record.projection import due_row, outbox_row, person_row
from data.record.tables import DueRow, OutboxRow, PersonRow
from data.sealing.sealing import Sealing

OUTBOX, DUE, PERSON, CHART, INBOX = "outbox", "due", "person", "chart", "inbox"
# What recovery puts right.
MENDED = (OUTBOX, DUE, PERSON)
# No worker is at work on anything for so long, in microseconds: a lease lies around its claim, one length each way.
_LONGEST = 2 * 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A row that is not what a chart says. `subject` and `row` are names that tell nothing.

    `what` begins with one of missing, inserted, edited, behind, unanswered.
    """

    table: str
    subject: str
    what: str
    row: str = ""

    def __str__(self) -> str:
        return f"{self.table} of {self.subject}: {f'{self.row}: ' if self.row else ''}{self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSeen:
    """A row of the outbox or a timer: `told` are the instants and places in clear; `thing` None does not open."""

    revision: int
    told: tuple[int, ...]
    lease: tuple[int, int]
    thing: Communication | Due | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSeen:
    """A person's row: the columns in clear, addresses by their names; `person` None does not open."""

    revision: int
    active: bool
    role: str
    addresses: frozenset[str]
    person: Person | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything stored of one person at one moment. `last` is the journal's: revision, link and kind.

    `chart` is None where there is none, or none that opens.
    """

    name: str
    head: tuple[int, bytes]
    erased: bool
    chart: Chart | None
    last: tuple[int, bytes, str]
    person: PersonSeen | None
    work: dict[str, dict[str, WorkSeen]]


def disagreements(record: Record) -> Iterator[Disagreement]:
    """Every row that is not what the charts say, person by person; none for a record in memory, which has no columns.

    Raises what the record raises when it does not answer.
    """
    from data.record.sqlite import SqliteRecord  # noqa: PLC0415 - both know what an agreement is

    if isinstance(record, SqliteRecord):
        from data.record.sqlite_agreement import disagreements_in  # noqa: PLC0415

        return disagreements_in(record)
    if hasattr(record, "keys"):
        from data.record.mongo import MongoRecord  # noqa: PLC0415 - only who needs the driver waits for it to load

        if isinstance(record, MongoRecord):
            return record.disagreements()
    return iter(())


def compared(sealing: Sealing, seen: Seen) -> Iterator[Disagreement]:
    """What is wrong with what is stored of one person."""

    def wrong(table: str, what: str, row: str = "") -> Disagreement:
        return Disagreement(table=table, subject=seen.name, what=what, row=row)

    what = _of_chart(seen)
    if what:
        # What follows from a chart that cannot be believed is not judged.
        yield wrong(CHART, what)
        return
    for table in (OUTBOX, DUE):
        live, rows = live_in(sealing, table, seen.chart), seen.work[table]
        for name in live.keys() - rows.keys():
            yield wrong(table, "missing: the chart says that it waits", name)
        for name, row in sorted(rows.items()):
            what = _of_work(row, live.get(name), seen.head[0])
            if what:
                yield wrong(table, what, name)
    what = _of_person(sealing, seen.person, seen.chart)
    if what:
        yield wrong(PERSON, what)


def _of_chart(seen: Seen) -> str:
    if seen.head != seen.last[:2]:
        return f"behind: it is at {seen.head[0]}, the journal at {seen.last[0]}, or their links differ"
    if seen.erased != (seen.last[2] == ERASE):
        return "edited: it says that this person was erased, or that not; the journal says otherwise"
    return "edited: it does not open" if seen.chart is None and not seen.erased and seen.head[0] else ""


def live_in(sealing: Sealing, table: str, chart: Chart | None) -> dict[str, Communication | Due]:
    """What the chart says waits, by the name of its row."""
    if chart is None:
        return {}
    queued = [row for row in chart.communications if row.state is SendState.QUEUED]
    things: Iterable[Communication | Due] = queued if table == OUTBOX else chart.dues
    return {sealing.name("row", thing.id): thing for thing in things}


def _of_work(row: WorkSeen, said: Communication | Due | None, revision: int) -> str:
    if said is None:
        return "inserted: the chart does not say that it waits"
    if row.thing is None:
        return "edited: it does not open in its place"
    if row.thing != said or row.revision > revision:
        return "edited: the chart says it otherwise"
    if row.told != told_of(said):
        return "edited: its times or its place in line are not those of what it says"
    return long_lease(*row.lease)


def told_of(said: Communication | Due) -> tuple[int, ...]:
    """The columns in clear that follow from what a row says."""
    if isinstance(said, Due):
        return (micros(said.due_at),)
    row = outbox_row(said, 0, 0, 0, 0)
    return (row.late, row.created_at, row.not_before) if row else ()


def long_lease(first: int, until: int) -> str:
    """What is wrong with a lease: nobody is at work for so long, so whatever it holds up is never done."""
    return "edited: it is leased for longer than anybody works" if until - first > _LONGEST else ""


def _of_person(sealing: Sealing, row: PersonSeen | None, chart: Chart | None) -> str:
    said = chart.person if chart else None
    if row is None or said is None:
        return ("missing" if row is None else "inserted") + ": the chart says otherwise" if row or said else ""
    if row.person is None:
        return "edited: it does not open in its place"
    if row.person != said or chart is None or row.revision > chart.revision:
        return "edited: the chart says it otherwise"
    columns = person_row(said, 0)
    if (row.active, row.role) != (columns.active, columns.role):
        return "edited: its role or whether they are active is not what the person's own words say"
    if row.addresses != {sealing.name("address", address) for address in columns.addresses}:
        return "edited: the addresses they are found by are not theirs"
    return ""


# Mending: a row as the commit made it that put it there, found from the newest entry back.

Entries = Iterable[tuple[int, Entry]]


def queued_anew(said: Communication, entries: Entries, revision: int) -> OutboxRow | None:
    """The row of a message that the chart says is queued; `revision` is the chart's, for one no entry tells of."""
    for seq, entry in entries:
        for place, row in enumerate(entry.changes.communications):
            if row == said:
                return outbox_row(said, entry.revision, seq, place, micros(entry.at))
    return outbox_row(said, revision, 0, 0, micros(said.created_at))


def timer_anew(said: Due, entries: Entries, revision: int) -> DueRow | None:
    """The row of a timer that the chart has; `revision` as for `queued_anew`."""
    for seq, entry in entries:
        for place, row in enumerate(entry.changes.dues):
            if row == said:
                return due_row(said, entry.revision, seq, place, micros(entry.at))
    return due_row(said, revision, 0, 0, 0)


def person_anew(said: Person, entries: Entries, revision: int) -> PersonRow:
    """The row of the person in the chart; `revision` as for `queued_anew`."""
    changed = (entry.revision for _, entry in entries if entry.changes.person == said)
    return person_row(said, next(changed, revision))
