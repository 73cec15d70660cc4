"""What a store needs of keys: names that tell nothing, bodies that open only in their place, and an audit chain."""

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256
from hmac import digest as hmac

from data.ports import KeyStore
from data.sealing import codec
from data.sealing.keyring import Keyring
from data.sealing.wrapping import KeyTable


class Sealing:
    """Seals for one record. `owner` is always a name, as `name("person", id)` gives it: the stores see no ids."""

    def __init__(self, store: KeyStore, table: KeyTable) -> None:
        """Open the keys. Raises `BadFile` for the wrong root key, `Unavailable` when its keeper is down."""
        self.keyring = Keyring(store, table)
        self._names = self.keyring.derive("names")
        self._chain = self.keyring.derive("audit chain")
        self._digests = self.keyring.derive("digests")
        # Persons and addresses come again and again, events once or twice.
        self.name = lru_cache(maxsize=16_384)(self._name)

    def _name(self, kind: str, value: str) -> str:
        """22 characters that stand for a value, the same for the same value; of no use without the keys.

        Equality shows (that is their use: a blind index), so only identities are named so, never a finding.
        """
        text = f"{len(kind)} {kind} {value}".encode("utf-8", "surrogatepass")
        return urlsafe_b64encode(hmac(self._names, text, sha256)[:16])[:22].decode()

    def seal(self, table: str, owner: str, row: str, body: bytes) -> bytes:
        """`body` for that place. Raises `NotFound` when the owner was erased."""
        generation, key = self.keyring.newest(owner)
        return codec.seal(key, generation, codec.place(table, owner, row, "body", generation), body)

    def unseal(self, table: str, owner: str, row: str, sealed: bytes) -> bytes:
        """What was sealed there. Raises `BadFile` when it is not as it was put, `NotFound` when its key is gone."""
        generation = codec.generation_of(sealed)
        return codec.unseal(
            self.keyring.key(owner, generation), codec.place(table, owner, row, "body", generation), sealed
        )

    def shred(self, owner: str) -> int:
        """Destroy an owner's keys (how many there were), and drop whom the names at work stand for."""
        self.name.cache_clear()
        return self.keyring.shred(owner)

    def digest(self, body: bytes) -> bytes:
        """16 bytes that change when the body changes and cannot be guessed from outside."""
        self.keyring.expire()
        return hmac(self._digests, body, sha256)[:16]

    def link(self, previous: bytes, *parts: str | int | bytes) -> bytes:
        """The next link of a chain: over the one before and everything that must not change."""
        self.keyring.expire()
        told = [p if isinstance(p, bytes) else str(p).encode("utf-8", "surrogatepass") for p in (previous, *parts)]
        return hmac(self._chain, b"".join([len(p).to_bytes(4, "big") + p for p in told]), sha256)
