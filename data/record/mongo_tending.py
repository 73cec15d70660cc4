"""The sweep of old vitals in MongoDB: by batches, each row by itself, so that it may stop anywhere and go on later."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from data.errors import BadFile, NotFound
from data.ports import Tended
from data.record import buckets
from data.record.chain import RELIEVED
from data.record.coding import encode
from data.record.mongo_rows import LESS, NOTHING, oldest, open_entry
from data.record.mongo_schema import Document
from data.record.mongo_store import MongoStore
from data.record.mongo_vitals import MongoVitals
from data.record.retention import relieved_entry, tend_limits


def tend(store: MongoStore, vitals: MongoVitals, now: datetime, full: timedelta, keep: timedelta) -> Tended:
    """See `Record.tend`."""
    thin, gone = tend_limits(now, full, keep)
    removed = sum(_remove(store, gone))
    return Tended(sum(_thin(store, vitals, thin)), removed, sum(_relieve(store, thin)))


def _remove(store: MongoStore, before: int) -> Iterator[int]:
    for batch in store.batches(store.vitals, {"hour": {"$lt": before}}, ["hour", "n"], ("hour", "_id")):
        # Hours that were emptied are no loss to anybody.
        for empty in (True, False):
            ids = [row["_id"] for row in batch if (row["n"] == 0) == empty]
            count = store.remove_all("vitals", store.vitals, {"_id": {"$in": ids}}) if ids else 0
            yield 0 if empty else count


def _thin(store: MongoStore, vitals: MongoVitals, before: int) -> Iterator[int]:
    for document in store.scan(store.vitals, {"thin": False, "hour": {"$lt": before}}, ("hour", "_id")):
        yield _thin_one(store, vitals, document)


def _thin_one(store: MongoStore, vitals: MongoVitals, document: Document) -> int:
    as_read = {"_id": document["_id"], "s": document["s"], "revision": document["revision"]}
    try:
        row = vitals.row_of(document)
        less = buckets.thinned(row) if row is not None else None
        key = document["code"], int(document["hour"])
        values = vitals.document_of(document["s"], key, less) if less is not None else {}
    except (BadFile, NotFound) as problem:
        # Of somebody who is being erased, or spoilt.
        store.note("vitals", document["s"], f"{document['code']}/{int(document['hour'])}", problem)
        return 0
    written = store.change("vitals", store.vitals, as_read, {"$set": {**values, "thin": True}})
    return int(written and less is not None)


def _relieve(store: MongoStore, before: int) -> Iterator[int]:
    """Take old samples out of the journal's entries: they are sealed anew in a place that says so."""
    for document in store.scan(store.journal, {"oldest": {"$lt": before}}, ("oldest", "_id")):
        yield _relieve_one(store, document, before)


def _relieve_one(store: MongoStore, document: Document, before: int) -> int:
    name, revision = document["s"], int(document["revision"])
    as_read = {"_id": document["_id"], "s": name, "oldest": document["oldest"], "kept": {"$ne": NOTHING}}
    try:
        entry = relieved_entry(open_entry(store, document), before)
        body = store.seal(RELIEVED, name, str(revision), encode(entry)) if entry is not None else b""
    except (BadFile, NotFound) as problem:
        # Of somebody who is being erased, or spoilt.
        store.note("journal", name, str(revision), problem)
        return 0
    if entry is None:
        return 0
    left = oldest(entry)
    change: Document = {"$set": {"kept": LESS, "body": body, **left}}
    if not left:
        change["$unset"] = {"oldest": ""}
    return int(store.change("journal", store.journal, as_read, change))
