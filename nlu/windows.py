"""Long texts in overlapping windows, so that an emergency late in a long message is heard too."""

import re
from collections.abc import Iterator

from nlu.text import CAP

# Together the windows read this many characters of a text; of a longer one, the head and the tail.
LONGEST = 40_000
# What stands together is in one window: more than the reach of any phrase, cue or combination.
_OVERLAP = 400
_SENTENCE = re.compile(r"[.!?;\n]\s+")


def windows(text: str) -> Iterator[str]:
    """The text in pieces of at most 4,096 characters, cut at sentences where there are any.

    >>> [len(w) for w in windows("word " * 1000)]
    [4096, 1700]
    """
    if len(text) <= LONGEST:
        yield from _pieces(text)
    else:
        yield from _pieces(text[: LONGEST // 2])
        yield from _pieces(text[-LONGEST // 2 :])


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > CAP:
        end = start + CAP
        cuts = [m.end() for m in _SENTENCE.finditer(text, end - _OVERLAP, end)]
        yield text[start : cuts[-1] if cuts else end]
        start = _begin(text, end - 2 * _OVERLAP, end - _OVERLAP)
    yield text[start:]


def _begin(text: str, low: int, high: int) -> int:
    """The first place from `low` to `high` where a sentence begins, else a word, else `high`."""
    sentence = _SENTENCE.search(text, low, high)
    if sentence:
        return sentence.end()
    space = text.find(" ", low, high)
    return space + 1 if space >= 0 else high
