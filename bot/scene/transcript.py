"""The transcript of a performance: who heard what when on which channel, the risk and the flags; a golden file."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.scene.backstage import Said
from bot.scene.stage import Stage
from data.model.audit import Entry
from data.model.concern import Flag, FlagState, Level, RiskAssessment

# Jumps of the clock before it, when, order, place after its cause, text.
Row = tuple[int, datetime, int, int, str]


def write_transcript(stage: Stage) -> str:
    """The whole performance in the scene's own zone, ending with a newline."""
    zone = ZoneInfo(stage.scene.zone)
    lines = [f"Scene: {stage.scene.title}"]
    day, set_before = None, 0
    for jumps, at, _, _, text in sorted(_rows(stage), key=lambda row: row[:4]):
        for jump in stage.jumps[set_before:jumps]:
            local = jump.at.astimezone(zone)
            day, set_before = local.date(), jumps
            lines.append(f"--- the clock is set to {local:%Y-%m-%d %H:%M:%S} {stage.scene.zone}")
        local = at.astimezone(zone)
        if local.date() != day:
            day = local.date()
            lines.append(f"--- {day.isoformat()} {stage.scene.zone}")
        lines.append(f"{local:%H:%M:%S}  {text}")
    return "\n".join(lines) + "\n"


def _rows(stage: Stage) -> Iterator[Row]:
    """By time between two jumps of the clock, at one instant as said and heard; conclusions follow what caused them."""
    caused: dict[str, int] = {}
    for told in stage.told:
        caused[told.event_id] = told.order
        if isinstance(told, Said):
            yield (
                _jumps(stage, told.order),
                told.at,
                told.order,
                0,
                f"{told.person} writes on {told.channel}: {_one_line(told.text)}",
            )
        else:
            yield _jumps(stage, told.order), told.at, told.order, 0, f"[{told.text}]"
    for heard in stage.inbox:
        row = heard.communication
        text = f"{heard.person} hears on {row.channel}: {_one_line(row.text)}"
        yield _jumps(stage, heard.order), heard.at, heard.order, 0, text
    for name in stage.scene.cast:
        for i, (entry, text) in enumerate(_concern(stage, name), 1):
            jumps = sum(jump.revisions[name] < entry.revision for jump in stage.jumps)
            yield jumps, entry.at, caused.get(_event(entry.event_id), -1), i, text


def _event(event_id: str) -> str:
    """The id of an event as the stage noted it: a batch without the source that the house puts into it."""
    kind, _, rest = event_id.partition(":")
    return f"{kind}:{rest.rpartition(':')[2]}" if kind == "batch" else event_id


def _jumps(stage: Stage, order: int) -> int:
    return sum(jump.order <= order for jump in stage.jumps)


def _concern(stage: Stage, name: str) -> Iterator[tuple[Entry, str]]:
    """Each change of the risk level or of its rules, and of each flag's state, with the entry that brought it."""
    risk: tuple[object, ...] | None = None
    flags: dict[str, tuple[object, ...]] = {}
    for entry in stage.journal(name):
        assessment = entry.changes.assessment
        if assessment is not None and (now := _gist(assessment)) != risk:
            risk = now
            yield entry, f"risk of {name} is {assessment.level.name}{_because(assessment)}"
        for flag in entry.changes.flags:
            state = (flag.state, flag.owner, flag.level, flag.episode)
            if flags.get(flag.id) != state:
                yield entry, _say_flag(flag, name, stage, opened=flag.id not in flags)
                flags[flag.id] = state


def _gist(assessment: RiskAssessment) -> tuple[object, ...]:
    return (assessment.level, *sorted(f.rule for f in assessment.findings))


def _because(assessment: RiskAssessment) -> str:
    reasons = "; ".join(f"{f.reason} ({f.rule})" for f in assessment.findings)
    if not reasons:
        return ""
    if assessment.level is Level.UNKNOWN:
        return f" (too little is known to call it low); noted: {_one_line(reasons)}"
    return f" because {_one_line(reasons)}"


def _say_flag(flag: Flag, name: str, stage: Stage, *, opened: bool) -> str:
    owner = next((n for n, role in stage.scene.cast.items() if role.person.id == flag.owner), flag.owner)
    match flag.state:
        case FlagState.OPEN:
            verb = f"opens at {flag.level.name}" if opened else f"is open at {flag.level.name}"
        case FlagState.ACKNOWLEDGED:
            verb = f"is acknowledged by {owner}"
        case FlagState.CLOSED:
            verb = "closes" + (f" with outcome: {_one_line(flag.outcome)}" if flag.outcome else "")
    return f"flag {flag.rule} for {name} {verb}"


def _one_line(text: str) -> str:
    return " / ".join(part.strip() for part in text.splitlines() if part.strip())
