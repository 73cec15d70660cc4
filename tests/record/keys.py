"""A root key for tests: real wrapping, always the same key, nothing to keep."""

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadFile


class FixedKeys:
    """A `KeyStore` with one root of its own choosing."""

    def __init__(self, seed: int = 7) -> None:
        self._id = f"test-{seed}"
        self._key = AESGCM(bytes((seed * 31 + i * i) % 256 for i in range(32)))

    def active(self) -> str:
        return self._id

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._key.encrypt(b"\0" * 12, key, context)

    def unwrap(self, root: str, wrapped: bytes, context: bytes) -> bytes:
        if root != self._id:
            raise BadFile(f"there is no root key {root!r}")
        return self._key.decrypt(b"\0" * 12, wrapped, context)
