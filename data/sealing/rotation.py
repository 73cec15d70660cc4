"""Changing keys under a record at work: a new key-encryption key, everything moved under it, and what is amiss.

At every moment each key is wrapped by something that is there: a crash between two writes leaves a record that opens,
and the same call again completes what was begun. Old and new both read all the while.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadFile
from data.ports import KeyStore
from data.sealing.keks import open_kek, vouched
from data.sealing.keyring import Keyring, derived
from data.sealing.wrapping import HOUSE, KEK, KeyRow, KeyTable, opened, said, under

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kek:
    """One key-encryption key: its number, the root that wraps it, how many keys it wraps."""

    number: int
    root: str
    wraps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is in a table of keys; nothing is opened for it. `waiting` keys are not yet under the newest."""

    keks: tuple[Kek, ...]
    house: bool
    owners: int
    data_keys: int
    erased: int
    waiting: int

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots without which something does not open, oldest first."""
        return tuple(dict.fromkeys(kek.root for kek in self.keks))


@dataclass(frozen=True, slots=True)
class Step:
    """One key that `rewrap` moved, or could not: then `problem` says why."""

    moved: str
    problem: str = ""


@dataclass(slots=True)
class Verification:
    """How many keys were tried, and a line for each that is wrong."""

    tried: int = 0
    problems: list[str] = field(default_factory=list)

    def tries(self, row: KeyRow, way: Callable[[T, KeyRow], bytes], opener: T) -> bytes | None:
        """The key of a row, or None with a problem noted."""
        self.tried += 1
        try:
            return way(opener, row)
        except BadFile as problem:
            text = str(problem)
            self.problems.append(text if said(row) in text else f"{said(row)}: {text}")
            return None


def status(table: KeyTable) -> Status:
    """Count what is there."""
    wraps: Counter[str] = Counter()
    owners: set[str] = set()
    house, erased = False, 0
    for row in _rows(table):
        if row.generation == 0:
            erased += 1
            continue
        wraps[row.under] += 1
        if row.owner == HOUSE:
            house = True
        else:
            owners.add(row.owner)
    keks = tuple(
        Kek(number=row.generation, root=row.under, wraps=wraps[str(row.generation)]) for row in table.keys_of(KEK)
    )
    total = wraps.total()
    return Status(
        keks=keks,
        house=house,
        owners=len(owners),
        data_keys=total - house,
        erased=erased,
        waiting=total - (keks[-1].wraps if keks else 0),
    )


def rotate(keyring: Keyring) -> int:
    """A new key-encryption key under the active root, which wraps from now on; its number."""
    number = keyring.keks.rows()[-1].generation + 1
    keyring.keks.add(number)
    return number


def rotate_owner(keyring: Keyring, owner: str) -> int:
    """The next generation of one person's data key; its number. What the old ones sealed still opens.

    Raises `NotFound` when the person was erased.
    """
    generation = keyring.newest(owner)[0] + 1
    keyring.add(owner, generation)
    return generation


def rewrap(keyring: Keyring) -> Iterator[Step]:
    """Move everything under the newest key-encryption key, remove the idle ones, and move that under the active root.

    Yields after each key, so that the caller can pace it, show it, or stop: the next call goes on from there. A key
    that does not open stays as it is, and so does what wraps it. Raises `BadFile` when the newest does not open here.
    """
    keks, table = keyring.keks, keyring.table
    yield from _pass(keyring)
    # A process that was wrapping with an old key just now puts its row right by itself; this catches the others.
    if _remove_idle(keyring):
        yield from _pass(keyring)
    for row in keks.rows():
        if row.under != keks.store.active():
            table.replace_key(keks.rewrapped(row))
            yield Step(said(row))


def _pass(keyring: Keyring) -> Iterator[Step]:
    rows = keyring.keks.rows()
    newest = str(rows[-1].generation)
    keyring.keks.get(rows[-1].generation)
    for row in _rows(keyring.table):
        if row.generation and row.under != newest:
            try:
                moved = keyring.rewrapped(row)
            except BadFile as problem:
                yield Step(said(row), str(problem))
                continue
            # False when the person was erased in the meantime: then there is nothing to move.
            if keyring.table.replace_key(moved):
                yield Step(said(row))


def _remove_idle(keyring: Keyring) -> int:
    """Remove the key-encryption keys, but for the newest, that wrap nothing; how many."""
    at_work = {row.under for row in _rows(keyring.table)}
    idle = [row for row in keyring.keks.rows()[:-1] if str(row.generation) not in at_work]
    for row in idle:
        keyring.table.remove_key(KEK, row.generation)
    return len(idle)


def verify(store: KeyStore, table: KeyTable) -> Verification:
    """Open every key and compare it with its check value. Raises `Unavailable` when the root's keeper is down."""
    found = Verification()
    keks = {row.generation: (row, key) for row in table.keys_of(KEK) if (key := found.tries(row, open_kek, store))}
    house: tuple[KeyRow, bytes] | None = None
    for row in _rows(table):
        key = found.tries(row, _opened, keks) if row.generation else None
        if key and row.owner == HOUSE:
            house = row, key
    if house is None:
        found.problems.append("the house secret does not open; restore the table of keys")
        return found
    vouching = derived(house[1], "key-encryption keys")
    for row, key in keks.values():
        if not vouched(vouching, row, key, house[0]):
            found.problems.append(f"{said(row)} was not made by this record; restore the table of keys")
    return found


def _opened(keks: dict[int, tuple[KeyRow, bytes]], row: KeyRow) -> bytes:
    number = under(row)
    if number not in keks:
        raise BadFile(f"{said(row)}: key-encryption key {number}, which wraps it, is missing or does not open")
    return opened(AESGCM(keks[number][1]), row)


def _rows(table: KeyTable) -> Iterator[KeyRow]:
    """Everything but the key-encryption keys."""
    every = table.keys()
    for row in every:
        if row.owner != KEK:
            yield row
