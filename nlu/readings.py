"""Typed readings: "bp 150/95", "spo2 91%", "temp 101.3 F" become values in the vocabulary's units.

A number is a reading only where a name, a unit or the shape of a blood pressure says so; doses, times, dates and
telephone numbers are none. What could be in two units is returned with a problem, never guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from data.model.conversation import Reading
from data.vocabulary import vital_signs
from nlu.files import PARSED, lexicon
from nlu.pattern import Hit, Matcher, compile_block
from nlu.tokens import Tokens, words_of
from nlu.units import Unit, convert, unit_after, unsure_pressure

PRESSURE = "blood-pressure"
_SYSTOLIC, _DIASTOLIC = "systolic-blood-pressure", "diastolic-blood-pressure"
# How many small words may stand between a name and its number.
_FILLERS = 5
# A pair without a name is a blood pressure only inside these (mmHg); named pairs need no such shape.
_BARE_SYSTOLIC, _BARE_DIASTOLIC = (70, 260), (35, 160)
_COLON = re.compile(r"[0-9]:[0-9]")
_NUMBER = re.compile(r"\d{1,6}(?:[.,]\d{1,3})?")


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
class _Vitals:
    matcher: Matcher
    before: frozenset[str]
    over: frozenset[str]
    filler: frozenset[str]
    not_before: frozenset[str]
    not_a_measurement: frozenset[str]
    other_units: frozenset[str]


@cache
def vitals(language: str) -> _Vitals:
    """The names of a language, ready to match. Raises `BadFile` where the file is wrong."""
    data = lexicon(f"vitals_{language}", VitalWords)
    file = f"vitals_{language}.toml"
    phrases = [p for n in data.name for p in compile_block(n.names, n.code, language, data.sets, file)]
    lists = (data.over, data.filler, data.not_before, data.not_a_measurement, data.other_units)
    before = frozenset(n.code for n in data.name if n.before)
    return _Vitals(Matcher(phrases), before, *(frozenset(words_of(words)) for words in lists))


def find_readings(tokens: Tokens, language: str) -> tuple[Reading, ...]:
    """The readings of a text, in order: by the names of `language`, then of the other languages."""
    if not any(word[0].isdigit() for word in tokens.words):
        return ()
    finder = _Finder(tokens)
    for other in dict.fromkeys((language if language in PARSED else "en", *PARSED)):
        finder.named(vitals(other))
    finder.bare(_everywhere())
    return tuple(reading for _, reading in sorted(finder.found, key=lambda f: f[0]))


@cache
def _everywhere() -> _Vitals:
    """The small words of all languages together, for numbers that come without a name."""
    every = [vitals(language) for language in PARSED]
    return _Vitals(
        Matcher(()),
        frozenset(),
        over=frozenset().union(*(v.over for v in every)),
        filler=frozenset(),
        not_before=frozenset().union(*(v.not_before for v in every)),
        not_a_measurement=frozenset().union(*(v.not_a_measurement for v in every)),
        other_units=frozenset().union(*(v.other_units for v in every)),
    )


class _Finder:
    """Collects readings from one text; a number is used once."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.found: list[tuple[int, Reading]] = []
        self._used: set[int] = set()
        self._numbers = {i: v for i in range(len(tokens.words)) if (v := _value(tokens, i)) is not None}

    def named(self, vitals: _Vitals) -> None:
        """Readings whose name stands before the number, then those whose name follows it."""
        names = _longest(vitals.matcher.find(self._tokens))
        starts = {n.first for n in names}
        later: list[Hit] = []
        for name in names:
            number = self._after(name, vitals, starts)
            if number is None or not self._take(name.key, number, name.first, name.last, vitals):
                later.append(name)
        for name in later:
            number = self._before(name)
            if number is not None and name.key in vitals.before:
                self._take(name.key, number, number, name.last, vitals)

    def bare(self, vitals: _Vitals) -> None:
        """Readings without a name: a pair shaped like a blood pressure, or a number whose unit says enough."""
        for number in list(self._numbers):
            if (
                number in self._used
                or (number - 1 in self._used and _tight(self._tokens, number))
                or self._no_measurement(number, vitals)
            ):
                continue
            if self._pair(number, vitals, named=False) is not None:
                self._pressure(number, number, number, vitals, named=False)
            elif (found := unit_after(self._tokens, number, None)) and self._alone(number, found[0]):
                self._keep(found[0].code, number, number, found[1], found[0])

    def _after(self, name: Hit, vitals: _Vitals, starts: set[int]) -> int | None:
        """The number that follows a name, over small words only."""
        tokens = self._tokens
        at = name.last + 1
        while at < tokens.high[name.last] and at - name.last <= _FILLERS + 1 and at not in starts:
            if at in self._numbers:
                if self._clock(at, name, vitals):
                    at += 1
                    continue
                return at if at not in self._used else None
            if tokens.words[at] not in vitals.filler:
                return None
            at += 1
        return None

    def _clock(self, at: int, name: Hit, vitals: _Vitals) -> bool:
        """Whether a small number after "at" is a time and the reading comes later ("pulse at 8 was 90")."""
        value, words = self._numbers[at], self._tokens.words
        if words[at - 1] not in ("at", "um", "kell", "las", "a") or value > 24:
            return False
        ahead = range(at + 1, min(at + 4, self._tokens.high[at]))
        return any(i in self._numbers for i in ahead)

    def _before(self, name: Hit) -> int | None:
        """A number right before a name, or with its unit between."""
        for at in (name.first - 1, name.first - 2):
            if at in self._numbers and at >= self._tokens.low[name.first] and at not in self._used:
                between = self._tokens.words[at + 1 : name.first]
                return at if not between or unit_after(self._tokens, at, name.key) else None
        return None

    def _take(self, code: str, number: int, first: int, last: int, vitals: _Vitals) -> bool:
        if number in self._used:
            return False
        if self._no_measurement(first, vitals):
            self._used.add(number)
            return True
        if code == PRESSURE:
            return self._pressure(number, first, max(last, number), vitals, named=True)
        key = PRESSURE if code in (_SYSTOLIC, _DIASTOLIC) else code
        found = unit_after(self._tokens, number, key)
        if found is None and self._other_unit(number, vitals):
            return False
        unit, end = found or (None, number)
        self._keep(code, number, first, max(end, last), unit)
        return True

    def _keep(self, code: str, number: int, first: int, last: int, unit: Unit | None) -> None:
        converted = convert(code, self._numbers[number], unit)
        self._used.add(number)
        self._add(code, converted.value, converted.problem, first, last)

    def _add(self, code: str, value: float, problem: str | None, first: int, last: int) -> None:
        words = self._quote(first, last)
        unit = vital_signs()[code].unit
        self.found.append((first, Reading(code=code, value=value, unit=unit, words=words, problem=problem)))

    def _quote(self, first: int, last: int) -> str:
        tokens = self._tokens
        end = tokens.ends[last]
        sign = re.match(r" ?%", tokens.folded.plain[end : end + 2])
        return tokens.folded.words(tokens.starts[first], end + (len(sign[0]) if sign else 0))

    def _pressure(self, number: int, first: int, last: int, vitals: _Vitals, *, named: bool) -> bool:
        """A pair as two readings; a named single number as the systolic one."""
        second = self._pair(number, vitals, named=named)
        end = number if second is None else second
        unit, stop = unit_after(self._tokens, end, PRESSURE) or (None, end)
        values = {_SYSTOLIC: self._numbers[number]}
        if second is not None:
            values[_DIASTOLIC] = self._numbers[second]
        elif unit is None and (self._numbers[number] < _BARE_SYSTOLIC[0] or self._other_unit(number, vitals)):
            return False
        self._used.update(i for i in (number, second) if i is not None)
        unsure = unit is None and all(unsure_pressure(v) for v in values.values())
        read = {code: convert(code, value, unit) for code, value in values.items()}
        # One impossible number, or numbers the wrong way round, make the whole pair doubtful.
        problem = "reading-unit" if unsure else next((r.problem for r in read.values() if r.problem), None)
        if problem is None and second is not None and read[_SYSTOLIC].value <= read[_DIASTOLIC].value:
            problem = "reading-impossible"
        for code, converted in read.items():
            self._add(code, converted.value, problem, first, max(stop, last))
        return True

    def _pair(self, number: int, vitals: _Vitals, *, named: bool) -> int | None:
        """The second number of "150/95" or "150 over 95", or None."""
        tokens = self._tokens
        if number + 1 >= tokens.high[number]:
            return None
        between = tokens.folded.plain[tokens.ends[number] : tokens.starts[number + 1]].strip()
        second = number + 1
        if second not in self._numbers:
            if tokens.words[second] not in vitals.over or second + 1 not in self._numbers:
                return None
            second += 1
        elif between not in ("/", "\\") and not (named and between in ("", "-")):
            return None
        if second >= tokens.high[number] or second in self._used:
            return None
        top, bottom = self._numbers[number], self._numbers[second]
        if named:
            return second if top > bottom or between in ("/", "\\") else None
        shaped = _BARE_SYSTOLIC[0] <= top <= _BARE_SYSTOLIC[1] and _BARE_DIASTOLIC[0] <= bottom <= _BARE_DIASTOLIC[1]
        clear = top > bottom and not self._other_unit(second, vitals) and not _slash(tokens, number, second)
        return second if shaped and clear else None

    def _alone(self, number: int, unit: Unit) -> bool:
        return bool(unit.alone) and unit.alone[0] <= self._numbers[number] <= unit.alone[1]

    def _other_unit(self, number: int, vitals: _Vitals) -> bool:
        """Whether the number counts something else ("2 pills", "8 am")."""
        after = number + 1
        return after < self._tokens.high[number] and self._tokens.words[after] in vitals.other_units

    def _no_measurement(self, first: int, vitals: _Vitals) -> bool:
        """Whether what stands before says that this is a room, a target or a change."""
        tokens = self._tokens
        low = max(tokens.low[first], first - 3)
        before = tokens.words[low:first]
        return any(w in vitals.not_a_measurement for w in before) or bool(before and before[-1] in vitals.not_before)


def _value(tokens: Tokens, i: int) -> float | None:
    """The number that word i is, unless it is part of a time, a date or a telephone number."""
    word = tokens.words[i]
    if not word[0].isdigit() or not _NUMBER.fullmatch(word):
        return None
    plain, start, end = tokens.folded.plain, tokens.starts[i], tokens.ends[i]
    if plain[max(start - 1, 0) : start] in ("+", "#") or _COLON.search(plain[max(start - 2, 0) : end + 2]):
        return None
    if _is_number(tokens, i - 1) and _is_number(tokens, i + 1) and _tight(tokens, i) and _tight(tokens, i + 1):
        top = tokens.words[i - 1]
        # "150/95/88" is a blood pressure with a pulse; "12/05/2024" and "555-123-4567" are not.
        if plain[start - 1] != "/" or not top.isdigit() or not _BARE_SYSTOLIC[0] <= int(top) <= _BARE_SYSTOLIC[1]:
            return None
    whole, _, decimals = word.replace(",", ".").partition(".")
    return float(whole + decimals) if len(decimals) == 3 else float(f"{whole}.{decimals or 0}")


def _is_number(tokens: Tokens, i: int) -> bool:
    return 0 <= i < len(tokens.words) and tokens.words[i][0].isdigit()


def _tight(tokens: Tokens, i: int) -> bool:
    """Whether word i follows the one before by a single "-", "." or "/", as in dates and telephone numbers."""
    return tokens.folded.plain[tokens.ends[i - 1] : tokens.starts[i]] in ("-", ".", "/")


def _slash(tokens: Tokens, number: int, second: int) -> bool:
    """Whether the pair goes on or begins with another number, as a date does."""
    plain = tokens.folded.plain
    return plain[tokens.starts[number] - 1 : tokens.starts[number]] in ("/", "-") or (
        plain[tokens.ends[second] : tokens.ends[second] + 1] in ("/", "-")
        and plain[tokens.ends[second] + 1 : tokens.ends[second] + 2].isdigit()
    )


def _longest(hits: Sequence[Hit]) -> list[Hit]:
    """Hits that do not overlap, the longest of those that do, in order."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.first - h.last, h.first)):
        if not any(hit.first <= k.last and k.first <= hit.last for k in kept):
            kept.append(hit)
    return sorted(kept, key=lambda h: h.first)
