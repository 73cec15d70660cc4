"""What measurements are called, and the small words around them, by language (`lexicon/vitals_<language>.toml`)."""

from dataclasses import dataclass, field
from functools import cache

from nlu.files import PARSED, lexicon
from nlu.pattern import Hit, Matcher, by_language, compile_block
from nlu.tokens import Tokens, words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """How a measurement is called. `before`: the number may come first ("88 pulse")."""

    code: str
    names: str
    before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalWords:
    """Names and small words of one language.

    `over` stands between the numbers of a blood pressure; `filler` between name and number. A pair after a
    `not_before` word ("room 120/80") and a value after a `not_a_measurement` word ("target") are no readings, nor is
    a number before one of `other_units` ("2 pills").
    """

    language: str
    name: tuple[Name, ...]
    over: str
    filler: str
    not_before: str
    not_a_measurement: str
    other_units: str
    sets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vitals:
    """The names of one language and its small words, ready to match."""

    matcher: Matcher
    before: frozenset[str]
    over: frozenset[str]
    filler: frozenset[str]
    not_before: frozenset[str]
    not_a_measurement: frozenset[str]
    other_units: frozenset[str]


@cache
def vitals(language: str) -> Vitals:
    """The names of a language, ready to match. Raises `BadFile` where the file is wrong."""
    data = lexicon(f"vitals_{language}", VitalWords)
    file = f"vitals_{language}.toml"
    phrases = [p for n in data.name for p in compile_block(n.names, n.code, language, data.sets, file)]
    lists = (data.over, data.filler, data.not_before, data.not_a_measurement, data.other_units)
    before = frozenset(n.code for n in data.name if n.before)
    return Vitals(Matcher(phrases), before, *(frozenset(words_of(words)) for words in lists))


def names_in(tokens: Tokens) -> dict[str, list[Hit]]:
    """The names of measurements in a text, by the language that calls them so."""
    return by_language(_names().find(tokens))


@cache
def _names() -> Matcher:
    return Matcher.of(vitals(language).matcher for language in PARSED)


@cache
def everywhere() -> Vitals:
    """The small words of all languages together, for numbers that come without a name."""
    every = [vitals(language) for language in PARSED]
    return Vitals(
        Matcher(()),
        frozenset(),
        over=frozenset().union(*(v.over for v in every)),
        filler=frozenset(),
        not_before=frozenset().union(*(v.not_before for v in every)),
        not_a_measurement=frozenset().union(*(v.not_a_measurement for v in every)),
        other_units=frozenset().union(*(v.other_units for v in every)),
    )
