"""Care plans as one line of a scene gives them: `"Check your blood pressure" daily 08:00 clears bp`."""

import re
from dataclasses import dataclass, replace
from datetime import date

from bot.scene.readings import signals
from data.durations import parse_duration
from data.errors import BadInput
from data.model.people import Person
from data.model.plan import Activity, Recurrence
from scheduler.recurrence import read_recurrence

_PLAN = re.compile(r"""(?P<before>[^"“]*)["“](?P<text>[^"”]+)["”]\s*,?(?P<after>.*)""")
_OPTION = re.compile(r"\s+(until|clears|expires after)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plan:
    """A care plan as one line of a scene gives it."""

    activities: tuple[Activity, ...]


def read_plan(value: str) -> Plan:
    """The plan that a line gives. Raises `BadInput`."""
    if value.casefold() in ("none", "no", "empty"):
        return Plan(())
    return Plan(tuple(_activity(part) for part in re.split(r"\s*;\s*", value) if part))


def plan_of(person: Person, plan: Plan) -> tuple[Activity, ...]:
    """The plan's activities as this person's own."""
    return tuple(
        replace(activity, id=f"{person.id}/{slug(activity.text)}-{i + 1}", by="scene")
        for i, activity in enumerate(plan.activities)
    )


def slug(name: str) -> str:
    """A name as an id: "Dr Lee" is "dr-lee"."""
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-") or "somebody"


def _activity(part: str) -> Activity:
    found = _PLAN.fullmatch(part)
    words = f"{found['before']} {found['after']}" if found else part
    timing, *options = _OPTION.split(" " + words.strip())
    if found:
        text = found["text"]
        recurrence = _timing(timing.strip(), text)
    else:
        text, recurrence = _bare_activity(timing.split())
    activity = Activity(id="", text=text, recurrence=recurrence)
    for option, value in zip(options[::2], options[1::2], strict=True):
        match option.casefold():
            case "until":
                activity = replace(activity, until=_day(value.strip()))
            case "clears":
                activity = replace(activity, clears=signals(value.strip())[0])
            case _:
                activity = replace(activity, expires_after=parse_duration(value))
    return activity


def _timing(timing: str, text: str) -> Recurrence:
    """The times beside a quoted text. Raises `BadInput`, with the right form when the quotes took in the times too."""
    if not timing:
        try:
            only, _ = _bare_activity(text.split())
        except BadInput:
            only = text
        rest = text.replace(only, "", 1).strip() or "daily 08:00"
        raise BadInput(f'the times of "{text}" are missing or inside its quotes; write: "{only}" {rest}')
    return read_recurrence(timing)


def _bare_activity(words: list[str]) -> tuple[str, Recurrence]:
    """A plan without quotes: "weigh yourself daily 08:00" or "daily 08:00 weigh yourself"."""
    splits = [(words[:i], words[i:]) for i in range(1, len(words))]
    for text, timing in splits + [(after, before) for before, after in reversed(splits)]:
        try:
            return " ".join(text), read_recurrence(" ".join(timing))
        except BadInput:
            continue
    said = " ".join(words)
    raise BadInput(f'{said!r} is not a plan; write for example "Check your blood pressure" daily 08:00 clears bp')


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise BadInput(f"{value!r} is not a date; write for example 2026-04-01") from None
