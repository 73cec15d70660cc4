"""What all parts of a SQLite record share: one connection behind one lock, transactions, names and sealed bodies."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock, local
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


class _Thread(local):
    """Whether this thread works within `together`, and whether anything it wrote has still to be synced."""

    together = False
    owes = False


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
        self._translated = translated(path)
        self._connection = open_file(path)
        self._synced: bool | None = True
        # Whether anything that some thread wrote has still to be synced.
        self._owing = False
        self._thread = _Thread()
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
            peopled = house is None and any(r.generation and not r.owner.startswith("~") for r in table.keys())  # noqa: SIM118 - no dict
            # Asked again: another process may have made both files since.
            if peopled and self._read("SELECT house FROM schema_version", ())[0][0] is None:
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
        with self._lock, self._translated:
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                roll_back(self._connection)

    @contextmanager
    def together(self) -> Iterator[None]:
        """See `Record.together`. Each transaction stands by itself; the log is written in order and synced once."""
        mine = self._thread
        if mine.together:
            yield
            return
        mine.together = True
        try:
            yield
        finally:
            mine.together = False
            if mine.owes:
                self._sync()

    def _sync(self) -> None:
        """Sync the log: whatever was written before is durable then."""
        with self._lock:
            owed, self._owing = self._owing, False
            try:
                with self._writing(at_once=True) as connection:
                    # Something has to change, or nothing is written and nothing synced.
                    ((mark,),) = connection.execute("PRAGMA user_version").fetchall()
                    self._write("sync", f"PRAGMA user_version = {1 - min(mark, 1)}", ())
            except BaseException:
                self._owing = owed
                raise
        self._thread.owes = False

    @contextmanager
    def _writing(self, *, synced: bool = True, at_once: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction, all or nothing; the file is locked for writers from its first read on.

        With `synced` False it survives the death of the process but not, by itself, that of the machine: the log is
        written in order, so the next synced one takes it along, and without that one nothing of it has had an effect.
        For leases and marks that are given and set again where they were lost. Within `together` none is synced but
        those that must be `at_once`.
        """
        later = synced and self._thread.together and not at_once
        synced = synced and not later
        with self._lock, self._translated:
            if synced is not self._synced:
                self._synced = None
                self._connection.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
                self._synced = synced
            self._connection.execute("BEGIN IMMEDIATE")
            before = self._connection.total_changes
            try:
                yield self._connection
                self._probe("commit")
                self._connection.execute("COMMIT")
            except BaseException:
                roll_back(self._connection)
                raise
            self._settle(later=later, synced=synced, wrote=self._connection.total_changes > before)
            self._probe("answer")

    def _settle(self, *, later: bool, synced: bool, wrote: bool) -> None:
        """Reckon what is still to be synced. Who finds that all is there already may say so only once it is synced."""
        if later and wrote:
            self._thread.owes = self._owing = True
        elif synced and wrote:
            self._owing = False
        elif synced and self._owing:
            self._sync()

    def _read(self, select: str, values: Any) -> list[Any]:
        with self._lock, self._translated:
            return self._connection.execute(select, values).fetchall()

    def _write(self, name: str, statement: str, values: Any) -> sqlite3.Cursor:
        self._probe(name)
        return self._connection.execute(statement, values)

    def pseudonym(self, text: str) -> str:
        """See `Record.pseudonym`."""
        return self.sealing.name("pseudonym", text)[:12]

    def secret(self, purpose: str) -> bytes:
        """See `Record.secret`."""
        return self.sealing.keyring.derive(f"secret {purpose}")

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
