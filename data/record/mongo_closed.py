"""Rows of a record in MongoDB that do not open, each tried: for a check-up."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from data.errors import BadFile, NotFound
from data.model.chart import WINDOW, Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.people import Person
from data.model.plan import Due
from data.ports import CodeUse, Spoilt
from data.record import buckets
from data.record.coding import decode, micros
from data.record.mongo_schema import Document
from data.record.mongo_store import MongoStore, Rows
from data.record.mongo_vitals import MongoVitals
from data.record.placing import at_revision


def closed_rows(store: MongoStore) -> Iterator[Spoilt]:
    """Every row at work that does not open. Of somebody whose keys were destroyed none may."""
    tables: tuple[tuple[str, Rows, Document, Any], ...] = (
        ("person", store.person, {"gone": False}, Person),
        ("chart", store.chart, {"erased": False, "revision": {"$gt": 0}}, Chart),
        ("inbox", store.inbox, {"done": False}, RawMessage),
        ("outbox", store.outbox, {}, Communication),
        ("due", store.due, {}, Due),
        ("code", store.code, {}, CodeUse),
    )
    for table, rows, wanted, kind in tables:
        for row in store.scan(rows, wanted):
            owner, place = row["o" if table == "inbox" else "s"], _place(table, row)
            try:
                decode(store.unseal(table, owner, place, row["body"]), kind)
            except (BadFile, NotFound):
                if not store.is_destroyed(owner):
                    yield Spoilt(table=table, owner=owner, row=place.partition("@")[0])


def closed_hours(store: MongoStore, vitals: MongoVitals, now: datetime) -> Iterator[Spoilt]:
    """The hours of the charts' window that do not open."""
    first = buckets.first_hour(micros(now - WINDOW))
    for row in store.scan(store.vitals, {"hour": {"$gte": first}}, ("hour", "_id")):
        try:
            vitals.row_of(row)
        except (BadFile, NotFound):
            if not store.is_destroyed(row["s"]):
                yield Spoilt(table="vitals", owner=row["s"], row=f"{row['code']}/{int(row['hour'])}")


def _place(table: str, row: Document) -> str:
    """Which place a row is sealed for."""
    if table == "inbox":
        return str(row["_id"])
    if table == "code":
        return str(row["code"])
    name = table if table in ("person", "chart") else row["_id"].removeprefix(f"{row['s']}/")
    return at_revision(name, int(row["revision"]))
