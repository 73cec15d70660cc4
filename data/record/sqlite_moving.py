"""A SQLite record as rows that can be moved as they stand: read from one that is open, or put into a new file."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import BadFile
from data.record.anchoring import anchor
from data.record.moving import HALF, NEW, TABLES, WHOLE, Position, Row, key_row, row_key, same_house
from data.record.sqlite import SqliteRecord
from data.record.sqlite_base import half_moved
from data.record.sqlite_file import open_file, roll_back, translated
from data.record.sqlite_keys import SqliteKeys
from data.sealing.sealing import Sealing
from data.sealing.wrapping import HOUSE, KeyRow

_PAGE = 500
_Read = Callable[[str, tuple[Any, ...]], list[Row]]

# Columns that are not simply there.
_SPECIAL = {"relieved": "relieved AND body <> x'' AS relieved", "addresses": "'' AS addresses"}
_WORKING = "lease_from <= :at AND :at < lease_until"


class SqliteMovable:
    """An open `SqliteRecord` as `Movable`."""

    def __init__(self, record: SqliteRecord) -> None:
        self._record = record

    @property
    def sealing(self) -> Sealing:
        """See `Movable.sealing`."""
        return self._record.sealing

    def house(self) -> KeyRow:
        """See `Movable.house`."""
        return self._record.keys.keys_of(HOUSE)[0]

    def settle(self, now: datetime) -> None:
        """See `Movable.settle`."""
        self._record.recover()
        anchor(self._record, now)

    def leased(self, at: int) -> int:
        """See `Movable.leased`."""
        counts = f"SELECT count(*) FROM inbox WHERE done = 0 AND {_WORKING}"  # noqa: S608
        for table in ("outbox", "due"):
            counts += f" UNION ALL SELECT count(*) FROM {table} WHERE {_WORKING}"  # noqa: S608
        return sum(count for (count,) in self._record._read(counts, {"at": at}))

    def rows(self, table: str, after: Position = ()) -> Iterator[Row]:
        """See `Rows.rows`."""
        if table == "key":
            return _keys(self._record.keys, after)
        return _rows(self._record._read, table, after)

    def count(self, table: str) -> int:
        """See `Rows.count`."""
        if table == "key":
            return sum(1 for _ in self.rows(table))
        return _count(self._record._read, table)


class SqliteTarget:
    """A file that a record is moved into, as `Target`. A table `move` in it says so until it is whole."""

    def __init__(self, path: Path, probe: Callable[[str], None] = lambda name: None) -> None:
        """Open or make the file. Raises `BadFile` for a file of something else."""
        self.where = str(path)
        self._path, self._probe = path, probe
        self._beside = path.with_name(f"{path.name}.keys")
        self._connection = open_file(path)
        self._keys: SqliteKeys | None = None

    def close(self) -> None:
        """See `Target.close`."""
        if self._keys is not None:
            self._keys.close()
        with translated(self._path):
            self._connection.close()

    def found(self, house: KeyRow) -> str:
        """See `Target.found`."""
        half = half_moved(self._read)
        if half is not None:
            if half[0] != house.check.hex():
                raise BadFile(f"{self.where}: is half a copy of another record; name a new file")
            return HALF
        ours = self._own_house()
        if ours is not None and not same_house(ours, house):
            raise BadFile(f"{self._beside}: holds the keys of another record; name a new file")
        ((mark,),) = self._read("SELECT house FROM schema_version", ())
        holds = any(_count(self._read, table) for table in TABLES if table != "key")
        if mark not in (None, house.check) or (holds and mark is None):
            raise BadFile(f"{self.where}: holds another record; name a new file")
        return WHOLE if holds else NEW

    def _own_house(self) -> KeyRow | None:
        if not self._beside.exists():
            return None
        return next(iter(self._open_keys().keys_of(HOUSE)), None)

    def _open_keys(self) -> SqliteKeys:
        if self._keys is None:
            self._keys = SqliteKeys(self._beside)
        return self._keys

    def begin(self, house: KeyRow) -> str:
        """See `Target.begin`."""
        half = half_moved(self._read)
        if half is None:
            with self._writing("begin") as connection:
                connection.execute("CREATE TABLE move (source TEXT NOT NULL, place TEXT NOT NULL)")
                connection.execute("INSERT INTO move VALUES (?, '')", (house.check.hex(),))
                connection.execute("UPDATE schema_version SET house = ?", (house.check,))
            half = ("", "")
        return half[1]

    def put(self, table: str, rows: list[Row], place: str) -> None:
        """See `Target.put`."""
        if table == "key":
            self._probe("keys")
            self._open_keys().put_all(map(row_key, rows))
        with self._writing("page") as connection:
            if table != "key":
                _put(connection, table, rows)
            connection.execute("UPDATE move SET place = ?", (place,))

    def finish(self) -> None:
        """See `Target.finish`."""
        with self._writing("finish") as connection:
            connection.execute("DROP TABLE move")

    def rows(self, table: str, after: Position = ()) -> Iterator[Row]:
        """See `Rows.rows`."""
        return _keys(self._open_keys(), after) if table == "key" else _rows(self._read, table, after)

    def count(self, table: str) -> int:
        """See `Rows.count`."""
        return sum(1 for _ in self.rows(table)) if table == "key" else _count(self._read, table)

    def _read(self, select: str, values: tuple[Any, ...]) -> list[Row]:
        with translated(self._path):
            return self._connection.execute(select, values).fetchall()

    @contextmanager
    def _writing(self, name: str) -> Iterator[sqlite3.Connection]:
        with translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._probe(name)
                yield self._connection
                self._probe("commit")
                self._connection.execute("COMMIT")
            except BaseException:
                roll_back(self._connection)
                raise
            self._probe("answer")


def _keys(keys: SqliteKeys, after: Position) -> Iterator[Row]:
    rows = map(key_row, keys.keys())
    return (row for row in rows if row[:2] > after)


def _count(read: _Read, table: str) -> int:
    ((count,),) = read(f"SELECT count(*) FROM {table}", ())  # noqa: S608
    return int(count)


def _rows(read: _Read, name: str, after: Position) -> Iterator[Row]:
    table = TABLES[name]
    # A row number is unique here by itself.
    key = table.key[:1] if table.numbered in table.key else table.key
    columns = ", ".join(_SPECIAL.get(column, column) for column in table.columns)
    keys, marks = ", ".join(key), ", ".join("?" * len(key))
    begin = f"SELECT {columns} FROM {name} ORDER BY {keys} LIMIT {_PAGE}"  # noqa: S608
    follow = f"SELECT {columns} FROM {name} WHERE ({keys}) > ({marks}) ORDER BY {keys} LIMIT {_PAGE}"  # noqa: S608
    while page := read(follow, after[: len(key)]) if after else read(begin, ()):
        yield from _with_addresses(read, page) if name == "person" else page
        after = page[-1]


def _with_addresses(read: _Read, page: list[Row]) -> Iterator[Row]:
    found: dict[int, list[str]] = {}
    select = "SELECT person, address FROM address WHERE ? <= person AND person <= ? ORDER BY person, place"
    for person, address in read(select, (page[0][0], page[-1][0])):
        found.setdefault(person, []).append(address)
    place = TABLES["person"].columns.index("addresses")
    for row in page:
        yield (*row[:place], tuple(found.get(row[0], ())), *row[place + 1 :])


def _put(connection: sqlite3.Connection, name: str, rows: Iterable[Row]) -> None:
    """A page, within the caller's transaction."""
    table = TABLES[name]
    columns = [column for column in table.columns if column != "addresses"]
    values = [_numbered(name, column) if column == table.numbered else f":{column}" for column in columns]
    if name in ("outbox", "due"):
        columns.append("seq")
        values.append("coalesce((SELECT seq FROM journal WHERE subject = :subject AND revision = :revision), 0)")
    insert = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join(values)})"  # noqa: S608
    for row in rows:
        said = dict(zip(table.columns, row, strict=True))
        addresses = said.pop("addresses", ())
        number = connection.execute(insert, said).lastrowid
        for place, address in enumerate(addresses):
            connection.execute("INSERT INTO address VALUES (?, ?, ?)", (address, number, place))
        if "token" in said:
            connection.execute("UPDATE token SET last = max(last, :token)", said)
    if name == "person":
        connection.execute("UPDATE person_change SET last = last + 1")


def _numbered(name: str, column: str) -> str:
    """The row's number, or the next one when it was given already: other stores give equal numbers now and then."""
    after_all = f"(SELECT coalesce(max({column}), 0) + 1 FROM {name})"  # noqa: S608
    if column in TABLES[name].key:
        return f"max(:{column}, {after_all})"
    free = f"NOT EXISTS (SELECT 1 FROM {name} WHERE {column} = :{column})"  # noqa: S608
    return f"CASE WHEN {free} THEN :{column} ELSE {after_all} END"
