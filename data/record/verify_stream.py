"""One person's stream as verified: each row against the one before, its body, and what charts and anchors say."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hmac import compare_digest

from data.record.chain import ERASE, FIRST, JOURNAL, Link
from data.record.verify_row import ALTERED, CLOSED, GONE, UNREADABLE, body_fault, is_row, link_after
from data.sealing.sealing import Sealing

_FOREIGN = "swapped: this is not the record that was written here, or it was edited, or put in"
_STANDS = "the record that was written here stands at"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the chart or an anchor (`by`) says of a stream: `link` is its link at `number`."""

    number: int
    link: bytes
    by: str
    anchored: bool = False


class Walk:
    """What a stream was found to be: `bad` is its first bad number (0: none), `what` is wrong with it.

    `last` is its last good row. `loose` rows came after what any anchor has seen, the first at `loose_since`
    (microseconds).
    """

    def __init__(self, sealing: Sealing, stream: str, claims: Iterable[Claim], *, erased: bool = False) -> None:
        """`erased`: no body need be there. A journal says by its last row whether its person was erased."""
        self.stream, self.erased = stream, erased
        self.bad, self.what, self.last = 0, "", 0
        self.loose = self.loose_since = 0
        self._sealing, self._previous = sealing, FIRST
        self._bodiless = (0, "")
        self._waiting = sorted(claims, key=lambda claim: claim.number)
        self._anchored = max((claim.number for claim in self._waiting if claim.anchored), default=0)

    def along(self, links: Iterable[Link]) -> "Walk":
        """Follow the stream to its end; after its first bad row nothing more is judged."""
        try:
            self._follow(iter(links))
        except UNREADABLE:
            self._blame(self.last + 1, "edited: the record cannot be read")
        if self._waiting and not self.bad:
            latest = self._waiting[-1]
            self._blame(self.last + 1, f"truncated: {latest.by} saw records up to {latest.number}")
        if self._bodiless[0] and not self.erased:
            self._blame(*self._bodiless)
        return self

    def _follow(self, rows: Iterator[Link]) -> None:
        for row in rows:
            what = self._wrong(row)
            if what:
                self._blame(max(1, self.last) if what.startswith("inserted") else self.last + 1, what)
                self._explain(row, rows)
                return
            self._accept(row)

    def _blame(self, number: int, what: str) -> None:
        """Remember what is wrong, if it comes before what is known to be."""
        if not self.bad or number < self.bad:
            self.bad, self.what = number, what

    def _wrong(self, row: Link) -> str:
        """Why this row does not follow the last; "" when it does."""
        number = self.last + 1
        if not is_row(row):
            return "edited: a column is not of its kind"
        if row.number > number:
            return f"deleted: the next record that is there is {row.number}"
        if row.number < number:
            return f"inserted: there is one more record with the number {row.number}"
        if not compare_digest(row.link, link_after(self._sealing, self._previous, row)):
            return _FOREIGN
        if self.stream == JOURNAL and row.kind == ERASE:
            # What it said nobody can read any more.
            return ""
        what = body_fault(self._sealing, row)
        if what not in (GONE, CLOSED):
            return what
        self._bodiless = self._bodiless if self._bodiless[0] else (number, what)
        return ""

    def _accept(self, row: Link) -> None:
        while self._waiting and self._waiting[0].number <= row.number:
            claim = self._waiting.pop(0)
            if claim.number == row.number and not compare_digest(claim.link, row.link):
                self._blame(row.number, f"rewritten: {claim.by} saw another record here")
        if row.number > self._anchored:
            self.loose_since = self.loose_since or row.at
            self.loose += 1
        self.last, self._previous = row.number, row.link
        if self.stream == JOURNAL:
            self.erased = row.kind == ERASE

    def _explain(self, row: Link, rest: Iterator[Link]) -> None:
        """Say more of a row that does not follow: what it is instead, and where the right one stands now."""
        lost = self.what == _FOREIGN and self.bad == self.last + 1
        # A row whose body opens in its place belongs there.
        here = body_fault(self._sealing, row) if lost else ""
        lost = lost and here in (GONE, CLOSED, ALTERED)
        if self.what == _FOREIGN and not lost:
            self.what = here or "edited: its link is not the one that was made here"
        # An erasure whose kind was edited is still the reason why there are no bodies.
        erasure = replace(row, kind=ERASE)
        self._suspect_erasure(erasure if self._follows(self._previous, erasure, self.bad) else row)
        for later in rest:
            if lost and self._follows(self._previous, later, self.bad):
                next_door = later.number == self.bad + 1 and not self._follows(later.link, row, later.number)
                self.what = f"{'inserted' if next_door else 'swapped'}: {_STANDS} {later.number}"
                lost = False
            self._suspect_erasure(later)
        if lost and not body_fault(self._sealing, replace(row, number=row.number + 1)):
            self.what = "deleted: the record that came next was moved up here"

    def _follows(self, previous: bytes, row: Link, number: int) -> bool:
        """Whether a row was written as that number after that link."""
        moved = replace(row, number=number)
        return is_row(moved) and compare_digest(moved.link, link_after(self._sealing, previous, moved))

    def _suspect_erasure(self, row: Link) -> None:
        """Of a stream that is bad anyway: an erasure destroyed the keys, which whoever forges one cannot."""
        if self.stream == JOURNAL and is_row(row) and row.kind == ERASE:
            self.erased = self.erased or body_fault(self._sealing, row) == CLOSED
