"""Anchors: now and then it is stated how far every chain has got, in the record and as a line that leaves the host."""

import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from data.errors import Conflict, Unavailable
from data.record.chain import FIRST, Anchor, Chained, anchor_link
from data.record.coding import instant, micros
from data.sealing.sealing import Sealing

# Whatever is cut off before it was anchored is not missed, so it is never more than a minute or a thousand entries.
EVERY, ENTRIES = timedelta(seconds=60), 1_000
_TRIES = 20
_LINE = re.compile(r"phms-anchor ([1-9][0-9]{0,17}) ([0-9TZ:-]{20}) ([0-9a-f]{64})(?: ([\w-]{8}))?")


def due(last_at: datetime | None, now: datetime, entries: int = 1) -> bool:
    """Whether to anchor now, when `entries` were written since the last anchor, made at `last_at` (None: never).

    A clock that was set back makes it due: nobody waits for an hour that will come twice.
    """
    if not entries:
        return False
    return last_at is None or entries >= ENTRIES or not last_at <= now < last_at + EVERY


def anchor(record: Chained, now: datetime) -> Anchor | None:
    """State how far every chain that moved has got, and keep it in the record; None when none did.

    Raises `Conflict` when other processes take every number, `Unavailable` as the record does.
    """
    for _ in range(_TRIES):
        last = record.last_anchor()
        heads, upto = record.heads_since(last.upto if last else "")
        # A store may name again what moved shortly before.
        if not heads or (last is not None and frozenset(heads) <= frozenset(last.heads)):
            return None
        number, previous = (last.number + 1, last.link) if last else (1, FIRST)
        at = micros(now)
        link = anchor_link(record.sealing, previous, number=number, at=at, upto=upto, heads=heads)
        made = Anchor(number=number, at=at, upto=upto, heads=heads, link=link)
        if record.put_anchor(made):
            return made
    raise Conflict("other processes take the number of every anchor; let only one of them anchor")


# The line that leaves the host.


@dataclass(frozen=True, slots=True)
class Line:
    """One anchor as told outside the record; `mark` says of which record it is ("" when it does not say)."""

    number: int
    link: bytes
    mark: str = ""


def mark_of(sealing: Sealing) -> str:
    """Eight characters that tell a record from others whose lines stand in the same file."""
    return sealing.name("record", "anchors")[:8]


def line_of(anchor: Anchor, sealing: Sealing) -> str:
    """The anchor in one line: "phms-anchor 17 2026-11-24T18:00:00Z <link in hex> <mark of the record>"."""
    return f"phms-anchor {anchor.number} {instant(anchor.at):%Y-%m-%dT%H:%M:%SZ} {anchor.link.hex()} {mark_of(sealing)}"


def read_line(text: str) -> Line | None:
    """What `line_of` wrote, without a mark too; None for anything else, such as a line that a crash cut short."""
    found = _LINE.fullmatch(text.strip())
    return Line(int(found[1]), bytes.fromhex(found[3]), found[4] or "") if found else None


def anchor_outside(record: Chained, path: Path, now: datetime) -> str | None:
    """Anchor what moved and append the latest anchor's line to the file, unless it stands there; None without any.

    Safe to repeat after a crash: each line vouches for all anchors before it. Raises `Unavailable` when the file
    cannot be written.
    """
    latest = anchor(record, now) or record.last_anchor()
    if latest is None:
        return None
    line = line_of(latest, record.sealing)
    keep_line(path, line)
    return line


def keep_line(path: Path, line: str) -> None:
    """Append a line to a file that its owner alone may read, synced to disk; nothing when it is the last one there.

    Raises `Unavailable` when it cannot be.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 2 * len(line) - 2))
            tail = file.read()
            if tail.endswith(f"{line}\n".encode()):
                return
            # A line that a crash cut short stays by itself.
            file.write((b"" if not tail or tail.endswith(b"\n") else b"\n") + f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        if not size:
            _sync_folder(path.parent)
    except OSError as problem:
        raise Unavailable(
            f"{path}: anchors cannot be kept there: {problem.strerror}; name a file that this user may write"
        ) from None


def _sync_folder(folder: Path) -> None:
    """A new file's name is on disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
