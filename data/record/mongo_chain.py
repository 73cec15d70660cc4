"""The audit trail in MongoDB: who looked, the links of both chains, and the anchors."""

from collections.abc import Iterator

from data.errors import BadFile, NotFound, Unavailable
from data.model.audit import Access
from data.record.chain import ACCESS, FIRST, JOURNAL, Anchor, Head, Link
from data.record.coding import decode, decode_list, encode, micros
from data.record.mongo_charts import MongoCharts
from data.record.mongo_rows import access_document
from data.record.mongo_schema import Document
from data.record.mongo_store import BATCH, ROUNDS, MongoStore, Rows

# How far (microseconds) a number may lag behind those that other processes gave before it is written: a mark is
# taken that much earlier. See `MongoStore.tick`: processes look at one another every ten seconds.
_LAG = 600_000_000
# Heads in one document: some 80 bytes each.
_PART = 50_000


class MongoTrail:
    """Looks and links. `number` counts a person's rows of one stream from 1."""

    def __init__(self, store: MongoStore, charts: MongoCharts) -> None:
        self._store, self._charts = store, charts
        self._streams: dict[str, tuple[Rows, str]] = {
            JOURNAL: (store.journal, "revision"),
            ACCESS: (store.access, "number"),
        }

    def note(self, access: Access) -> None:
        """See `Record.note_access`."""
        store, name = self._store, self._store.name(access.subject)
        for _ in range(ROUNDS):
            self._charts.must_live(name)
            last = store.find(store.access, {"s": name}, ["number", "link", "seq"], [("number", -1)], 1)
            number, previous, seq = (
                (int(last[0]["number"]), last[0]["link"], int(last[0]["seq"])) if last else (0, FIRST, 0)
            )
            seq = store.tick(micros(access.at), seq)
            document = access_document(store, name, previous, number + 1, seq, access)
            if store.insert("access", store.access, document):
                store.probe("answer")
                return
        raise Unavailable(f"{store.where}: others look at the same person all the time; try again")

    def of(self, subject: str) -> Iterator[Access]:
        """See `Record.accesses`."""
        for link in self.links(ACCESS, self._store.name(subject)):
            try:
                if link.body:
                    yield decode(self._store.unseal(ACCESS, link.subject, str(link.number), link.body), Access)
            except NotFound:
                return

    def links(self, stream: str, subject: str | None) -> Iterator[Link]:
        """See `Chained.links`."""
        rows, number = self._streams[stream]
        mine: Document = {} if subject is None else {"s": subject}
        for row in self._store.scan(rows, mine, ("s", number)):
            yield _link(stream, number, row)

    def chart_heads(self) -> Iterator[Head]:
        """See `Chained.chart_heads`."""
        for row in self._store.scan(self._store.chart, {"revision": {"$gt": 0}}, fields=["revision", "link"]):
            yield Head(stream=JOURNAL, subject=row["_id"], number=int(row["revision"]), link=row["link"])

    def heads_since(self, upto: str) -> tuple[tuple[Head, ...], str]:
        """See `Chained.heads_since`. The mark is the greatest number seen; what has one shortly before counts too."""
        # A mark of another kind is of the store that this record was moved from: then everything is told again.
        since = mark = int(upto) if upto.isdecimal() else 0
        heads: list[Head] = []
        for stream in self._streams:
            found, last = self._heads(stream, since - _LAG)
            heads, mark = heads + found, max(mark, last)
        return tuple(sorted(heads, key=lambda head: (head.stream, head.subject))), str(mark)

    def _heads(self, stream: str, since: int) -> tuple[list[Head], int]:
        rows, number = self._streams[stream]
        last = {"_id": "$s", "number": {"$max": f"${number}"}, "seq": {"$max": "$seq"}}
        moved = self._store.groups(rows, {"$match": {"seq": {"$gt": since}}}, {"$group": last})
        heads = []
        for start in range(0, len(moved), BATCH):
            ids = [f"{row['_id']}/{int(row['number'])}" for row in moved[start : start + BATCH]]
            for row in self._store.find(rows, {"_id": {"$in": ids}}, ["s", number, "link"]):
                heads.append(Head(stream=stream, subject=row["s"], number=int(row[number]), link=row["link"]))
        return heads, max((int(row["seq"]) for row in moved), default=0)

    def anchors(self) -> Iterator[Anchor]:
        """See `Chained.anchors`. Raises `BadFile` when a part of one is missing."""
        store = self._store
        for row in store.scan(store.anchor, {"at": {"$exists": True}}, ("number",)):
            yield self._anchor(row)

    def last_anchor(self) -> Anchor | None:
        """See `Chained.last_anchor`."""
        store = self._store
        last = store.find(store.anchor, {"at": {"$exists": True}}, sort=[("number", -1)], limit=1)
        return self._anchor(last[0]) if last else None

    def _anchor(self, row: Document) -> Anchor:
        store, number, link = self._store, int(row["number"]), row["link"]
        heads: list[Head] = []
        for part in range(int(row["parts"])):
            found = store.get(store.anchor, {"_id": _part_id(number, link, part)})
            if found is None:
                raise BadFile(f"{store.where}: anchor {number} lacks a part; restore a backup")
            heads += decode_list(found["heads"], Head)
        return Anchor(number=number, at=int(row["at"]), upto=row["upto"], heads=tuple(heads), link=link)

    def put_anchor(self, anchor: Anchor) -> bool:
        """See `Chained.put_anchor`. Its heads go first, in parts that fit a document; the anchor itself last."""
        store, parts = self._store, range(0, len(anchor.heads), _PART)
        for part, start in enumerate(parts):
            heads = encode(anchor.heads[start : start + _PART])
            store.insert("anchor", store.anchor, {"_id": _part_id(anchor.number, anchor.link, part), "heads": heads})
        told = {"number": anchor.number, "at": anchor.at, "upto": anchor.upto, "link": anchor.link}
        put = store.insert("anchor", store.anchor, {"_id": str(anchor.number), **told, "parts": len(parts)})
        store.probe("answer")
        return put


def _part_id(number: int, link: bytes, part: int) -> str:
    return f"{number}/{link.hex()}/{part}"


def _link(stream: str, number: str, row: Document) -> Link:
    return Link(
        stream=stream,
        subject=row["s"],
        number=int(row[number]),
        event=row.get("event", ""),
        kind=row["kind"],
        actor=row["actor"],
        # As it stands, were it of another type: to tell what was altered is the verifier's business.
        at=row["at"],
        digest=row["digest"],
        link=row["link"],
        body=row["body"],
    )
