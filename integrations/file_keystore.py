"""Root keys kept in a private file, or given in an environment variable: AES-256-GCM, bound to what is wrapped."""

import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadFile
from data.sealing.strength import weakness
from data.sealing.wrapping import check_value
from integrations.key_file import put_on_top, read_private

# Shorter than any key, so that a key written in the place of an id is never taken for one.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,23}")
_NONCE = 12


class FileKeyStore:
    """The `KeyStore` port over root keys held in memory. The first is the active one."""

    def __init__(self, keys: Iterable[tuple[str, bytes]], source: str, path: Path | None = None) -> None:
        """Use `keys` (pairs of id and 32 bytes) as they are; `of_file` and `of_text` read and check them first."""
        self.source, self.path = source, path
        self._take(keys)

    @classmethod
    def of_file(cls, path: Path) -> "FileKeyStore":
        """The keys in a file of lines `id:base64`. Raises `BadFile` for a file or key that must not be used."""
        return cls(read_keys(read_private(path), str(path)), str(path), path)

    @classmethod
    def of_text(cls, text: str, source: str) -> "FileKeyStore":
        """The same text from elsewhere, with commas for line ends; `source` names it in messages."""
        return cls(read_keys(text.replace(",", "\n"), source), source)

    def __repr__(self) -> str:
        return f"FileKeyStore({self.source!r}, {len(self._keys)} keys)"

    def roots(self) -> tuple[str, ...]:
        """The ids of the keys at hand, the active one first."""
        return tuple(self._keys)

    def active(self) -> str:
        """See `KeyStore.active`."""
        return next(iter(self._keys))

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """See `KeyStore.wrap`."""
        nonce = os.urandom(_NONCE)
        active = next(iter(self._keys.values()))
        return nonce + active.encrypt(nonce, key, context)

    def unwrap(self, root: str, wrapped: bytes, context: bytes) -> bytes:
        """See `KeyStore.unwrap`. A root that is not known yet may have been put on top of the file since."""
        if root not in self._keys and self.path:
            self.reload()
        key = self._keys.get(root)
        if key is None:
            raise BadFile(f"{self.source}: lacks the root key {root!r} that this record was sealed with; put it back")
        try:
            return key.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], context)
        except (InvalidTag, ValueError):
            raise BadFile(
                f"{self.source}: the root key {root!r} is not the one that this record was sealed with, or the table "
                "of keys was altered; give the right key, or restore the table"
            ) from None

    def reload(self) -> None:
        """Read the file again, if there is one."""
        if self.path:
            self._take(read_keys(read_private(self.path), self.source))

    def renew(self, probe: Callable[[str], None] = lambda step: None) -> str:
        """Put a fresh key on top of the file and use it from now on; its id.

        Raises `BadFile` when the keys are not in a file.
        """
        if self.path is None:
            raise BadFile(f"{self.source}: cannot be changed from here; put the new key in front of the others")
        name, line = fresh_line()
        put_on_top(self.path, line, probe)
        self.reload()
        return name

    def _take(self, keys: Iterable[tuple[str, bytes]]) -> None:
        # One assignment: whoever wraps or opens meanwhile uses the old keys or the new, never a mixture.
        self._keys = {name: AESGCM(key) for name, key in keys}


def fresh_line() -> tuple[str, str]:
    """A new root key: its id, and the line `id:base64` that holds it."""
    key = os.urandom(32)
    while weakness(key):
        key = os.urandom(32)
    return derived_id(key), f"{derived_id(key)}:{b64encode(key).decode()}"


def derived_id(key: bytes) -> str:
    """The id of a key that was given none: from its check value, which tells nothing of the key."""
    return f"root-{check_value(key).hex()}"


def read_keys(text: str, source: str) -> list[tuple[str, bytes]]:
    """The keys of a text, first the active one. Raises one `BadFile` that names every bad line and quotes none."""
    found: dict[str, bytes] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.partition("#")[0].strip()
        if not said:
            continue
        name, key, problem = _read_line(said)
        if not problem and (name in found or key in found.values()):
            problem = "has the id, or is the key, of an earlier one"
        if problem:
            problems.append(f"line {number} {problem}")
        found.setdefault(name, key)
    if not found:
        raise BadFile(f"{source}: holds no key; make one with `phms keys create`")
    if problems:
        raise BadFile(f"{source}: {'; '.join(problems)}; make a key with `phms keys create`")
    return list(found.items())


def _read_line(line: str) -> tuple[str, bytes, str | None]:
    name, colon, coded = (part.strip() for part in line.rpartition(":"))
    if colon and not _ID.fullmatch(name):
        return name, b"", "has an id that is not 1 to 24 letters, digits, dots, dashes and underscores"
    coded = coded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except ValueError:
        return name, b"", "is not base64"
    return name or derived_id(key), key, weakness(key)
