"""Short texts as tokens that only we can read: what a provider carries back to us tells it nothing."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha512

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class Tokens:
    """Seals and opens for one purpose. The same text is the same token, so that a retry says the same."""

    def __init__(self, key: bytes) -> None:
        # RFC 5297: one key for the seal, one for the cipher.
        self._siv = AESSIV(sha512(key).digest())

    def seal(self, text: str) -> str:
        """The text as a token of letters that an address may carry."""
        return urlsafe_b64encode(self._siv.encrypt(text.encode(), None)).decode().rstrip("=")

    def open(self, token: str) -> str | None:
        """What was sealed; None for anything that we have not made."""
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return self._siv.decrypt(sealed, None).decode()
        except (ValueError, InvalidTag):
            return None
