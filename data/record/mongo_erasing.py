"""Erasing a person in MongoDB: every write may be repeated, and what is needed to go on goes last."""

from data.record.mongo_rows import NOTHING
from data.record.mongo_schema import Document
from data.record.mongo_store import MongoStore

_EMPTY = {"$set": {"body": b""}}


def wipe(store: MongoStore, name: str, revision: int) -> None:
    """Everything of a person goes and their keys are destroyed; names of events and links of the chain stay.

    `revision` is that of the entry that says so. The person's own row, which names their addresses, is emptied last
    and stays, so that a process that is late does not put an earlier one in its place.
    """
    for queue in _queues(store, name):
        store.change_all("wipe", store.inbox, {"o": queue}, {"$set": {"done": True, "body": b""}})
    mine = {"s": name}
    for rows in (store.outbox, store.due, store.vitals, store.code):
        store.remove_all("wipe", rows, mine)
    store.remove_all("wipe", store.code, {"about": name})
    store.change_all("wipe", store.access, mine, _EMPTY)
    earlier = {"s": name, "revision": {"$lt": revision}}
    empty = {"$set": {"body": b"", "kept": NOTHING}, "$unset": {"oldest": ""}}
    store.change_all("wipe", store.journal, earlier, empty)
    store.probe("keys")
    store.sealing.shred(name)
    store.put("wipe", store.person, {"_id": name, "s": name}, revision, _NOBODY, {"n": 0})


def sweep(store: MongoStore) -> None:
    """Remove rows that a process put there while the person was being erased: nothing opens them."""
    for batch in store.batches(store.chart, {"erased": True}, ["_id"]):
        names = {"s": {"$in": [row["_id"] for row in batch]}}
        for rows in (store.outbox, store.due, store.vitals, store.code):
            store.remove_all("sweep", rows, names)
        store.remove_all("sweep", store.code, {"about": names["s"]})
        store.change_all("sweep", store.access, names, _EMPTY)


def _queues(store: MongoStore, name: str) -> list[str]:
    """The person's own queue, and those of their addresses that nobody else has."""
    row: Document = store.get(store.person, {"_id": name, "s": name}, ["addresses", "orders"]) or {}
    queues = [name]
    for address, order in zip(row.get("addresses", ()), row.get("orders", ()), strict=True):
        others = {"addresses": address, "s": {"$ne": name}}
        if store.get(store.person, others, ["_id"]) is None:
            queues.append(order)
    return queues


_NOBODY: Document = {"gone": True, "active": False, "role": "", "addresses": [], "orders": [], "body": b""}
