"""The keys a record is sealed with: one per owner and generation, wrapped, kept apart from what they seal.

The root key (in a file or a key vault) wraps key-encryption keys; the newest of these wraps every data key and the
house secret, from which names, the audit chain and digests are derived. So a vault is asked at start only, and a root
can be changed without touching what is sealed (NIST SP 800-57 part 1, 2020, key-wrapping keys).
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from data.errors import BadFile, BadInput, NotFound
from data.ports import KeyStore
from data.sealing.keks import Keks
from data.sealing.wrapping import HOUSE, KEK, KEY, MOST, KeyRow, KeyTable, check_value, opened, under, wrapped_row

__all__ = ["HOUSE", "KEK", "KeyRow", "KeyTable", "Keyring", "check_value"]

# Owners whose keys are at work, and for how many seconds: then each is read again, so that a key which another
# process destroyed does not live on in this one. Reading one again takes microseconds.
_KEPT, _AT_WORK_S = 4096, 300.0
ERASED = "this person was erased: nothing more is kept of them"


@dataclass(slots=True)
class _AtWork:
    """The opened keys of one owner; `newest` is 0 as long as nobody asked for the newest."""

    newest: int
    keys: dict[int, AESGCM]


class Keyring:
    """Opens wrapped keys, makes new ones, and remembers those at work.

    Safe for threads: its lock guards its memory only and is never held while the table or the root's keeper is
    asked, so a store may call it from within a transaction of its own.
    """

    def __init__(self, store: KeyStore, table: KeyTable, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Open the house secret; make it when the table is empty.

        Raises `BadFile` when the root is not the one the record was sealed with or the table is not whole,
        `Unavailable` when the root's keeper is down.
        """
        self.store, self.table = store, table
        self.keks = Keks(store, table)
        self._monotonic = monotonic
        self._fresh_until = monotonic() + _AT_WORK_S
        self._lock = Lock()
        self._known: dict[str, _AtWork] = {}
        self._shredded: set[str] = set()
        row = _house_row(self.keks, table)
        self.house = opened(self.keks.get(under(row)), row)
        self.keks.trust(self.derive("key-encryption keys"), row)

    def derive(self, purpose: str) -> bytes:
        """A key of its own for one purpose, from the house secret (HKDF-SHA256, RFC 5869)."""
        return derived(self.house, purpose)

    def newest(self, owner: str) -> tuple[int, AESGCM]:
        """The key that seals for an owner from now on, made when there is none. Raises `NotFound` once erased."""
        self.expire()
        known = self._known.get(owner)
        if known is None or not known.newest:
            known = self._load_newest(owner)
        generation = known.newest
        return generation, known.keys[generation]

    def key(self, owner: str, generation: int) -> AESGCM:
        """The key of that generation. Raises `NotFound` when it was destroyed or never was."""
        self.expire()
        known = self._known.get(owner)
        found = known.keys.get(generation) if known else None
        if found is None:
            row = next((row for row in self._rows(owner) if row.generation == generation), None)
            if row is None:
                raise NotFound(
                    "the key of a sealed value is not there: it was destroyed, or its table was not restored"
                )
            found = self._remember(owner, generation, AESGCM(self.open(row)))
        return found

    def expire(self) -> None:
        """Drop all keys at work when their time is over. On any use, of anybody's."""
        if self._monotonic() >= self._fresh_until:
            self.forget()

    def add(self, owner: str, generation: int) -> None:
        """A new key for an owner; when another process made it first, theirs is taken.

        Raises `NotFound` when the owner was erased.
        """
        if not 0 < generation <= MOST or owner.startswith("~"):
            raise BadInput(f"there can be no key {generation} of {owner}; the last is {MOST}")
        _add(self.keks, self.table, owner, generation)
        self.forget(owner)
        self._load_newest(owner)

    def shred(self, owner: str) -> int:
        """Destroy an owner's keys: whatever they sealed is lost, backups included. Safe to repeat."""
        self.expire()
        if owner.startswith("~"):
            raise BadInput("only the keys of one person can be destroyed")
        self.forget(owner)
        count = self.table.shred(owner)
        with self._lock:
            self._shredded.add(owner)
            self._known.pop(owner, None)
        return count

    def forget(self, owner: str | None = None) -> None:
        """Drop an owner's keys at work (everyone's by default), so that each is read again."""
        with self._lock:
            if owner is None:
                self._known.clear()
                self._fresh_until = self._monotonic() + _AT_WORK_S
            else:
                self._known.pop(owner, None)

    def open(self, row: KeyRow) -> bytes:
        """A data key or the house secret itself. Raises `BadFile` when it is not what was wrapped."""
        self.expire()
        try:
            return opened(self.keks.get(under(row)), row)
        except BadFile:
            # It may have been wrapped anew since it was read, and the key that wrapped it before removed.
            again = next((r for r in self.table.keys_of(row.owner) if r.generation == row.generation), row)
            if again == row:
                raise
            return opened(self.keks.get(under(again)), again)

    def rewrapped(self, row: KeyRow) -> KeyRow:
        """A data key's row under the newest key-encryption key."""
        number, kek = self.keks.newest()
        return wrapped_row(kek, number, row.owner, row.generation, self.open(row))

    def _rows(self, owner: str) -> tuple[KeyRow, ...]:
        rows = () if owner in self._shredded else self.table.keys_of(owner)
        if owner in self._shredded or (rows and rows[0].generation == 0):
            self.forget(owner)
            raise NotFound(ERASED)
        return rows

    def _load_newest(self, owner: str) -> _AtWork:
        rows = self._rows(owner)
        if not rows:
            _add(self.keks, self.table, owner, 1)
            rows = self._rows(owner)
            if not rows:
                raise BadFile("the table of keys does not keep what it is given; restore it, or name another record")
        row = rows[-1]
        key = AESGCM(self.open(row))
        self._remember(owner, row.generation, key, newest=True)
        return _AtWork(row.generation, {row.generation: key})

    def _remember(self, owner: str, generation: int, key: AESGCM, *, newest: bool = False) -> AESGCM:
        with self._lock:
            if owner in self._shredded:
                raise NotFound(ERASED)
            while len(self._known) >= _KEPT and owner not in self._known:
                del self._known[next(iter(self._known))]
            known = self._known.setdefault(owner, _AtWork(0, {}))
            known.keys.setdefault(generation, key)
            if newest:
                known.newest = max(known.newest, generation)
            return known.keys[generation]


def derived(house: bytes, purpose: str) -> bytes:
    """A key of its own for one purpose, from the house secret (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY, salt=None, info=f"phms1 {purpose}".encode()).derive(house)


def _add(keks: Keks, table: KeyTable, owner: str, generation: int) -> None:
    """Put a fresh key in the table, unless that generation is there or the owner was erased.

    The table is asked afterwards whether the key-encryption key is still the newest: if not, a rewrap may be
    running that has passed this row, and would remove what opens it.
    """
    number, kek = keks.newest()
    fresh = os.urandom(KEY)
    kept = table.put_key(wrapped_row(kek, number, owner, generation, fresh))
    while kept:
        newest, kek = keks.newest()
        if newest == number:
            return
        number = newest
        kept = table.replace_key(wrapped_row(kek, number, owner, generation, fresh))


def _house_row(keks: Keks, table: KeyTable) -> KeyRow:
    """The row of the house secret; made, with the first key-encryption key, in an empty table only."""
    rows = table.keys_of(HOUSE)
    if not rows:
        if not keks.rows():
            _must_be_new(table, "the key-encryption keys are")
            keks.add(1)
        # Another process may have made it in the meantime, and keys of people after it.
        if not table.keys_of(HOUSE):
            _must_be_new(table, "the house secret is")
            _add(keks, table, HOUSE, 1)
        rows = table.keys_of(HOUSE)
    if len(rows) != 1 or rows[0].generation != 1:
        raise BadFile("the house secret was destroyed; restore the table of keys that belongs to this record")
    return rows[0]


def _must_be_new(table: KeyTable, missing: str) -> None:
    rows = table.keys()
    for row in rows:
        if (row.owner, row.generation) != (KEK, 1):
            if table.keys_of(HOUSE):
                return
            raise BadFile(f"{missing} missing from a table of keys that is not empty; restore it whole")
