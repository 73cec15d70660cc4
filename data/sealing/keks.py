"""The key-encryption keys of a record: wrapped by the root, vouched for by the house, the newest wraps from now on.

Whoever wraps for a key vault needs only its public key, so a row that opens is not proof enough that this record made
it: each carries a voucher, an HMAC under a key derived from the house secret. The one that wraps the house secret
itself needs none (it opened what nobody else could have sealed), which is how the first comes to be.
"""

import os
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadFile, BadInput, Unavailable
from data.ports import KeyStore
from data.sealing.codec import place
from data.sealing.wrapping import KEK, KEY, MOST, KeyRow, KeyTable, check_value, checked, said

# How the `wrapped` of a key-encryption key begins: with its voucher, or with none.
_VOUCHED, _BARE, _VOUCHER = b"\x01", b"\x00", 16


class Keks:
    """Opens key-encryption keys and makes new ones. No lock is held while the table or the root's keeper is asked."""

    def __init__(self, store: KeyStore, table: KeyTable) -> None:
        self.store, self.table = store, table
        self._at_work: dict[int, AESGCM] = {}
        self._vouching: bytes | None = None

    def rows(self) -> tuple[KeyRow, ...]:
        """Their rows, oldest first."""
        return self.table.keys_of(KEK)

    def trust(self, vouching: bytes, house: KeyRow) -> None:
        """Open all of them and refuse any that the house does not vouch for; vouch for the one that opened the house.

        Raises `BadFile` for a root that is not there, and for a key that this record did not make.
        """
        for row in self.rows():
            key = self._key(row, vouching, house)
            if row.wrapped[:1] == _BARE:
                proof = voucher(vouching, row.generation, key)
                self.table.replace_key(replace(row, wrapped=_VOUCHED + proof + row.wrapped[1:]))
            self._at_work[row.generation] = AESGCM(key)
        self._vouching = vouching

    def get(self, number: int) -> AESGCM:
        """One of them. Raises `BadFile` when it is not there or its root is not."""
        found = self._at_work.get(number)
        if found is not None:
            return found
        for row in self.rows():
            if row.generation == number:
                return self._opened(row)
        raise BadFile(f"key-encryption key {number} is missing; restore the table of keys that belongs to this record")

    def newest(self) -> tuple[int, AESGCM]:
        """The newest that can be opened here, read from the table anew, and its number.

        A process that was started before a rotation may lack the new root. It goes on with an older key as long as
        that is in the table; `rewrap` then moves what it wrapped.
        """
        refusal: BadFile | Unavailable = BadFile("there is no key-encryption key; restore the table of keys")
        for row in reversed(self.rows()):
            try:
                return row.generation, self._at_work.get(row.generation) or self._opened(row)
            except (BadFile, Unavailable) as problem:
                refusal = problem
        raise refusal

    def add(self, number: int) -> None:
        """A new one under the active root; when another process made it first, theirs stands."""
        if not 0 < number <= MOST:
            raise BadInput(f"there can be no key-encryption key {number}; the last is {MOST}")
        key = os.urandom(KEY)
        row = KeyRow(owner=KEK, generation=number, under="", wrapped=b"", check=check_value(key))
        self.table.put_key(self._under_root(row, key))

    def rewrapped(self, row: KeyRow) -> KeyRow:
        """The row of a key-encryption key, under the active root."""
        return self._under_root(row, self._key(row, self._vouching))

    def _under_root(self, row: KeyRow, key: bytes) -> KeyRow:
        root = self.store.active()
        head = _VOUCHED + voucher(self._vouching, row.generation, key) if self._vouching else _BARE
        made = replace(row, under=root, wrapped=head + self.store.wrap(key, context(row.generation)))
        # Opened once before anything depends on it.
        open_kek(self.store, made)
        return made

    def _opened(self, row: KeyRow) -> AESGCM:
        return self._at_work.setdefault(row.generation, AESGCM(self._key(row, self._vouching)))

    def _key(self, row: KeyRow, vouching: bytes | None, house: KeyRow | None = None) -> bytes:
        key = open_kek(self.store, row)
        if vouching and not vouched(vouching, row, key, house):
            raise BadFile(f"{said(row)} was not made by this record; restore the table of keys")
        return key


def open_kek(store: KeyStore, row: KeyRow) -> bytes:
    """The key-encryption key itself. Raises `BadFile` for a root that is not there or did not wrap it."""
    head = {_VOUCHED: 1 + _VOUCHER, _BARE: 1}.get(row.wrapped[:1])
    if row.generation == 0 or head is None:
        raise BadFile(f"{said(row)} was destroyed or altered; restore the table of keys")
    return checked(store.unwrap(row.under, row.wrapped[head:], context(row.generation)), row)


def context(number: int) -> bytes:
    """What a key-encryption key is bound to at the root's keeper."""
    return f"phms1 {KEK} {number}".encode()


def voucher(vouching: bytes, number: int, key: bytes) -> bytes:
    """Proof that whoever made a key-encryption key knew the house secret."""
    return hmac(vouching, place("keys", KEK, str(number), "voucher", 0) + key, sha256)[:_VOUCHER]


def vouched(vouching: bytes, row: KeyRow, key: bytes, house: KeyRow | None = None) -> bool:
    """Whether a key-encryption key carries its voucher, or needs none because it opened the house secret."""
    if row.wrapped[:1] == _BARE:
        return house is not None and house.under == str(row.generation)
    return compare_digest(voucher(vouching, row.generation, key), row.wrapped[1 : 1 + _VOUCHER])
