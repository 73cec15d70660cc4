"""How words stand to what they name: present, absent, past, only possible, or about someone else.

Cues and their reach are data, one file per language (`lexicon/negation_<language>.toml`). A cue counts within its
sentence; words such as "but" end its reach, and so does a new clause ("no fever my chest hurts").
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field, fields
from functools import cache

from data.model.observation import Assertion
from nlu.files import LANGUAGES, lexicon
from nlu.pattern import Hit, Matcher, compile_block
from nlu.tokens import HARD, SOFT, Tokens, words_of

# How far cues reach, in words. Lists ("no fever, cough, rash or pain") are long, afterthoughts are short.
_BEFORE = 12
_AFTER = 6
_CLAUSE = 4
_SOMEONE = 10
_DOUBT = 16
# How many words a question has at most that a bare "no" answers.
_QUESTION = 6
# How many words of a sentence vote on its language.
_VOTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Cues:
    """The cue phrases of one language, one phrase a line.

    `absent` before what is denied; `absent_noun` denies things and not clauses ("no"); `absent_clause` also reaches
    over a new clause ("i dont think i have"); `absent_after` follows it ("is gone"); `not_a_negation` are lookalikes.
    `ends` stops a reach; `clause` are words that begin a clause; `finite` are verbs that make a hit a clause.
    `past` is over for long, `recent` may not be; `now` overrules both,
    `returns` ("again", "still") also from later in the sentence. `hypothetical` asks, `uncertain` doubts.
    `no_more` follows and denies ("no more"), unless the words it follows deny themselves ("cant breathe no more"),
    that is hold one of `negatives`. `until` ends a denial before it ("no chest pain until now"). `complaints` are
    things that may follow a "no" in a row without commas. `answers` are words that answer a question by no.
    `denies_back`: a denial right after a complaint is of that ("palavikku pole rinnus on valu").
    `someone` names another person; `doubt` takes a denial back ("well, a bit when"); `not_a_doubt` speaks of
    something else ("a bit tired"). `joins` is "or", `also` is "and".
    `common` are the words that give the language away.
    """

    language: str
    common: str
    clause: str
    finite: str = ""
    joins: str = ""
    also: str = ""
    absent: str = ""
    absent_noun: str = ""
    absent_clause: str = ""
    absent_after: str = ""
    no_more: str = ""
    negatives: str = ""
    until: str = ""
    complaints: str = ""
    answers: str = ""
    denies_back: bool = False
    not_a_negation: str = ""
    ends: str = ""
    past: str = ""
    recent: str = ""
    now: str = ""
    returns: str = ""
    hypothetical: str = ""
    uncertain: str = ""
    someone: str = ""
    doubt: str = ""
    not_a_doubt: str = ""
    sets: dict[str, str] = field(default_factory=dict)


_WORD_LISTS = frozenset(("common", "clause", "finite", "joins", "also", "negatives", "complaints", "answers"))
_NO_PHRASES = _WORD_LISTS | {"language", "sets", "denies_back"}


@dataclass(frozen=True, slots=True)
class _Compiled:
    matcher: Matcher
    denies_back: bool
    clause: frozenset[str]
    finite: frozenset[str]
    joins: frozenset[str]
    also: frozenset[str]
    negatives: frozenset[str]
    complaints: frozenset[str]
    answers: frozenset[str]


@cache
def cues(language: str) -> _Compiled:
    """The cues of a language, ready to match. Raises `BadFile` where the file is wrong."""
    data = lexicon(f"negation_{language}", Cues)
    phrases = [
        phrase
        for f in fields(Cues)
        if f.name not in _NO_PHRASES
        for phrase in compile_block(getattr(data, f.name), f.name, language, data.sets, f"negation_{language}.toml")
    ]
    lists = (data.clause, data.finite, data.joins, data.also, data.negatives, data.complaints, data.answers)
    words = (frozenset(words_of(text)) for text in lists)
    return _Compiled(Matcher(phrases), data.denies_back, *words)


@cache
def _common() -> dict[str, tuple[str, ...]]:
    """Which languages a very common word belongs to."""
    found: dict[str, list[str]] = defaultdict(list)
    for language in LANGUAGES:
        for word in words_of(lexicon(f"negation_{language}", Cues).common):
            found[word].append(language)
    return {word: tuple(languages) for word, languages in found.items()}


def likely_language(tokens: Tokens, low: int, high: int) -> str | None:
    """The language whose common words `low` to `high` has most of, or None where there are none or it is a draw."""
    common = _common()
    votes: dict[str, int] = defaultdict(int)
    for word in tokens.words[low : min(high, low + _VOTERS)]:
        for language in common.get(word, ()):
            votes[language] += 1
    ranked = sorted(votes.items(), key=lambda v: -v[1])
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


@dataclass(frozen=True, slots=True)
class Judgement:
    """An assertion, and what a cautious reader needs beside it.

    `doubt`: denied or uncertain, yet partly taken back. `recent`: past, but of the last day or so.
    `hypothetical`: only asked about.
    """

    assertion: Assertion
    doubt: bool = False
    recent: bool = False
    hypothetical: bool = False


class Judge:
    """Judges hits in one text by the cues of one language."""

    def __init__(self, tokens: Tokens, language: str) -> None:
        """Find all cues of `language` in the text once."""
        self._tokens = tokens
        self._language = cues(language)
        self._marks: dict[str, list[Hit]] = defaultdict(list)
        for hit in self._language.matcher.find(tokens):
            self._marks[hit.key].append(hit)
        if lookalikes := _covered(self._marks["not_a_negation"]):
            for kind in ("absent", "absent_noun", "absent_clause", "absent_after", "no_more", "past"):
                self._marks[kind] = [m for m in self._marks[kind] if lookalikes.isdisjoint(range(m.first, m.last + 1))]
        if elsewhere := _covered(self._marks["not_a_doubt"]):
            self._marks["doubt"] = [m for m in self._marks["doubt"] if elsewhere.isdisjoint(range(m.first, m.last + 1))]
        self._denials = self._marks["absent"] + self._marks["absent_noun"]
        self._ends = sorted(self._marks["ends"], key=lambda e: e.first)

    def judge(self, hit: Hit, *, cautious: bool = False) -> Judgement:
        """The assertion of a hit.

        `cautious`: a denial reaches over a comma only in a list with "or", and not back over an "and".
        """
        if self._answered_no(hit):
            return Judgement(Assertion.ABSENT)
        if self._denied(hit, cautious):
            return Judgement(Assertion.ABSENT, doubt=self._taken_back(hit))
        if self._before(hit, "hypothetical", _BEFORE):
            going_on = bool(self._marks["now"]) and self._in_clause(hit, "now")
            return Judgement(Assertion.POSSIBLE, doubt=going_on, hypothetical=not going_on)
        someone = bool(self._before(hit, "someone", _SOMEONE)) and not self._own_clause(hit)
        when = self._when(hit)
        if when is not None:
            return Judgement(Assertion.PAST, recent=when == "recent")
        if someone:
            return Judgement(Assertion.SOMEONE_ELSE)
        if self._marks["uncertain"] and self._in_clause(hit, "uncertain"):
            return Judgement(Assertion.POSSIBLE, doubt=True)
        return Judgement(Assertion.PRESENT)

    def _denied(self, hit: Hit, cautious: bool) -> bool:
        clauses = self._before(hit, "absent_clause", _CLAUSE)
        if self._denied_inside(hit) or any(not self._comma_between(m, hit) for m in clauses):
            return True
        own = self._tokens.words[hit.first : hit.last + 1]
        after = self._marks["absent_after"]
        if not any(w in self._language.negatives for w in own):
            after = after + self._marks["no_more"]
        if any(self._follows(m, hit, cautious) for m in after):
            return True
        if any(hit.last < m.first < self._tokens.high[hit.last] for m in self._marks["until"]):
            return False
        # A hit that is a clause, or denies something itself ("cant breathe"), is no part of an earlier denial.
        if not any(w in self._language.finite for w in own):
            clause = own[0] in self._language.clause
            denials = [m for m in self._before(hit, "absent", _BEFORE) if not clause or m.last == hit.first - 1]
            denials += [] if clause else self._before(hit, "absent_noun", _BEFORE)
            return any(self._reaches(m, hit, cautious) for m in denials if not self._answer(m))
        return False

    def _answered_no(self, hit: Hit) -> bool:
        """Whether the hit's sentence is a short question that a bare "no" answers ("chest pain? no")."""
        tokens = self._tokens
        low, high = tokens.low[hit.first], tokens.high[hit.last]
        if high >= len(tokens.words) or high - low > _QUESTION or tokens.words[high] not in self._language.answers:
            return False
        asked = "?" in tokens.folded.plain[tokens.ends[high - 1] : tokens.starts[high]]
        return asked and (high + 1 == len(tokens.words) or tokens.breaks[high + 1] == HARD)

    def _denied_inside(self, hit: Hit) -> bool:
        """Whether the words a phrase skipped hold a denial ("chest doesnt hurt")."""
        if not hit.skipped:
            return False
        inside = (m for m in self._denials if hit.first < m.first and m.last < hit.last)
        return any(all(i in hit.skipped for i in range(m.first, m.last + 1)) for m in inside)

    def _answer(self, mark: Hit) -> bool:
        """Whether a "no" is an answer ("no, ..." or "no my chest hurts") and denies nothing that follows."""
        after = mark.last + 1
        if mark.first != mark.last or after >= len(self._tokens.words):
            return False
        if self._tokens.breaks[after] == SOFT:
            return True
        return mark.key == "absent_noun" and self._tokens.words[after] in self._language.clause

    def _before(self, hit: Hit, kind: str, reach: int) -> list[Hit]:
        """Cues of a kind that stand before the hit in its sentence, with nothing between that ends their reach."""
        low = self._tokens.low[hit.first]
        return [
            m
            for m in self._marks[kind]
            if low <= m.first < hit.first
            # A question may enclose what it asks about ("is chest pain a sign of ..."); other cues end before it.
            and (m.last < hit.first or kind == "hypothetical")
            and hit.first - m.last <= reach
            and not self._ended(m, hit)
        ]

    def _ended(self, mark: Hit, hit: Hit) -> bool:
        at = bisect_right(self._ends, mark.last, key=lambda e: e.first)
        while at < len(self._ends) and self._ends[at].first < hit.first:
            if self._ends[at].last < hit.first:
                return True
            at += 1
        return False

    def _reaches(self, mark: Hit, hit: Hit, cautious: bool) -> bool:
        """Whether a denial reaches the hit: no clause begins between, and no comma or other complaint ends it.

        "no fever chest pain" may deny only the fever; "or" makes it a list that is denied as a whole.
        """
        words, breaks = self._tokens.words, self._tokens.breaks
        between = range(mark.last + 1, hit.first)
        if any(words[i] in self._language.clause for i in between[1:]):
            return False
        if not cautious:
            return True
        before = words[mark.first - 1 : mark.first] if mark.first > self._tokens.low[hit.first] else ()
        if self._language.denies_back and any(word in self._language.complaints for word in before):
            return False
        row = any(words[i] in self._language.complaints for i in between)
        if row and mark.key == "absent" and any(words[i] in self._language.also for i in between):
            row = False
        if not row and not any(breaks[i] == SOFT for i in (*between, hit.first)):
            return True
        tail = range(mark.last + 1, min(self._tokens.high[hit.first], hit.last + 4))
        return any(words[i] in self._language.joins for i in tail)

    def _comma_between(self, mark: Hit, hit: Hit) -> bool:
        return any(self._tokens.breaks[i] == SOFT for i in range(mark.last + 1, hit.first + 1))

    def _follows(self, mark: Hit, hit: Hit, cautious: bool) -> bool:
        """Whether a denial that comes after ("is gone") is about the hit."""
        if not (hit.last < mark.first < self._tokens.high[hit.last] and mark.first - hit.last <= _AFTER):
            return False
        between = range(hit.last + 1, mark.first)
        if cautious and any(self._tokens.words[i] in self._language.also for i in between):
            return False
        return not any(hit.last < e.first and e.last < mark.first for e in self._marks["ends"])

    def _taken_back(self, hit: Hit) -> bool:
        """Whether a denial is followed by "well, a bit when ...", in this sentence or the next."""
        return any(0 < m.first - hit.last <= _DOUBT for m in self._marks["doubt"]) or any(
            m.first <= hit.first and hit.first - m.last <= 3 and m.last < hit.last for m in self._marks["doubt"]
        )

    def _clause(self, hit: Hit) -> tuple[int, int]:
        """The words around a hit up to the nearest comma, "but" or sentence's end."""
        low, high = self._tokens.low[hit.first], self._tokens.high[hit.last]
        breaks = self._tokens.breaks
        low = max([low, *(i for i in range(low + 1, hit.first + 1) if breaks[i] == SOFT)])
        high = min([high, *(i for i in range(hit.last + 1, high) if breaks[i] == SOFT)])
        for end in self._marks["ends"]:
            if low <= end.first and end.last < hit.first:
                low = max(low, end.first)
            elif hit.last < end.first < high:
                high = end.first
        return low, high

    def _in_clause(self, hit: Hit, kind: str) -> bool:
        low, high = self._clause(hit)
        return any(low <= m.first and m.last < high for m in self._marks[kind])

    def _when(self, hit: Hit) -> str | None:
        """ "past" or "recent" where the clause says so and nothing in it says that it goes on."""
        if not (self._marks["past"] or self._marks["recent"]) or self._in_clause(hit, "now"):
            return None
        if any(hit.last < m.first < self._tokens.high[hit.last] for m in self._marks["returns"]):
            return None
        if self._in_clause(hit, "past"):
            return "past"
        return "recent" if self._in_clause(hit, "recent") else None

    def _own_clause(self, hit: Hit) -> bool:
        """Whether the patient speaks of themselves between the other person and the hit ("my wife says i cant")."""
        start = max((m.last + 1 for m in self._before(hit, "someone", _SOMEONE)), default=hit.first)
        return any(w in self._language.clause for w in self._tokens.words[start : hit.first + 1])


def _covered(hits: list[Hit]) -> frozenset[int]:
    """The words that any of the hits covers."""
    return frozenset(i for hit in hits for i in range(hit.first, hit.last + 1))
