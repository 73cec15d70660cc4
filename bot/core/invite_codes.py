"""One-time codes: made from the event that gives them out, kept as digests, and found in what somebody writes."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as mac
from itertools import count

_TOKEN, _MARK = 16, 6
# Crockford's base32: no letter in it is taken for another.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FORGIVEN = str.maketrans("ILO", "110")
_START = re.compile(r"/start(?:@\w{1,40})?\s+([A-Za-z0-9_-]{20,64})", re.IGNORECASE)
_NAMED = re.compile(r"(?:/start(?:@\w{1,40})?\s|/?link\b)\s*:?\s*([0-9A-Za-z][0-9A-Za-z \-]{6,20})", re.IGNORECASE)
_BARE = re.compile(r"([0-9A-Za-z]{4})[ -]?([0-9A-Za-z]{4})")
# Among other words, as in "my code is 7KQ2-M9XD": never with a blank in it, for two words are no code.
_AMONG = re.compile(r"(?<![0-9A-Za-z-])([0-9A-Za-z]{4})-?([0-9A-Za-z]{4})(?![0-9A-Za-z-])")
_SHORT_MESSAGE = 80
_ROUND = " \t\n.,;:!?\"'()[]<>*"


@dataclass(frozen=True, slots=True)
class Invitation:
    """The two forms of one invitation: `token` for a link, `short` to be typed."""

    token: str
    short: str


@dataclass(frozen=True, slots=True)
class Said:
    """A code in a message. `bare`: nothing says that it is one, so it may as well be ordinary words."""

    code: str
    bare: bool = False


def invitation(secret: bytes, cause: str) -> Invitation:
    """The codes of an event: the same whenever it is thought through again, and nobody else's."""
    body = _mac(secret, "token", cause.encode())[:_TOKEN]
    token = urlsafe_b64encode(body + _mac(secret, "mark", body)[:_MARK]).decode().rstrip("=")
    return Invitation(token, next(code for code in _shorts(secret, cause) if _is_mixed(code)))


def genuine(secret: bytes, token: str) -> bool:
    """Whether a token was made here, ever: a guess is found out without a look at anybody."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return False
    body, mark = raw[:_TOKEN], raw[_TOKEN:]
    return len(raw) == _TOKEN + _MARK and compare_digest(mark, _mac(secret, "mark", body)[:_MARK])


def digest(code: str) -> str:
    """What is kept of a code."""
    return sha256(code.encode()).hexdigest()


def read_code(text: str) -> Said | None:
    """The code in a short message: "/start TOKEN", "link 7kq2-m9xd", "my code is 7KQ2-M9XD"; None where none is.

    >>> read_code("link 7kq2 m9xd").code, read_code("It is 7KQ2-M9XD.").code, read_code("weight 82")
    ('7KQ2M9XD', '7KQ2M9XD', None)
    """
    said = text.strip(_ROUND)
    if len(said) > 120:
        return None
    if start := _START.fullmatch(said):
        return Said(start[1])
    if named := _NAMED.fullmatch(said):
        code = re.sub(r"[ \-]", "", named[1]).upper().translate(_FORGIVEN)
        if len(code) == 8 and set(code) <= set(_ALPHABET):
            return Said(code)
    whole = _BARE.fullmatch(said)
    if whole:
        found = {_mixed(whole[1] + whole[2])}
    else:
        found = {_mixed(half + other) for half, other in _AMONG.findall(said)} if len(said) <= _SHORT_MESSAGE else set()
    found.discard("")
    # Of two nobody knows which is meant.
    return Said(found.pop(), bare=True) if len(found) == 1 else None


def _mixed(written: str) -> str:
    """The code that is written so, or "" where it can as well be a word."""
    code = written.upper()
    forgiven = code.translate(_FORGIVEN)
    return forgiven if _is_mixed(code) and _is_mixed(forgiven) and set(forgiven) <= set(_ALPHABET) else ""


def _mac(secret: bytes, label: str, data: bytes) -> bytes:
    return mac(secret, label.encode() + b"\0" + data, "sha256")


def _shorts(secret: bytes, cause: str) -> Iterator[str]:
    return (_letters(_mac(secret, f"short {nth}", cause.encode())[:5]) for nth in count())


def _letters(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(35, -1, -5))


def _is_mixed(code: str) -> bool:
    """With two digits and two letters at least: no word is taken for a code."""
    digits = sum(char.isdigit() for char in code)
    return 2 <= digits <= len(code) - 2
