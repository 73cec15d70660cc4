"""Vitals in MongoDB: one document per person, code and hour; in clear only code, hour, number of samples and band."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from data.errors import Unavailable
from data.model.observation import Observation
from data.ports import Hour
from data.record import buckets
from data.record.buckets import Samples, Touch
from data.record.coding import micros
from data.record.mongo_schema import Document
from data.record.mongo_store import ROUNDS, MongoStore, check_size
from data.record.placing import at_revision
from data.record.tables import BucketKey, BucketRow


@dataclass(frozen=True, slots=True)
class Move:
    """What one commit makes of one hour."""

    key: BucketKey
    touch: Touch
    old: BucketRow | None
    new: BucketRow | None


class MongoVitals:
    """The hours. One that was emptied stays, with its revision, so that a late writer does not fill it again."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store

    def moves(
        self, name: str, new: tuple[Observation, ...], held: tuple[Observation, ...], revision: int
    ) -> tuple[Move, ...]:
        """What `new` does to the hours as they are now. Raises `BadInput` when one becomes too large."""
        touches = buckets.touches(new, held)
        ids = [_id(name, key) for key in touches]
        found = {
            _key(row): self._tried(row)
            for row in self._store.find(self._store.vitals, {"_id": {"$in": ids}, "s": name})
        }
        moves = tuple(_move(key, touch, found.get(key), revision) for key, touch in touches.items())
        for move in moves:
            if move.new is not None:
                check_size(move.new.body)
        return moves

    def write(self, name: str, moves: Iterable[Move], revision: int) -> None:
        """Write them; an hour that has this revision already is left alone."""
        for move in moves:
            self._write(name, move, revision)

    def _write(self, name: str, move: Move, revision: int) -> None:
        store, wanted = self._store, {"_id": _id(name, move.key), "s": name}
        for _ in range(ROUNDS):
            if move.new is move.old:
                return
            values = self._values(name, move.key, move.new, revision)
            if move.old is None:
                written = store.insert(
                    "vitals", store.vitals, {**wanted, "code": move.key[0], "hour": move.key[1], **values}
                )
            else:
                as_read = {**wanted, "revision": move.old.revision}
                written = store.change("vitals", store.vitals, as_read, {"$set": values})
            if written:
                return
            row = store.get(store.vitals, wanted)
            move = _move(move.key, move.touch, self._tried(row) if row else None, revision)
        raise Unavailable(f"{store.where}: others write the same hour of vitals all the time; try again")

    def since(self, name: str, start: int) -> tuple[tuple[Observation, ...], int]:
        """Every sample measured after `start`, and the latest revision that wrote one of these hours."""
        rows = self._store.find(self._store.vitals, {"s": name, "hour": {"$gte": buckets.first_hour(start)}})
        bodies = [self._tried(row) for row in rows]
        return buckets.since((row.body for row in bodies), start), max((row.revision for row in bodies), default=0)

    def observations(self, name: str, code: str, since: datetime, until: datetime) -> tuple[Observation, ...]:
        """The samples of a window."""
        first, end = micros(since), micros(until)
        hours = {"$gte": buckets.first_hour(first), "$lte": buckets.first_hour(end)}
        rows = self._store.find(self._store.vitals, {"s": name, "code": code, "hour": hours})
        return buckets.within((self._row(row).body for row in rows), first, end)

    def hours(self, name: str, code: str, since: datetime, until: datetime) -> tuple[Hour, ...]:
        """The hours that begin within the window and have samples."""
        wanted = {"s": name, "code": code, "hour": _beginning(since, until), "n": {"$gt": 0}}
        rows = self._store.find(self._store.vitals, wanted, sort=[("hour", 1)])
        return tuple(buckets.hour_of(int(row["hour"]), self._row(row).body) for row in rows)

    def bands(self, code: str, since: datetime, until: datetime) -> dict[int, int]:
        """Person-hours by band, reckoned at the server."""
        wanted = {"code": code, "hour": _beginning(since, until), "n": {"$gt": 0}}
        stages = {"$match": wanted}, {"$group": {"_id": "$band", "hours": {"$sum": 1}}}
        return {int(row["_id"]): int(row["hours"]) for row in self._store.groups(self._store.vitals, *stages)}

    def row_of(self, document: Document) -> BucketRow | None:
        """The hour as every store has it; None for one that was emptied."""
        return self._row(document) if document["n"] else None

    def document_of(self, name: str, key: BucketKey, row: BucketRow) -> Document:
        """The document of an hour."""
        head = {"_id": _id(name, key), "s": name, "code": key[0], "hour": key[1]}
        return {**head, **self._values(name, key, row, row.revision)}

    def _tried(self, document: Document) -> BucketRow:
        """An hour; one that does not open counts as emptied: the others are judged without it, and new values go in."""
        row = self._store.tried("vitals", document["s"], _row_name(_key(document)), lambda: self._row(document))
        return row or BucketRow(0, 0, int(document["revision"]), _NOTHING)

    def _row(self, document: Document) -> BucketRow:
        revision = int(document["revision"])
        if not document["n"]:
            return BucketRow(0, 0, revision, _NOTHING)
        name, key = document["s"], _key(document)
        body = self._store.unseal("vitals", name, at_revision(_row_name(key), revision), document["body"])
        return BucketRow(int(document["n"]), int(document["band"]), revision, body)

    def _values(self, name: str, key: BucketKey, row: BucketRow | None, revision: int) -> Document:
        if row is None:
            return {"n": 0, "band": 0, "revision": revision, "thin": True, "body": b""}
        body = self._store.seal("vitals", name, at_revision(_row_name(key), revision), row.body)
        return {"n": row.n, "band": row.band, "revision": revision, "thin": False, "body": body}


def _move(key: BucketKey, touch: Touch, old: BucketRow | None, revision: int) -> Move:
    return Move(key, touch, old, buckets.touched(old, touch, revision))


def _beginning(since: datetime, until: datetime) -> dict[str, int]:
    first, end = buckets.whole_hours(micros(since), micros(until))
    return {"$gte": first, "$lt": end}


def _key(document: Document) -> BucketKey:
    return document["code"], int(document["hour"])


def _id(name: str, key: BucketKey) -> str:
    return f"{name}/{_row_name(key)}"


def _row_name(key: BucketKey) -> str:
    code, hour = key
    return f"{code}/{hour}"


_NOTHING = buckets.pack(Samples(rows=()))
