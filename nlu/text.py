"""The fixed text pipeline: from a patient's characters to plain ones for matching, with the way back.

Order: cap, drop invisible characters, compatibility forms (NFKD, marks dropped), casefold, straight quotes, ASCII
digits. The original is never changed; `Folded.span` gives the place in it, so words can be quoted as written.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Telegram's own limit. The cap comes first: normalising 100,000 crafted characters takes seconds.
CAP = 4096

_PLAIN_ASCII = re.compile(r"[\n\t -~]*")
# One character may not become more than this many (U+FDFA would become 18); longer forms count as a space.
_LONGEST = 3

_OWN_FORMS = {
    **dict.fromkeys("‘’‚‛′ʼ`´＇ʻ", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("\r\x0b\x0c\x85\u2028\u2029", "\n"),
    "ı": "i",
    "ø": "o",
    "Ø": "o",
    "æ": "ae",
    "Æ": "ae",
    "œ": "oe",
    "Œ": "oe",
    "ł": "l",
    "Ł": "l",
    "đ": "d",
    "Đ": "d",
    "٫": ".",
    "،": ",",
    "。": ".",
    "．": ".",
    "¿": " ",
    "¡": " ",
}


@dataclass(frozen=True, slots=True)
class Folded:
    """A text made plain. `plain` is what patterns see; `places` maps its characters to (start, end) in `original`.

    `places` is None where both are the same length, character by character.
    """

    original: str
    plain: str
    places: tuple[tuple[int, int], ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `plain[start:end]` (not empty) stands in `original`, as start and end offsets."""
        if self.places is None:
            return start, end
        return self.places[start][0], self.places[end - 1][1]

    def words(self, start: int, end: int) -> str:
        """`plain[start:end]` as the patient wrote it."""
        first, last = self.span(start, end)
        return self.original[first:last]


def fold(text: str) -> Folded:
    """The first 4,096 characters of a text, made plain; total for any text, lone surrogates included.

    >>> fold("Ｃan’t bre\\u200bathe").plain
    "can't breathe"
    """
    capped = text[:CAP]
    if _PLAIN_ASCII.fullmatch(capped):
        return Folded(text, capped.lower().replace("`", "'"))
    plain: list[str] = []
    places: list[tuple[int, int]] = []
    for at, char in enumerate(capped):
        form = fold_char(char)
        if form:
            plain.append(form)
            places.extend([(at, at + 1)] * len(form))
        elif places and unicodedata.combining(char):
            # A mark belongs to the letter before it: quoting that letter quotes its mark too.
            places[-1] = (places[-1][0], at + 1)
    return Folded(text, "".join(plain), tuple(places))


@lru_cache(maxsize=4096)
def fold_char(char: str) -> str:
    """What one character becomes: nothing where it is invisible, at most three characters otherwise."""
    if char in _OWN_FORMS:
        return _OWN_FORMS[char]
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.digit(char))
    if category in ("Cf", "Mn", "Me") or (category == "Cc" and char not in "\n\t"):
        return ""
    if category == "Cs":
        return " "
    form = unicodedata.normalize("NFKD", char).casefold()
    form = "".join(c for c in form if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return form if len(form) <= _LONGEST else " "
