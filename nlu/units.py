"""Units as people write them, and what a number without one may be (`lexicon/units.toml`)."""

from dataclasses import dataclass
from functools import cache

from data.vocabulary import vital_signs
from nlu.files import lexicon
from nlu.tokens import Tokens, words_of

# How many words a unit has at most ("beats per minute").
_LONGEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of `code`: value * `factor` + `offset` is in the vocabulary's unit. `words` are its spellings, by "|".

    `alone`: (lowest, highest) value for which the unit without a name tells what was measured; `alone_words` where
    only some spellings do. `refused`: known, never used, asked about.
    """

    code: str
    words: str
    factor: float = 1.0
    offset: float = 0.0
    alone: tuple[float, ...] = ()
    alone_words: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What a value without its unit is between `low` and `high`: in a known unit, or unsure."""

    code: str
    low: float
    high: float
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    unit: tuple[Unit, ...]
    bare: tuple[Band, ...]
    unsure: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Converted:
    """A value in the vocabulary's unit, or the text key of what is wrong with it."""

    value: float
    problem: str | None = None


def unit_after(tokens: Tokens, number: int, code: str | None) -> tuple[Unit, int] | None:
    """The unit right after word `number` and its last word (`number` itself for "%"); any code's when None."""
    plain = tokens.folded.plain
    if plain[tokens.ends[number] : tokens.ends[number] + 2].lstrip().startswith("%"):
        return next(((u, number) for u in _by_words()[("%",)] if code in (None, u.code)), None)
    for length in range(_LONGEST, 0, -1):
        words = tokens.words[number + 1 : number + 1 + length]
        if len(words) == length and number + length < tokens.high[number]:
            for unit in _by_words().get(words, ()):
                if code == unit.code or (code is None and _tells(unit, words)):
                    return unit, number + length
    return None


def convert(code: str, value: float, unit: Unit | None) -> Converted:
    """The value in the vocabulary's unit. Values that could be in two units are a problem, never a guess."""
    if unit is not None and unit.refused:
        return Converted(value, "reading-unit")
    factor, offset = (unit.factor, unit.offset) if unit else (1.0, 0.0)
    if unit is None:
        if any(band.code == code and band.low <= value < band.high for band in _file().unsure):
            return Converted(value, "reading-unit")
        bands = [band for band in _file().bare if band.code == code]
        band = next((b for b in bands if b.low <= value <= b.high), None)
        factor, offset = (band.factor, band.offset) if band else (1.0, 0.0)
    value = round(value * factor + offset, 2)
    low, high = vital_signs()[code].possible
    return Converted(value, None if low <= value <= high else "reading-impossible")


def unsure_pressure(value: float) -> bool:
    """Whether a blood pressure without its unit could be in kPa or cmHg."""
    return any(band.code == "blood-pressure" and band.low <= value < band.high for band in _file().unsure)


def _tells(unit: Unit, words: tuple[str, ...]) -> bool:
    spellings = unit.alone_words or unit.words
    return bool(unit.alone) and any(words_of(s) == words for s in spellings.split("|"))


@cache
def _file() -> _File:
    return lexicon("units", _File)


@cache
def _by_words() -> dict[tuple[str, ...], tuple[Unit, ...]]:
    found: dict[tuple[str, ...], tuple[Unit, ...]] = {}
    for unit in _file().unit:
        for spelling in unit.words.split("|"):
            words = words_of(spelling) or (spelling,)
            found[words] = (*found.get(words, ()), unit)
    return found
