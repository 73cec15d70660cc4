"""The safety screen: emergencies in a patient's raw words, in every language at once, whatever a parser made of them.

All lexicons (`lexicon/red_flags_<language>.toml`) run on every message. Two kinds of evidence raise an alarm: a phrase
of a rule, or a combination of milder parts near one another (`lexicon/red_flags.toml`). What is denied, over, or only
asked about does not; a denial that is taken back does. Someone else's emergency counts while it is going on.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise, product

from data.errors import PhmsError
from data.model.conversation import Alarm
from data.model.observation import Assertion
from nlu.assertion import Judge, Judgement, likely_language
from nlu.files import LANGUAGES, lexicon, lines
from nlu.pattern import Hit, Matcher, Phrase, compile_block
from nlu.spelling import Spelling
from nlu.tokens import Tokens, tokenise, words_of
from nlu.windows import windows

# Parts of a picture are told within a few sentences.
_NEAR_WORDS = 45
# Bounds of the search for combinations: of each part, only the first few mentions.
_MOST_MENTIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RedFlag:
    """A rule of the screen.

    `recent_counts`: it still is an emergency a day later ("took all my pills yesterday"). `asking_counts`: to ask
    about it is alarming enough ("how can i kill myself").
    """

    id: str
    title: str
    source: str
    recent_counts: bool = False
    asking_counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """Parts that together raise `rule`: one of each group; a group is written "part|part"."""

    rule: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Numbers of ambulances that raise `rule` as the whole message; `maybe` are also likely values of a reading."""

    rule: str
    sure: tuple[str, ...]
    maybe: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    call: Call
    rule: tuple[RedFlag, ...]
    combination: tuple[Combination, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How one language says a rule. `never` are idioms; `fires` and `quiet` are examples that must and must not."""

    id: str
    phrases: str
    fires: str
    quiet: str = ""
    never: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedFlagWords:
    """The red-flag lexicon of one language. `mend` are words whose typing mistakes are mended; `real` stay."""

    language: str
    rule: tuple[Wording, ...]
    sets: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    mend: str = ""
    real: str = ""
    fires: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Screen:
    matcher: Matcher
    spelling: Spelling
    flags: dict[str, RedFlag]
    call: Call
    combinations: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]


def screen(text: str) -> tuple[Alarm, ...]:
    """The alarms in a text, gravest rule first, one per rule at most. Total: any text at all is answered.

    >>> [(a.rule, a.words) for a in screen("My chest hurts")]
    [('chest-pain', 'chest hurts')]
    """
    alarms: dict[str, Alarm] = {}
    for window in windows(text):
        _screen_window(window, alarms)
    return tuple(alarms[rule] for rule in _screen().flags if rule in alarms)


def _screen_window(window: str, alarms: dict[str, Alarm]) -> None:
    """Add the alarms of one window for rules that have none yet."""
    tokens = tokenise(window)
    lexicons = _screen()
    if (call := _bare_call(tokens, lexicons.call)) is not None:
        alarms.setdefault(call.rule, call)
    hits = lexicons.matcher.find(tokens, lexicons.spelling.mend(tokens.words))
    if not hits:
        return
    live = _live(_less_idioms(hits), _Reading(tokens, lexicons), lexicons.flags, alarms)
    for hit in live:
        if hit.key in lexicons.flags:
            words = tokens.quote(hit.first, hit.last)
            alarms.setdefault(hit.key, Alarm(rule=hit.key, words=words, language=hit.language))
    for rule, groups in lexicons.combinations:
        if rule not in alarms and (parts := _combined(groups, live, tokens)):
            alarms[rule] = _picture(rule, parts, tokens)


def _live(hits: list[Hit], found: "_Reading", flags: dict[str, RedFlag], known: dict[str, Alarm]) -> list[Hit]:
    """The hits that may be an emergency, from the first: of a rule one is enough, of a part a few, and no more are
    judged, so that a long text of nothing but hits stays cheap."""
    live: list[Hit] = []
    count: dict[tuple[str, str], int] = defaultdict(int, {(rule, ""): 1 for rule in known})
    hits = sorted(hits, key=lambda h: (h.first, -h.last))
    for hit in hits:
        sort, most = ((hit.key, ""), 1) if hit.key in flags else ((hit.key, hit.language), _MOST_MENTIONS)
        if count[sort] < most and found.alarming(hit, hits):
            count[sort] += 1
            live.append(hit)
    return live


def _bare_call(tokens: Tokens, numbers: Call) -> Alarm | None:
    """A sentence that is nothing but an ambulance's number. One that may be a reading must be cried ("112!") or said
    again ("112 112"); two that differ may be a blood pressure."""
    words, plain = tokens.words, tokens.folded.plain
    for at, word in enumerate(words):
        if at != tokens.low[at] or word not in (*numbers.sure, *numbers.maybe):
            continue
        high = tokens.high[at]
        cried = "!" in plain[tokens.ends[high - 1] : tokens.starts[high] if high < len(words) else None]
        if set(words[at:high]) == {word} and (word in numbers.sure or cried or high - at > 1):
            return Alarm(rule=numbers.rule, words=tokens.quote(at, high - 1), language="en")
    return None


class _Reading:
    """Judges hits by the cues of their own language and of the language that their sentence seems to be in."""

    def __init__(self, tokens: Tokens, lexicons: _Screen) -> None:
        self._tokens = tokens
        self._flags = lexicons.flags
        self._judges: dict[str, Judge] = {}
        self._spoken: dict[int, str | None] = {}

    def alarming(self, hit: Hit, hits: Sequence[Hit]) -> bool:
        """Whether the hit is an emergency going on, or may be one.

        Words that languages share are judged by their sentence's language ("pas de convulsions" is no English
        seizure, and Portuguese "no peito" no English denial); where that is not clear, by all languages that hit.
        """
        spoken = self._language(hit)
        languages = {hit.language, spoken or hit.language}
        if spoken is None:
            # `hits` are in order of their first word: none after the last word of this one overlaps it.
            reach = bisect_right(hits, hit.last, key=lambda h: h.first)
            languages |= {o.language for o in hits[:reach] if o.key == hit.key and hit.first <= o.last}
        return all(self._alarming(hit, self._judge(language).judge(hit, cautious=True)) for language in languages)

    def _language(self, hit: Hit) -> str | None:
        low, high = self._tokens.low[hit.first], self._tokens.high[hit.first]
        if low not in self._spoken:
            self._spoken[low] = likely_language(self._tokens, low, high)
        return self._spoken[low]

    def _judge(self, language: str) -> Judge:
        if language not in self._judges:
            self._judges[language] = Judge(self._tokens, language)
        return self._judges[language]

    def _alarming(self, hit: Hit, found: Judgement) -> bool:
        if found.assertion is Assertion.ABSENT:
            return found.doubt
        flag = self._flags.get(hit.key)
        if found.assertion is Assertion.PAST:
            return found.recent and flag is not None and flag.recent_counts
        return not found.hypothetical or (flag is not None and flag.asking_counts)


def _less_idioms(hits: list[Hit]) -> list[Hit]:
    """The hits that no idiom of the same rule, or of any ("*"), covers in part."""
    idioms = [h for h in hits if h.key.startswith("never:")]
    return [
        h
        for h in hits
        if not h.key.startswith("never:")
        and not any(i.key in (f"never:{h.key}", "never:*") and i.first <= h.last and h.first <= i.last for i in idioms)
    ]


def _combined(groups: Sequence[Sequence[str]], live: list[Hit], tokens: Tokens) -> tuple[Hit, ...] | None:
    """One hit of each group, near one another and not the same words, or None."""
    mentions = [[h for h in live if h.key in group][:_MOST_MENTIONS] for group in groups]
    if not all(mentions):
        return None
    for parts in product(*mentions):
        if len({part.language for part in parts}) > 1:
            continue
        ordered = sorted(parts, key=lambda h: (h.first, h.last))
        apart = all(a.last < b.first for a, b in pairwise(ordered))
        if apart and ordered[-1].last - ordered[0].first <= _NEAR_WORDS:
            return tuple(ordered)
    return None


def _picture(rule: str, parts: Sequence[Hit], tokens: Tokens) -> Alarm:
    """An alarm whose words are the parts as written, with what stands between left out."""
    words = " … ".join(tokens.quote(p.first, p.last) for p in parts)
    return Alarm(rule=rule, words=words, language=parts[0].language)


@cache
def _screen() -> _Screen:
    rules = lexicon("red_flags", _Rules)
    phrases: list[Phrase] = []
    mend: list[str] = []
    real: list[str] = []
    for language in LANGUAGES:
        words = _words(language)
        phrases.extend(_phrases(words))
        mend.extend(words_of(words.mend))
        real.extend(words_of(words.real))
    combinations = tuple((c.rule, tuple(tuple(g.split("|")) for g in c.groups)) for c in rules.combination)
    matcher = Matcher(phrases)
    # A word of one language is never mended into one of another ("paralysé", "paralysed").
    spelling = Spelling(mend, matcher.vocabulary.union(real))
    return _Screen(matcher, spelling, {r.id: r for r in rules.rule}, rules.call, combinations)


@cache
def _words(language: str) -> RedFlagWords:
    return lexicon(f"red_flags_{language}", RedFlagWords)


def _phrases(words: RedFlagWords) -> list[Phrase]:
    keyed = [(w.id, w.phrases) for w in words.rule]
    keyed += [(f"never:{w.id}", w.never) for w in words.rule]
    keyed += list(words.parts.items())
    name = f"red_flags_{words.language}.toml"
    return [p for key, block in keyed for p in compile_block(block, key, words.language, words.sets, name)]


def alarm_rules() -> frozenset[str]:
    """The ids of every rule that the screen may raise."""
    return frozenset(_screen().flags)


def check() -> list[str]:
    """Problems of the lexicons, one line each: unreadable files, unknown rules and parts, examples that fail."""
    try:
        known = _screen()
        for language in LANGUAGES:
            Judge(tokenise(""), language)
    except PhmsError as problem:
        return [str(problem)]
    problems: list[str] = []
    said: dict[str, set[str]] = defaultdict(set)
    for language in LANGUAGES:
        words = _words(language)
        said["*"].update(words.parts)
        problems.extend(_check_words(words, known))
    for rule, groups in known.combinations:
        unknown = sorted({part for group in groups for part in group} - said["*"])
        if rule not in known.flags or unknown:
            problems.append(f"red_flags.toml: combination for {rule!r}: not known: {', '.join(unknown) or rule}")
    return problems


def _check_words(words: RedFlagWords, known: _Screen) -> list[str]:
    name = f"red_flags_{words.language}.toml"
    parts = {part for _, groups in known.combinations for group in groups for part in group}
    problems = [f"{name}: rule {w.id!r} is not in red_flags.toml" for w in words.rule if w.id not in known.flags]
    problems += [f"{name}: part {p!r} is in no combination" for p in words.parts if p not in parts]
    examples = [(w.id, w.fires, True) for w in words.rule] + [(w.id, w.quiet, False) for w in words.rule]
    examples += [(rule, block, True) for rule, block in words.fires.items()]
    for rule, block, must in examples:
        for example in lines(block):
            rules = {a.rule for a in screen(example)}
            if must and rule not in rules:
                problems.append(f"{name}: {example!r} must raise {rule}")
            elif not must and rules:
                problems.append(f"{name}: {example!r} must stay quiet but raises {', '.join(sorted(rules))}")
    return problems
