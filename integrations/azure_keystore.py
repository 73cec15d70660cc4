"""Root keys that never leave Azure Key Vault: RSA-OAEP-256 over the key and a digest of what it is bound to."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from data.errors import BadFile, PhmsError, Unavailable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.keys import KeyVaultKey
    from azure.keyvault.keys.crypto import CryptographyClient

_URL = re.compile(r"(https://[^/?#@\s]+)/keys/([0-9A-Za-z-]{1,127})/?")
_DIGEST = 32
# The service's own client would try for minutes; a start that waits longer than this looks like one that hangs.
_PATIENCE = {"retry_total": 3, "retry_backoff_factor": 0.4, "connection_timeout": 5, "read_timeout": 10}
_LACKING = "Azure Key Vault needs packages that are not installed; run `pip install 'phms[azure]'`"


class AzureKeyStore:
    """The `KeyStore` port over one RSA key of a vault; its versions are the roots, the newest the active one.

    Needs the rights get, wrapKey and unwrapKey (the role "Key Vault Crypto User"). A wrapped key says nothing of who
    wrapped it, since that takes only the public key: data.sealing vouches for what it made by itself.
    """

    def __init__(self, url: str, credential: "TokenCredential | None" = None, **options: Any) -> None:
        """Ask the vault at `url` (https://NAME.vault.azure.net/keys/KEY) for the newest version.

        Signs in as `credential`, by default as azure-identity finds it (environment, managed identity, Azure CLI).
        `options` go to the vault's clients. Raises `BadFile` or `Unavailable`.
        """
        found = _URL.fullmatch(url)
        if not found:
            raise BadFile("the key vault must be named as https://NAME.vault.azure.net/keys/KEY, without a version")
        self.source = url
        self._name = found[2]
        try:
            from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - an optional part, slow to load
            from azure.keyvault.keys import KeyClient  # noqa: PLC0415
        except ImportError:
            raise BadFile(_LACKING) from None
        self._to_close: list[Callable[[], None]] = []
        if credential is None:
            credential = ours = DefaultAzureCredential()
            self._to_close.append(ours.close)
        self._client = KeyClient(found[1], credential, **(_PATIENCE | options))
        self._to_close.append(self._client.close)
        self._versions: dict[str, CryptographyClient] = {}
        try:
            self.reload()
        except PhmsError:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"AzureKeyStore({self.source!r})"

    def roots(self) -> tuple[str, ...]:
        """The active version only: which others there are, the vault's owner knows."""
        return (self._active,)

    def active(self) -> str:
        """See `KeyStore.active`: the version that was the newest when the vault was last asked."""
        return self._active

    def reload(self) -> None:
        """Ask which version is the newest."""
        with self._translated():
            key = self._client.get_key(self._name)
        self._active = self._checked(key)

    def renew(self, probe: Callable[[str], None] = lambda step: None) -> str:
        """Use the newest version from now on, whoever made it: making one is the vault's owner's to do. Its id."""
        self.reload()
        return self._active

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """See `KeyStore.wrap`."""
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm  # noqa: PLC0415

        bound = key + sha256(context).digest()
        with self._translated():
            return bytes(self._version(self._active).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, bound).encrypted_key)

    def unwrap(self, root: str, wrapped: bytes, context: bytes) -> bytes:
        """See `KeyStore.unwrap`."""
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm  # noqa: PLC0415

        if not re.fullmatch(r"[0-9A-Za-z]{1,64}", root):
            raise BadFile(f"{self.source}: has no version {root!r}; restore the table of keys, or name the right vault")
        with self._translated():
            bound = bytes(self._version(root).unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped).key)
        if not compare_digest(bound[-_DIGEST:], sha256(context).digest()):
            raise BadFile(f"{self.source}: a wrapped key belongs to another place; restore the table of keys")
        return bound[:-_DIGEST]

    def close(self) -> None:
        """Let go of connections."""
        for close in (*(client.close for client in self._versions.values()), *self._to_close):
            close()

    def _version(self, version: str) -> "CryptographyClient":
        found = self._versions.get(version)
        if found is None:
            made = self._client.get_cryptography_client(self._name, key_version=version)
            found = self._versions.setdefault(version, made)
        return found

    def _checked(self, key: "KeyVaultKey") -> str:
        version = key.properties.version
        if key.key_type not in ("RSA", "RSA-HSM") or not version:
            raise BadFile(f"{self.source}: is not an RSA key; name one of 2048 bits or more")
        return str(version)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The vault's errors in our words; what it said may hold names, so only its code is told."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError  # noqa: PLC0415

        try:
            yield
        except HttpResponseError as problem:
            raise self._in_our_words(problem.status_code, isinstance(problem, ClientAuthenticationError)) from None
        except AzureError as problem:
            raise Unavailable(f"{self.source}: does not answer ({type(problem).__name__}); try again") from None
        except ValueError as problem:
            raise BadFile(
                f"{self.source}: does not answer as a key vault does ({type(problem).__name__}); check its address"
            ) from None

    def _in_our_words(self, status: int | None, signing_in: bool) -> PhmsError:
        if status is None and signing_in:
            return BadFile(f"{self.source}: nobody is signed in here; set the Azure credentials of this service")
        if status is None or status in (408, 429) or status >= 500:
            return Unavailable(f"{self.source}: does not answer now (HTTP {status}); try again")
        advice = _ADVICE.get(
            status, "the wrapped key was altered, or belongs to another key; restore the table of keys"
        )
        return BadFile(f"{self.source}: {advice} (HTTP {status})")


_ADVICE = {
    401: "does not accept who is signed in here; set the Azure credentials of this service",
    403: "refuses; give this service the rights get, wrapKey and unwrapKey, and see that the version is enabled",
    404: "has no such key or version; check its address, and restore a version that was deleted",
}
