"""What a message says about consent: agreeing, refusing, withdrawing, sharing with someone, asking what is given.

Read from the raw words by phrases as data (`lexicon/consent_<language>.toml`), so it works while a parser is down.
An order is (nearly) the whole message: nobody gives or withdraws anything in passing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache

from data.model.people import Purpose
from nlu.files import PARSED, lexicon
from nlu.pattern import Hit, Matcher, by_language, compile_block
from nlu.tokens import Tokens, tokenise, words_of

# Orders are short; what is longer, in characters or in words, tells something else.
_LONGEST_TEXT, _LONGEST = 200, 14
_LONGEST_NAME = 4


class Verb(StrEnum):
    """What the patient does. YES and NO count only while a question about consent stands."""

    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    GIVE = "give"
    SHOW = "show"
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentOrder:
    """A clear word on consent. `purpose` None: whatever was asked, or everything; `who`: the name, for SHARING."""

    verb: Verb
    purpose: Purpose | None = None
    who: str = ""
    language: str = "en"

    @property
    def bare(self) -> bool:
        """Whether it means something only in answer to a question."""
        return self.verb in (Verb.YES, Verb.NO)


# By id in the lexicon, in the order in which ties are settled: what gives least comes first.
_ORDERS: dict[str, tuple[Verb, Purpose | None]] = {
    "refuse": (Verb.REFUSE, None),
    "unshare": (Verb.WITHDRAW, Purpose.SHARING),
    "withdraw": (Verb.WITHDRAW, None),
    "withdraw-monitoring": (Verb.WITHDRAW, Purpose.MONITORING),
    "withdraw-messaging": (Verb.WITHDRAW, Purpose.MESSAGING),
    "withdraw-research": (Verb.WITHDRAW, Purpose.RESEARCH),
    "withdraw-sharing": (Verb.WITHDRAW, Purpose.SHARING),
    "no": (Verb.NO, None),
    "show": (Verb.SHOW, None),
    "share": (Verb.GIVE, Purpose.SHARING),
    "agree-monitoring": (Verb.GIVE, Purpose.MONITORING),
    "agree-messaging": (Verb.GIVE, Purpose.MESSAGING),
    "agree-research": (Verb.GIVE, Purpose.RESEARCH),
    "agree": (Verb.GIVE, None),
    "yes": (Verb.YES, None),
}
_RANK = {order_id: rank for rank, order_id in enumerate(_ORDERS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _OrderWords:
    """How an order is said: `whole` as (nearly) the whole message, a gap being a name; `lead` with a name after it."""

    id: str
    whole: str = ""
    lead: str = ""

    def __post_init__(self) -> None:
        if self.id not in _ORDERS:
            raise ValueError(f"id {self.id!r} is no order; allowed: {', '.join(_ORDERS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """`polite` words may stand beside an order, `not_names` are in nobody's name, `endings` follow a name."""

    language: str
    order: tuple[_OrderWords, ...]
    polite: str
    not_names: str
    endings: str = ""
    sets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Orders:
    whole: Matcher
    lead: Matcher
    polite: frozenset[str]
    not_names: frozenset[str]
    endings: tuple[str, ...]


@cache
def consent_words(language: str) -> _Orders:
    """The orders of a language, ready to match. Raises `BadFile` where the file is wrong."""
    data, file = lexicon(f"consent_{language}", _File), f"consent_{language}.toml"
    whole = [p for o in data.order for p in compile_block(o.whole, o.id, language, data.sets, file)]
    lead = [p for o in data.order for p in compile_block(o.lead, o.id, language, data.sets, file)]
    return _Orders(
        Matcher(whole),
        Matcher(lead),
        frozenset(words_of(data.polite)),
        frozenset(words_of(data.not_names)),
        tuple(data.endings.split()),
    )


def read_consent(text: str, language: str) -> ConsentOrder | None:
    """What a text says about consent, or None. The patient's language is tried first, then English, then the others.

    >>> read_consent("Withdraw research, please", "en").purpose
    <Purpose.RESEARCH: 'research'>
    """
    return _remembered(text, language) if len(text) <= _LONGEST_TEXT else None


# The parser and the desk ask about the same message.
@lru_cache(maxsize=16)
def _remembered(text: str, language: str) -> ConsentOrder | None:
    tokens = tokenise(text)
    if len(tokens.words) > _LONGEST:
        return None
    first = (language,) if language in PARSED else ()
    whole, lead = (by_language(matcher.find(tokens)) for matcher in _everywhere())
    for other in dict.fromkeys((*first, "en", *PARSED)) if whole or lead else ():
        found = _order_in(tokens, other, whole.get(other, []), lead.get(other, []))
        # What is asked is not given ("do I agree?"); to withdraw by a question does no harm.
        if found is not None and not (found.verb in (Verb.GIVE, Verb.YES) and "?" in tokens.folded.plain):
            return found
    return None


def names(order: ConsentOrder, name: str) -> bool:
    """Whether the name said in an order is this one: in full, or the first name alone; case endings do not matter."""
    said, full = words_of(order.who), words_of(name)
    if not said or not full:
        return False
    stems = {said[-1], *(said[-1].removesuffix(end) for end in consent_words(order.language).endings)}
    return any((*said[:-1], stem) in (full, full[:1]) for stem in stems)


@cache
def _everywhere() -> tuple[Matcher, Matcher]:
    every = [consent_words(language) for language in PARSED]
    return Matcher.of(words.whole for words in every), Matcher.of(words.lead for words in every)


def _order_in(tokens: Tokens, language: str, whole: list[Hit], lead: list[Hit]) -> ConsentOrder | None:
    """The order said in one language; of several the one that gives least."""
    words = consent_words(language)
    said = (*_whole(tokens, words, whole), *_lead(tokens, words, lead))
    found = sorted(said, key=lambda pair: _RANK[pair[0]])
    if not found:
        return None
    order_id, who = found[0]
    verb, purpose = _ORDERS[order_id]
    return ConsentOrder(verb=verb, purpose=purpose, who=who, language=language)


def _whole(tokens: Tokens, words: _Orders, hits: list[Hit]) -> Iterator[tuple[str, str]]:
    for hit in hits:
        beside = (*tokens.words[: hit.first], *tokens.words[hit.last + 1 :])
        if not set(beside) <= words.polite:
            continue
        name = _name(tokens, hit.skipped, words)
        if bool(name) == bool(hit.skipped):
            yield hit.key, name


def _lead(tokens: Tokens, words: _Orders, hits: list[Hit]) -> Iterator[tuple[str, str]]:
    for hit in hits:
        name = _name(tokens, _after(tokens, hit, words), words)
        if name and set(tokens.words[: hit.first]) <= words.polite:
            yield hit.key, name


def _after(tokens: Tokens, hit: Hit, words: _Orders) -> tuple[int, ...]:
    """The words after a hit, without small polite ones at the end."""
    last = len(tokens.words)
    while last > hit.last + 1 and tokens.words[last - 1] in words.polite:
        last -= 1
    return tuple(range(hit.last + 1, last))


def _name(tokens: Tokens, places: tuple[int, ...], words: _Orders) -> str:
    """Words in a row as a name, as written; nothing where they cannot be one."""
    said = [tokens.words[at] for at in places]
    if not 0 < len(said) <= _LONGEST_NAME or not all(word.isalpha() for word in said) or set(said) & words.not_names:
        return ""
    return tokens.quote(min(places), max(places))
