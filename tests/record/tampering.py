"""What somebody does who can write to a store and has no keys: rows taken aside, put back, changed and removed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from tests.record import mongo_server
from tests.record.stores import Store

Sealed = SqliteRecord | MongoRecord
Row = dict[str, Any]
_OWNER = {"person": "id", "inbox": "owner"}
_MONGO_OWNER = {"inbox": "o"}


class Tamperer:
    """Rows of one person in one store, past the record. A row is its columns in clear and its sealed body."""

    def __init__(self, store: Store, record: Sealed) -> None:
        self._store, self._name = store, record.sealing.name("person", "anna")

    def rows(self, table: str) -> list[Row]:
        if self._store.kind == "mongo":
            return list(self._mongo(table).find(self._mine(table)))
        with closing(self._file()) as file:
            mine = f"SELECT rowid AS rowid_, * FROM {table} WHERE {_OWNER.get(table, 'subject')} = ?"  # noqa: S608
            return [dict(row) for row in file.execute(mine, (self._name,))]

    def put_back(self, table: str, rows: list[Row], *columns: str) -> None:
        """These columns of the rows as they were (all of them by default)."""
        for row in rows:
            values = {key: row[key] for key in columns or row}
            if self._store.kind == "mongo":
                self._mongo(table).update_one({"_id": row["_id"]}, {"$set": values}, upsert=True)
                continue
            with closing(self._file()) as file:
                values.pop("rowid_", None)
                there = file.execute(f"SELECT 1 FROM {table} WHERE rowid = ?", (row["rowid_"],)).fetchone()  # noqa: S608
                if there:
                    said = ", ".join(f"{key} = :{key}" for key in values)
                    file.execute(f"UPDATE {table} SET {said} WHERE rowid = :at", {**values, "at": row["rowid_"]})  # noqa: S608
                else:
                    names = ", ".join(values)
                    marks = ", ".join(f":{key}" for key in values)
                    file.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608

    def change(self, table: str, **values: Any) -> None:
        self.put_back(table, [{**row, **values} for row in self.rows(table)], *values)

    def remove(self, table: str) -> None:
        if self._store.kind == "mongo":
            self._mongo(table).delete_many(self._mine(table))
            return
        with closing(self._file()) as file:
            file.execute(f"DELETE FROM {table} WHERE {_OWNER.get(table, 'subject')} = ?", (self._name,))  # noqa: S608

    def move_addresses(self, other: str) -> None:
        """The addresses of a person now lead to somebody else."""
        if self._store.kind == "mongo":
            found = self._mongo("person").find_one({"_id": self._name})["addresses"]
            self._mongo("person").update_one({"_id": other}, {"$set": {"addresses": found}})
            self._mongo("person").update_one({"_id": self._name}, {"$set": {"addresses": []}})
            return
        with closing(self._file()) as file:
            mine, theirs = (
                file.execute("SELECT n FROM person WHERE id = ?", (n,)).fetchone()[0] for n in (self._name, other)
            )
            file.execute("DELETE FROM address WHERE person = ?", (theirs,))
            file.execute("UPDATE address SET person = ? WHERE person = ?", (theirs, mine))

    def _mine(self, table: str) -> Row:
        return {_MONGO_OWNER.get(table, "s"): self._name}

    def _mongo(self, table: str) -> Any:
        return mongo_server.raw(self._store.url)[table]

    def _file(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._store.folder / "record.db", isolation_level=None)
        file.row_factory = sqlite3.Row
        return file


def sealed(store: Store) -> Iterator[Sealed]:
    """The record of a store that seals, opened."""
    record = store.open()
    assert isinstance(record, SqliteRecord | MongoRecord)
    yield record
