"""The end of somebody's time here: what stands against it, what it costs, and the one commit that does it."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.enrol import enrol
from bot.core.kit import Kit, Team
from bot.house import House
from bot.trace import traced
from data.errors import BadInput
from data.model.chart import Changes, Chart
from data.model.communication import Category, SendState
from data.model.concern import Flag
from data.model.escalation import EscalationState
from data.model.event import PersonChanged
from data.model.people import Person
from data.ports import Record
from scheduler.check import check

# Reply codes live so long: whatever somebody may have taken and not closed was told to them within it.
_CODES_LIVE = timedelta(days=30)


def ended(person: Person) -> Person:
    """The person as they are when their time here is over; everything else about them stays."""
    return replace(person, active=False)


def obstacle(chart: Chart) -> str | None:
    """Why this person's time cannot end now, with what to do; None when nothing speaks against it."""
    running = [one for one in chart.escalations if one.state is not EscalationState.CLOSED]
    if not running or chart.person is None:
        return None
    holders = sorted({one.owner for one in running if one.owner})
    held = f"{' and '.join(holders)} holds it" if holders else "nobody has taken it yet"
    number = "an escalation" if len(running) == 1 else f"{len(running)} escalations"
    return (
        f"{number} of {chart.person.code} ({', '.join(_priorities(chart))}) is open and {held}: somebody must see "
        "to it first; it closes when whoever took it answers their page with the code and `done`, then end again"
    )


def _priorities(chart: Chart) -> list[str]:
    flags: dict[str, Flag] = {flag.id: flag for flag in chart.flags}
    running = (one for one in chart.escalations if one.state is not EscalationState.CLOSED)
    return sorted({flags[one.flag_id].level.priority.value if one.flag_id in flags else "?" for one in running})


def queued(chart: Chart) -> int:
    """How many reminders and notices wait, which would be dropped."""
    return sum(
        1 for row in chart.communications
        if row.state is SendState.QUEUED and row.category in (Category.NUDGE, Category.NOTICE)
    )  # fmt: skip


def holds(record: Record, person: Person, now: datetime) -> tuple[str, ...]:
    """The codes of patients whose open escalation this colleague has taken."""
    subjects = dict.fromkeys(use.subject for use in record.codes_of(person.id, now - _CODES_LIVE))
    found = []
    for subject in subjects:
        chart = record.chart(subject, observations=False)
        mine = (e for e in chart.escalations if e.owner == person.id and e.state is EscalationState.ACKED)
        if chart.person is not None and any(mine):
            found.append(chart.person.code)
    return tuple(found)


def on_ladder(kit: Kit, people: tuple[Person, ...], person: Person, now: datetime) -> tuple[str, ...]:
    """What would be wrong with the ladder that is not wrong now."""
    before = check(kit.policies, people, now)
    after = check(kit.policies, tuple(p for p in people if p.id != person.id), now)
    return tuple(problem for problem in after if problem not in before)


def end(house: House, person: Person, who: Person, reason: str) -> None:
    """End it in one commit: what waits is dropped with it. Raises `BadInput` for an escalation opened meanwhile."""
    now = house.now()
    event_id = f"end:{traced(f'{person.id} {now.isoformat()}')}"

    def decide(chart: Chart, team: Team) -> Changes:
        if (why := obstacle(chart)) is not None:
            raise BadInput(why)
        event = PersonChanged(id=event_id, person=ended(chart.person or person))
        changes = enrol(chart, event, house.kit, team, now)
        said = f"their time here was ended{f': {reason}' if reason else ''}"
        return replace(changes, notes=(*changes.notes, said))

    house.commit(person.id, event_id, "people", who.id, now, decide, observations=False)
