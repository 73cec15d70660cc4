"""The table of wrapped keys in a MongoDB database of its own, so that it can be backed up apart from the record."""

from collections.abc import Iterator
from contextlib import suppress

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from data.record.mongo_errors import translated
from data.record.mongo_schema import Document
from data.sealing.keyring import KeyRow

_PAGE = 1_000


class MongoKeys:
    """The `KeyTable` port. A key's `_id` is "owner/generation"; `s` is the owner, its shard key."""

    def __init__(self, database: Database[Document]) -> None:
        self._keys = database["key"]
        self._where = f"MongoDB database {database.name!r}"

    def keys_of(self, owner: str) -> tuple[KeyRow, ...]:
        """See `KeyTable.keys_of`."""
        with translated(self._where):
            rows = [_row(document) for document in self._keys.find({"s": owner})]
        return tuple(sorted(rows, key=lambda row: row.generation))

    def keys(self) -> Iterator[KeyRow]:
        """See `KeyTable.keys`."""
        last = ""
        while True:
            with translated(self._where):
                page = list(self._keys.find({"_id": {"$gt": last}}).sort("_id", 1).limit(_PAGE))
            if not page:
                return
            last = page[-1]["_id"]
            yield from map(_row, page)

    def put_key(self, row: KeyRow) -> bool:
        """See `KeyTable.put_key`."""
        with translated(self._where):
            if self._destroyed(row.owner):
                return False
            try:
                self._keys.insert_one(_document(row))
            except DuplicateKeyError:
                return False
            if self._destroyed(row.owner):
                # In between: it must not outlive the others.
                self._keys.delete_one(_filter(row.owner, row.generation))
                return False
            return True

    def replace_key(self, row: KeyRow) -> bool:
        """See `KeyTable.replace_key`."""
        change = {"under": row.under, "wrapped": row.wrapped, "check": row.check}
        with translated(self._where):
            return self._keys.update_one(_filter(row.owner, row.generation), {"$set": change}).matched_count == 1

    def shred(self, owner: str) -> int:
        """See `KeyTable.shred`."""
        mark = KeyRow(owner=owner, generation=0, under="", wrapped=b"", check=b"")
        with translated(self._where):
            # The mark first: from then on nobody makes a new one.
            with suppress(DuplicateKeyError):
                self._keys.insert_one(_document(mark))
            return self._keys.delete_many({"s": owner, "generation": {"$gt": 0}}).deleted_count

    def generations(self) -> set[tuple[str, int]]:
        """Every key by its owner and generation; generation 0 says that the owner's were destroyed."""
        with translated(self._where):
            return {(row["s"], int(row["generation"])) for row in self._keys.find({}, ["s", "generation"])}

    def remove_key(self, owner: str, generation: int) -> None:
        """See `KeyTable.remove_key`."""
        with translated(self._where):
            self._keys.delete_one(_filter(owner, generation))

    def _destroyed(self, owner: str) -> bool:
        return self._keys.find_one(_filter(owner, 0), {"_id": 1}) is not None


def _filter(owner: str, generation: int) -> Document:
    return {"_id": f"{owner}/{generation}", "s": owner}


def _document(row: KeyRow) -> Document:
    return {
        **_filter(row.owner, row.generation),
        "generation": row.generation,
        "under": row.under,
        "wrapped": row.wrapped,
        "check": row.check,
    }


def _row(document: Document) -> KeyRow:
    return KeyRow(
        owner=document["s"],
        generation=int(document["generation"]),
        under=document["under"],
        wrapped=document["wrapped"],
        check=document["check"],
    )
