"""What came in while the record did not answer: one sealed file each, synced to disk, until it can be kept."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.door import kept_address, kept_id, kept_text
from data.errors import BadFile, PhmsError, Unavailable
from data.model.inbound import Inbound, Report
from data.record.coding import decode, encode, micros

log = logging.getLogger("phms.spool")

_NONCE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A message, or a provider's word on the message `communication_id` of ours."""

    inbound: Inbound | None = None
    report: Report | None = None
    communication_id: str = ""

    @property
    def name(self) -> str:
        """Forty-eight hex digits, the same for the same thing sent again."""
        if self.inbound is not None:
            known = f"{self.inbound.channel}:{self.inbound.provider_message_id}"
        else:
            known = f"{self.report and (self.report.provider_id, self.report.said)}"
        return sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:48]


class Spool:
    """A folder of sealed files, oldest first. Safe for several processes: to keep a thing twice changes nothing."""

    def __init__(self, folder: Path, key: bytes) -> None:
        """Raises `Unavailable` when the folder cannot be made or read."""
        self._folder, self._seal, self._lock = folder, AESGCM(key), Lock()
        # What the disk does not give back now, by name.
        self._stuck: frozenset[str] = frozenset()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._names = self._there()
            self._broken = len(list(folder.glob("*.broken")))
        except OSError as problem:
            raise _full(problem) from None

    @property
    def count(self) -> int:
        """How many wait and can be had, as far as this process knows."""
        return len(self._names - self._stuck)

    @property
    def stuck(self) -> int:
        """How many can be neither read nor removed; no message waits for them."""
        return len(self._stuck)

    @property
    def broken(self) -> int:
        """How many were put aside or are stuck: they do not open, or cannot be kept; somebody has to look at them."""
        return self._broken + len(self._stuck)

    def put(self, thing: Spooled, at: datetime) -> None:
        """Write it and sync it. Raises `Unavailable` when the disk does not take it: then nobody may say "kept"."""
        if thing.inbound is not None:
            thing = replace(thing, inbound=_storable(thing.inbound, at))
        file = self._folder / f"{micros(at):020d}-{thing.name}.sealed"
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._seal.encrypt(nonce, encode(thing), file.name.encode())
        try:
            with self._lock:
                if thing.name in self._names:
                    return
                self._write(file, sealed)
                self._names.add(thing.name)
        except OSError as problem:
            raise _full(problem) from None

    def _write(self, file: Path, sealed: bytes) -> None:
        half = file.with_suffix(f".{os.getpid()}")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(sealed)
                out.flush()
                os.fsync(out.fileno())
            half.rename(file)
        except OSError:
            half.unlink(missing_ok=True)
            raise
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def drain(self, keep: Callable[[Spooled], object]) -> int:
        """Give each to `keep`, oldest first, and remove it; how many were kept. Ends with what `keep` raises."""
        done, stuck = 0, set[str]()
        for file in self._files():
            try:
                thing = self._read(file)
                if thing is not None and self._kept(file, thing, keep):
                    done += 1
                    file.unlink(missing_ok=True)
            except OSError as problem:
                # Whatever is wrong with one file, those behind it and all that comes in are kept.
                stuck.add(_name(file))
                if _name(file) not in self._stuck:
                    log.error("a spooled message is stuck (%s): see to the rights of %s", problem.strerror, file.name)
        with self._lock:
            self._names, self._stuck = self._there(), frozenset(stuck)
        return done

    def _kept(self, file: Path, thing: Spooled, keep: Callable[[Spooled], object]) -> bool:
        """Whether `keep` took it. What it cannot take whatever the record does must not hold up all behind it."""
        try:
            keep(thing)
        except PhmsError:
            raise
        except Exception as problem:
            log.error("a spooled message cannot be kept (%s); it is kept aside", type(problem).__name__)
            self._aside(file)
            return False
        return True

    def _read(self, file: Path) -> Spooled | None:
        """None for a file that another process has taken meanwhile, or that does not open: that one is put aside."""
        try:
            sealed = file.read_bytes()
            return decode(self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], file.name.encode()), Spooled)
        except FileNotFoundError:
            return None
        except (InvalidTag, ValueError, BadFile):
            log.error("a spooled message does not open; it is kept as %s", file.with_suffix(".broken").name)
            self._aside(file)
            return None

    def _aside(self, file: Path) -> None:
        file.replace(file.with_suffix(".broken"))
        self._broken += 1

    def _there(self) -> set[str]:
        return {_name(file) for file in self._files()}

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.sealed"))


def _name(file: Path) -> str:
    return file.stem.partition("-")[2]


def _storable(inbound: Inbound, at: datetime) -> Inbound:
    """As the house would keep it: what comes in may hold half characters, which no file can."""
    return replace(
        inbound,
        address=kept_address(inbound.address),
        text=kept_text(inbound.text),
        provider_message_id=kept_id(inbound.provider_message_id),
        ref=kept_id(inbound.ref),
        received_at=inbound.received_at or at,
    )


def _full(problem: OSError) -> Unavailable:
    return Unavailable(f"the spool cannot be written ({problem.strerror}); make room, or see to its rights")
