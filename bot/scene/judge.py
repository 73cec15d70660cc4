"""The judge: claims messages, reads risk and flags, and says in words what was expected and did not come."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.scene.grammar import (
    Expectation,
    FlagChange,
    FlagIs,
    Hears,
    HearsNothing,
    MayHear,
    NeverHears,
    NothingElse,
    RiskIs,
    Scene,
    When,
)
from bot.scene.pattern import Heard, Pattern
from bot.scene.stage import Stage
from bot.scene.when import instant_of
from data.durations import say_duration
from data.errors import BadFile
from data.model.chart import KEEP
from data.model.concern import Flag, FlagState, Level, RiskAssessment

# A clinician's "done" is confirmed to them; `flag ... closes` expects that confirmation too.
CLOSING = "reply-closed"


class Unmet(Exception):  # noqa: N818 - an expectation is unmet; nothing is in error
    """An expectation that did not come true: `people` are whose inbox to show, `marked` the messages to point at."""

    def __init__(
        self, what: str, people: Iterable[str] = (), marked: Iterable[Heard] = (), facts: Iterable[str] = ()
    ) -> None:
        """Remember what to show; `number` is the line, where it is not the one being played."""
        super().__init__(what)
        self.number: int | None = None
        self.people = tuple(dict.fromkeys(people))
        self.marked = tuple(marked)
        self.facts = tuple(facts)


@dataclass(slots=True)
class Judge:
    """Judges one performance. `loose` (for a what-if) lets any message be claimed, in any order."""

    stage: Stage
    rules: frozenset[str]
    loose: bool = False
    permits: dict[str, list[Pattern]] = field(default_factory=dict)
    _passing: dict[str, list[Pattern]] = field(default_factory=dict)
    _never: list[tuple[int, NeverHears]] = field(default_factory=list)
    _claimed: dict[FlagChange, dict[tuple[str, int], int]] = field(default_factory=dict)

    def check(self, step: Expectation, number: int, words: dict[str, str]) -> None:
        """Raise `Unmet` when the expectation of line `number` does not come true. May move time and keep a word."""
        match step:
            case Hears():
                self._hears(step, number, words)
            case HearsNothing():
                self._hears_nothing(step)
            case MayHear():
                permits = self._passing if step.until_next else self.permits
                permits.setdefault(step.person, []).append(step.pattern.bind(words))
            case NeverHears():
                bound = NeverHears(person=step.person, pattern=step.pattern.bind(words))
                self._never.append((number, bound))
                self._never_hears(bound)
            case RiskIs():
                self._risk(step, words)
            case FlagIs():
                self._flag(step, number, words)
            case NothingElse():
                self._nothing_else(step)

    def finish(self) -> None:
        """What holds for the whole scene, and that nothing else happened. `Unmet` names the line it stands on."""
        for number, never in self._never:
            try:
                self._never_hears(never)
            except Unmet as unmet:
                raise _on_line(unmet, number) from None
        self._nobody_surprised(None)

    # Messages

    def unexpected(self, person: str | None = None) -> list[Heard]:
        """Messages (to one person, or to anyone) that no line has expected and none permits."""
        heard = self.stage.inbox if person is None else self.stage.of.get(person, [])
        return [h for h in heard if h.claimed_by is None and not h.soft and not self._permitted(h)]

    def _permitted(self, heard: Heard) -> bool:
        patterns = (*self.permits.get(heard.person, ()), *self._passing.get(heard.person, ()))
        return any(pattern.matches(heard) for pattern in patterns)

    def turn(self, person: str) -> None:
        """The person writes: what was permitted only until then is so no more, but what came stays permitted."""
        for pattern in self._passing.pop(person, ()):
            for heard in self.stage.of.get(person, []):
                heard.soft = heard.soft or (heard.claimed_by is None and pattern.matches(heard))

    def _hears(self, step: Hears, number: int, words: dict[str, str]) -> None:
        pattern = step.pattern.bind(words)
        found: list[Heard] = []

        def come() -> bool:
            if not found and (heard := self._claimable(step, pattern)) is not None:
                found.append(heard)
            return bool(found)

        if step.within is not None:
            self.stage.advance_to(self.stage.now + step.within, come)
        if not come():
            within = f" within {say_duration(step.within)}" if step.within is not None else ""
            on = f" on {step.channel}" if step.channel else ""
            silence = [] if self.stage.of.get(step.person) else [f"{step.person} has heard nothing so far"]
            raise Unmet(
                f"{step.person} hears nothing new{on}{within}; expected {pattern}", [step.person], facts=silence
            )
        heard = found[0]
        if not self.loose:
            heard.claimed_by = number
        if step.word:
            words[step.word] = pattern.capture(heard)

    def _claimable(self, step: Hears, pattern: Pattern) -> Heard | None:
        """The first unclaimed message if it is the one; permitted ones may be passed over."""
        for heard in self.stage.of.get(step.person, []):
            if heard.claimed_by is not None or (step.channel and heard.communication.channel is not step.channel):
                continue
            if pattern.matches(heard):
                return heard
            if not (self.loose or heard.soft or self._permitted(heard)):
                raise Unmet(f"{step.person}'s next message is another one; expected {pattern}", [step.person], [heard])
        return None

    def _hears_nothing(self, step: HearsNothing) -> None:
        def surprise() -> list[Heard]:
            heard = self.unexpected(step.person)
            return [h for h in heard if step.channel is None or h.communication.channel is step.channel]

        if step.span is not None:
            self.stage.advance_to(self.stage.now + step.span, lambda: bool(surprise()))
        if marked := surprise():
            raise Unmet(f"{step.person} hears something", [step.person], marked)

    def _never_hears(self, step: NeverHears) -> None:
        for heard in self.stage.of.get(step.person, []):
            if (part := step.pattern.any_in(heard)) is not None:
                raise Unmet(f"{step.person} hears {part}, and never should", [step.person], [heard])

    def _nothing_else(self, step: NothingElse) -> None:
        until = self.stage.now
        if step.until is not None:
            until = due_at(step.until, self.stage.now, self.stage.scene)
        elif step.span is not None:
            until += step.span
        self._nobody_surprised(until)

    def _nobody_surprised(self, until: datetime | None) -> None:
        if until is not None:
            self.stage.advance_to(until, lambda: bool(self.unexpected()))
        if marked := self.unexpected():
            people = list(dict.fromkeys(h.person for h in marked))
            raise Unmet(f"something else happens: {', '.join(people)} hears what no line expects", people, marked)

    # Risk and flags

    def _risk(self, step: RiskIs, words: dict[str, str]) -> None:
        because = step.because.bind(words) if step.because else None

        def so() -> bool:
            assessment = self.stage.chart(step.person).assessment
            level = assessment.level if assessment else Level.UNKNOWN
            fits = level is step.level or (step.level is Level.LOW and level is Level.UNKNOWN)
            return fits and (because is None or because.all_in(_reasons(assessment)))

        if not self._soon(step.within, so):
            wanted = f"{step.level.name}{f' because {because}' if because else ''}"
            raise Unmet(f"the risk of {step.person} is not {wanted}", facts=self._state(step.person))

    def _flag(self, step: FlagIs, number: int, words: dict[str, str]) -> None:
        if self.rules and step.rule not in self.rules:
            near = difflib.get_close_matches(step.rule, sorted(self.rules), n=1)
            hint = f"nearest: {near[0]}" if near else f"rules: {', '.join(sorted(self.rules))}"
            raise BadFile(f"{step.rule!r} is not a rule; {hint}")
        if step.change is FlagChange.DOES_NOT_OPEN:
            if step.within is not None:
                self.stage.advance_to(self.stage.now + step.within)
            self._does_not_open(step)
            return
        outcome = step.outcome.bind(words) if step.outcome else None
        found: list[Flag] = []

        def so() -> bool:
            found[:] = [f for f in self._flags(step) if self._is(f, step, outcome)]
            return bool(found)

        if not self._soon(step.within, so):
            by = f" {step.by}" if step.by else ""
            what = f" with outcome {outcome}" if outcome else ""
            wanted = f"no flag {step.rule} for {step.person} {step.change}{by}{what}{self._instead(step)}"
            raise Unmet(wanted, facts=self._state(step.person))
        flag = min(found, key=lambda f: (f.opened_at, f.id))
        self._claimed.setdefault(step.change, {})[flag.id, flag.episode] = number
        if step.change is FlagChange.CLOSES:
            self._expect_confirmation(flag)

    def _is(self, flag: Flag, step: FlagIs, outcome: Pattern | None) -> bool:
        if step.change is FlagChange.IS_ACKNOWLEDGED:
            owner = self.stage.role(step.by).person.id if step.by else None
            return flag.state is FlagState.ACKNOWLEDGED and flag.owner == owner
        if (flag.id, flag.episode) in self._claimed.get(step.change, ()):
            return False
        if step.change is FlagChange.CLOSES:
            closed = flag.state is FlagState.CLOSED
            return closed and (outcome is None or outcome.all_in(flag.outcome or ""))
        return outcome is None or outcome.all_in(flag.reason)

    def _instead(self, step: FlagIs) -> str:
        """Which flags did so after all: with what outcome, and for which line."""
        if step.change is not FlagChange.CLOSES:
            return ""
        said = ""
        for flag in (f for f in self._flags(step) if f.state is FlagState.CLOSED):
            line = self._claimed.get(step.change, {}).get((flag.id, flag.episode))
            said += f'; it closed with outcome "{flag.outcome or ""}"'
            said += f", which line {line} has claimed already" if line is not None else ""
        return said

    def _does_not_open(self, step: FlagIs) -> None:
        expected = self._claimed.get(FlagChange.OPENS, {})
        for flag in self._flags(step):
            if (flag.id, flag.episode) not in expected:
                raise Unmet(f"a flag {step.rule} for {step.person} opens", facts=self._state(step.person))

    def _flags(self, step: FlagIs) -> list[Flag]:
        """The flags of a rule or rule family, settled ones included."""
        flags: Iterable[Flag] = self.stage.chart(step.person).flags
        if self.stage.now - self.stage.scene.start_at >= KEEP - timedelta(hours=1):
            rows = (f for entry in self.stage.journal(step.person) for f in entry.changes.flags)
            flags = {(f.id, f.episode): f for f in rows}.values()
        return [f for f in flags if step.rule in (f.rule.casefold(), f.family.casefold())]

    def _expect_confirmation(self, flag: Flag) -> None:
        for heard in self.stage.inbox:
            row = heard.communication
            about = row.escalation_id is None or flag.escalation_id is None or row.escalation_id == flag.escalation_id
            if row.text_key == CLOSING and about and heard.claimed_by is None and not heard.soft:
                heard.soft = True
                return

    def _soon(self, within: timedelta | None, so: object) -> bool:
        ask = so if callable(so) else bool
        if within is not None:
            return self.stage.advance_to(self.stage.now + within, ask)
        return bool(ask())

    def _state(self, person: str) -> list[str]:
        """What is so instead, for the report."""
        chart = self.stage.chart(person)
        level = chart.assessment.level.name if chart.assessment else "not assessed yet"
        facts = [f"risk of {person}: {level}"]
        findings = chart.assessment.findings if chart.assessment else ()
        facts += [f"  {f.level.name} {f.rule}: {f.reason}" for f in findings]
        facts += [f"flag {f.rule} ({f.family}): {f.state}{_owner(f)}" for f in chart.flags] or ["no flag"]
        return facts


def due_at(when: When, now: datetime, scene: Scene) -> datetime:
    """The instant that a time in a scene means. Raises `Unmet` when it is past."""
    found = instant_of(when, now, scene.zone)
    if found is None:
        raise Unmet(f"that time is past: it is {now.astimezone(ZoneInfo(scene.zone)).isoformat()} already")
    return found


def _on_line(unmet: Unmet, number: int) -> Unmet:
    unmet.number = number
    return unmet


def _reasons(assessment: RiskAssessment | None) -> str:
    if assessment is None:
        return ""
    said = []
    for f in assessment.findings:
        said += [f.reason, f.rule, f.rule.replace("-", " "), f.family, f.family.replace("-", " ")]
        said += [e.words for e in f.evidence] + [e.code for e in f.evidence]
    return " | ".join(said)


def _owner(flag: Flag) -> str:
    return f" by {flag.owner}" if flag.owner else ""
