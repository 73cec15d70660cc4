"""The audit trail's chain: every journal entry and every access is linked to the one before by a keyed hash.

There are two streams for each person, "journal" (changes) and "access" (looks), each numbered from 1 without gaps;
so writers of different persons never wait for one another. What a link is over cannot be changed without the key.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from data.sealing.sealing import Sealing

JOURNAL, ACCESS = "journal", "access"
# Anchors are a chain of their own.
ANCHOR = "anchor"
# The kind of the entry that erased a person: what came before it has no body any more.
ERASE = "erase"
# Where the body of an entry is sealed once its old samples were taken out (see `data.record.retention`).
RELIEVED = "journal-relieved"
FIRST = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One row of a stream as stored. `subject`, `event` and `actor` are names (keyed), `at` is microseconds.

    `digest` is of the plain body, `body` the sealed one (empty once erased), `link` over the link before and all
    the rest but the body. An access has no `event`; its `kind` is the action, with a "!" in front when refused.
    """

    stream: str
    subject: str
    number: int
    event: str
    kind: str
    actor: str
    at: int
    digest: bytes
    link: bytes
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last link of one stream at some moment."""

    stream: str
    subject: str
    number: int
    link: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A chained statement of how far which streams had got: whatever is missing of that later was taken away.

    `heads` are those of the streams that moved since the anchor before; `upto` is where the next one goes on (the
    store's own mark).
    """

    number: int
    at: int
    upto: str
    heads: tuple[Head, ...]
    link: bytes


@runtime_checkable
class Chained(Protocol):
    """What a store offers to those who anchor and verify its chain."""

    sealing: Sealing

    def links(self, stream: str, subject: str | None = None) -> Iterator[Link]:
        """A stream of one person (by name) or of everyone, by person and number."""

    def chart_heads(self) -> Iterator[Head]:
        """What the charts say the last journal link of each person is."""

    def heads_since(self, upto: str) -> tuple[tuple[Head, ...], str]:
        """The heads of the streams that moved since the mark `upto` ("" for all), and the new mark.

        May name a stream that did not move, never leaves out one that did.
        """

    def anchors(self) -> Iterator[Anchor]:
        """Every anchor, by number."""

    def last_anchor(self) -> Anchor | None:
        """The anchor of the greatest number."""

    def put_anchor(self, anchor: Anchor) -> bool:
        """Keep an anchor; False when its number is taken."""


def next_link(
    sealing: Sealing,
    previous: bytes,
    *,
    stream: str,
    subject: str,
    number: int,
    event: str,
    kind: str,
    actor: str,
    at: int,
    digest: bytes,
) -> bytes:
    """The link of a row that follows `previous` (`FIRST` for number 1)."""
    return sealing.link(previous, stream, subject, number, event, kind, actor, at, digest)


def anchor_link(sealing: Sealing, previous: bytes, *, number: int, at: int, upto: str, heads: Iterable[Head]) -> bytes:
    """The link of an anchor that follows the anchor whose link is `previous` (`FIRST` for number 1)."""
    told = [part for head in heads for part in (head.stream, head.subject, head.number, head.link)]
    return sealing.link(previous, ANCHOR, number, at, upto, *told)
