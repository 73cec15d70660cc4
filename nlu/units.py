"""Units as people write them, and what a number without one may be (`lexicon/units.toml`)."""

from dataclasses import dataclass
from functools import cache

from data.vocabulary import vital_signs
from nlu.files import lexicon
from nlu.tokens import Tokens, words_of

# How many words a unit has at most ("beats per minute").
_LONGEST = 4
# An answer that is only a unit is no longer than this, in characters.
_ANSWER = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of `code`: value * `factor` + `offset` is in the vocabulary's unit. `words` are its spellings, by "|".

    `alone`: (lowest, highest) value for which the unit without a name tells what was measured; `alone_words` where
    only some spellings do. `refused`: known, never used, asked about. `ucum`: its name where it answers a question.
    """

    code: str
    words: str
    factor: float = 1.0
    offset: float = 0.0
    alone: tuple[float, ...] = ()
    alone_words: str = ""
    refused: bool = False
    ucum: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What a value without its unit is between `low` and `high`: in a known unit, or unsure; in one `language` only
    where it is named."""

    code: str
    low: float
    high: float
    factor: float = 1.0
    offset: float = 0.0
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """Where `code` is not dangerous: `low` to `high` in the vocabulary's unit; `units` are those in doubt."""

    code: str
    low: float
    high: float
    units: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    unit: tuple[Unit, ...]
    bare: tuple[Band, ...]
    unsure: tuple[Band, ...]
    calm: tuple[Calm, ...]
    ask: dict[str, str]
    filler: str


@dataclass(frozen=True, slots=True)
class Converted:
    """A value in the vocabulary's unit, or the text key of what is wrong with it; `alarming` in any unit."""

    value: float
    problem: str | None = None
    alarming: bool = False


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


def read_unit(text: str) -> str | None:
    """The unit that a text is and nothing else, polite words aside, or None.

    One of "mmol/L", "mg/dL", "g/L", "kg" and "[lb_av]".

    >>> read_unit("mmol/l please"), read_unit("80 kg")
    ('mmol/L', None)
    """
    if len(text) > _ANSWER:
        return None
    said = tuple(word for word in words_of(text) if word not in _filler())
    return next((unit.ucum for unit in _by_words().get(said, ()) if unit.ucum), None)


@cache
def _filler() -> frozenset[str]:
    return frozenset(words_of(_file().filler))


def spelling(ucum: str) -> str:
    """How a unit that `read_unit` gives is written in a message. Raises `KeyError` for any other."""
    return {unit.ucum: unit.words.split("|")[0] for unit in _file().unit if unit.ucum}[ucum]


def convert(code: str, value: float, unit: Unit | None, language: str = "") -> Converted:
    """The value in the vocabulary's unit. Values that could be in two units are a problem, never a guess."""
    if unit is not None and unit.refused:
        return Converted(value, _ask(code))
    factor, offset = (unit.factor, unit.offset) if unit else (1.0, 0.0)
    if unit is None:
        unsure = (band for band in _file().unsure if band.code == code and band.language in ("", language))
        if any(band.low <= value < band.high for band in unsure):
            return Converted(value, _ask(code), _alarming(code, value))
        bands = [band for band in _file().bare if band.code == code]
        band = next((b for b in bands if b.low <= value <= b.high), None)
        factor, offset = (band.factor, band.offset) if band else (1.0, 0.0)
    value = round(value * factor + offset, 2)
    low, high = vital_signs()[code].possible
    return Converted(value, None if low <= value <= high else "reading-impossible")


def _ask(code: str) -> str:
    return _file().ask.get(code, "reading-impossible")


def _alarming(code: str, value: float) -> bool:
    """Whether a value in doubt is outside the calm range in each unit that it may be in."""
    for calm in _file().calm:
        if calm.code == code:
            factors = [unit.factor for unit in _file().unit if unit.code == code and unit.ucum in calm.units]
            return all(not calm.low <= value * factor <= calm.high for factor in factors)
    return False


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
