"""`verify`: whether the audit trail is what was written, by every link, body, chart and anchor; else the first bad one.

Its honest limit: what came after the last anchor may be cut off together with the chart's own count, unnoticed; of
looks, the count is kept by anchors alone. And whoever holds the keys can write another history; only the lines of
anchors kept outside the record tell that one from the true one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from data.record.anchoring import EVERY
from data.record.chain import ACCESS, ANCHOR, JOURNAL, Chained, Head, Link
from data.record.coding import instant
from data.record.verify_anchors import Anchors, Seen, read_anchors
from data.record.verify_row import UNREADABLE
from data.record.verify_stream import Claim, Walk

# Of a record whose every stream is wrong (other keys, say), so many are told one by one.
MOST_TOLD = 1_000
# An anchor is overdue when something has waited for it ten times as long as it should.
OVERDUE = 10 * EVERY
_TOLD_EVERY = 500
# A stream that looks wrong is read again so often: others may have written between two pages of it.
_READ_AGAIN = 2


class _Named(Protocol):
    @property
    def subject(self) -> str: ...


T = TypeVar("T", bound=_Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one stream: `number` is its first bad row, `subject` the person's keyed name ("" of anchors).

    `what` begins with one of edited, deleted, swapped, inserted, truncated, rewritten, gone.
    """

    stream: str
    subject: str
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.stream}{f' of {self.subject}' if self.subject else ''}: {self.number}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found. `faults` are one for each bad stream (`more` than `MOST_TOLD` are only counted).

    `loose` rows, the first written at `loose_since`, came after the anchors: they are whole, but were some of the
    latest cut off, it could not be told. `foreign` lines outside are of other records, `unread` of none.
    """

    faults: tuple[Fault, ...]
    more: int
    links: int
    people: int
    anchors: int
    anchored_at: datetime | None
    loose: int
    loose_since: datetime | None
    overdue: bool
    foreign: int
    unread: int

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify(
    record: Chained,
    outside: Iterable[str] = (),
    *,
    now: datetime | None = None,
    told: Callable[[int], None] = lambda links: None,
) -> Verdict:
    """Read everything once, in flat memory, while others may go on writing; `told` hears now and then how many links.

    `outside` are the lines of anchors kept elsewhere, read before this call; with `now`, an overdue anchor is found.
    Raises what the record raises when it does not answer or cannot be read at all.
    """
    anchors = read_anchors(record, outside)
    try:
        inspector = _Inspector(record, told)
        if anchors.first_bad:
            inspector.blame(ANCHOR, "", anchors.first_bad, anchors.why)
        inspector.inspect(anchors.furthest)
    finally:
        anchors.furthest.close()
    return inspector.verdict(anchors, now)


class _Inspector:
    """One reading of a record, person by person."""

    def __init__(self, record: Chained, told: Callable[[int], None]) -> None:
        self._record, self._told = record, told
        self._faults: list[Fault] = []
        self._more = self._links = self._people = self._loose = 0
        self._loose_since: int | None = None

    def blame(self, stream: str, subject: str, number: int, what: str) -> None:
        """Put down a fault."""
        if len(self._faults) < MOST_TOLD:
            self._faults.append(Fault(stream=stream, subject=subject, number=number, what=what))
        else:
            self._more += 1

    def inspect(self, furthest: Iterable[Seen]) -> None:
        """Every person whom a row, a chart or an anchor names."""
        journal = _Rows(self._counted(self._record.links(JOURNAL)), self._odd)
        looks = _Rows(self._counted(self._record.links(ACCESS)), self._odd)
        charts, seen = _Rows(self._record.chart_heads(), self._odd), _Rows(iter(furthest), self._odd)
        while named := [rows.subject for rows in (journal, looks, charts, seen) if rows.subject is not None]:
            subject = min(named)
            claims = _claims(charts.of(subject), seen.of(subject))
            walks = self._walks(journal.of(subject), looks.of(subject), claims)
            for _ in range(_READ_AGAIN):
                if any(walk.bad for walk in walks):
                    journal_again = self._record.links(JOURNAL, subject)
                    walks = self._walks(journal_again, self._record.links(ACCESS, subject), claims)
            self._people += 1
            for walk in walks:
                self._note(subject, walk)
        for stream, rows in ((JOURNAL, journal), (ACCESS, looks)):
            if rows.broken and not self._faults:
                self.blame(stream, "", 0, "edited: a record cannot be read, and it cannot be told whose")

    def _walks(
        self, journal: Iterable[Link], looks: Iterable[Link], claims: dict[str, list[Claim]]
    ) -> tuple[Walk, Walk]:
        """Both streams of a person. Whether they were erased, the journal says first."""
        sealing = self._record.sealing
        first = Walk(sealing, JOURNAL, claims[JOURNAL]).along(journal)
        return first, Walk(sealing, ACCESS, claims[ACCESS], erased=first.erased).along(looks)

    def _note(self, subject: str, walk: Walk) -> None:
        if walk.bad:
            self.blame(walk.stream, subject, walk.bad, walk.what)
        elif walk.loose:
            self._loose += walk.loose
            self._loose_since = min(walk.loose_since, self._loose_since or walk.loose_since)

    def _odd(self, row: Link | Head | Seen) -> None:
        number = row.number if isinstance(row.number, int) else 0
        self.blame(row.stream, repr(row.subject), number, "edited: whose record it is cannot be read")

    def _counted(self, links: Iterator[Link]) -> Iterator[Link]:
        for link in links:
            self._links += 1
            if self._links % _TOLD_EVERY == 0:
                self._told(self._links)
            yield link

    def verdict(self, anchors: Anchors, now: datetime | None) -> Verdict:
        """What all of it comes to."""
        since = None if self._loose_since is None else instant(self._loose_since)
        return Verdict(
            faults=tuple(self._faults),
            more=self._more,
            links=self._links,
            people=self._people,
            anchors=anchors.count,
            anchored_at=None if anchors.last_at is None else instant(anchors.last_at),
            loose=self._loose,
            loose_since=since,
            overdue=now is not None and since is not None and now - since > OVERDUE,
            foreign=anchors.foreign,
            unread=anchors.unread,
        )


def _claims(charts: Iterable[Head], seen: Iterable[Seen]) -> dict[str, list[Claim]]:
    """What charts and anchors say of a person's two streams."""
    claims: dict[str, list[Claim]] = {JOURNAL: [], ACCESS: []}
    for head in charts:
        if not (isinstance(head.number, int) and isinstance(head.link, bytes) and head.number >= bool(head.link)):
            claims[JOURNAL].append(Claim(1, b"", "the chart"))
        elif head.number:
            claims[JOURNAL].append(Claim(head.number, head.link, "the chart"))
    for one in seen:
        claims.setdefault(one.stream, []).append(Claim(one.number, one.link, f"anchor {one.by}", anchored=True))
    return claims


class _Rows(Generic[T]):
    """Rows in order of person, taken person by person."""

    def __init__(self, rows: Iterator[T], odd: Callable[[T], None]) -> None:
        """`odd` is told of each row that names nobody."""
        self._rows, self._odd, self.broken = rows, odd, False
        self._next = self._take()

    @property
    def subject(self) -> str | None:
        """Whose rows come next; None at the end."""
        return None if self._next is None else self._next.subject

    def of(self, subject: str) -> Iterator[T]:
        """The rows of this person, if they are next."""
        while self._next is not None and self._next.subject == subject:
            row, self._next = self._next, self._take()
            yield row

    def _take(self) -> T | None:
        try:
            for row in self._rows:
                if isinstance(row.subject, str):
                    return row
                self._odd(row)
        except UNREADABLE:
            # The rest is read person by person, where something seems to be missing.
            self.broken = True
        return None
