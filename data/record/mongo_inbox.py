"""Inbound messages in MongoDB: kept once under their name, and leased one at a time of each queue (`o`)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from data.errors import NotFound
from data.model.conversation import RawMessage
from data.ports import Claim
from data.record.coding import decode, encode, encode_input, micros, span
from data.record.mongo_charts import MongoCharts
from data.record.mongo_rows import FREE
from data.record.mongo_schema import Document
from data.record.mongo_store import MongoStore

_HEADS = ["o", "n", "token", "attempt", "lease_from", "lease_until"]
# Looks at the queues before a worker that others get ahead of goes away with nothing.
_LOOKS = 3


class MongoInbox:
    """The messages. `n` is their order of arrival; within a queue a later one is greater whatever the clocks say."""

    def __init__(self, store: MongoStore, charts: MongoCharts) -> None:
        self._store, self._charts = store, charts

    def keep(self, message: RawMessage) -> bool:
        """See `Record.keep`."""
        store, body = self._store, encode_input(message)
        name, order = store.sealing.name("message", message.id), store.name(message.order)
        # First, for whoever sent it may have been erased since.
        new = store.get(store.inbox, {"_id": name}, ["_id"]) is None
        if new:
            document = {
                "_id": name,
                "o": order,
                "n": store.tick(micros(message.received_at), store.greatest(store.inbox, {"o": order}, "n")),
                "done": False,
                "token": 0,
                **FREE,
                "body": store.seal("inbox", order, name, body),
            }
            new = store.insert("inbox", store.inbox, document)
            if new:
                self._must_open(document)
        store.probe("answer")
        return new

    def _must_open(self, document: Document) -> None:
        """Its key may have been there still when it was sealed; nobody could open it any more."""
        try:
            self._charts.must_live(document["o"])
        except NotFound:
            # So that it is taken in when it comes again, then from an address that nobody has.
            self._store.remove("inbox", self._store.inbox, {"_id": document["_id"], "n": document["n"]})
            raise

    def claim(self, now: datetime, lease: timedelta) -> tuple[RawMessage, Claim] | None:
        """See `Record.claim_message`."""
        looks = 0
        while looks < _LOOKS:
            lost, spoilt = False, self._spoilt()
            for row in self._free_heads(micros(now)):
                claimed = self._take(row, micros(now), span(lease))
                if claimed is not None:
                    self._store.probe("answer")
                    return claimed
                lost = True
            if not lost:
                break
            # What does not open was leased, and is out of the way of those behind it: that look does not count.
            looks += self._spoilt() == spoilt
        return None

    def finish(self, claim: Claim, *, forget: bool) -> bool:
        """See `Record.finish_message`."""
        store, name = self._store, self._store.sealing.name("message", claim.row_id)
        mine = {"_id": name, "token": claim.token}
        row = store.get(store.inbox, mine)
        if row is None:
            return False
        if not row["done"]:
            values: Document = {"done": True}
            if forget:
                bare = replace(self._open(row), text="")
                values["body"] = store.seal("inbox", row["o"], name, encode(bare))
            if not store.change("inbox", store.inbox, mine, {"$set": values}):
                return False
        store.probe("answer")
        return True

    def waiting(self, order: str) -> bool:
        """See `Record.waiting`."""
        store = self._store
        return store.get(store.inbox, {"o": store.name(order), "done": False}, ["_id"]) is not None

    def of(self, subject: str) -> Iterator[RawMessage]:
        """See `Record.messages`."""
        for row in self._store.scan(self._store.inbox, {"o": self._store.name(subject)}, ("n", "_id")):
            if row["body"]:
                message = self._open(row)
                if message.text:
                    yield message

    def lapses_at(self, at: int) -> list[int]:
        """When the next lease of a message lapses."""
        wanted = {"done": False, "lease_until": {"$gt": at}, "lease_from": {"$lte": at}}
        rows = self._store.find(self._store.inbox, wanted, ["lease_until"], [("lease_until", 1)], 1)
        return [int(row["lease_until"]) for row in rows]

    def _free_heads(self, at: int) -> Iterator[Document]:
        """The first unfinished message of each queue, the oldest first, but for those at work."""
        seen, spoilt = set(), self._spoilt()
        for row in self._store.scan(self._store.inbox, {"done": False}, ("n", "_id"), _HEADS):
            if row["o"] not in seen:
                if row["_id"] not in spoilt:
                    seen.add(row["o"])
                if not row["lease_from"] <= at < row["lease_until"]:
                    yield row

    def _take(self, row: Document, at: int, lease: int) -> tuple[RawMessage, Claim] | None:
        """Lease it as it was read; None when somebody else has it, or another of its queue."""
        store = self._store
        token, attempt = store.tick(at, int(row["token"])), int(row["attempt"]) + 1
        as_read = {"_id": row["_id"], "token": row["token"], "lease_until": row["lease_until"], "done": False}
        leased = {"lease_from": at - lease, "lease_until": at + lease, "token": token, "attempt": attempt}
        if not store.change("lease", store.inbox, as_read, {"$set": leased}):
            return None
        mine = {"_id": row["_id"], "token": token}
        if self._is_held_up(row, at):
            store.change("release", store.inbox, mine, {"$set": {**FREE, "attempt": attempt - 1}})
            return None
        whole = store.get(store.inbox, mine)
        if whole is None or not whole["body"]:
            return None
        message = store.tried("inbox", whole["o"], whole["_id"], partial(self._open, whole))
        if message is None:
            if store.is_destroyed(whole["o"]):
                # Its key was destroyed with the person it came from.
                store.change("inbox", store.inbox, mine, {"$set": {"done": True, "body": b""}})
            elif (chart := self._charts.named(whole["o"])) is not None:
                store.spoilt.belongs("inbox", whole["o"], whole["_id"], chart.subject)
            return None
        return message, Claim(message.id, token, attempt)

    def _spoilt(self) -> set[str]:
        """Messages that do not open: they hold up nothing, for what comes behind them may be an emergency."""
        return {row.row for row in self._store.spoilt.of("inbox")}

    def _is_held_up(self, row: Document, at: int) -> bool:
        """Whether an earlier one of its queue turned up meanwhile, or another is at work: two doors write at once."""
        at_work = {"lease_from": {"$lte": at}, "lease_until": {"$gt": at}}
        before = {"n": {"$lt": row["n"]}}
        others = [{"_id": {"$ne": name}} for name in (row["_id"], *sorted(self._spoilt()))]
        wanted = {"o": row["o"], "done": False, "$and": others, "$or": [before, at_work]}
        return self._store.get(self._store.inbox, wanted, ["_id"]) is not None

    def _open(self, row: Document) -> RawMessage:
        return decode(self._store.unseal("inbox", row["o"], row["_id"], row["body"]), RawMessage)
