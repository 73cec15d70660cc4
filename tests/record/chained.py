"""A chain in memory for tests: written as an honest store writes it, and laid open to whoever wants to forge it."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from data.errors import BadFile, NotFound
from data.model.audit import Access, Entry
from data.model.chart import Changes
from data.ports import Record
from data.record.chain import ACCESS, ERASE, FIRST, JOURNAL, RELIEVED, Anchor, Head, Link, next_link
from data.record.coding import encode, micros
from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from data.sealing.sealing import Sealing
from tests.record import mongo_server
from tests.record.examples import NOW, reading
from tests.record.keys import FixedKeys
from tests.sealing.tables import MemoryKeys

Stream = tuple[str, str]


@dataclass
class Row:
    """A link and when it was written, counted over everybody."""

    seq: int
    link: Link


class ChainInMemory:
    """`Chained` over lists that a test may change behind its back."""

    def __init__(self, seed: int = 7) -> None:
        self.sealing = Sealing(FixedKeys(seed), MemoryKeys())
        self.streams: dict[Stream, list[Row]] = {}
        self.charts: dict[str, Head] = {}
        self.kept: list[Anchor] = []
        self.seq = 0
        self.chain = self

    def close(self) -> None:
        pass

    # Honest writing.

    def entry(self, who: str, kind: str = "message", actor: str = "", at: datetime = NOW) -> Link:
        """One commit of a person; of the kind "erase", the end of everything that is readable of them."""
        subject = self.sealing.name("person", who)
        number = len(self.streams.get((JOURNAL, subject), ())) + 1
        event_id = f"{kind}:{who}:{number}"
        changes = Changes(notes=(f"what {who} said the {number}th time",))
        entry = Entry(
            subject=who,
            revision=number,
            event_id=event_id,
            kind=kind,
            actor=actor or who,
            at=at,
            changes=changes,
        )
        event = self.sealing.name("event", event_id)
        link = self._add(JOURNAL, subject, event, kind, actor or who, at, encode(entry))
        self.charts[subject] = Head(stream=JOURNAL, subject=subject, number=number, link=link.link)
        if kind == ERASE:
            for row in (*self.streams[JOURNAL, subject][:-1], *self.streams.get((ACCESS, subject), ())):
                row.link = replace(row.link, body=b"")
            self.sealing.shred(subject)
        return link

    def look(self, who: str, actor: str = "nia", action: str = "read-chart", *, permitted: bool = True) -> Link:
        """One look at a person's data."""
        subject = self.sealing.name("person", who)
        access = Access(subject=who, actor=actor, role="clinician", action=action, at=NOW, permitted=permitted)
        kind = action if permitted else f"!{action}"
        return self._add(ACCESS, subject, "", kind, actor, NOW, encode(access))

    def relieve(self, who: str) -> int:
        """Take some words out of every entry of a person, as a sweep of vitals takes out samples; how many."""
        rows = self.streams.get((JOURNAL, self.sealing.name("person", who)), [])
        return sum(self._relieve(row) for row in rows)

    def _relieve(self, row: Row) -> bool:
        place = row.link.subject, str(row.link.number)
        try:
            body = self.sealing.unseal(JOURNAL, *place, row.link.body)
        except (BadFile, NotFound):
            return False
        less = body.replace(b"said", b"wrote")
        row.link = replace(row.link, body=self.sealing.seal(RELIEVED, *place, less))
        return True

    def _add(self, stream: str, subject: str, event: str, kind: str, actor: str, at: datetime, body: bytes) -> Link:
        rows = self.streams.setdefault((stream, subject), [])
        told = {
            "stream": stream,
            "subject": subject,
            "number": len(rows) + 1,
            "event": event,
            "kind": kind,
            "actor": self.sealing.name("person", actor),
            "at": micros(at),
            "digest": self.sealing.digest(body),
        }
        mac = next_link(self.sealing, rows[-1].link.link if rows else FIRST, **told)
        sealed = self.sealing.seal(stream, subject, str(len(rows) + 1), body)
        self.seq += 1
        rows.append(Row(self.seq, Link(**told, link=mac, body=sealed)))
        return rows[-1].link

    # `Chained`.

    def links(self, stream: str, subject: str | None = None) -> Iterator[Link]:
        for key in sorted(key for key in self.streams if key[0] == stream and subject in (None, key[1])):
            for row in list(self.streams[key]):
                yield row.link

    def chart_heads(self) -> Iterator[Head]:
        for subject in sorted(self.charts):
            yield self.charts[subject]

    def heads_since(self, upto: str) -> tuple[tuple[Head, ...], str]:
        moved = [rows[-1] for key, rows in sorted(self.streams.items()) if rows[-1].seq > int(upto or "0")]
        return tuple(_head(row.link) for row in moved), str(self.seq)

    def last_anchor(self) -> Anchor | None:
        return next(reversed(list(self.anchors())), None)

    def anchors(self) -> Iterator[Anchor]:
        yield from list(self.kept)

    def put_anchor(self, anchor: Anchor) -> bool:
        free = all(kept.number != anchor.number for kept in self.kept)
        if free:
            self.kept.append(anchor)
        return free

    # What a forger does.

    def raw(self, stream: str, subject: str) -> list[Link]:
        return [row.link for row in self.streams.get((stream, subject), ())]

    def forge(self, stream: str, subject: str, links: list[Link]) -> None:
        """Put these rows in the place of a stream, whatever they say."""
        self.streams[stream, subject] = []
        for link in links:
            self.seq += 1
            self.streams.setdefault((stream, link.subject), []).append(Row(self.seq, link))
        self.streams = {key: rows for key, rows in self.streams.items() if rows}

    def forge_chart(self, subject: str, number: int, link: bytes) -> None:
        self.charts[subject] = Head(stream=JOURNAL, subject=subject, number=number, link=link)

    def lose_chart(self, subject: str) -> None:
        del self.charts[subject]

    def forge_anchors(self, anchors: list[Anchor]) -> None:
        self.kept = list(anchors)


def _head(link: Link) -> Head:
    return Head(stream=link.stream, subject=link.subject, number=link.number, link=link.link)


class ChainInSqlite:
    """The same over a `SqliteRecord` and a second connection to its file."""

    def __init__(self, folder: Path) -> None:
        self.record = self.chain = SqliteRecord(folder / "record.db", FixedKeys())
        self.sealing = self.record.sealing
        self.file = sqlite3.connect(folder / "record.db", isolation_level=None)
        self._forged: set[str] = set()

    def close(self) -> None:
        self.file.close()
        self.record.close()

    # Honest writing.

    record: SqliteRecord | MongoRecord

    def entry(self, who: str, kind: str = "message", actor: str = "", at: datetime = NOW) -> None:
        commit_one(self.record, who, kind, actor, at)

    def look(self, who: str, actor: str = "nia", action: str = "read-chart", *, permitted: bool = True) -> None:
        access = Access(subject=who, actor=actor, role="clinician", action=action, at=NOW, permitted=permitted)
        self.record.note_access(access)

    def relieve(self, who: str) -> int:
        """Sweep the vitals a month later; how many entries were relieved of their samples."""
        return self.record.tend(NOW + timedelta(days=30), timedelta(days=9), timedelta(days=9)).relieved

    # What a forger does.

    def raw(self, stream: str, subject: str) -> list[Link]:
        return list(self.record.links(stream, subject))

    def forge(self, stream: str, subject: str, links: list[Link]) -> None:
        self._free(stream)
        self.file.execute(f"DELETE FROM {stream} WHERE subject = ?", (subject,))  # noqa: S608
        for row in links:
            told = (row.subject, row.number, row.kind, row.actor, row.at, row.digest, row.link, row.body)
            if stream == JOURNAL:
                columns = "subject, revision, kind, actor, at, digest, link, body, event, seq, relieved"
                told = (*told, row.event, 99, 0)
            else:
                columns = "subject, number, kind, actor, at, digest, link, body, n"
                told = (*told, 99)
            marks = ", ".join("?" * len(told))
            self.file.execute(f"INSERT INTO {stream} ({columns}) VALUES ({marks})", told)  # noqa: S608

    def _free(self, table: str) -> None:
        """Who can write the file can do away with what its columns forbid."""
        if table not in self._forged:
            self._forged.add(table)
            self.file.execute(f"CREATE TABLE forged AS SELECT * FROM {table}")  # noqa: S608
            self.file.execute(f"DROP TABLE {table}")
            self.file.execute(f"ALTER TABLE forged RENAME TO {table}")

    def forge_chart(self, subject: str, number: int, link: bytes) -> None:
        self.file.execute("UPDATE chart SET revision = ?, link = ? WHERE subject = ?", (number, link, subject))

    def lose_chart(self, subject: str) -> None:
        self.file.execute("DELETE FROM chart WHERE subject = ?", (subject,))

    def forge_anchors(self, anchors: list[Anchor]) -> None:
        self.file.execute("DELETE FROM anchor")
        for a in anchors:
            told = (a.number, a.at, a.upto, encode(a.heads), a.link)
            self.file.execute("INSERT INTO anchor (number, at, upto, heads, link) VALUES (?, ?, ?, ?, ?)", told)


class ChainInMongo:
    """The same over a `MongoRecord` and another client of its database. Skips where there is no server."""

    def __init__(self) -> None:
        self._url = mongo_server.fresh_url()
        self.record = self.chain = MongoRecord(self._url, FixedKeys())
        self.sealing = self.record.sealing
        self._raw = mongo_server.raw(self._url)

    def close(self) -> None:
        self.record.close()
        mongo_server.drop(self._url)
        assert mongo_server.WATCH.take() == []

    entry, look, relieve, raw = ChainInSqlite.entry, ChainInSqlite.look, ChainInSqlite.relieve, ChainInSqlite.raw

    def forge(self, stream: str, subject: str, links: list[Link]) -> None:
        rows, number = self._raw[stream], "revision" if stream == JOURNAL else "number"
        # Made anew without its indexes, which forbid some of it.
        others = list(rows.find({"s": {"$ne": subject}}))
        rows.drop()
        if others:
            rows.insert_many(others)
        for nth, row in enumerate(links):
            told = {
                column: getattr(row, column) for column in ("event", "kind", "actor", "at", "digest", "link", "body")
            }
            rows.insert_one(
                {"_id": f"forged/{subject}/{nth}", "s": row.subject, number: row.number, "seq": nth, **told}
            )

    def forge_chart(self, subject: str, number: int, link: bytes) -> None:
        self._raw["chart"].update_one({"_id": subject}, {"$set": {"revision": number, "link": link}})

    def lose_chart(self, subject: str) -> None:
        self._raw["chart"].delete_one({"_id": subject})

    def forge_anchors(self, anchors: list[Anchor]) -> None:
        self._raw["anchor"].delete_many({})
        for anchor in anchors:
            self.record.put_anchor(anchor)


def commit_one(record: Record, who: str, kind: str, actor: str, at: datetime) -> None:
    """One commit with a sample of a vital sign, or the person's erasure."""
    chart = record.chart(who)
    event_id = f"{kind}:{who}:{chart.revision + 1}"
    sample = replace(reading(chart.revision), id=f"sample:{who}:{chart.revision}")
    changes = Changes(erased=True) if kind == ERASE else Changes(notes=(f"said by {who}",), observations=(sample,))
    record.commit(chart, event_id, kind, actor or who, changes, at)
