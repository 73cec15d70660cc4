"""Words of a folded text, with the breaks between them and where they stand."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from nlu.text import Folded, fold

# A number with its decimals, a word (English contractions stay whole, French elisions part), or the SOS sign.
_TOKEN = re.compile(r"\d{1,12}(?:[.,]\d{1,6}){0,3}|[^\W\d_][^\W_]*(?:'(?:t|s|m|re|ve|ll|d)(?![^\W_]))?|\N{SQUARED SOS}")

NONE, SOFT, HARD = 0, 1, 2
# So many letters of a word are its beginning, by which stems are looked up.
BEGINNING = 2
# A message is read several times over, by the screen, the parser and the desk: the words of the last few short texts
# are remembered, and no more of them than that.
_SHORT, _TEXTS = 400, 32


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as words. `words` are folded and without apostrophes; `starts`/`ends` are offsets in `folded.plain`.

    `breaks[i]` is what stands before word i: NONE, SOFT (a comma, an ellipsis), HARD (the end of a sentence).
    `low[i]`..`high[i]` are the first word of i's sentence and the one after its last. `vocabulary` are the words and
    `beginnings` their first two letters, each once.
    """

    folded: Folded
    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    breaks: tuple[int, ...]
    low: tuple[int, ...] = field(default=())
    high: tuple[int, ...] = field(default=())
    vocabulary: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    beginnings: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

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
    return _remembered(text) if len(text) <= _SHORT else _tokenise(text)


@lru_cache(maxsize=_TEXTS)
def _remembered(text: str) -> Tokens:
    return _tokenise(text)


def _tokenise(text: str) -> Tokens:
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
    known, begun = frozenset(words), frozenset([word[:BEGINNING] for word in words])
    return Tokens(folded, tuple(words), tuple(starts), tuple(ends), tuple(breaks), low, high, known, begun)


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
