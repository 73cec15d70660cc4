"""The table of wrapped keys, in a file of its own beside the record: to be backed up apart from it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import RLock

from data.record.sqlite_file import open_file, roll_back, translated
from data.record.tables import VERSION
from data.sealing.keyring import KeyRow

_SCHEMA = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE key (owner TEXT NOT NULL, generation INTEGER NOT NULL, under TEXT NOT NULL, wrapped BLOB NOT NULL,
    mark BLOB NOT NULL, PRIMARY KEY (owner, generation));
"""
_FIRST = (f"INSERT INTO schema_version VALUES ({VERSION})",)  # noqa: S608
_COLUMNS = "owner, generation, under, wrapped, mark"


class SqliteKeys:
    """The `KeyTable` of a SQLite record. What it says is durable when a call returns."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises `BadFile` for a file of something else."""
        self._path = path
        self._lock = RLock()
        self._connection = open_file(path, _SCHEMA, _FIRST)
        # What was destroyed must be gone from the file, not only from the table.
        with translated(path):
            self._connection.execute("PRAGMA secure_delete = ON")

    def keys_of(self, owner: str) -> tuple[KeyRow, ...]:
        """See `KeyTable.keys_of`."""
        return tuple(
            _row(row)
            for row in self._read(f"SELECT {_COLUMNS} FROM key WHERE owner = ? ORDER BY generation", (owner,))  # noqa: S608
        )

    def keys(self) -> Iterator[KeyRow]:
        """See `KeyTable.keys`."""
        last = ("", -1)
        select = f"SELECT {_COLUMNS} FROM key WHERE (owner, generation) > (?, ?) ORDER BY owner, generation LIMIT 500"  # noqa: S608
        while rows := self._read(select, last):
            for row in rows:
                yield _row(row)
            last = rows[-1][:2]

    def put_key(self, row: KeyRow) -> bool:
        """See `KeyTable.put_key`."""
        put = (
            f"INSERT INTO key ({_COLUMNS}) SELECT :owner, :generation, :under, :wrapped, :mark"  # noqa: S608
            " WHERE NOT EXISTS (SELECT 1 FROM key WHERE owner = :owner AND generation IN (0, :generation))"
        )
        return self._write(put, _values(row)) == 1

    def put_all(self, rows: Iterable[KeyRow]) -> None:
        """Keep keys as they are, in one transaction; those that are there stay. For a table that is being filled."""
        values = ":owner, :generation, :under, :wrapped, :mark"
        put = f"INSERT INTO key ({_COLUMNS}) VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608
        with self._lock, translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(put, map(_values, rows))
                self._connection.execute("COMMIT")
            except BaseException:
                roll_back(self._connection)
                raise

    def replace_key(self, row: KeyRow) -> bool:
        """See `KeyTable.replace_key`."""
        put = "UPDATE key SET under = :under, wrapped = :wrapped WHERE owner = :owner AND generation = :generation"
        return self._write(f"{put} AND generation > 0", _values(row)) == 1

    def shred(self, owner: str) -> int:
        """See `KeyTable.shred`."""
        with self._lock, translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                gone = self._connection.execute("DELETE FROM key WHERE owner = ? AND generation > 0", (owner,)).rowcount
                leave = f"INSERT INTO key ({_COLUMNS}) VALUES (?, 0, '', x'', x'') ON CONFLICT DO NOTHING"  # noqa: S608
                self._connection.execute(leave, (owner,))
                self._connection.execute("COMMIT")
            except BaseException:
                roll_back(self._connection)
                raise
            # The log may still hold the page as it was.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return gone

    def destroyed(self) -> tuple[str, ...]:
        """Whose keys were destroyed."""
        return tuple(owner for owner, *_ in self._read(f"SELECT {_COLUMNS} FROM key WHERE generation = 0", ()))  # noqa: S608

    def generations(self) -> set[tuple[str, int]]:
        """Every key by its owner and generation; generation 0 says that the owner's were destroyed."""
        with self._lock, translated(self._path):
            return set(self._connection.execute("SELECT owner, generation FROM key").fetchall())

    def remove_key(self, owner: str, generation: int) -> None:
        """See `KeyTable.remove_key`."""
        self._write("DELETE FROM key WHERE owner = ? AND generation = ?", (owner, generation))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, translated(self._path):
            self._connection.close()

    def _read(self, select: str, values: tuple[object, ...]) -> list[tuple[str, int, str, bytes, bytes]]:
        with self._lock, translated(self._path):
            return self._connection.execute(select, values).fetchall()

    def _write(self, statement: str, values: object) -> int:
        with self._lock, translated(self._path):
            return self._connection.execute(statement, values).rowcount  # type: ignore[arg-type]


def _row(row: tuple[str, int, str, bytes, bytes]) -> KeyRow:
    owner, generation, under, wrapped, mark = row
    return KeyRow(owner=owner, generation=generation, under=under, wrapped=wrapped, check=mark)


def _values(row: KeyRow) -> dict[str, object]:
    return {
        "owner": row.owner,
        "generation": row.generation,
        "under": row.under,
        "wrapped": row.wrapped,
        "mark": row.check,
    }
