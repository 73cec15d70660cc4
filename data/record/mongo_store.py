"""What every part of the MongoDB store works with: collections, names, seals, the order of things, single writes.

Every write is of one document and conditional, so that it can be repeated; several documents at once are changed only
where each by itself may be (what is erased, or too old). A failed write means "unknown" and leaves as `Unavailable`.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from threading import Lock
from typing import Any, TypeVar

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from data.errors import BadFile, BadInput, NotFound
from data.record.coding import MOST
from data.record.mongo_errors import translated
from data.record.mongo_schema import Document
from data.record.spoilt import SpoiltRows
from data.sealing.sealing import Sealing

T = TypeVar("T")
Rows = Collection[Document]
Probe = Callable[[str], None]
Sort = list[tuple[str, int]]

# A document of MongoDB holds 16 MiB; this leaves room for the rest of the row.
LIMIT = MOST
# Documents read in one go; and ids named in one command.
PAGE, BATCH = 200, 1_000
# How often a write that others get ahead of is tried again before the caller is asked to.
ROUNDS = 100
# After that long (microseconds) a process looks how far others have counted.
_LOOK = 10_000_000


class MongoStore:
    """One open database. `probe` is called with a name before every single write."""

    def __init__(self, database: Database[Document], sealing: Sealing, probe: Probe) -> None:
        self.database, self.sealing, self.probe = database, sealing, probe
        self.spoilt = SpoiltRows()
        self.where = f"MongoDB database {database.name!r}"
        self.inbox, self.journal, self.chart = database["inbox"], database["journal"], database["chart"]
        self.vitals, self.outbox, self.due = database["vitals"], database["outbox"], database["due"]
        self.person, self.code = database["person"], database["code"]
        self.access, self.anchor = database["access"], database["anchor"]
        self.work = {"outbox": self.outbox, "due": self.due}
        self._counting = Lock()
        self._on_erased: list[Callable[[str], None]] = []
        self._last, self._looked_at = 0, 0
        self.catch_up()

    # Names and seals.

    def name(self, subject: str) -> str:
        """The name a person's rows stand under."""
        return self.sealing.name("person", subject)

    def seal(self, table: str, owner: str, row: str, body: bytes) -> bytes:
        """`body` for that place. Raises `BadInput` for more than 8 MiB, `NotFound` when the owner was erased."""
        check_size(body)
        return self.sealing.seal(table, owner, row, body)

    def unseal(self, table: str, owner: str, row: str, body: bytes) -> bytes:
        """What was sealed there. Raises `NotFound` when the owner was erased."""
        return self.sealing.unseal(table, owner, row, body)

    def is_destroyed(self, owner: str) -> bool:
        """Whether the owner's keys were destroyed: that nothing of theirs opens is as it must be."""
        return any(key.generation == 0 for key in self.sealing.keyring.table.keys_of(owner))

    def note(self, table: str, owner: str, row: str, problem: BadFile | NotFound) -> None:
        """Note a row that does not open, unless its owner was erased."""
        if not self.is_destroyed(owner):
            self.spoilt.note(table, owner, row, problem)

    def tried(self, table: str, owner: str, row: str, opened: Callable[[], T]) -> T | None:
        """What `opened` gives; None for what does not open, which is noted."""
        try:
            thing = opened()
        except (BadFile, NotFound) as problem:
            self.note(table, owner, row, problem)
            return None
        self.spoilt.opened(table, owner, row)
        return thing

    def on_erased(self, forget: Callable[[str], None]) -> None:
        """Have `forget` called with the name of whoever is seen to have been erased."""
        self._on_erased.append(forget)

    def forget(self, name: str) -> None:
        """This person was erased: nothing of them stays in memory, and none of their keys."""
        for forget in self._on_erased:
            forget(name)
        self.sealing.keyring.forget(name)

    # The order of things, without a counter that all would have to wait for.

    def tick(self, at: int, *after: int) -> int:
        """A number later than all that this process gave, than `after`, and not before `at` (microseconds).

        A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", OPODIS 2014): what is written after
        something was read comes after it, whatever the clocks say.
        """
        if not self._looked_at <= at < self._looked_at + _LOOK:
            self.catch_up()
            self._looked_at = at
        with self._counting:
            self._last = max(self._last + 1, at, *(number + 1 for number in after))
            return self._last

    def catch_up(self) -> None:
        """See how far the others have counted."""
        last = [self.greatest(self.journal, {}, "seq"), self.greatest(self.inbox, {}, "n")]
        with self._counting:
            self._last = max(self._last, *last)

    def greatest(self, rows: Rows, wanted: Mapping[str, Any], field: str) -> int:
        """The greatest value of a number; 0 without any."""
        found = self.find(rows, wanted, [field], [(field, -1)], 1)
        return int(found[0][field]) if found else 0

    # Reads.

    def get(self, rows: Rows, wanted: Mapping[str, Any], fields: list[str] | None = None) -> Document | None:
        """One document, or None."""
        with translated(self.where):
            return rows.find_one(wanted, fields)

    def find(
        self,
        rows: Rows,
        wanted: Mapping[str, Any],
        fields: list[str] | None = None,
        sort: Sort | None = None,
        limit: int = 0,
    ) -> list[Document]:
        """All documents wanted, in that order."""
        with translated(self.where):
            return list(rows.find(wanted, fields, sort=sort, limit=limit))

    def groups(self, rows: Rows, *stages: Mapping[str, Any]) -> list[Document]:
        """What the server reckons up."""
        with translated(self.where):
            return list(rows.aggregate(list(stages)))

    def scan(
        self, rows: Rows, wanted: Document, order: tuple[str, ...] = ("_id",), fields: list[str] | None = None
    ) -> Iterator[Document]:
        """All documents wanted, by a unique key and page by page: a slow reader keeps nothing open at the server."""
        rest, last = wanted, None
        while True:
            count = 0
            with translated(self.where), rows.find(rest, fields, sort=[(f, 1) for f in order], limit=PAGE) as cursor:
                for last in cursor:
                    count += 1
                    yield last
            if last is None or count < PAGE:
                return
            rest = {"$and": [wanted, _after(order, last)]}

    def batches(
        self, rows: Rows, wanted: Document, fields: list[str], order: tuple[str, ...] = ("_id",)
    ) -> Iterator[list[Document]]:
        """As `scan`, by lists of a thousand: for a few short fields."""
        found = self.scan(rows, wanted, order, fields)
        while batch := list(islice(found, BATCH)):
            yield batch

    # Writes.

    def insert(self, name: str, rows: Rows, document: Document) -> bool:
        """Put a new document; False when one of its unique keys is taken."""
        self.probe(name)
        with translated(self.where):
            try:
                rows.insert_one(document)
            except DuplicateKeyError:
                return False
            return True

    def change(self, name: str, rows: Rows, wanted: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        """Change one document if it is still as wanted; False when it is not."""
        self.probe(name)
        with translated(self.where):
            return rows.update_one(wanted, change).matched_count == 1

    def put(self, name: str, rows: Rows, key: Document, revision: int, values: Document, first: Document) -> None:
        """Make a row of that revision unless it has it (or a later one); `first` is for a new one only."""
        wanted = {**key, "revision": {"$lt": revision}}
        change = {"$set": {**values, "revision": revision}, "$setOnInsert": first}
        self.probe(name)
        with translated(self.where):
            try:
                rows.update_one(wanted, change, upsert=True)
            except DuplicateKeyError:
                # It is there: with this revision, or with an earlier one that another process put at the same moment.
                rows.update_one(wanted, {"$set": change["$set"]})

    def remove(self, name: str, rows: Rows, wanted: Mapping[str, Any]) -> bool:
        """Remove one document if it is still as wanted; False when it is not."""
        self.probe(name)
        with translated(self.where):
            return rows.delete_one(wanted).deleted_count == 1

    def change_all(self, name: str, rows: Rows, wanted: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        """Change every such document, each by itself."""
        self.probe(name)
        with translated(self.where):
            rows.update_many(wanted, change)

    def remove_all(self, name: str, rows: Rows, wanted: Mapping[str, Any]) -> int:
        """Remove every such document, each by itself; how many there were."""
        self.probe(name)
        with translated(self.where):
            return rows.delete_many(wanted).deleted_count


def check_size(body: bytes) -> None:
    """Raises `BadInput` for a row that is too large."""
    if len(body) > LIMIT:
        raise BadInput(f"a row of {len(body)} bytes is too large to be stored; {LIMIT // 2**20} MiB are allowed")


def _after(order: tuple[str, ...], last: Document) -> Document:
    """What comes after `last` in that order."""
    ways: list[Document] = []
    for place, field in enumerate(order):
        ways.append({**{same: last[same] for same in order[:place]}, field: {"$gt": last[field]}})
    return {order[0]: {"$gte": last[order[0]]}, "$or": ways}
