"""Words of a folded text, with the breaks between them and where they stand."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from nlu.text import Folded, fold

# A number with its decimals, a word (English contractions stay whole, French elisions part), or the SOS sign.
_TOKEN = re.compile(r"\d{1,12}(?:[.,]\d{1,6}){0,3}|[^\W\d_][^\W_]*(?:'(?:t|s|m|re|ve|ll|d)(?![^\W_]))?|\N{SQUARED SOS}")

NONE, SOFT, HARD = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as words. `words` are folded and without apostrophes; `starts`/`ends` are offsets in `folded.plain`.

    `breaks[i]` is what stands before word i: NONE, SOFT (a comma, an ellipsis), HARD (the end of a sentence).
    `low[i]`..`high[i]` are the first word of i's sentence and the one after its last.
    """

    folded: Folded
    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    breaks: tuple[int, ...]
    low: tuple[int, ...] = field(default=())
    high: tuple[int, ...] = field(default=())

    def quote(self, first: int, last: int) -> str:
        """Words `first` to `last` (inclusive) as the patient wrote them."""
        return self.folded.words(self.starts[first], self.ends[last])

    def place(self, first: int, last: int) -> tuple[int, int]:
        """Where words `first` to `last` stand in the original text."""
        return self.folded.span(self.starts[first], self.ends[last])


def tokenise(text: str) -> Tokens:
    """The words of a text.

    >>> tokenise("I can't breathe. J'ai 38,5").words
    ('i', 'cant', 'breathe', 'j', 'ai', '38,5')
    """
    folded = fold(text)
    plain = folded.plain
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    breaks: list[int] = []
    last = 0
    for found in _TOKEN.finditer(plain):
        start, end = found.span()
        word = found[0]
        words.append(word.replace("'", "") if "'" in word else word)
        starts.append(start)
        ends.append(end)
        breaks.append(NONE if start - last == 1 and plain[last] == " " else _break(plain[last:start][:12]))
        last = end
    low, high = _sentences(breaks)
    return Tokens(folded, tuple(words), tuple(starts), tuple(ends), tuple(breaks), low, high)


def words_of(text: str) -> tuple[str, ...]:
    """Only the words of a text, as patterns see them."""
    return tokenise(text).words


@lru_cache(maxsize=2048)
def _break(between: str) -> int:
    if not between:
        return NONE
    if any(c in between for c in "!?;\n") or ("." in between and ".." not in between):
        return HARD
    return SOFT if any(c in between for c in ",:().") or " - " in between or "--" in between else NONE


def _sentences(breaks: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    edges = [0, *(i for i, kind in enumerate(breaks) if kind == HARD and i), len(breaks)]
    low: list[int] = []
    high: list[int] = []
    for start, stop in pairwise(edges):
        low.extend([start] * (stop - start))
        high.extend([stop] * (stop - start))
    return tuple(low), tuple(high)
