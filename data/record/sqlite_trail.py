"""The audit trail in a SQLite record: looks at people's data, the chain over all of it, and its anchors."""

from collections.abc import Iterator
from typing import Any

from data.errors import NotFound
from data.model.audit import Access, Entry
from data.record import sqlite_dump
from data.record.chain import ACCESS, FIRST, JOURNAL, RELIEVED, Anchor, Head, Link
from data.record.coding import decode_list, encode
from data.record.linking import access_columns
from data.record.sqlite_base import SqliteBase

_PAGE = 200
_LINKS = {
    JOURNAL: "SELECT subject, revision, event, kind, actor, at, digest, link, body FROM journal"
    " WHERE (subject, revision) > (?, ?) {mine} ORDER BY subject, revision LIMIT {page}",
    ACCESS: "SELECT subject, number, '', kind, actor, at, digest, link, body FROM access"
    " WHERE (subject, number) > (?, ?) {mine} ORDER BY subject, number LIMIT {page}",
}
_ANCHORS = "SELECT number, at, upto, heads, link FROM anchor"


class SqliteTrail(SqliteBase):
    """The journal and the accesses of a `SqliteRecord`, and what `Chained` asks for."""

    def note_access(self, access: Access) -> None:
        """See `Record.note_access`."""
        owner = self._person(access.subject)
        with self._writing() as connection:
            self._must_live(owner)
            last = connection.execute(
                "SELECT number, link FROM access WHERE subject = ? ORDER BY number DESC LIMIT 1", (owner,)
            ).fetchone()
            number, previous = (last[0] + 1, last[1]) if last else (1, FIRST)
            columns = access_columns(self.sealing, owner, previous, number, access)
            self._write("access", sqlite_dump.PUT_ACCESS, (owner, number, *columns.values()))

    def accesses(self, subject: str) -> Iterator[Access]:
        """See `Record.accesses`."""
        owner = self._person(subject)
        for link in self.links(ACCESS, owner):
            if link.body:
                yield self._open("access", owner, str(link.number), link.body, Access)

    def journal(self, subject: str | None = None) -> Iterator[Entry]:
        """See `Record.journal`."""
        last = 0
        values: dict[str, Any] = {} if subject is None else {"owner": self._person(subject)}
        mine = "" if subject is None else "subject = :owner AND"
        select = (
            f"SELECT seq, subject, revision, relieved, body FROM journal WHERE {mine} seq > :last"  # noqa: S608
            f" AND body <> x'' ORDER BY seq LIMIT {_PAGE}"
        )
        # By pages, so that a long reader neither holds the lock nor a snapshot.
        while rows := self._read(select, {**values, "last": last}):
            for last, owner, revision, relieved, body in rows:  # noqa: B007 - the next page starts after it
                try:
                    yield self._open(RELIEVED if relieved else "journal", owner, str(revision), body, Entry)
                except NotFound:
                    # Erased while we read, or the entry that erased them: there is nothing to tell.
                    continue

    def links(self, stream: str, subject: str | None = None) -> Iterator[Link]:
        """See `Chained.links`."""
        last: tuple[object, ...] = ("", 0)
        select = _LINKS[stream].format(mine="" if subject is None else "AND subject = ?", page=_PAGE)
        while rows := self._read(select, last if subject is None else (*last, subject)):
            for row in rows:
                name, number, event, kind, actor, at, digest, link, body = row
                yield Link(
                    stream=stream,
                    subject=name,
                    number=number,
                    event=event,
                    kind=kind,
                    actor=actor,
                    at=at,
                    digest=digest,
                    link=link,
                    body=body,
                )
            last = rows[-1][:2]

    def chart_heads(self) -> Iterator[Head]:
        """See `Chained.chart_heads`."""
        last = ""
        select = f"SELECT subject, revision, link FROM chart WHERE subject > ? ORDER BY subject LIMIT {_PAGE}"  # noqa: S608
        while rows := self._read(select, (last,)):
            for last, revision, link in rows:
                yield Head(stream=JOURNAL, subject=last, number=revision, link=link)

    def heads_since(self, upto: str) -> tuple[tuple[Head, ...], str]:
        """See `Chained.heads_since`. The mark is the last row of the journal and of the accesses."""
        # A mark of another kind is of the store that this record was moved from: then everything is told again.
        seq, n = (int(part) for part in (upto if "/" in upto else "0/0").split("/"))
        with self._reading() as connection:
            journal = connection.execute(
                "SELECT subject, revision, link, seq FROM journal AS me WHERE seq > ? AND NOT EXISTS"
                " (SELECT 1 FROM journal WHERE subject = me.subject AND revision > me.revision)",
                (seq,),
            ).fetchall()
            access = connection.execute(
                "SELECT subject, number, link, n FROM access AS me WHERE n > ? AND NOT EXISTS"
                " (SELECT 1 FROM access WHERE subject = me.subject AND number > me.number)",
                (n,),
            ).fetchall()
        heads = [Head(stream=JOURNAL, subject=s, number=i, link=link) for s, i, link, _ in journal]
        heads += [Head(stream=ACCESS, subject=s, number=i, link=link) for s, i, link, _ in access]
        seq, n = max([seq, *(row[3] for row in journal)]), max([n, *(row[3] for row in access)])
        return tuple(sorted(heads, key=lambda head: (head.stream, head.subject))), f"{seq}/{n}"

    def anchors(self) -> Iterator[Anchor]:
        """See `Chained.anchors`."""
        last = 0
        while rows := self._read(f"{_ANCHORS} WHERE number > ? ORDER BY number LIMIT 20", (last,)):
            yield from map(_anchor, rows)
            last = rows[-1][0]

    def last_anchor(self) -> Anchor | None:
        """See `Chained.last_anchor`."""
        rows = self._read(f"{_ANCHORS} ORDER BY number DESC LIMIT 1", ())
        return _anchor(rows[0]) if rows else None

    def put_anchor(self, anchor: Anchor) -> bool:
        """See `Chained.put_anchor`."""
        put = "INSERT INTO anchor (number, at, upto, heads, link) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        with self._writing():
            values = (anchor.number, anchor.at, anchor.upto, encode(anchor.heads), anchor.link)
            return self._write("anchor", put, values).rowcount == 1


def _anchor(row: tuple[int, int, str, bytes, bytes]) -> Anchor:
    number, at, upto, heads, link = row
    return Anchor(number=number, at=at, upto=upto, heads=decode_list(heads, Head), link=link)
