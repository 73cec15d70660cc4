"""Phrases over words: a small pattern language, an index, and a matcher whose work is bounded.

A phrase is words with spaces between. `a|b` either word, `a_b` two words as one alternative, `word*` any ending,
`word?` may be missing, `~` up to 3 words between (`~N` up to N, never across a comma), `<name>` a set of the same
file, whose members may be several words, `^` before a phrase: only at a sentence's start, `$` after it: only at
its end. `j'ai` also matches "jai".
Words are folded as texts are, so accents and case do not matter.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

from data.errors import BadFile, BadInput
from nlu.files import lines
from nlu.text import fold_char
from nlu.tokens import BEGINNING, SOFT, Tokens, tokenise

# Bounds that keep any phrase cheap on any text.
_MOST_VARIANTS = 96
_WIDEST_GAP = 8
_MOST_GAPS = 3
_SHORTEST_STEM = BEGINNING
# In texts longer than any real message, one phrase is tried at this many places only.
_MOST_TRIES = 48

_SET = re.compile(r"<([a-z_-]{1,30})>")


@dataclass(frozen=True, slots=True)
class Element:
    """One place in a phrase: any of `words`, or a word with any of `stems`; or a gap of up to `gap` words."""

    words: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    optional: bool = False
    gap: int = 0

    def takes(self, word: str) -> bool:
        """Whether this place accepts the word."""
        return word in self.words or (bool(self.stems) and word.startswith(self.stems))


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """A compiled phrase that stands for `key`; `anchor` is the element it is looked up by.

    `opens`: only at a sentence's start; `closes`: only at its end.
    """

    key: str
    language: str
    elements: tuple[Element, ...]
    anchor: int
    opens: bool = False
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a phrase matched: words `first` to `last` (inclusive); `skipped` are the words in its gaps."""

    key: str
    language: str
    first: int
    last: int
    skipped: tuple[int, ...] = ()


def compile_phrase(line: str, key: str, language: str, sets: Mapping[str, str]) -> list[Phrase]:
    """The variants of one written phrase. Raises `BadInput` with the phrase where it is not well formed."""
    opens, closes = line.startswith("^ "), line.endswith(" $")
    try:
        parts = [_alternatives(part, sets) for part in line.removeprefix("^ ").removesuffix(" $").split()]
    except BadInput as problem:
        raise BadInput(f"phrase {line!r}: {problem}") from None
    count = prod(len(part) for part in parts)
    if not 1 <= count <= _MOST_VARIANTS:
        raise BadInput(f"phrase {line!r} has {count} variants; at most {_MOST_VARIANTS}")
    choices = ([e for part in choice for e in part] for choice in product(*parts))
    return [_phrase(elements, line, key, language, opens, closes) for elements in choices]


def compile_block(block: str, key: str, language: str, sets: Mapping[str, str], file: str) -> list[Phrase]:
    """All phrases of a block, one a line. Raises `BadFile` naming the file and the phrase."""
    try:
        return [p for line in lines(block) for p in compile_phrase(line, key, language, sets)]
    except BadInput as problem:
        raise BadFile(f"{file}: {key}: {problem}") from None


def _phrase(elements: list[Element], line: str, key: str, language: str, opens: bool, closes: bool) -> Phrase:
    firm = [i for i, e in enumerate(elements) if not e.gap and not e.optional]
    if not firm:
        raise BadInput(f"phrase {line!r} needs a word that must be there")
    if elements[0].gap or elements[-1].gap or sum(1 for e in elements if e.gap) > _MOST_GAPS:
        raise BadInput(f"phrase {line!r} may have {_MOST_GAPS} gaps at most, none at an end")
    return Phrase(key, language, tuple(elements), max(firm, key=lambda i: _rarity(elements[i])), opens, closes)


def _rarity(element: Element) -> float:
    """A guess at how seldom a place is met: long words are rare, many alternatives are not."""
    shortest = min(len(w) for w in (*element.words, *element.stems))
    return shortest - 0.25 * (len(element.words) + 2 * len(element.stems))


def _alternatives(part: str, sets: Mapping[str, str]) -> tuple[tuple[Element, ...], ...]:
    """What one written part can be: element sequences. Sets are put in for their names first."""
    if part.startswith("~"):
        width = int(part[1:]) if part[1:].isdigit() else 3
        if width > _WIDEST_GAP or (part != "~" and not part[1:].isdigit()):
            raise BadInput(f"gap {part!r} must be ~ or ~1 to ~{_WIDEST_GAP}")
        return ((Element(gap=width),),)
    if "<" in part:
        for name in _SET.findall(part):
            if name not in sets:
                raise BadInput(f"there is no set <{name}>; there are {', '.join(sorted(sets)) or 'none'}")
            part = part.replace(f"<{name}>", sets[name])
    return _sequences(part.removesuffix("?"), part.endswith("?"))


@lru_cache(maxsize=16384)
def _sequences(part: str, optional: bool) -> tuple[tuple[Element, ...], ...]:
    """Single words and stems share one place; each alternative of several words is a sequence of its own."""
    words: set[str] = set()
    stems: set[str] = set()
    longer: list[tuple[Element, ...]] = []
    for option in part.split("|"):
        if option.isascii() and option.isalpha():
            words.add(option.lower())
            continue
        for spelling in _spellings(option.replace("_", " ")):
            parts = _stemmed(spelling) if not spelling.isalpha() else [("".join(map(fold_char, spelling)), False)]
            if len(parts) > 1:
                longer.append(tuple(_place(word, is_stem) for word, is_stem in parts))
            else:
                (stems if parts[0][1] else words).add(parts[0][0])
    sequences = list(longer)
    if words or stems:
        sequences.append((Element(frozenset(words), tuple(sorted(stems))),))
    if not optional:
        return tuple(sequences)
    if len(sequences) == 1 and len(sequences[0]) == 1:
        return ((Element(sequences[0][0].words, sequences[0][0].stems, optional=True),),)
    return (*sequences, ())


def _place(word: str, is_stem: bool) -> Element:
    return Element(stems=(word,)) if is_stem else Element(words=frozenset((word,)))


def _stemmed(spelling: str) -> list[tuple[str, bool]]:
    """The words of an alternative, each with whether it is a stem. Raises `BadInput` where it is not well formed."""
    stem = spelling.removesuffix("*")
    if stem.isalpha() and stem != spelling and len(stem) >= _SHORTEST_STEM:
        return [("".join(map(fold_char, stem)), True)]
    tokens = tokenise(spelling)
    edges = [*tokens.starts[1:], len(tokens.folded.plain)]
    after = [tokens.folded.plain[end:edge] for end, edge in zip(tokens.ends, edges, strict=True)]
    parts = [(word, rest.startswith("*")) for word, rest in zip(tokens.words, after, strict=True)]
    if not parts or any(c in spelling for c in "<>~?^") or spelling.count("*") != sum(stem for _, stem in parts):
        raise BadInput(f"{spelling!r} is not a word")
    if any(is_stem and len(word) < _SHORTEST_STEM for word, is_stem in parts):
        raise BadInput(f"stem {spelling!r} is shorter than {_SHORTEST_STEM} letters")
    return parts


def _spellings(option: str) -> list[str]:
    """How people without the right keyboard write it: "fuehle" for "fühle", "jai" for "j'ai"."""
    spellings = [option]
    if any(c in option for c in "äöü"):
        spellings.append(option.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"))
    if "'" in option:
        spellings.append(option.replace("'", ""))
    return spellings


class Matcher:
    """Finds all phrases of a list in a text at once, by way of an index over their rarest words."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        """Index the phrases."""
        self._phrases = tuple(phrases)
        exact: dict[str, list[Phrase]] = defaultdict(list)
        stems: dict[str, list[tuple[str, Phrase]]] = defaultdict(list)
        vocabulary: set[str] = set()
        for phrase in self._phrases:
            for element in phrase.elements:
                vocabulary |= element.words
            anchor = phrase.elements[phrase.anchor]
            for word in anchor.words:
                exact[word].append(phrase)
            for stem in anchor.stems:
                stems[stem[:_SHORTEST_STEM]].append((stem, phrase))
        self._vocabulary = frozenset(vocabulary)
        self._exact = dict(exact)
        self._stems = dict(stems)

    @classmethod
    def of(cls, matchers: Iterable["Matcher"]) -> "Matcher":
        """One for the phrases of several, such as those of all languages: a text is gone through once."""
        return cls(phrase for matcher in matchers for phrase in matcher._phrases)

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every whole word that stands in a phrase."""
        return self._vocabulary

    def find(self, tokens: Tokens, words: Sequence[str] | None = None) -> list[Hit]:
        """Every hit, in order of the anchor's place. `words` stand in for the text's own where they were mended."""
        exact, stems = self._exact, self._stems
        if words is None or words is tokens.words:
            # Of most lists a text has no word: that is seen at once.
            if exact.keys().isdisjoint(tokens.vocabulary) and stems.keys().isdisjoint(tokens.beginnings):
                return []
            words = tokens.words
        tries: dict[Phrase, int] | None = {} if len(words) > 4 * _MOST_TRIES else None
        hits: list[Hit] = []
        for at, word in enumerate(words):
            found = exact.get(word, ())
            by_stem = stems.get(word[:_SHORTEST_STEM])
            if by_stem:
                found = [*found, *(p for stem, p in by_stem if word.startswith(stem))]
            for phrase in found:
                if tries is not None:
                    tries[phrase] = tries.get(phrase, 0) + 1
                    if tries[phrase] > _MOST_TRIES:
                        continue
                hit = _match(phrase, tokens, words, at)
                if hit is not None:
                    hits.append(hit)
        return hits


def by_language(hits: Iterable[Hit]) -> dict[str, list[Hit]]:
    """Hits of phrases of several languages apart, each in the same order."""
    found: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        found[hit.language].append(hit)
    return found


def _match(phrase: Phrase, tokens: Tokens, words: Sequence[str], at: int) -> Hit | None:
    low, high = tokens.low[at], tokens.high[at]
    elements, anchor = phrase.elements, phrase.anchor
    last = anchor + 1 == len(elements)
    ahead = (at + 1, ()) if last else _walk(elements, anchor + 1, 1, at + 1, tokens, words, low, high)
    if ahead is None or (phrase.closes and ahead[0] < high):
        return None
    behind = _walk(elements, anchor - 1, -1, at - 1, tokens, words, low, high) if anchor else (at - 1, ())
    if behind is None or (phrase.opens and behind[0] >= low):
        return None
    return Hit(phrase.key, phrase.language, behind[0] + 1, ahead[0] - 1, behind[1] + ahead[1])


def _walk(
    elements: tuple[Element, ...], k: int, step: int, at: int, tokens: Tokens, words: Sequence[str], low: int, high: int
) -> tuple[int, tuple[int, ...]] | None:
    """Match elements from `k` on, in direction `step`, from word `at` on: where it ends and what gaps skipped."""
    while 0 <= k < len(elements):
        element = elements[k]
        if element.gap:
            return _leap(elements, k, step, at, tokens, words, low, high)
        here = low <= at < high and element.takes(words[at])
        if element.optional:
            if here:
                taken = _walk(elements, k + step, step, at + step, tokens, words, low, high)
                if taken is not None:
                    return taken
            k += step
            continue
        if not here:
            return None
        k += step
        at += step
    return at, ()


def _leap(
    elements: tuple[Element, ...], k: int, step: int, at: int, tokens: Tokens, words: Sequence[str], low: int, high: int
) -> tuple[int, tuple[int, ...]] | None:
    """Match a gap: the nearest way first. A comma ends it, on either side of the gap's words."""
    for width in range(elements[k].gap + 1):
        landing = at + step * width
        if width and (not low <= landing - step < high or _comma(tokens, landing - step)):
            return None
        rest = _walk(elements, k + step, step, landing, tokens, words, low, high)
        if rest is not None:
            skipped = range(at, landing) if step > 0 else range(landing + 1, at + 1)
            return rest[0], (*skipped, *rest[1])
    return None


def _comma(tokens: Tokens, at: int) -> bool:
    """Whether a comma stands on either side of word `at`, which is not the last of its sentence or not the first."""
    breaks = tokens.breaks
    return breaks[at] == SOFT or (at + 1 < len(breaks) and breaks[at + 1] == SOFT)
