"""A roster held against the record: what would change and what speaks against it; and the writing of it, one by one.

Each person is one commit, derived from what is there: cut off anywhere, the same file again finishes the work.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bot.core.access import Action, may
from bot.core.enrol import enrol
from bot.core.kit import Kit, Team
from bot.house import House
from bot.roster_file import Line, Problem
from bot.roster_match import Directory, clashes
from bot.roster_merge import EVENT, Change, Known, Merged, Paper, known, merge
from bot.stops import is_stopped
from bot.trace import traced
from data.errors import BadInput, NotFound
from data.model.chart import Changes, Chart
from data.model.event import PersonChanged
from data.model.people import ContactPoint, ContactState, Person, Role
from data.ports import Record

_NOBODY = Team(())


class Outcome(StrEnum):
    """What becomes of a person of the file."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the file: who it is, what changes, and what stays although the line says otherwise."""

    line: Line
    outcome: Outcome
    person: Person
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    before: Known = field(default_factory=Known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What loading a file would do. With `problems` it does nothing."""

    steps: tuple[Step, ...]
    others: tuple[Person, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def to_do(self) -> tuple[Step, ...]:
        """Whoever is new or changes, in the order of the file."""
        return tuple(step for step in self.steps if step.outcome is not Outcome.SAME)

    @property
    def after(self) -> tuple[Person, ...]:
        """Everybody as they would be."""
        return (*(step.person for step in self.steps), *self.others)


def propose(
    lines: tuple[Line, ...],
    record: Record,
    kit: Kit,
    paper: Paper,
    now: datetime,
    told: Callable[[Iterable[Line]], Iterable[Line]] = lambda lines: lines,
) -> Proposal:
    """Hold every line against the record. Nothing is written."""
    people = tuple(p for p in record.people() if p.role is not Role.STRANGER)
    directory = Directory(people, lines)
    steps, problems = [], list(directory.problems)
    for line in told(directory.found):
        there = directory.by_id.get(line.person.id)
        try:
            steps.append(_step(line, there, record, kit, paper, now))
        except BadInput as problem:
            problems.append(Problem(line.number, "id" if there is None else "", str(problem)))
    named = {step.person.id for step in steps}
    others = tuple(p for p in people if p.id not in named)
    clashing, warnings = clashes([*((p, None) for p in others), *((s.person, s.line) for s in steps)])
    languages = sorted({s.person.language for s in steps} - set(kit.texts.by_language))
    warnings += [f"there are no texts in {one!r}: who has it is written to in English" for one in languages]
    warnings += _tell_tales(steps)
    return Proposal(
        steps=tuple(steps),
        others=others,
        problems=tuple(sorted((*problems, *clashing), key=lambda p: p.line)),
        warnings=tuple(warnings),
    )


def _tell_tales(steps: list[Step]) -> Iterator[str]:
    """New patients whose id or code says who they are: ids stand in logs, and codes in messages to colleagues."""
    new = [s for s in steps if s.outcome is Outcome.NEW and s.person.role in (Role.PATIENT, Role.PROXY)]
    if unnamed := [s.line.number for s in new if s.line.chosen is None]:
        yield f"the id is made of the name where the line gives none, such as `id A-17` (line {listed(unnamed)})"
    telling = [s.line.number for s in new if s.line.chosen and _tells(s.line.chosen, s.person.name)]
    if telling:
        yield f"the code tells the name, and stands in SMS to colleagues (line {listed(telling)})"


def _tells(code: str, name: str) -> bool:
    return any(part in code.casefold() for part in re.findall(r"\w{3,}", name.casefold()))


def listed(numbers: list[int], most: int = 10) -> str:
    """Line numbers for a sentence; many are cut short."""
    return ", ".join(map(str, numbers[:most])) + (" ..." if len(numbers) > most else "")


def _step(line: Line, there: Person | None, record: Record, kit: Kit, paper: Paper, now: datetime) -> Step:
    """What one line does. Raises `BadInput` for what cannot be enrolled."""
    who, before = line.person.id, Known()
    if there is None or line.plan is not None:
        chart = record.chart(who, observations=False)
        if chart.erased:
            raise BadInput(
                f"the id {who!r} belonged to somebody who was erased, and is never given again; "
                f"write another id in the line, such as `id {who}-2`"
            )
    else:
        chart = Chart(subject=who, person=there)
    if chart.person is None and there is not None:
        chart = replace(chart, person=there)
    merged = merge(line, chart, paper, before, _stopped(record), now)
    if there is not None and merged.changes:
        before = known(record.journal(who))
        merged = merge(line, chart, paper, before, _stopped(record), now)
    if there is None or merged.changes:
        enrol(chart, _event(merged, "check"), kit, _NOBODY, now)
    outcome = Outcome.NEW if there is None else Outcome.CHANGED if merged.changes else Outcome.SAME
    return Step(
        line=line,
        outcome=outcome,
        person=merged.person,
        changes=merged.changes,
        notes=merged.notes,
        before=before,
    )


def _event(merged: Merged, event_id: str) -> PersonChanged:
    return PersonChanged(id=event_id, person=merged.person, activities=merged.activities)


def _stopped(record: Record) -> Callable[[ContactPoint], bool]:
    return lambda point: is_stopped(record, point.system, point.value)


def apply(proposal: Proposal, house: House, who: Person, paper: Paper) -> Iterator[Step]:
    """Write what was proposed, one person after the other, each told once it is written.

    Each is merged anew with the record as it is at that moment: what they say meanwhile is not lost. Raises `NotFound`
    when this is not for `who` to do.
    """
    now = house.now()
    if not may(who, Action.ENROL, None, now):
        raise NotFound("to enrol people is not the operator's to do")
    for step in proposal.to_do:
        _write(step, house, who, paper, now)
        yield step


def _write(step: Step, house: House, who: Person, paper: Paper, now: datetime) -> None:
    subject = step.person.id
    event_id = f"{EVENT}{traced(f'{subject} {now.isoformat()} {step.changes}')}"

    stopped_now = _stopped(house.record)
    # The number may have been somebody's whom this very file has just given another.
    stopped_then = {(c.system, c.value) for c in step.person.contacts if c.state is ContactState.STOPPED}

    def stopped(point: ContactPoint) -> bool:
        return (point.system, point.value) in stopped_then or stopped_now(point)

    def decide(chart: Chart, team: Team) -> Changes:
        merged = merge(step.line, chart, paper, step.before, stopped, now)
        changes = enrol(chart, _event(merged, event_id), house.kit, team, now)
        fields = ", ".join(dict.fromkeys(change.field for change in merged.changes)) or "everything, for the first time"
        consents = [
            f"consent to {row.purpose} {'given' if row.given else 'not given'}, by {row.source}"
            for row in merged.person.consents
            if chart.person is None or row not in chart.person.consents
        ]
        return replace(changes, notes=(*changes.notes, f"the roster set {fields}", *consents))

    house.commit(subject, event_id, "enrol", who.id, now, decide, observations=False)
