"""The check-up of a record in MongoDB: what server it is, whether a majority confirms, its indexes, clock and disk."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any

from pymongo.errors import OperationFailure

from data.model.conversation import RawMessage
from data.ports import Clock
from data.record.checkup import (
    Checked,
    Waiting,
    check_agreement,
    check_anchor,
    check_keys,
    check_last,
    check_recovery,
    check_room,
    check_rows,
    check_skew,
    check_unkeyed,
    check_work,
    fault,
    overdue_before,
    well,
    worry,
)
from data.record.coding import decode, instant, micros
from data.record.mongo import MongoRecord
from data.record.mongo_closed import closed_hours, closed_rows
from data.record.mongo_errors import translated
from data.record.mongo_schema import INDEXES, Document
from data.record.mongo_store import MongoStore, Rows
from data.record.tables import VERSION

# A write confirmed by a majority takes some ms; at so many seconds, messages pile up.
_SLOW = 0.5


def checkup(record: MongoRecord, clock: Clock) -> Iterator[Checked]:
    """Everything about an open record. See `data.record.checkup.check_up`."""
    store = record._store
    people, entries = _count(store, store.person, {"gone": False}), _count(store, store.journal, {})
    yield well("record", f"{store.where}: schema version {VERSION}, {people} people, {entries} entries")
    hello, seen_at = _asked(store, "hello") or _asked(store, "isMaster") or {}, clock.now()
    yield _server(hello)
    yield _write(store)
    yield _indexes(store)
    yield check_skew(seen_at, _told_time(hello))
    # Before the recovery, which makes rows anew where it can.
    yield check_unkeyed(record)
    yield check_rows("rows", closed_rows(store), "persons, charts, messages, outbox, timers and codes")
    yield check_rows("vitals", closed_hours(store, record._vitals, clock.now()), "the last week")
    # Before it is asked whether the rows agree: a look at a chart rolls it forward.
    yield check_recovery(record)
    yield check_agreement(record)
    now = clock.now()
    last = store.find(store.journal, {}, ["at"], [("seq", -1)], 1)
    yield check_last(instant(int(last[0]["at"])) if last else None, now)
    yield from _work(record, now)
    yield check_keys(record.keys)
    yield check_anchor(record, now)
    yield _disk(_asked(store, "dbStats"))


def glance(record: MongoRecord, clock: Clock) -> Iterator[Checked]:
    """See `data.record.checkup.glance`."""
    store = record._store
    hello, seen_at = _asked(store, "hello") or _asked(store, "isMaster") or {}, clock.now()
    yield _write(store)
    yield check_skew(seen_at, _told_time(hello))
    yield from _work(record, clock.now())
    yield _disk(_asked(store, "dbStats"))


def _asked(store: MongoStore, command: str) -> Document | None:
    """What the server answers; None when it does not know the command, as servers that are only compatible may not."""
    with translated(store.where):
        try:
            return dict(store.database.command(command))
        except OperationFailure:
            return None


def _server(hello: Document) -> Checked:
    if hello.get("setName"):
        return well("server", f"replica set {hello['setName']!r} of {len(hello.get('hosts', ()))} members")
    if hello.get("msg") == "isdbgrid":
        return well("server", "a sharded cluster")
    return worry("server", "stands alone: a majority is itself", "use a replica set: one disk may fail")


def _write(store: MongoStore) -> Checked:
    """One write that changes nothing, confirmed as every other."""
    concern = store.database.write_concern.document
    if concern.get("w") != "majority" or not concern.get("j"):
        return fault("write concern", f"{concern}", "writes must be confirmed by a majority and its journals")
    began = perf_counter()
    with translated(store.where):
        store.database["meta"].update_one({"_id": "record"}, {"$set": {"version": VERSION}})
    took = perf_counter() - began
    found = f"w: majority, j: true; a write took {took * 1000:.1f} ms"
    if took > _SLOW:
        return worry("write concern", found, "see to the replica set's members and the network between")
    return well("write concern", found)


def _indexes(store: MongoStore) -> Checked:
    """Opening has made those that were missing, and refused wrong ones; here they are looked at once more."""
    wrong, count = [], 0
    with translated(store.where):
        for table, wanted in INDEXES.items():
            found = {index["name"]: tuple(index["key"]) for index in store.database[table].list_indexes()}
            wrong += [f"{table}.{name}" for name, keys, _ in wanted if found.get(name) != tuple(keys)]
            count += len(wanted)
    if wrong:
        return fault("indexes", f"missing or altered: {', '.join(wrong)}", "drop them; the next start makes them")
    return well("indexes", f"{count}, as they must be")


def _told_time(hello: Document) -> datetime | None:
    told = hello.get("localTime")
    if not isinstance(told, datetime):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _disk(stats: Document | None) -> Checked:
    total, used = (stats or {}).get("fsTotalSize"), (stats or {}).get("fsUsedSize")
    if not isinstance(total, int | float) or not isinstance(used, int | float):
        return well("disk", "the server does not tell; see to its own monitoring")
    return check_room("disk", int(total - used), "the server")


def _work(record: MongoRecord, now: datetime) -> Iterator[Checked]:
    store = record._store
    first = store.find(store.inbox, {"done": False}, None, [("n", 1), ("_id", 1)], 1)
    opened = [store.tried("inbox", row["o"], row["_id"], partial(_message, store, row)) for row in first]
    since = [message.received_at for message in opened if message is not None]
    yield from check_work(
        Waiting(_count(store, store.inbox, {"done": False}), since[0] if since else None),
        _waiting(store, store.due, ("due_at",), now),
        _waiting(store, store.outbox, ("created_at", "not_before"), now),
        now,
    )


def _message(store: MongoStore, row: Document) -> RawMessage:
    return decode(store.unseal("inbox", row["o"], row["_id"], row["body"]), RawMessage)


def _waiting(store: MongoStore, rows: Rows, ready: tuple[str, ...], now: datetime) -> Waiting:
    """What was due a minute ago and nobody has at work; due is what all of its times say."""
    before, at = micros(overdue_before(now)), micros(now)
    free = {"$or": [{"lease_from": {"$gt": at}}, {"lease_until": {"$lte": at}}]}
    wanted: dict[str, Any] = {**{field: {"$lt": before} for field in ready}, **free}
    count = _count(store, rows, wanted)
    times = store.find(rows, wanted, list(ready), [(ready[0], 1)], 1) if count else []
    return Waiting(count, instant(max(int(times[0][field]) for field in ready)) if times else None)


def _count(store: MongoStore, rows: Rows, wanted: Document) -> int:
    groups = store.groups(rows, {"$match": wanted}, {"$group": {"_id": None, "rows": {"$sum": 1}}})
    return sum(int(group["rows"]) for group in groups)
