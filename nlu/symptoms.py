"""Symptoms in a patient's words, each with how the words stand to it (`lexicon/symptoms_<language>.toml`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from data.model.conversation import Entity
from data.model.observation import Assertion
from nlu.assertion import Judge
from nlu.files import lexicon
from nlu.pattern import Hit, Matcher, compile_block
from nlu.spelling import Spelling
from nlu.tokens import Tokens, words_of

# A general word for pain says nothing beside the place that hurts.
_GENERAL = "pain"
# What sounds like a symptom and is none ("chest of drawers") hides what it shares words with.
_LOOKALIKE = "lookalike"
# The languages that have a symptom lexicon.
SPOKEN = ("en", "es", "de", "fr", "et")


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One symptom and how lay people say it."""

    key: str
    phrases: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymptomWords:
    """The symptom lexicon of one language. `mend` are words whose typing mistakes are mended; `real` stay.

    `lookalikes` are phrases that only sound like a symptom.
    """

    language: str
    symptom: tuple[Symptom, ...]
    sets: dict[str, str] = field(default_factory=dict)
    lookalikes: str = ""
    mend: str = ""
    real: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Symptoms of one text in one language; `mended` when a typing mistake had to be mended for them."""

    entities: tuple[Entity, ...]
    mended: bool


@cache
def symptom_words(language: str) -> tuple[Matcher, Spelling]:
    """The symptoms of a language, ready to match. Raises `BadFile` where the file is wrong."""
    data = lexicon(f"symptoms_{language}", SymptomWords)
    file = f"symptoms_{language}.toml"
    blocks = [(s.phrases, s.key) for s in data.symptom] + [(data.lookalikes, _LOOKALIKE)]
    matcher = Matcher(p for phrases, key in blocks for p in compile_block(phrases, key, language, data.sets, file))
    return matcher, Spelling(words_of(data.mend), matcher.vocabulary.union(words_of(data.real)))


@cache
def symptom_keys() -> frozenset[str]:
    """Every symptom that some language's lexicon can find."""
    return frozenset(s.key for language in SPOKEN for s in lexicon(f"symptoms_{language}", SymptomWords).symptom)


def find_symptoms(tokens: Tokens, language: str) -> Found:
    """The symptoms of a text by one language's lexicon, in order of their words."""
    matcher, spelling = symptom_words(language)
    words = spelling.mend(tokens.words)
    hits = _distinct(matcher.find(tokens, words))
    if not hits:
        return Found((), mended=False)
    judge = Judge(tokens, language)
    entities = tuple(_entity(tokens, hit, judge.judge(hit).assertion) for hit in hits)
    changed = words is not tokens.words
    mended = changed and any(words[i] != tokens.words[i] for h in hits for i in range(h.first, h.last + 1))
    return Found(entities, mended)


def _entity(tokens: Tokens, hit: Hit, assertion: Assertion) -> Entity:
    start, end = tokens.place(hit.first, hit.last)
    return Entity(key=hit.key, words=tokens.quote(hit.first, hit.last), start=start, end=end, assertion=assertion)


def _distinct(hits: Sequence[Hit]) -> list[Hit]:
    """Of hits that share words the tightest specific one; all others, in order."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=_tightest_first):
        if not any(hit.first <= k.last and k.first <= hit.last for k in kept):
            kept.append(hit)
    return sorted((k for k in kept if k.key != _LOOKALIKE), key=lambda h: h.first)


def _tightest_first(hit: Hit) -> tuple[bool, bool, int, int, int]:
    return (hit.key != _LOOKALIKE, hit.key == _GENERAL, len(hit.skipped), hit.first - hit.last, hit.first)
