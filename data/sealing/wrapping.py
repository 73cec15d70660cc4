"""One wrapped key as a row, the table of such rows, and how a key is wrapped, opened and told from another."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadFile
from data.sealing.codec import generation_of, place, seal, unseal

# Bytes of any key.
KEY = 32
# Owners that are no person's name: names have no "~".
KEK, HOUSE = "~kek", "~house"
# A generation, and the number of a key-encryption key, is kept in two bytes of everything it sealed.
MOST = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One wrapped key. `under` is the root's id (for `KEK`) or the number of the key-encryption key that wraps it.

    `check` is the key check value: it tells a wrong key before anything is sealed with it. Generation 0, with
    nothing wrapped, is what stays of an owner whose keys were destroyed.
    """

    owner: str
    generation: int
    under: str
    wrapped: bytes
    check: bytes


class KeyTable(Protocol):
    """Where wrapped keys are kept: beside the record, to be backed up apart from it."""

    def keys_of(self, owner: str) -> tuple[KeyRow, ...]:
        """An owner's keys, oldest generation first."""

    def keys(self) -> Iterator[KeyRow]:
        """Every key of every owner, generation 0 included.

        Rows may be replaced and removed while it is read; those come in their old form or in the new.
        """

    def put_key(self, row: KeyRow) -> bool:
        """Keep a new key; False when that generation is there or the owner's keys were destroyed. Durable on return.

        Durable also when it is called within a transaction that is later given up: what was sealed with a key
        that is nowhere kept is lost.
        """

    def replace_key(self, row: KeyRow) -> bool:
        """The same key wrapped anew; False when it is there no more."""

    def shred(self, owner: str) -> int:
        """Destroy an owner's keys for ever and leave generation 0; how many there were. Safe to repeat."""

    def remove_key(self, owner: str, generation: int) -> None:
        """Remove one key that wraps nothing any more."""


def check_value(key: bytes) -> bytes:
    """Eight bytes that tell one key from another and nothing about either."""
    return hmac(key, b"phms1 key check value", sha256)[:8]


def wrapped_row(kek: AESGCM, number: int, owner: str, generation: int, key: bytes) -> KeyRow:
    """A key under key-encryption key `number`, bound to its owner and generation."""
    wrapped = seal(kek, number, _bound_to(owner, generation, number), key)
    return KeyRow(owner=owner, generation=generation, under=str(number), wrapped=wrapped, check=check_value(key))


def opened(kek: AESGCM, row: KeyRow) -> bytes:
    """The key that was wrapped. Raises `BadFile` for a row that was altered, moved, or wrapped with another key."""
    number = under(row)
    if generation_of(row.wrapped) != number:
        raise BadFile(f"{said(row)} does not say the same key-encryption key twice; restore the table of keys")
    return checked(unseal(kek, _bound_to(row.owner, row.generation, number), row.wrapped), row)


def under(row: KeyRow) -> int:
    """The number of the key-encryption key that wraps a row. Raises `BadFile` for what is no number."""
    if not row.under.isdecimal() or not row.under.isascii() or not 0 < int(row.under) <= MOST:
        raise BadFile(f"{said(row)} names no key-encryption key; restore the table of keys")
    return int(row.under)


def checked(key: bytes, row: KeyRow) -> bytes:
    """`key` when it is the one of that row. Raises `BadFile` otherwise."""
    if len(key) != KEY or not compare_digest(check_value(key), row.check):
        raise BadFile(
            f"{said(row)} is not the key that was wrapped there; restore the table of keys, or give the right root key"
        )
    return key


def said(row: KeyRow) -> str:
    """A key as messages name it: owners are names that tell nothing."""
    if row.owner == KEK:
        return f"key-encryption key {row.generation}"
    return "the house secret" if row.owner == HOUSE else f"key {row.generation} of {row.owner}"


def _bound_to(owner: str, generation: int, number: int) -> bytes:
    return place("keys", owner, str(generation), "key", number)
