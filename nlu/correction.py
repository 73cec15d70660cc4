"""What a message says about an earlier reading: another value for it ("sorry, i meant 97"), or that it was none.

Read from the raw words by phrases as data (`lexicon/correction_<language>.toml`), so it works while a parser is down.
A correction is (nearly) the whole message: nobody changes what was measured in passing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

from data.model.conversation import Reading
from nlu.files import PARSED, lexicon
from nlu.numbers import number_at
from nlu.pattern import Hit, Matcher, by_language, compile_block
from nlu.readings import find_readings
from nlu.tokens import Tokens, tokenise, words_of
from nlu.vitals import names_in, vitals

# Corrections are short; what is longer, in characters or in words, tells something else.
_LONGEST_TEXT, _LONGEST = 160, 18
# Where a text is cut: before its right value, after a wrong one, between what is right and what was wrong.
_RIGHT, _WRONG, _INSTEAD, _BUT = "right", "wrong", "instead", "but"
_ERASE, _BACK = "erase", "back"
_PERCENT = "oxygen-saturation"
_DIGIT = re.compile("[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What is to become of an earlier reading.

    The right value is `readings`, or a bare `number`; without either it is only said that something was wrong.
    `codes` are the measurements named besides, `was` the numbers that were wrong. `withdraws`: the reading was none;
    `back`: no reading is named, only what was written last ("that was not me"). Not `clear`: there is a correction in
    it, but other words too, so that it can only be asked about.
    """

    readings: tuple[Reading, ...] = ()
    number: float | None = None
    codes: tuple[str, ...] = ()
    was: tuple[float, ...] = ()
    withdraws: bool = False
    back: bool = False
    clear: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """How it is said. `right` stands beside the right value, `wrong` after or before a wrong one, `instead` between
    both, the right one first; `but` between both after an `instead` ("not 79 but 97").

    `erase` are words that, with one of `things` or a measurement's name, withdraw it; `back` withdraws what was
    written last. `polite` words may stand beside all of it. `corrects`, `withdraws`, `asks` and `quiet` are examples.
    """

    language: str
    polite: str
    things: str
    right: str
    wrong: str
    instead: str
    but: str
    erase: str
    back: str
    corrects: str
    withdraws: str
    asks: str
    quiet: str
    sets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Words:
    all: Matcher
    polite: frozenset[str]
    things: frozenset[str]


@cache
def correction_words(language: str) -> _Words:
    """The phrases of a language, ready to match. Raises `BadFile` where the file is wrong."""
    data, file = lexicon(f"correction_{language}", _File), f"correction_{language}.toml"

    blocks = {_RIGHT: data.right, _WRONG: data.wrong, _INSTEAD: data.instead, _BUT: data.but}
    blocks |= {_ERASE: data.erase, _BACK: data.back}
    return _Words(
        Matcher(p for key, b in blocks.items() for p in compile_block(b, key, language, data.sets, file)),
        frozenset(words_of(data.polite)),
        frozenset(words_of(data.things)),
    )


def read_correction(text: str, language: str) -> Correction | None:
    """What a text says about an earlier reading, or None. The patient's language is tried first, then the others.

    >>> read_correction("sorry, i meant 97", "en").number
    97.0
    """
    return _remembered(text, language) if len(text) <= _LONGEST_TEXT else None


# The parser and the desk ask about the same message.
@lru_cache(maxsize=16)
def _remembered(text: str, language: str) -> Correction | None:
    tokens = tokenise(text)
    if not 0 < len(tokens.words) <= _LONGEST:
        return None
    hits = by_language(_everywhere().find(tokens))
    first = (language,) if language in PARSED else ()
    order = dict.fromkeys((*first, "en", *PARSED)) if hits else ()
    found = [c for other in order if other in hits and (c := _read(tokens, other, hits[other]))]
    best = next((c for c in found if c.clear), next(iter(found), None))
    # What is asked is no order; only that nothing is changed by a question must be sure.
    return replace(best, clear=False) if best and "?" in tokens.folded.plain else best


@cache
def _everywhere() -> Matcher:
    return Matcher.of(correction_words(language).all for language in PARSED)


def _read(tokens: Tokens, language: str, hits: list[Hit]) -> Correction | None:
    words = correction_words(language)
    back, erase = ([hit for hit in hits if hit.key == key] for key in (_BACK, _ERASE))
    marks = [hit for hit in hits if hit.key not in (_BACK, _ERASE)]
    for hit in back:
        if all(tokens.words[at] in words.polite for at in _beside(tokens, (hit,))):
            return Correction(withdraws=True, back=True)
    if not erase and not marks:
        return None
    names = _names(tokens, language)
    named = frozenset(at for hit in names for at in range(hit.first, hit.last + 1))
    codes = tuple(dict.fromkeys(hit.key for hit in names))
    if erase and (found := _erased(tokens, erase, words, named, codes)):
        return found
    if not marks:
        return None
    if "%" in tokens.folded.plain:
        codes = (_PERCENT,)
    marks = _apart(marks)
    said, cut, small = {mark.key for mark in marks}, _cut(tokens, marks), _small(language)
    # A part without a number that holds other words spoils it, whatever is read in the others.
    whole = all(
        _has_digit(text) or all(at in named or tokens.words[at] in small for at in places) for _, places, text in cut
    )
    if not whole and _RIGHT not in said:
        return None
    return _corrected(list(_parts(tokens, cut, named, language, whole=whole)), said, codes)


def _erased(
    tokens: Tokens, hits: list[Hit], words: _Words, named: frozenset[int], codes: tuple[str, ...]
) -> Correction | None:
    """ "Delete my last reading": a word for a reading or the name of one must be there, and nothing that is else."""
    beside = _beside(tokens, hits)
    numbers = tuple(value for at in beside if (value := number_at(tokens, at)) is not None)
    others = {tokens.words[at] for at in beside if at not in named and number_at(tokens, at) is None}
    if not (named or words.things & others) or not others <= words.polite | words.things:
        return None
    return Correction(withdraws=True, codes=codes, was=numbers)


def _beside(tokens: Tokens, hits: Iterable[Hit]) -> list[int]:
    inside = {at for hit in hits for at in range(hit.first, hit.last + 1)}
    return [at for at in range(len(tokens.words)) if at not in inside]


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands between two marks. `after`: the mark before it; `clean`: nothing but a value and small words."""

    after: str
    readings: tuple[Reading, ...]
    numbers: tuple[float, ...]
    clean: bool

    @property
    def one_value(self) -> bool:
        """Whether it says one value: named readings, or a single number."""
        return bool(self.readings) or len(self.numbers) == 1


def _cut(tokens: Tokens, marks: list[Hit]) -> list[tuple[str, range, str]]:
    """What stands between the marks: the mark before it, its words and its text."""
    starts = (0, *(mark.last + 1 for mark in marks))
    ends = (*(mark.first for mark in marks), len(tokens.words))
    before = ("", *(mark.key for mark in marks))
    cut = ((mark, range(start, end)) for mark, start, end in zip(before, starts, ends, strict=True))
    return [(mark, places, _text(tokens, places)) for mark, places in cut]


def _parts(
    tokens: Tokens, cut: list[tuple[str, range, str]], named: frozenset[int], language: str, *, whole: bool
) -> Iterator[_Part]:
    """The parts, in order. Where the message as a whole is no correction (not `whole`) no readings are looked for."""
    small = _small(language)
    for mark, places, text in cut:
        numbers = {at: value for at in places if (value := number_at(tokens, at)) is not None}
        readings = find_readings(tokenise(text), language) if whole and _has_digit(text) else ()
        read = {word for reading in readings for word in words_of(reading.words)}
        rest = [at for at in places if at not in named and tokens.words[at] not in read]
        clean = all((not readings) if at in numbers else tokens.words[at] in small for at in rest)
        yield _Part(mark, readings, tuple(numbers.values()), whole and clean)


@cache
def _small(language: str) -> frozenset[str]:
    """Words that may stand beside a value in that language."""
    return correction_words(language).polite | vitals(language).filler | vitals("en").filler


def _has_digit(text: str) -> bool:
    return _DIGIT.search(text) is not None if text.isascii() else any(char.isdigit() for char in text)


def _text(tokens: Tokens, places: range) -> str:
    """The words in a row with what follows the last of them, such as "%"."""
    if not places:
        return ""
    stop = tokens.starts[places.stop] if places.stop < len(tokens.words) else len(tokens.folded.plain)
    return tokens.folded.plain[tokens.starts[places.start] : stop]


def _corrected(parts: list[_Part], said: set[str], codes: tuple[str, ...]) -> Correction | None:
    """Put together: which part holds the right value and which the wrong one."""
    right: list[_Part] = []
    wrong: list[_Part] = []
    for nth, part in enumerate(parts):
        if part.numbers:
            after = parts[nth + 1].after if nth + 1 < len(parts) else ""
            later = any(other.numbers for other in parts[nth + 1 :])
            (wrong if _is_wrong(part.after, after, later=later) else right).append(part)
    whole = len(right) <= 1 and len(wrong) <= 1 and all(part.clean for part in parts)
    if not whole or not all(part.one_value for part in right):
        return Correction(clear=False) if _RIGHT in said and right else None
    was = wrong[0].numbers if wrong else ()
    if not right:
        return Correction(codes=codes, was=was) if said & {_RIGHT, _WRONG} else None
    if not wrong and not said & {_RIGHT, _WRONG}:
        return None
    if right[0].readings:
        return Correction(readings=right[0].readings, was=was)
    return Correction(number=right[0].numbers[0], codes=codes, was=was)


def _is_wrong(before: str, after: str, *, later: bool) -> bool:
    """Whether the value between two marks is the wrong one; `later`: there is another value behind it."""
    if before:
        return before == _INSTEAD
    return after == _WRONG or (after == _RIGHT and later)


def _apart(hits: Iterable[Hit]) -> list[Hit]:
    """Hits that do not overlap, the longest of those that do, in order."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.first - h.last, h.first)):
        if not any(hit.first <= k.last and k.first <= hit.last for k in kept):
            kept.append(hit)
    return sorted(kept, key=lambda h: h.first)


def _names(tokens: Tokens, language: str) -> list[Hit]:
    names = names_in(tokens)
    return _apart(hit for other in dict.fromkeys((language, "en")) for hit in names.get(other, ()))
