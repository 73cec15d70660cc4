"""A record in MongoDB as rows that can be moved as they stand: read from an open one, or put into a new database."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from pymongo.errors import BulkWriteError

from data.errors import BadFile
from data.record.anchoring import anchor
from data.record.chain import Anchor, Head
from data.record.coding import encode
from data.record.mongo import MongoRecord
from data.record.mongo_chain import MongoTrail
from data.record.mongo_charts import MongoCharts
from data.record.mongo_errors import translated
from data.record.mongo_keys import MongoKeys
from data.record.mongo_moved_rows import ORDER, Documents, row_of, wanted
from data.record.mongo_schema import INDEXES, Document, connect, make_indexes
from data.record.mongo_store import MongoStore, Rows
from data.record.mongo_vitals import MongoVitals
from data.record.mongo_work import DUES, OUTBOX, Queue, T
from data.record.moving import HALF, NEW, WHOLE, Position, Row, key_row, row_key, same_house
from data.record.tables import VERSION
from data.sealing.sealing import Sealing
from data.sealing.wrapping import HOUSE, KeyRow

_META = {"_id": "record"}
# Another row has this unique key: it was put there before.
_TAKEN = 11000
_heads = msgspec.json.Decoder(tuple[Head, ...])


class _Read:
    """The rows of an open database, as `Rows`."""

    def __init__(self, store: MongoStore, keys: MongoKeys) -> None:
        self._store, self._keys = store, keys
        vitals = MongoVitals(store)
        self._trail = MongoTrail(store, MongoCharts(store, vitals))

    def rows(self, table: str, after: Position = ()) -> Iterator[Row]:
        """See `Rows.rows`."""
        if table == "key":
            return _keys(self._keys, after)
        if table == "anchor":
            return _anchors(self._trail, after)
        found = self._store.scan(self._store.database[table], wanted(table, after), ORDER[table])
        return (row_of(table, document) for document in found)

    def count(self, table: str) -> int:
        """See `Rows.count`."""
        if table in ("key", "anchor"):
            return sum(1 for _ in self.rows(table))
        counted = {"$match": wanted(table, ())}, {"$group": {"_id": None, "rows": {"$sum": 1}}}
        return sum(int(group["rows"]) for group in self._store.groups(self._store.database[table], *counted))


class MongoMovable(_Read):
    """An open `MongoRecord` as `Movable`."""

    def __init__(self, record: MongoRecord) -> None:
        super().__init__(record._store, record.keys)
        self._record = record

    @property
    def sealing(self) -> Sealing:
        """See `Movable.sealing`."""
        return self._record.sealing

    def house(self) -> KeyRow:
        """See `Movable.house`."""
        return self._record.keys.keys_of(HOUSE)[0]

    def settle(self, now: datetime) -> None:
        """See `Movable.settle`. Work that a late process put back is removed: others take it for what is to do."""
        self._record.recover()
        self._drop_stale(DUES)
        self._drop_stale(OUTBOX)
        anchor(self._record, now)

    def _drop_stale(self, queue: Queue[T]) -> None:
        for row in self._store.scan(self._store.work[queue.table], {}):
            self._record._work._still_valid(queue, row, set())

    def leased(self, at: int) -> int:
        """See `Movable.leased`."""
        store, at_work = self._store, {"lease_until": {"$gt": at}, "lease_from": {"$lte": at}}
        rows = store.find(store.inbox, {**at_work, "done": False}, ["_id"])
        return len(rows) + sum(len(store.find(each, at_work, ["_id"])) for each in store.work.values())


class MongoTarget:
    """A database that a record is moved into, as `Target`. Its `meta` says so until it is whole."""

    def __init__(self, url: str, sealing: Sealing, probe: Callable[[str], None] = lambda name: None) -> None:
        """Reach the database. `sealing` is that of the source: some fields follow from what is sealed.

        Raises `BadFile` for an URL that cannot be read, `Unavailable` when nobody answers.
        """
        self._database, self._beside = connect(url)
        self.where = f"MongoDB database {self._database.name!r}"
        self._probe = probe
        self._keys = MongoKeys(self._beside)
        try:
            store = MongoStore(self._database, sealing, probe)
            self._read, self._documents = _Read(store, self._keys), Documents(store)
        except BaseException:
            self.close()
            raise
        self.rows, self.count = self._read.rows, self._read.count

    def close(self) -> None:
        """See `Target.close`."""
        self._database.client.close()

    def found(self, house: KeyRow) -> str:
        """See `Target.found`."""
        meta, holds = self._meta(), any(self._has(self._database[name]) for name in INDEXES)
        if meta is None and holds:
            raise BadFile(f"{self.where}: holds something else; name another database")
        ours = next(iter(self._keys.keys_of(HOUSE)), None)
        foreign = ours is None and self._has(self._beside["key"])
        if foreign or (ours is not None and not same_house(ours, house)):
            raise BadFile(
                f"{self.where}: the database of its keys holds those of another record; name another database"
            )
        if meta is None:
            return NEW
        if (meta.get("version"), meta.get("check")) != (VERSION, house.check):
            raise BadFile(f"{self.where}: holds another record; name another database")
        if meta["loading"] not in ("", _moving(house)):
            raise BadFile(f"{self.where}: is half a copy of something else; name another database")
        return HALF if meta["loading"] else WHOLE if holds else NEW

    def _meta(self) -> Document | None:
        with translated(self.where):
            return self._database["meta"].find_one(_META)

    def _has(self, rows: Rows) -> bool:
        with translated(self.where):
            return rows.find_one({}, {"_id": 1}) is not None

    def begin(self, house: KeyRow) -> str:
        """See `Target.begin`."""
        meta = self._meta()
        if meta is not None and meta["loading"]:
            return str(meta.get("place", ""))
        make_indexes(self._database, self._beside)
        # The first of the keys, by which it is known whose all the others will be.
        self._insert("keys", self._beside["key"], [_key_document(house)])
        self._probe("begin")
        with translated(self.where):
            if meta is None:
                told = {"version": VERSION, "check": house.check, "loading": _moving(house)}
                self._database["meta"].insert_one({**_META, **told})
            else:
                self._database["meta"].update_one(_META, {"$set": {"loading": _moving(house)}})
        return ""

    def put(self, table: str, rows: list[Row], place: str) -> None:
        """See `Target.put`."""
        if table == "anchor":
            for row in rows:
                self._read._trail.put_anchor(_anchor(row))
        elif table == "key":
            self._insert("keys", self._beside["key"], [_key_document(row_key(row)) for row in rows])
        else:
            self._insert("page", self._database[table], self._documents.of(table, rows))
        self._note({"$set": {"place": place}})

    def finish(self) -> None:
        """See `Target.finish`."""
        self._note({"$set": {"loading": ""}, "$unset": {"place": ""}})
        self._probe("answer")

    def _insert(self, name: str, rows: Rows, documents: list[Document]) -> None:
        self._probe(name)
        with translated(self.where):
            try:
                rows.insert_many(documents, ordered=False)
            except BulkWriteError as problem:
                errors = problem.details.get("writeErrors", [])
                if problem.details.get("writeConcernErrors") or any(error["code"] != _TAKEN for error in errors):
                    raise

    def _note(self, change: Document) -> None:
        self._probe("note")
        with translated(self.where):
            self._database["meta"].update_one(_META, change)


def is_made(url: str) -> bool:
    """Whether there is a record, or half a copy of one; nothing is written. Raises as `connect` does."""
    database, _ = connect(url)
    try:
        with translated(f"MongoDB database {database.name!r}"):
            return database["meta"].find_one(_META, {"_id": 1}) is not None
    finally:
        database.client.close()


def _moving(house: KeyRow) -> str:
    return f"move of {house.check.hex()}"


def _keys(keys: MongoKeys, after: Position) -> Iterator[Row]:
    """By owner and generation; here they stand by their text, where 10 comes before 2."""
    for _, group in groupby(keys.keys(), key=lambda row: row.owner):
        for row in map(key_row, sorted(group, key=lambda row: row.generation)):
            if row[:2] > after:
                yield row


def _key_document(row: KeyRow) -> dict[str, Any]:
    told = {"generation": row.generation, "under": row.under, "wrapped": row.wrapped, "check": row.check}
    return {"_id": f"{row.owner}/{row.generation}", "s": row.owner, **told}


def _anchors(trail: MongoTrail, after: Position) -> Iterator[Row]:
    for each in trail.anchors():
        if (each.number,) > after:
            yield each.number, each.at, each.upto, encode(each.heads), each.link


def _anchor(row: Row) -> Anchor:
    number, at, upto, heads, link = row
    return Anchor(number=number, at=at, upto=upto, heads=_heads.decode(heads), link=link)
