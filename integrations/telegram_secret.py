"""Whether an update comes from Telegram: the secret that we gave with the webhook comes back in a header."""

from hmac import compare_digest

from data.errors import Forged

HEADER = "X-Telegram-Bot-Api-Secret-Token"


def check_secret(given: str | None, secret: str) -> None:
    """Raise `Forged` unless the header's value is our secret; with no secret of ours nobody can know it.

    Takes the same time whatever is wrong, and any text at all, also bytes that came through as half characters.

    >>> check_secret("abc", "abc")
    """
    ours, theirs = _plain(secret), _plain(given or "")
    if not compare_digest(theirs, ours) or not ours:
        raise Forged("the update does not carry our secret")


def _plain(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
