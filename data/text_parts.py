"""A text cut into parts that a channel can carry: at sentences, else between words, never inside a letter or emoji."""

import re
import unicodedata

from data.model.people import ChannelKind

# What one message may hold, in UTF-16 units, as the providers count. Sources: Twilio's Message resource (`Body`),
# https://www.twilio.com/docs/api/errors/21617; Telegram's sendMessage, https://core.telegram.org/bots/api#sendmessage.
LIMITS = {ChannelKind.SMS: 1600, ChannelKind.WHATSAPP: 1600, ChannelKind.TELEGRAM: 4096}

# Where one may stop, the best first: after a paragraph, a line, a sentence, a clause, a word.
_STOPS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n[ \t]*\n\s*",
        r"\n\s*",
        r"(?<=[.!?…。！？])[\"'”’»)\]]{0,3}\s+|(?<=[。！？])",
        r"(?<=[,;:])\s+",
        r"\s+",
    )
)
# A better place to stop is taken only when the part before it is not very short.
_LEAST = 4

_ZWJ = "\u200d"
_TAGS = range(0xE0020, 0xE0080)
_SKIN = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)
_JAMO = range(0x1160, 0x1200)


def units(text: str) -> int:
    """How long a text is in UTF-16 units.

    >>> units("a"), units("😀")
    (1, 2)
    """
    return len(text) + sum(char > "\uffff" for char in text)


def split(text: str, kind: ChannelKind) -> tuple[str, ...]:
    """The text in as few parts as sentences allow, each short enough for the channel; only white space is dropped.

    >>> [len(part) for part in split("I take this. " * 200, ChannelKind.SMS)]
    [1598, 1000]
    """
    limit = LIMITS.get(kind)
    return (text,) if limit is None else parts(text, limit)


def parts(text: str, limit: int) -> tuple[str, ...]:
    """`split` for any limit of at least 2 UTF-16 units (a single character may need so many)."""
    if limit < 2:
        raise ValueError("a part must have room for one character")
    if units(text) <= limit:
        return (text,)
    found: list[str] = []
    rest = text.strip()
    while len(rest) > limit or units(rest) > limit:
        end = _end(rest, limit)
        found.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return (*found, rest) if rest or not found else tuple(found)


def _end(text: str, limit: int) -> int:
    """Where the first part ends: an index of at least 1, within the limit."""
    most = _fitting(text, limit)
    # The white space after a stop may lie beyond the limit: it is dropped.
    head = text[: most + 1]
    for stop in _STOPS:
        ends = [found.end() for found in stop.finditer(head) if 0 < found.start() <= most]
        if ends and (stop is _STOPS[-1] or ends[-1] >= most // _LEAST):
            return ends[-1]
    return _before_letter(text, most)


def _fitting(text: str, limit: int) -> int:
    """How many characters fit."""
    if limit >= 2 * len(text):
        return len(text)
    room, count = limit, 0
    for char in text[:limit]:
        room -= 2 if char > "\uffff" else 1
        if room < 0:
            break
        count += 1
    return count


def _before_letter(text: str, most: int) -> int:
    """The last boundary between what a reader sees as letters; a single one that is too long is cut where it must."""
    end = most
    while end > 1 and _joined(text, end):
        end -= 1
    return most if _joined(text, end) else end


def _joined(text: str, place: int) -> bool:
    """Whether the characters on both sides of `place` belong to one letter, emoji or flag."""
    before, after = text[place - 1], text[place]
    code = ord(after)
    if before == _ZWJ or after == _ZWJ or (before, after) == ("\r", "\n"):
        return True
    if code in _SKIN or code in _TAGS or code in _JAMO or unicodedata.category(after).startswith("M"):
        return True
    return code in _FLAGS and _flags_before(text, place) % 2 == 1


def _flags_before(text: str, place: int) -> int:
    """How many regional indicators stand right before `place`: two make a flag."""
    count = 0
    while count < place and ord(text[place - 1 - count]) in _FLAGS:
        count += 1
    return count
