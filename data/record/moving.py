"""Moving a record to another store: its rows as they stand, sealed, under the same wrapped keys; nothing is opened.

So the links of the chain, the anchors, what is left of erased persons and forgotten words arrive unchanged, and the
same root key opens both. Rows go by pages; the target notes how far it got with each, so a move that was cut off goes
on from there, and until it is whole the target opens for nobody else.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from data.errors import BadFile
from data.sealing.sealing import Sealing
from data.sealing.wrapping import HOUSE, KeyRow

# The values of a row in the order of its table's columns, and of its key columns alone: () is before the first row.
Row = tuple[Any, ...]
Position = tuple[Any, ...]

# A page ends with whichever comes first.
_ROWS, _BYTES = 1_000, 4 * 2**20


@dataclass(frozen=True, slots=True)
class Table:
    """What every store has of a table: `key`, unique, in whose order rows are read, and the `rest` of the columns.

    Of the column `numbered` only the order counts: a store whose numbers must differ gives equal ones new ones.
    """

    key: tuple[str, ...]
    rest: tuple[str, ...]
    numbered: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, those of the key first."""
        return (*self.key, *self.rest)


_LEASE = ("lease_from", "lease_until", "token", "attempt")
_WORK = ("place", "revision", "set_at", *_LEASE, "body")
_LINK = ("kind", "actor", "at", "digest", "link")

# In the order in which they are moved. What follows from other rows is left out: `seq` of a timer or message is that of
# the entry of its revision. Of persons who were erased, the person's own row is left out: it says nothing any more.
TABLES: dict[str, Table] = {
    "key": Table(("owner", "generation"), ("under", "wrapped", "check")),
    "inbox": Table(("n", "id"), ("owner", "done", *_LEASE, "body"), "n"),
    "journal": Table(("seq", "subject"), ("revision", "event", *_LINK, "relieved", "body"), "seq"),
    "chart": Table(("subject",), ("revision", "link", "body")),
    "vitals": Table(("subject", "code", "hour"), ("n", "band", "revision", "body")),
    "outbox": Table(("subject", "id"), ("late", "created_at", "not_before", *_WORK)),
    "due": Table(("subject", "id"), ("due_at", *_WORK)),
    "person": Table(("n", "id"), ("active", "role", "revision", "addresses", "body"), "n"),
    "code": Table(("recipient", "code"), ("escalation", "subject", "given_at", "body")),
    "access": Table(("subject", "number"), ("n", *_LINK, "body"), "n"),
    "anchor": Table(("number",), ("at", "upto", "heads", "link")),
}


class Rows(Protocol):
    """A store's rows as they stand."""

    def rows(self, table: str, after: Position = ()) -> Iterator[Row]:
        """The rows of a table after `after`, by key."""

    def count(self, table: str) -> int:
        """How many there are."""


class Movable(Rows, Protocol):
    """An open record that can be moved."""

    @property
    def sealing(self) -> Sealing:
        """What its rows are sealed with."""

    def house(self) -> KeyRow:
        """The wrapped house secret, by which this record's keys are told from another's."""

    def settle(self, now: datetime) -> None:
        """Finish what a crash left half done, and anchor the chain as far as it got."""

    def leased(self, at: int) -> int:
        """How many rows somebody is at work on at that time (microseconds)."""


class Target(Rows, Protocol):
    """A place that a record is moved to. Nobody opens it as a record before it is finished."""

    where: str

    def found(self, house: KeyRow) -> str:
        """What is there: `NEW`, `HALF` of a copy of the record with that house secret, or a `WHOLE` record with it.

        Raises `BadFile` for anything else. Nothing is changed.
        """

    def begin(self, house: KeyRow) -> str:
        """Make it ready, and where to go on: what `put` was last told, "" at the beginning. Safe to repeat."""

    def put(self, table: str, rows: list[Row], place: str) -> None:
        """Keep a page of rows and `place`, how far the move has got. Safe to repeat."""

    def finish(self) -> None:
        """From now on it is a record."""

    def close(self) -> None:
        """Let go of files and connections."""


NEW, HALF, WHOLE = "new", "half", "whole"


@dataclass(frozen=True, slots=True)
class Digest:
    """A table of one store: how many rows, and the SHA-256 (hex) over them; equal in any store that has the same."""

    table: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A table in both stores."""

    source: Digest
    target: Digest

    @property
    def same(self) -> bool:
        """Whether they hold the same rows."""
        return self.source == self.target


def move(
    source: Movable, target: Target, now: datetime, tell: Callable[[int], object] = lambda rows: None
) -> tuple[Compared, ...]:
    """Copy what is missing, then compare all of both; only when they are the same is the target finished.

    `tell` is given a number of rows again and again, of `work` in all. Raises `BadFile` when the target holds
    something else, and whatever a store raises; then the same call goes on from there.
    """
    found = target.found(source.house())
    if found == WHOLE:
        compared = compare(source, target, tell)
        if not all(pair.same for pair in compared):
            raise BadFile(f"{target.where}: holds a record already; name a new place")
        return compared
    source.settle(now)
    for rows in _copy(source, target):
        tell(rows)
    compared = compare(source, target, tell)
    if all(pair.same for pair in compared):
        target.finish()
    return compared


def work(source: Movable) -> int:
    """How many rows a move goes over: each is copied, and read again on both sides."""
    return 3 * sum(source.count(table) for table in TABLES)


def _copy(source: Movable, target: Target) -> Iterator[int]:
    place = target.begin(source.house())
    first, after = _read_place(place) if place else (next(iter(TABLES)), ())
    names = list(TABLES)
    for name in names[: names.index(first)]:
        yield target.count(name)
    for name in names[names.index(first) :]:
        if after:
            yield target.count(name)
        for page in _pages(source.rows(name, after)):
            target.put(name, page, _place(name, page[-1]))
            yield len(page)
        after = ()


def _pages(rows: Iterator[Row]) -> Iterator[list[Row]]:
    page: list[Row] = []
    size = 0
    for row in rows:
        page.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes))
        if len(page) >= _ROWS or size >= _BYTES:
            yield page
            page, size = [], 0
    if page:
        yield page


def compare(source: Rows, target: Rows, tell: Callable[[int], object] = lambda rows: None) -> tuple[Compared, ...]:
    """Every table of both."""
    return tuple(Compared(digest(source, name, tell), digest(target, name, tell)) for name in TABLES)


def digest(rows: Rows, name: str, tell: Callable[[int], object] = lambda rows: None) -> Digest:
    """One table of one store."""
    table, told, count = TABLES[name], sha256(), 0
    drop = table.columns.index(table.numbered) if table.numbered else None
    for row in rows.rows(name):
        said = row if drop is None else (*row[:drop], *row[drop + 1 :])
        told.update(_encoder.encode(said))
        count += 1
        if not count % _ROWS:
            tell(_ROWS)
    tell(count % _ROWS)
    return Digest(name, count, told.hexdigest())


def whole_digest(tables: tuple[Digest, ...]) -> str:
    """One SHA-256 (hex) over all tables."""
    return sha256(_encoder.encode([(t.table, t.rows, t.digest) for t in tables])).hexdigest()


def key_row(row: KeyRow) -> Row:
    """A wrapped key as a row of the table "key"."""
    return row.owner, row.generation, row.under, row.wrapped, row.check


def row_key(row: Row) -> KeyRow:
    """And back."""
    owner, generation, under, wrapped, check = row
    return KeyRow(owner=owner, generation=generation, under=under, wrapped=wrapped, check=check)


def same_house(one: KeyRow, other: KeyRow) -> bool:
    """Whether two wrapped house secrets are of the same record, however they are wrapped."""
    return one.owner == other.owner == HOUSE and one.check == other.check


def _place(table: str, row: Row) -> str:
    return json.dumps([table, *row[: len(TABLES[table].key)]])


def _read_place(text: str) -> tuple[str, Position]:
    table, *after = json.loads(text)
    return table, tuple(after)


_encoder = msgspec.msgpack.Encoder()
