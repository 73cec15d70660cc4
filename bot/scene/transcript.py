"""The transcript of a performance: who heard what when on which channel, the risk and the flags; a golden file."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.scene.backstage import Said
from bot.scene.stage import Stage
from data.model.concern import Flag, FlagState, RiskAssessment

Row = tuple[datetime, int, int, str]


def write_transcript(stage: Stage) -> str:
    """The whole performance in the scene's own zone, ending with a newline."""
    zone = ZoneInfo(stage.scene.zone)
    lines = [f"Scene: {stage.scene.title}"]
    day = None
    for at, _, _, text in sorted(_rows(stage), key=lambda row: row[:3]):
        local = at.astimezone(zone)
        if local.date() != day:
            day = local.date()
            lines.append(f"--- {day.isoformat()} {stage.scene.zone}")
        lines.append(f"{local:%H:%M:%S}  {text}")
    return "\n".join(lines) + "\n"


def _rows(stage: Stage) -> Iterator[Row]:
    """By time, and at one instant in the order of what was said and heard; conclusions follow what caused them."""
    caused: dict[str, int] = {}
    for told in stage.told:
        caused[told.event_id] = told.order
        if isinstance(told, Said):
            yield told.at, told.order, 0, f"{told.person} writes on {told.channel}: {_one_line(told.text)}"
        else:
            yield told.at, told.order, 0, f"[{told.text}]"
    for heard in stage.inbox:
        row = heard.communication
        yield heard.at, heard.order, 0, f"{heard.person} hears on {row.channel}: {_one_line(row.text)}"
    for name in stage.scene.cast:
        for i, (at, event_id, text) in enumerate(_concern(stage, name), 1):
            yield at, caused.get(event_id, -1), i, text


def _concern(stage: Stage, name: str) -> Iterator[tuple[datetime, str, str]]:
    """Each change of the risk level or of its rules, and of each flag's state, with the event that brought it."""
    risk: tuple[object, ...] | None = None
    flags: dict[str, tuple[object, ...]] = {}
    for entry in stage.journal(name):
        assessment = entry.changes.assessment
        if assessment is not None and (now := _gist(assessment)) != risk:
            risk = now
            yield entry.at, entry.event_id, f"risk of {name} is {assessment.level.name}{_because(assessment)}"
        for flag in entry.changes.flags:
            state = (flag.state, flag.owner, flag.level, flag.episode)
            if flags.get(flag.id) != state:
                yield entry.at, entry.event_id, _say_flag(flag, name, stage, opened=flag.id not in flags)
                flags[flag.id] = state


def _gist(assessment: RiskAssessment) -> tuple[object, ...]:
    return (assessment.level, *sorted(f.rule for f in assessment.findings))


def _because(assessment: RiskAssessment) -> str:
    reasons = "; ".join(f"{f.reason} ({f.rule})" for f in assessment.findings)
    return f" because {_one_line(reasons)}" if reasons else ""


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
