"""`phms people end`: somebody's time here is over; a dry run unless `--yes` is given."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from bot.settings import Settings

if TYPE_CHECKING:
    from bot.core.kit import Kit
    from data.model.chart import Chart
    from data.model.people import Person
    from data.ports import Record

HELP = "end somebody's time here: nothing but answers and safety texts goes to them any more; their record stays"
EXAMPLE = 'phms people end A-17 --reason "moved away" --yes'

DRY = "dry run: nothing was written; --yes applies\n"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the action."""
    parser.add_argument("who", metavar="WHO", help="the person, by id, code or name")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; it stays in the audit")
    parser.add_argument("--yes", action="store_true", help="do it; without it, only say what would happen")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Say what it would mean, and with --yes do it; exit code 1 while an escalation of theirs is open."""
    from bot.cli.people import anyone
    from bot.core.access import Action
    from bot.house import House
    from bot.kept import close_kept, open_kept
    from bot.operator import note_operator, operator
    from bot.roster_end import end, obstacle
    from bot.wire import standard_kit, standard_parser
    from data.clock import SystemClock
    from data.errors import BadInput

    kit, clock = standard_kit(settings.handbook_path), SystemClock()
    record = open_kept(settings)
    try:
        record.recover()
        person = anyone(options.who, record.people())
        chart = record.chart(person.id, observations=False)
        against = obstacle(chart)
        told = _told(record, kit, person, chart)
        applied = options.yes and person.active and against is None
        if applied:
            note_operator(record, Action.CHANGE_PROFILE, person, clock.now(), options.reason.strip())
            house = House(record, clock, (), kit, standard_parser())
            try:
                end(house, person, operator(), options.reason.strip())
            except BadInput as problem:
                against, applied = str(problem), False
    finally:
        close_kept(record, settings)
    told |= {"applied": applied, "obstacle": against if person.active else None}
    sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n" if options.json else _as_text(told))
    return 1 if told["obstacle"] else 0


def _told(record: "Record", kit: "Kit", person: "Person", chart: "Chart") -> dict[str, object]:
    """Who it is and what ending their time would mean."""
    from bot.roster_end import holds, on_ladder, queued
    from data.clock import SystemClock

    now = SystemClock().now()
    warnings = [f"the ladder: {problem}" for problem in on_ladder(kit, record.people(), person, now)]
    if taken := holds(record, person, now):
        warnings.append(
            f"{person.code} has taken what is open of {', '.join(taken)}: when their hold ends it goes to the others; "
            "sooner if they answer its code with `up`"
        )
    return {
        "id": person.id,
        "code": person.code,
        "role": person.role.value,
        "active": person.active,
        "dropped": queued(chart) if person.active else 0,
        "warnings": warnings if person.active else [],
    }


def _as_text(told: dict[str, object]) -> str:
    code = f"{told['code']} ({told['role']})"
    if not told["active"]:
        return f"nothing to change: the time of {code} here has ended already\n"
    if told["obstacle"]:
        return f"not ended: {told['obstacle']}\n"
    lines = [f"~ {code}  status: active -> ended"]
    if told["dropped"]:
        lines.append(f"  messages that wait and are dropped: {told['dropped']}")
    warnings = told["warnings"] if isinstance(told["warnings"], list) else []
    lines += [f"  careful: {warning}" for warning in warnings]
    last = "ended; `phms people load` with a line of theirs makes them active again\n" if told["applied"] else DRY
    return "\n".join(lines) + f"\n{last}"
