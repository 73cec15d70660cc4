"""One sealed value: AES-256-GCM with its key's generation in front, bound to the very place where it is stored."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadFile

# version 1 | generation, 2 bytes | nonce, 12 bytes | ciphertext | tag, 16 bytes
_VERSION = b"\x01"
_NONCE, _TAG = 12, 16
_HEAD = 1 + 2 + _NONCE
OVERHEAD = _HEAD + _TAG


def place(table: str, owner: str, row: str, field: str, generation: int) -> bytes:
    """The place a value is bound to (its "additional authenticated data").

    Every part is preceded by its length in characters, so that no two places look alike whatever their names hold.
    """
    return (
        f"phms1 {len(table)} {table} {len(owner)} {owner} {len(row)} {row} {len(field)} {field} {generation}"
    ).encode("utf-8", "surrogatepass")


def seal(key: AESGCM, generation: int, bound_to: bytes, body: bytes) -> bytes:
    """`body` sealed with a fresh random nonce (NIST SP 800-38D, 2007: at most 2^32 of them for one key)."""
    nonce = os.urandom(_NONCE)
    return _VERSION + generation.to_bytes(2, "big") + nonce + key.encrypt(nonce, body, bound_to)


def generation_of(sealed: bytes) -> int:
    """Which generation of its owner's key sealed it. Raises `BadFile` for what was never sealed."""
    if len(sealed) < OVERHEAD or sealed[:1] != _VERSION:
        raise BadFile("a stored value is not sealed as this version seals; restore a backup of the record")
    return int.from_bytes(sealed[1:3], "big")


def unseal(key: AESGCM, bound_to: bytes, sealed: bytes) -> bytes:
    """What was sealed. Raises `BadFile` for an altered value, another key, or one that belongs to another place."""
    try:
        return key.decrypt(sealed[3:_HEAD], sealed[_HEAD:], bound_to)
    except InvalidTag:
        raise BadFile(
            "a sealed value cannot be opened: it was altered, moved from another place, or sealed with another key; "
            "run `phms audit verify` and `phms keys verify`"
        ) from None
