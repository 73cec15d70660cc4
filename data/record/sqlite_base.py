"""What all parts of a SQLite record share: one connection behind one lock, transactions, names and sealed bodies."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from data.errors import BadFile, NotFound
from data.ports import KeyStore
from data.record.coding import decode
from data.record.known import KnownCharts, KnownPeople
from data.record.spoilt import SpoiltRows
from data.record.sqlite_file import open_file, roll_back, translated
from data.record.sqlite_keys import SqliteKeys
from data.sealing.keyring import ERASED, HOUSE, check_value
from data.sealing.sealing import Sealing

T = TypeVar("T")


def half_moved(read: Callable[[str, Any], list[Any]]) -> tuple[str, str] | None:
    """Of which record the file is only half a copy, and how far that has got (see `SqliteTarget`); None otherwise."""
    if not read("SELECT 1 FROM sqlite_master WHERE name = 'move'", ()):
        return None
    ((source, place),) = read("SELECT source, place FROM move", ())
    return source, place


class SqliteBase:
    """An open file with its keys. See `SqliteRecord`."""

    def __init__(self, path: Path, keys: KeyStore, probe: Callable[[str], None] = lambda name: None) -> None:
        """Open or make the file and the file of its keys.

        Raises `BadFile` when it is not a record of this schema version or was sealed with other keys.
        """
        self._path = path
        self._probe = probe
        self._spoilt = SpoiltRows()
        self._lock = RLock()
        self._connection = open_file(path)
        try:
            if half_moved(self._read) is not None:
                raise BadFile(f"{path}: a move into it was cut off; run the same move again, or name another file")
            self.keys, self.sealing = self._open_keys(keys)
        except BaseException:
            self._connection.close()
            raise
        # What follows from the file and is safe to lose; other processes write too, so it is checked at each use.
        self._charts = KnownCharts()
        self._persons = KnownPeople()

    def _open_keys(self, keys: KeyStore) -> tuple[SqliteKeys, Sealing]:
        beside = self._path.with_name(f"{self._path.name}.keys")
        house = self._read("SELECT house FROM schema_version", ())[0][0]
        lost = f"and without it nothing in {self._path.name} opens; restore it"
        if house is not None and not beside.exists():
            raise BadFile(f"{beside}: is missing, {lost}")
        # Nothing is made anew beside a record that was sealed: it would hide what is wrong.
        if house is not None and not beside.stat().st_size:
            raise BadFile(f"{beside}: is empty, {lost}")
        table = SqliteKeys(beside)
        try:
            if house is None and any(row.generation and not row.owner.startswith("~") for row in table.keys()):  # noqa: SIM118 - no dict
                raise BadFile(f"{beside}: holds people's keys, and {self._path.name} is lost or emptied; restore it")
            if house is not None and not table.keys_of(HOUSE):
                raise BadFile(f"{beside}: is empty, {lost}")
            sealing = Sealing(keys, table)
            mark = check_value(sealing.keyring.house)
            with translated(self._path):
                self._connection.execute("UPDATE schema_version SET house = ? WHERE house IS NULL", (mark,))
            if self._read("SELECT house FROM schema_version", ())[0][0] != mark:
                raise BadFile(f"{beside}: holds the keys of another record; restore the one of {self._path.name}")
        except BaseException:
            table.close()
            raise
        return table, sealing

    def close(self) -> None:
        """See `Record.close`."""
        with self._lock, translated(self._path):
            self._connection.close()
            self.keys.close()

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

    def _read(self, select: str, values: Any) -> list[Any]:
        with self._lock, translated(self._path):
            return self._connection.execute(select, values).fetchall()

    def _write(self, name: str, statement: str, values: Any) -> sqlite3.Cursor:
        self._probe(name)
        return self._connection.execute(statement, values)

    def pseudonym(self, text: str) -> str:
        """See `Record.pseudonym`."""
        return self.sealing.name("pseudonym", text)[:12]

    def _person(self, subject: str) -> str:
        """The name under which a person (or the queue of an address) owns rows."""
        return self.sealing.name("person", subject)

    def _must_live(self, owner: str) -> None:
        """Within the caller's transaction. Raises `NotFound` when this person was erased."""
        if self._read("SELECT 1 FROM chart WHERE subject = ? AND body = x''", (owner,)):
            self._forget(owner)
            raise NotFound(ERASED)

    def _forget(self, owner: str) -> None:
        """Remember nothing of this person, and none of their keys."""
        for subject in self._charts.subjects():
            if self._person(subject) == owner:
                self._charts.forget(subject)
        self._persons.forget(owner)
        self.sealing.keyring.forget(owner)

    def _open(self, table: str, owner: str, row: str, sealed: bytes, kind: type[T]) -> T:
        return decode(self.sealing.unseal(table, owner, row, sealed), kind)
