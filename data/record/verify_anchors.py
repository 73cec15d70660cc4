"""The anchors as verified: their own chain, the lines kept outside, and how far any of them saw each stream."""

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import IO

import msgspec

from data.errors import BadFile, BadInput
from data.record.anchoring import mark_of, read_line
from data.record.chain import FIRST, Anchor, Chained, anchor_link
from data.sealing.sealing import Sealing

# That many streams are held at a time; of more, the rest waits sorted in a temporary file.
_HELD = 100_000


class Seen(msgspec.Struct, frozen=True, array_like=True, order=True):
    """The furthest that any anchor saw one stream: `link` stood at `number`, says anchor `by`."""

    subject: str
    stream: str
    number: int
    link: bytes
    by: int


@dataclass(slots=True, kw_only=True)
class Anchors:
    """What is known of a record's anchors. `first_bad` is the number of the first that is wrong, 0 for none.

    `foreign` counts lines of other records in the file outside, `unread` lines that say nothing.
    """

    count: int = 0
    last_at: int | None = None
    first_bad: int = 0
    why: str = ""
    foreign: int = 0
    unread: int = 0
    furthest: "Furthest" = field(default_factory=lambda: Furthest())

    def blame(self, number: int, why: str) -> None:
        """Remember what is wrong, if it comes before what is known to be."""
        if not self.first_bad or number < self.first_bad:
            self.first_bad, self.why = number, why


def read_anchors(record: Chained, outside: Iterable[str] = ()) -> Anchors:
    """Every anchor against the one before it and against the lines kept `outside` the record (one anchor each).

    Of outside lines one number and link each is held: a minute's anchors of a year take 100 MB. Raises `BadInput`
    when there are lines and none of them is an anchor's.
    """
    found = Anchors()
    told = _read_outside(record.sealing, outside, found)
    previous, number = FIRST, 0
    for anchor in _readable(record, found):
        number += 1
        why = _wrong(record.sealing, anchor, number, previous)
        if why:
            found.blame(min(number, anchor.number), why)
        else:
            for head in anchor.heads:
                found.furthest.put(Seen(head.subject, head.stream, head.number, head.link, number))
        if told.pop(anchor.number, anchor.link) != anchor.link:
            found.blame(anchor.number, "rewritten: this is not the anchor that was kept outside the record")
        previous, number = anchor.link, anchor.number
        found.count, found.last_at = found.count + 1, anchor.at
    if told:
        found.blame(number + 1, f"truncated: anchors up to {max(told)} were kept outside the record")
    return found


def _readable(record: Chained, found: Anchors) -> Iterator[Anchor]:
    """The anchors up to the first that is not even an anchor any more."""
    number = 0
    anchors = record.anchors()
    while True:
        try:
            anchor = next(anchors, None)
        except (BadFile, msgspec.MsgspecError):
            found.blame(number + 1, "edited: it cannot be read")
            return
        if anchor is None:
            return
        if not _well_formed(anchor):
            found.blame(number + 1, "edited: a column is not of its kind")
            return
        number = anchor.number
        yield anchor


def _well_formed(anchor: Anchor) -> bool:
    return (
        all(isinstance(count, int) for count in (anchor.number, anchor.at))
        and anchor.number > 0
        and isinstance(anchor.upto, str)
        and isinstance(anchor.link, bytes)
        and all(isinstance(head.subject, str) and isinstance(head.link, bytes) for head in anchor.heads)
        and all(isinstance(head.number, int) for head in anchor.heads)
    )


def _wrong(sealing: Sealing, anchor: Anchor, number: int, previous: bytes) -> str:
    if anchor.number > number:
        return f"deleted: the next anchor that is there is {anchor.number}"
    if anchor.number < number:
        return "inserted: the number stands there twice"
    link = anchor_link(sealing, previous, number=anchor.number, at=anchor.at, upto=anchor.upto, heads=anchor.heads)
    return "" if link == anchor.link else "edited: it is not the anchor that was made here"


def _read_outside(sealing: Sealing, outside: Iterable[str], found: Anchors) -> dict[int, bytes]:
    """The links by number, of this record's lines."""
    told: dict[int, bytes] = {}
    mine = mark_of(sealing)
    count = 0
    for text in outside:
        line = read_line(text)
        if line is None:
            found.unread += bool(text.strip())
        elif line.mark not in ("", mine):
            found.foreign += 1
        elif told.setdefault(line.number, line.link) != line.link:
            found.blame(line.number, "rewritten: outside the record two anchors of this number were kept")
        count += line is not None
    if found.unread and not count:
        raise BadInput("the file of anchors holds no anchor; its lines begin with phms-anchor")
    return told


class Furthest:
    """Of every stream the furthest that was seen, in order of person and stream, however many there are."""

    def __init__(self, held: int = _HELD) -> None:
        self._most = held
        self._held: dict[tuple[str, str], Seen] = {}
        self._runs: list[IO[bytes]] = []

    def put(self, seen: Seen) -> None:
        """Take note, if it is further than what is known."""
        key = (seen.subject, seen.stream)
        known = self._held.get(key)
        if known is None or known.number < seen.number:
            self._held[key] = seen
        if len(self._held) >= self._most:
            self._runs.append(_spilled(self._held.values()))
            self._held = {}

    def __iter__(self) -> Iterator[Seen]:
        runs = [_unspilled(run) for run in self._runs]
        for _, of_stream in groupby(heapq.merge(*runs, sorted(self._held.values())), lambda s: (s.subject, s.stream)):
            yield max(of_stream, key=lambda s: s.number)

    def close(self) -> None:
        """Remove what was put aside."""
        for run in self._runs:
            run.close()


def _spilled(seen: Iterable[Seen]) -> IO[bytes]:
    """A sorted run in a file that has no name: there is nothing in it but names and links."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever asked
    for one in sorted(seen):
        file.write(_encoder.encode(one) + b"\n")
    return file


def _unspilled(file: IO[bytes]) -> Iterator[Seen]:
    file.seek(0)
    for line in file:
        yield _decoder.decode(line)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Seen)
