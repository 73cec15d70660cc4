"""The table of what loading a roster changes: codes and lines; names and what tells of health only where asked for."""

from collections import Counter
from collections.abc import Iterator

from bot.roster import Outcome, Proposal, Step
from bot.roster_merge import Change, say
from data.model.people import ChannelKind

_SIGN = {Outcome.NEW: "+", Outcome.CHANGED: "~", Outcome.SAME: "="}
# Lists of people to whom nothing happens are cut here: nobody reads thousands.
_MOST = 50
_PRIVATE = ("name", "born", "limits", "spo2 scale", "on oxygen", "reminder")


def table(proposal: Proposal, *, names: bool) -> Iterator[str]:
    """Line by line: who is new, changed and the same, who is not in the file, and how many of each."""
    same = [step for step in proposal.steps if step.outcome is Outcome.SAME]
    told = {id(step) for step in same[:_MOST]}
    for step in proposal.steps:
        if step.outcome is not Outcome.SAME or step.notes or id(step) in told:
            yield from _lines(step, names=names)
    if len(same) > _MOST:
        yield f"= and {len(same) - _MOST:,} more who stay as they are"
    for person in proposal.others[:_MOST]:
        ended = "" if person.active else ", ended"
        yield f"  {person.code:12} {person.role:13} not in the file: left alone{ended}"
    if len(proposal.others) > _MOST:
        yield f"  and {len(proposal.others) - _MOST:,} more who are not in the file: left alone"
    yield ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in counts(proposal).items())


def counts(proposal: Proposal) -> dict[str, int]:
    """How many people there are of each outcome."""
    found = Counter(step.outcome for step in proposal.steps)
    return {str(outcome): found[outcome] for outcome in Outcome} | {"not_in_file": len(proposal.others)}


def row(step: Step, *, names: bool) -> dict[str, object]:
    """One line of the file as JSON holds it."""
    found: dict[str, object] = {
        "line": step.line.number,
        "code": step.person.code,
        "role": step.person.role.value,
        "outcome": step.outcome.value,
        "changes": [_pair(change, names=names) for change in step.changes],
        "notes": list(step.notes),
    }
    return found | ({"id": step.person.id, "name": step.person.name} if names else {})


def _lines(step: Step, *, names: bool) -> Iterator[str]:
    name = f"  {step.person.name}" if names else ""
    head = f"{_SIGN[step.outcome]} {step.person.code:12} {step.person.role:13} line {step.line.number:<5}{name}"
    if step.outcome is Outcome.NEW:
        head += f"  {_described(step, names=names)}"
    elif len(step.changes) == 1:
        head += f"  {_arrow(step.changes[0], names=names)}"
    yield head.rstrip()
    if len(step.changes) > 1:
        yield from (f"      {_arrow(change, names=names)}" for change in step.changes)
    yield from (f"      note: {note}" for note in step.notes)


def _described(step: Step, *, names: bool) -> str:
    """What somebody new comes with."""
    person = step.person
    parts = [f"{c.system} {c.value if names else masked(c.value)}" for c in person.contacts] or ["no address"]
    parts += [f"language {person.language}", person.zone]
    parts += [f"step {person.step}"] if person.step is not None else []
    parts += [f"quiet {say(person.quiet)}"] if person.quiet else []
    if person.consents:
        first = person.consents[0]
        given = ", ".join(row.purpose for row in person.consents if row.given) or "to nothing"
        parts.append(f"consent {given} ({first.source}, {first.recorded_at.astimezone(person.tz):%Y-%m-%d})")
    if step.line.plan and step.line.plan.activities:
        parts.append(f"reminders {len(step.line.plan.activities)}")
    return "; ".join(parts + ([] if person.active else ["ended"]))


def _arrow(change: Change, *, names: bool) -> str:
    pair = _pair(change, names=names)
    if "old" not in pair:
        return f"{change.field}: changed"
    return f"{change.field}: {pair['old']} -> {pair['new']}"


def _pair(change: Change, *, names: bool) -> dict[str, str]:
    """A change as it may be shown: without `names` no name, no whole address, nothing that tells of health."""
    if names:
        return {"field": change.field, "old": change.old, "new": change.new}
    if change.field in _PRIVATE:
        return {"field": change.field}
    if change.field in tuple(ChannelKind):
        return {"field": change.field, "old": masked(change.old), "new": masked(change.new)}
    return {"field": change.field, "old": change.old, "new": change.new}


def masked(address: str) -> str:
    """An address of which only the ends are shown; "none" stays."""
    if address == "none":
        return address
    return f"{address[:3]}…{address[-2:]}" if len(address) > 6 else f"{address[:1]}…"
