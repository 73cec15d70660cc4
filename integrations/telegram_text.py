"""A text in parts that Telegram takes: cut at paragraphs, lines, sentences or words, never within a character."""

import re
import unicodedata

from telegram.constants import MessageLimit

MOST, MOST_UNDER_PICTURE = int(MessageLimit.MAX_TEXT_LENGTH), int(MessageLimit.CAPTION_LENGTH)
# Best first: where a part may end. A sentence of Latin script ends before a space.
_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s"), re.compile(r"\s"))


def units(text: str) -> int:
    """The length as Telegram's strictest reading counts it, in UTF-16: a face counts two."""
    return len(text) + sum(character > "\uffff" for character in text)


def parts(text: str, most: int = MOST) -> tuple[str, ...]:
    """The text in parts of at most `most` units (at least 2); one part when it fits.

    >>> parts("First. Second one.", 10)
    ('First.', 'Second', 'one.')
    """
    text, found = sendable(text), []
    while units(text) > most:
        cut = _cut(text, most)
        found.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return tuple(part for part in (*found, text) if part.strip())


def sendable(text: str) -> str:
    """Half characters, which no provider takes, replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _cut(text: str, most: int) -> int:
    fits = _fitting(text, most)
    for end in _ENDS:
        places = [match.start() for match in end.finditer(text, 0, fits + 1) if text[: match.start()].strip()]
        # A first part of three words would be worse than a cut at a lesser place.
        if places and (places[-1] >= fits // 2 or end is _ENDS[-1]):
            return places[-1]
    while fits > 1 and _joined(text, fits):
        fits -= 1
    return fits if fits > 1 else _fitting(text, most)


def _fitting(text: str, most: int) -> int:
    """How many characters from the start fit."""
    total = 0
    for n, character in enumerate(text):
        total += 1 + (character > "\uffff")
        if total > most:
            return n
    return len(text)


def _joined(text: str, at: int) -> bool:
    """Whether what stands at `at` belongs to the character before it: an accent, a skin tone, a joined face."""
    after, before = text[at], text[at - 1]
    return (
        bool(unicodedata.combining(after))
        or unicodedata.category(after) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or after in "\u200d\ufe0f"
        or before == "\u200d"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )
