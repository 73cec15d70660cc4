"""Typed readings: "bp 150/95", "spo2 91%", "temp 101.3 F" become values in the vocabulary's units.

A number is a reading only where a name, a unit or the shape of a blood pressure says so; doses, times, dates and
telephone numbers are none. What could be in two units is returned with a problem, never guessed.
"""

import re
from collections.abc import Sequence

from data.model.conversation import Reading
from data.vocabulary import vital_signs
from nlu.files import PARSED
from nlu.numbers import BARE_DIASTOLIC, BARE_SYSTOLIC, goes_on, number_at, tight
from nlu.pattern import Hit
from nlu.tokens import Tokens, tokenise
from nlu.units import Converted, Unit, convert, spelling, unit_after, unsure_pressure
from nlu.vitals import Vitals, everywhere, names_in, vitals

PRESSURE = "blood-pressure"
_SYSTOLIC, _DIASTOLIC = "systolic-blood-pressure", "diastolic-blood-pressure"
# How many small words may stand between a name and its number.
_FILLERS = 5
_OTHER_UNITS = (("blood-glucose", "mmol/L"), ("blood-glucose", "g/L"), ("body-weight", "[lb_av]"))


def find_readings(tokens: Tokens, language: str) -> tuple[Reading, ...]:
    """The readings of a text, in order: by the names of `language`, then of the other languages."""
    if not any(word[0].isdigit() for word in tokens.words):
        return ()
    finder = _Finder(tokens, language)
    names = names_in(tokens)
    for other in dict.fromkeys((language if language in PARSED else "en", *PARSED)):
        if other in names:
            finder.named(vitals(other), names[other])
    finder.bare(everywhere())
    return tuple(reading for _, reading in sorted(finder.found, key=lambda f: f[0]))


def complete_reading(words: str, unit: str) -> tuple[Reading, ...]:
    """The readings of earlier words with the unit that was asked for put in after their last number.

    `unit` is what `read_unit` gave; raises `KeyError` for another.
    Empty where the words have no number, or the unit does not belong to them.

    >>> [(r.value, r.problem) for r in complete_reading("sugar is 35", "mg/dL")]
    [(35.0, None)]
    """
    tokens = tokenise(words)
    numbers = [i for i, word in enumerate(tokens.words) if word[0].isdigit()]
    if not numbers:
        return ()
    end = tokens.place(numbers[-1], numbers[-1])[1]
    read = find_readings(tokenise(f"{words[:end]} {spelling(unit)}{words[end:]}"), "en")
    return tuple(r for r in read if r.problem in (None, "reading-impossible") and _fits(r.code, unit))


def _fits(code: str, unit: str) -> bool:
    return vital_signs()[code].unit == unit or (code, unit) in _OTHER_UNITS


class _Finder:
    """Collects readings from one text; a number is used once."""

    def __init__(self, tokens: Tokens, language: str) -> None:
        self._tokens = tokens
        self._language = language
        self.found: list[tuple[int, Reading]] = []
        self._used: set[int] = set()
        self._numbers = {i: v for i in range(len(tokens.words)) if (v := number_at(tokens, i)) is not None}

    def named(self, vitals: Vitals, hits: Sequence[Hit]) -> None:
        """Readings whose name (`hits`) stands before the number, then those whose name follows it."""
        names = _longest(hits)
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

    def bare(self, vitals: Vitals) -> None:
        """Readings without a name: a pair shaped like a blood pressure, or a number whose unit says enough."""
        for number in list(self._numbers):
            if (
                number in self._used
                or (number - 1 in self._used and tight(self._tokens, number))
                or self._no_measurement(number, vitals)
            ):
                continue
            if self._pair(number, vitals, named=False) is not None:
                self._pressure(number, number, number, vitals, named=False)
            elif (found := unit_after(self._tokens, number, None)) and self._alone(number, found[0]):
                self._keep(found[0].code, number, number, found[1], found[0])

    def _after(self, name: Hit, vitals: Vitals, starts: set[int]) -> int | None:
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

    def _clock(self, at: int, name: Hit, vitals: Vitals) -> bool:
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

    def _take(self, code: str, number: int, first: int, last: int, vitals: Vitals) -> bool:
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
        self._used.add(number)
        self._add(code, convert(code, self._numbers[number], unit, self._language), first, last)

    def _add(self, code: str, read: Converted, first: int, last: int) -> None:
        words, unit = self._quote(first, last), vital_signs()[code].unit
        reading = Reading(
            code=code, value=read.value, unit=unit, words=words, problem=read.problem, alarming=read.alarming
        )
        self.found.append((first, reading))

    def _quote(self, first: int, last: int) -> str:
        tokens = self._tokens
        end = tokens.ends[last]
        sign = re.match(r" ?%", tokens.folded.plain[end : end + 2])
        return tokens.folded.words(tokens.starts[first], end + (len(sign[0]) if sign else 0))

    def _pressure(self, number: int, first: int, last: int, vitals: Vitals, *, named: bool) -> bool:
        """A pair as two readings; a named single number as the systolic one."""
        second = self._pair(number, vitals, named=named)
        end = number if second is None else second
        unit, stop = unit_after(self._tokens, end, PRESSURE) or (None, end)
        values = {_SYSTOLIC: self._numbers[number]}
        if second is not None:
            values[_DIASTOLIC] = self._numbers[second]
        elif unit is None and (self._numbers[number] < BARE_SYSTOLIC[0] or self._other_unit(number, vitals)):
            return False
        self._used.update(i for i in (number, second) if i is not None)
        unsure = unit is None and all(unsure_pressure(v) for v in values.values())
        read = {code: convert(code, value, unit) for code, value in values.items()}
        # One impossible number, or numbers the wrong way round, make the whole pair doubtful.
        problem = "reading-bp-unit" if unsure else next((r.problem for r in read.values() if r.problem), None)
        if problem is None and second is not None and read[_SYSTOLIC].value <= read[_DIASTOLIC].value:
            problem = "reading-impossible"
        for code, converted in read.items():
            self._add(code, Converted(converted.value, problem), first, max(stop, last))
        return True

    def _pair(self, number: int, vitals: Vitals, *, named: bool) -> int | None:
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
        shaped = BARE_SYSTOLIC[0] <= top <= BARE_SYSTOLIC[1] and BARE_DIASTOLIC[0] <= bottom <= BARE_DIASTOLIC[1]
        clear = top > bottom and not self._other_unit(second, vitals) and not goes_on(tokens, number, second)
        return second if shaped and clear else None

    def _alone(self, number: int, unit: Unit) -> bool:
        return bool(unit.alone) and unit.alone[0] <= self._numbers[number] <= unit.alone[1]

    def _other_unit(self, number: int, vitals: Vitals) -> bool:
        """Whether the number counts something else ("2 pills", "8 am")."""
        after = number + 1
        return after < self._tokens.high[number] and self._tokens.words[after] in vitals.other_units

    def _no_measurement(self, first: int, vitals: Vitals) -> bool:
        """Whether what stands before says that this is a room, a target or a change."""
        tokens = self._tokens
        low = max(tokens.low[first], first - 3)
        before = tokens.words[low:first]
        return any(w in vitals.not_a_measurement for w in before) or bool(before and before[-1] in vitals.not_before)


def _longest(hits: Sequence[Hit]) -> list[Hit]:
    """Hits that do not overlap, the longest of those that do, in order."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.first - h.last, h.first)):
        if not any(hit.first <= k.last and k.first <= hit.last for k in kept):
            kept.append(hit)
    return sorted(kept, key=lambda h: h.first)
