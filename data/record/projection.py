"""What one journal entry means for every other table: pure, so that every store writes the same rows."""

from dataclasses import dataclass

from data.model.audit import Entry
from data.model.chart import Changes, Chart
from data.model.communication import Category, Communication, SendState
from data.model.concern import Priority
from data.model.observation import Observation
from data.model.people import ChannelKind, Person
from data.model.plan import Due
from data.record.chain import ERASE
from data.record.coding import encode, micros
from data.record.tables import ChartRow, DueRow, OutboxRow, PersonRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Rows to put in place of those of the same id and an earlier revision; None removes. The chart goes last.

    `after` is the chart (without observations) that the bytes in `chart` say. `observations` go into their hours
    (see `data.record.buckets`). With `erased`, whatever else is kept of the subject goes, and the chart says so.
    """

    subject: str
    revision: int
    erased: bool
    observations: tuple[Observation, ...]
    outbox: dict[str, OutboxRow | None]
    dues: dict[str, DueRow | None]
    person: PersonRow | None
    chart: ChartRow
    after: Chart


def check(subject: str, kind: str, changes: Changes) -> None:
    """Refuse rows that belong to another stream: they would never be found again. Raises `ValueError`.

    An erasure has a kind of its own, by which it is known when nothing of it can be opened any more.
    """
    if (kind == ERASE) != changes.erased:
        raise ValueError(f"an erasure, and nothing else, is committed as {ERASE!r}")
    owners = {row.subject for row in changes.communications} | {row.subject for row in changes.dues}
    if owners - {subject}:
        raise ValueError("a Communication or Due was committed to another subject's chart")
    if changes.person is not None and changes.person.id != subject:
        raise ValueError("a Person was committed to another subject's chart")


def project(entry: Entry, chart: Chart, seq: int) -> Projection:
    """The rows of `entry`, the `seq`-th of the journal, on top of `chart` as stored (bare) one revision earlier."""
    changes, revision = entry.changes, entry.revision
    after, set_at = chart.apply(changes, entry.at), micros(entry.at)
    if after.observations:
        after = after.with_observations(())
    return Projection(
        subject=entry.subject,
        revision=revision,
        erased=changes.erased,
        observations=changes.observations,
        outbox={
            row.id: outbox_row(row, revision, seq, place, set_at) for place, row in enumerate(changes.communications)
        },
        dues={row.id: due_row(row, revision, seq, place, set_at) for place, row in enumerate(changes.dues)},
        person=person_row(changes.person, revision) if changes.person else None,
        chart=ChartRow(revision, b"" if changes.erased else encode(after)),
        after=after,
    )


def address_key(system: ChannelKind, value: str) -> str:
    """How an address is looked up: exactly, but for white space around it."""
    return f"{system.value}:{value.strip()}"


def _lateness(row: Communication) -> int:
    """The class a message queues in. A page of low priority may wait: it must not hold up one of high priority."""
    if row.priority is Priority.P1 or row.category is Category.SAFETY:
        return 0
    if row.category is Category.OPERATIONS or (row.category is Category.PAGE and row.priority is Priority.P2):
        return 1
    return 2 if row.category is Category.REPLY else 3


def outbox_row(row: Communication, revision: int, seq: int, place: int, set_at: int) -> OutboxRow | None:
    """The row of a message that waits to be sent; None of any other."""
    if row.state is not SendState.QUEUED:
        return None
    return OutboxRow(
        late=_lateness(row),
        created_at=micros(row.created_at),
        not_before=micros(row.not_before) if row.not_before else 0,
        revision=revision,
        seq=seq,
        place=place,
        set_at=set_at,
        body=encode(row),
    )


def due_row(row: Due, revision: int, seq: int, place: int, set_at: int) -> DueRow | None:
    """The row of a timer; None of one that is done."""
    if row.done:
        return None
    return DueRow(due_at=micros(row.due_at), revision=revision, seq=seq, place=place, set_at=set_at, body=encode(row))


def person_row(person: Person, revision: int) -> PersonRow:
    """The row of a person, with the addresses they are found by."""
    addresses = tuple(dict.fromkeys(address_key(point.system, point.value) for point in person.contacts))
    return PersonRow(revision, person.active, person.role.value, addresses, encode(person))
