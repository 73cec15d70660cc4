"""What a message is for, by phrases as data (`lexicon/intents_<language>.toml`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from data.model.observation import Assertion
from nlu.assertion import Judge
from nlu.files import PARSED, lexicon
from nlu.pattern import Hit, Matcher, by_language, compile_block
from nlu.tokens import Tokens

INTENTS = (
    "wrong-number", "stop", "start", "help", "pause", "resume", "consent", "correction", "who-saw", "ask-status",
    "ask-data", "worse", "feeling-well", "report-symptom", "report-reading", "unit", "yes", "no", "thanks", "goodbye",
    "greeting", "unknown",
)  # fmt: skip
# Intents that say how the patient is: they can be denied, or only asked about.
_DENIABLE = frozenset(("worse", "feeling-well"))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentWords:
    """How an intent is said: `phrases` anywhere, `whole` only as (nearly) the whole message."""

    id: str
    phrases: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    language: str
    intent: tuple[IntentWords, ...]
    polite: str = ""
    sets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Intents:
    anywhere: Matcher
    whole: Matcher
    polite: frozenset[str]


@cache
def intent_words(language: str) -> _Intents:
    """The intents of a language, ready to match. Raises `BadFile` where the file is wrong."""
    data = lexicon(f"intents_{language}", _File)
    file = f"intents_{language}.toml"
    anywhere = [p for i in data.intent for p in compile_block(i.phrases, i.id, language, data.sets, file)]
    whole = [p for i in data.intent for p in compile_block(i.whole, i.id, language, data.sets, file)]
    return _Intents(Matcher(anywhere), Matcher(whole), frozenset(data.polite.split()))


def find_intent(tokens: Tokens, languages: Sequence[str]) -> tuple[str | None, str | None]:
    """The first of `INTENTS` that is said in a text, in the first of these languages that says any, and which it is.

    What is denied is not said ("not getting worse").
    """
    anywhere, whole = (by_language(matcher.find(tokens)) for matcher in _everywhere())
    for language in languages if anywhere or whole else ():
        polite = intent_words(language).polite
        said = {hit.key for hit in anywhere.get(language, ()) if hit.key not in _DENIABLE or not _denied(tokens, hit)}
        said.update(hit.key for hit in whole.get(language, ()) if _is_all(tokens, hit, polite))
        if found := next((intent for intent in INTENTS if intent in said), None):
            return found, language
    return None, None


@cache
def _everywhere() -> tuple[Matcher, Matcher]:
    every = [intent_words(language) for language in PARSED]
    return Matcher.of(words.anywhere for words in every), Matcher.of(words.whole for words in every)


def _denied(tokens: Tokens, hit: Hit) -> bool:
    found = Judge(tokens, hit.language).judge(hit)
    return found.assertion is Assertion.ABSENT or found.hypothetical


def _is_all(tokens: Tokens, hit: Hit, polite: frozenset[str]) -> bool:
    """Whether nothing but small polite words stands beside the hit."""
    rest = (*tokens.words[: hit.first], *tokens.words[hit.last + 1 :])
    return len(rest) <= 4 and all(word in polite for word in rest)
