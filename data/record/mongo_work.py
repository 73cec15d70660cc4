"""Timers and the outbox in MongoDB: leased to workers by compare-and-set on what was read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar

from data.errors import BadFile, NotFound, Unavailable
from data.model.chart import Chart
from data.model.communication import Communication, SendState
from data.model.plan import Due
from data.ports import Claim
from data.record.coding import decode, instant, micros, span
from data.record.mongo_charts import MongoCharts
from data.record.mongo_inbox import MongoInbox
from data.record.mongo_schema import Document
from data.record.mongo_store import ROUNDS, MongoStore
from data.record.placing import at_revision
from data.record.tables import BACK, Work

T = TypeVar("T", Due, Communication)

# So many rows are read at once: when another worker takes the first, the next is at hand.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Queue(Generic[T]):
    """What one kind of work is: its collection, the order it is done in, when it is ready, and what the chart says."""

    table: str
    kind: type[T]
    line: tuple[str, ...]
    ready: str
    # Each look is answered from an index of its own.
    looks: Callable[[int], tuple[Document, ...]]
    live: Callable[[Chart], tuple[T, ...]]


DUES: Queue[Due] = Queue(
    table="due",
    kind=Due,
    line=("due_at", "seq", "place", "_id"),
    ready="due_at",
    looks=lambda at: ({"due_at": {"$lte": at}}, {"set_at": {"$gt": at + BACK}}),
    live=lambda chart: chart.dues,
)
OUTBOX: Queue[Communication] = Queue(
    table="outbox",
    kind=Communication,
    line=("late", "created_at", "seq", "place", "_id"),
    ready="not_before",
    looks=lambda at: ({"$or": [{"not_before": {"$lte": at}}, {"set_at": {"$gt": at + BACK}}]},),
    live=lambda chart: tuple(row for row in chart.communications if row.state is SendState.QUEUED),
)
URGENT = replace(
    OUTBOX,
    looks=lambda at: ({"late": 0, "$or": [{"not_before": {"$lte": at}}, {"set_at": {"$gt": at + BACK}}]},),
)


class MongoWork:
    """The queues. A row counts only as long as the chart says the same: a late process may have put it back."""

    def __init__(self, store: MongoStore, charts: MongoCharts, inbox: MongoInbox) -> None:
        self._store, self._charts, self._inbox = store, charts, inbox

    def claim(self, queue: Queue[T], now: datetime, lease: timedelta) -> tuple[T, Claim] | None:
        """See `Record.claim_due` and `Record.claim_outbox`."""
        at = micros(now)
        passed_over: set[str] = set()
        for _ in range(ROUNDS):
            rows = [row for row in self._first(queue, at, len(passed_over)) if row["_id"] not in passed_over]
            if not rows:
                return None
            for row in rows:
                thing = self._still_valid(queue, row, passed_over)
                if thing is None and self._is_spoilt(queue, row):
                    # As any claim: it is tried again when the lease has lapsed.
                    self._take(queue, row, "", at, span(lease))
                claim = self._take(queue, row, thing.id, at, span(lease)) if thing is not None else None
                if thing is not None and claim is not None:
                    self._store.probe("answer")
                    return thing, claim
        raise Unavailable(f"{self._store.where}: many workers are after the same rows; try again")

    def next_at(self, now: datetime) -> datetime | None:
        """See `Record.next_at`."""
        at = micros(now)
        wakes = [*self._inbox.lapses_at(at), *self._wakes(DUES, at), *self._wakes(OUTBOX, at)]
        ahead = min((wake for wake in wakes if wake > at), default=None)
        return None if ahead is None else instant(ahead)

    def _first(self, queue: Queue[T], at: int, more: int) -> list[Document]:
        store, sort = self._store, [(field, 1) for field in queue.line]
        found: dict[str, Document] = {}
        for look in queue.looks(at):
            wanted = {"$and": [look, _free(at)]}
            rows = store.find(store.work[queue.table], wanted, None, sort, _AT_ONCE + more)
            # Some servers send a row as it is now, though it was free a moment ago when they found it.
            found.update((row["_id"], row) for row in rows if not row["lease_from"] <= at < row["lease_until"])
        return sorted(found.values(), key=lambda row: [row[field] for field in queue.line])

    def _still_valid(self, queue: Queue[T], row: Document, passed_over: set[str]) -> T | None:
        """What the row says, if the chart says the same; None for one to pass over, which is removed if it is stale.

        Where the row does not open, it is as the chart has it; where the chart does not open, as the row says.
        """
        store, name = self._store, row["s"]
        thing = store.tried(queue.table, name, self._row_name(row), partial(self._open, queue, row))
        chart = self._chart_of(name, thing)
        if chart is None and not store.is_destroyed(name):
            if thing is None:
                passed_over.add(row["_id"])
            return thing
        live = queue.live(chart) if chart is not None else ()
        if thing is None:
            thing = next((one for one in live if store.sealing.name("row", one.id) == self._row_name(row)), None)
        if thing is not None and thing in live:
            return thing
        passed_over.add(row["_id"])
        if thing is None or all(other.id != thing.id for other in live):
            as_read = {"_id": row["_id"], "s": name, "revision": row["revision"], "token": row["token"]}
            store.remove("stale", store.work[queue.table], as_read)
        return None

    def _chart_of(self, name: str, thing: T | None) -> Chart | None:
        """The chart that a row belongs to; None where it does not open."""
        if thing is None:
            return self._charts.named(name)
        try:
            return self._charts.bare(thing.subject)
        except (BadFile, NotFound) as problem:
            self._store.note("chart", name, "chart", problem)
            return None

    def _row_name(self, row: Document) -> str:
        return str(row["_id"].removeprefix(f"{row['s']}/"))

    def _open(self, queue: Queue[T], row: Document) -> T:
        place = at_revision(self._row_name(row), int(row["revision"]))
        return decode(self._store.unseal(queue.table, row["s"], place, row["body"]), queue.kind)

    def _is_spoilt(self, queue: Queue[T], row: Document) -> bool:
        return any(each.row == self._row_name(row) for each in self._store.spoilt.of(queue.table))

    def _take(self, queue: Queue[T], row: Document, row_id: str, at: int, lease: int) -> Claim | None:
        """Lease it as it was read; None when somebody else was faster."""
        store = self._store
        token, attempt = store.tick(at, int(row["token"])), int(row["attempt"]) + 1
        unchanged = {key: row[key] for key in ("_id", "s", "revision", "token", "lease_from", "lease_until")}
        leased = {"lease_from": at - lease, "lease_until": at + lease, "token": token, "attempt": attempt}
        taken = store.change("lease", store.work[queue.table], unchanged, {"$set": leased})
        return Claim(row_id, token, attempt) if taken else None

    def _wakes(self, queue: Queue[T], at: int) -> list[int]:
        """The first that is free and lies ahead, and the few that are leased."""
        store, rows, ready = self._store, self._store.work[queue.table], queue.ready
        ahead = {"$and": [{ready: {"$gt": at}, "set_at": {"$lte": at + BACK}}, _free(at)]}
        wakes = [int(row[ready]) for row in store.find(rows, ahead, [ready], [(ready, 1)], 1)]
        leased = {"lease_until": {"$gt": at}, "lease_from": {"$lte": at}}
        for row in store.find(rows, leased, [ready, "set_at", "lease_from", "lease_until"]):
            when = row[ready] if row["set_at"] <= at + BACK else 0
            wakes.append(
                Work(lease_from=int(row["lease_from"]), lease_until=int(row["lease_until"])).wake(int(when), at)
            )
        return wakes


def _free(at: int) -> Document:
    return {"$or": [{"lease_from": {"$gt": at}}, {"lease_until": {"$lte": at}}]}
