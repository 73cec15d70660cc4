"""One row as it is moved, and the document of MongoDB it is there: the same columns, and what follows from them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from data.errors import NotFound
from data.model.audit import Entry
from data.model.people import Person
from data.record.chain import ERASE, JOURNAL, RELIEVED
from data.record.coding import decode
from data.record.mongo_rows import LESS, NOTHING, WHOLE, oldest
from data.record.mongo_schema import Document
from data.record.mongo_store import MongoStore
from data.record.moving import TABLES, Position, Row
from data.record.placing import at_revision
from data.record.projection import address_key

# By which fields the rows of a table come in the order of their key; each order has an index.
ORDER: dict[str, tuple[str, ...]] = {
    "inbox": ("n", "_id"),
    "journal": ("seq", "s"),
    "chart": ("_id",),
    "vitals": ("s", "code", "hour"),
    "outbox": ("_id",),
    "due": ("_id",),
    "person": ("n", "s"),
    "code": ("_id",),
    "access": ("s", "number"),
}
# Rows that say nothing: charts of a commit that never was, hours that were emptied, persons who were erased.
_KEPT: dict[str, Document] = {"chart": {"revision": {"$gt": 0}}, "vitals": {"n": {"$gt": 0}}, "person": {"gone": False}}
# Columns that have another name here.
_OWNED = {"subject": "s"}
_NAMED: dict[str, dict[str, str]] = {
    "inbox": {"id": "_id", "owner": "o"},
    "journal": _OWNED,
    "chart": _OWNED,
    "vitals": _OWNED,
    "outbox": _OWNED,
    "due": _OWNED,
    "person": {"id": "s"},
    "code": {"recipient": "s", "subject": "about"},
    "access": {**_OWNED, "n": "seq"},
}


def wanted(table: str, after: Position) -> Document:
    """The documents that are rows, those after a position only."""
    kept = _KEPT.get(table, {})
    if not after:
        return kept
    order = ORDER[table]
    values = after if len(order) == len(after) else ("/".join(map(str, after)),)
    ways: list[Document] = [
        {**dict(zip(order[:place], values, strict=False)), field: {"$gt": values[place]}}
        for place, field in enumerate(order)
    ]
    return {"$and": [kept, {"$or": ways}]} if kept else {"$or": ways}


def row_of(table: str, document: Document) -> Row:
    """The row that a document is."""
    return tuple(_value(table, column, document) for column in TABLES[table].columns)


def _value(table: str, column: str, document: Document) -> Any:
    if column == "relieved":
        return int(document["kept"] == LESS)
    if column == "addresses":
        return tuple(document["addresses"])
    if column == "id" and table in ("outbox", "due"):
        return document["_id"].removeprefix(f"{document['s']}/")
    value = document[_NAMED[table].get(column, column)]
    return int(value) if isinstance(value, int) else value


class Documents:
    """From rows to documents, for a database whose journal is there already."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self._made: dict[str, Callable[[Document], Document]] = {
            "inbox": lambda row: {**row, "done": bool(row["done"])},
            "journal": self._entry,
            "chart": lambda row: {"_id": row["s"], **row, "erased": not row["body"]},
            "vitals": lambda row: {"_id": f"{row['s']}/{row['code']}/{row['hour']}", **row, "thin": False},
            "outbox": _work,
            "due": _work,
            "person": self._person,
            "code": lambda row: {"_id": f"{row['s']}/{row['code']}", **row},
            "access": lambda row: {"_id": f"{row['s']}/{row['number']}", **row},
        }

    def of(self, table: str, rows: Iterable[Row]) -> list[Document]:
        """The documents of these rows."""
        named, columns = _NAMED[table], TABLES[table].columns
        said = [{named.get(c, c): value for c, value in zip(columns, row, strict=True)} for row in rows]
        documents = [self._made[table](row) for row in said]
        return list(self._placed(documents)) if table in ("chart", "outbox", "due") else documents

    def _placed(self, documents: list[Document]) -> Iterator[Document]:
        """With the place in the journal of the entry they are of."""
        store = self._store
        ids = {f"{row['s']}/{row['revision']}" for row in documents}
        found = store.find(store.journal, {"_id": {"$in": list(ids)}}, ["seq"])
        seqs = {row["_id"]: row["seq"] for row in found}
        for row in documents:
            yield {**row, "seq": seqs.get(f"{row['s']}/{row['revision']}", 0)}

    def _entry(self, row: Document) -> Document:
        relieved, number = row.pop("relieved"), str(row["revision"])
        kept = (LESS if relieved else WHOLE) if row["body"] else NOTHING
        document = {"_id": f"{row['s']}/{number}", **row, "kept": kept}
        if kept != NOTHING and row["kind"] != ERASE:
            try:
                body = self._store.unseal(RELIEVED if relieved else JOURNAL, row["s"], number, row["body"])
            except NotFound:
                return document
            document |= oldest(decode(body, Entry))
        return document

    def _person(self, row: Document) -> Document:
        """With the queues in which messages from their addresses stand, which only their own words tell."""
        place = at_revision("person", row["revision"])
        person = decode(self._store.unseal("person", row["s"], place, row["body"]), Person)
        orders = dict.fromkeys(address_key(point.system, point.value) for point in person.contacts)
        told = {"addresses": list(row["addresses"]), "orders": [self._store.name(order) for order in orders]}
        return {"_id": row["s"], **row, "gone": False, "active": bool(row["active"]), **told}


def _work(row: Document) -> Document:
    key = row.pop("id")
    return {"_id": f"{row['s']}/{key}", **row}
