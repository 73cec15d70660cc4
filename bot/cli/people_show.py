"""`phms people show`: the profile of one person; the look is written down before anything is shown."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from bot.settings import Settings

if TYPE_CHECKING:
    from data.model.people import Person

HELP = "show one person's profile; it is written down who looked"
EXAMPLE = 'phms people show A-17 --reason "asked for a new number"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the action."""
    parser.add_argument("who", metavar="WHO", help="the person, by id, code or name")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; the person reads it in the audit trail")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Note the look, then show. Raises `NotFound` for somebody unknown."""
    from bot.cli.people import anyone
    from bot.core.access import Action
    from bot.kept import close_kept, open_kept
    from bot.operator import note_operator
    from data.clock import SystemClock

    record = open_kept(settings)
    try:
        record.recover()
        person = anyone(options.who, record.people())
        note_operator(record, Action.LIST_PATIENTS, person, SystemClock().now(), options.reason.strip())
    finally:
        close_kept(record, settings)
    profile = _profile(person)
    sys.stdout.write(json.dumps(profile, indent=2, ensure_ascii=False) + "\n" if options.json else _as_text(profile))
    return 0


def _profile(person: "Person") -> dict[str, object]:
    """What is recorded of the person, as JSON holds it."""
    from bot.core.consent import latest
    from bot.core.panels import PRACTITIONERS
    from bot.roster_merge import say

    keys = dict.fromkeys((c.purpose, c.recipient) for c in person.consents)
    rows = [row for key in keys if (row := latest(person, *key)) is not None]
    panel = "all" if person.panel is None else len(person.panel)
    return {
        "id": person.id,
        "code": person.code,
        "name": person.name,
        "role": person.role.value,
        "title": person.title,
        "active": person.active,
        "zone": person.zone,
        "language": person.language,
        "born": person.born_on.isoformat() if person.born_on else None,
        "contacts": [{"system": c.system.value, "value": c.value, "state": c.state.value} for c in person.contacts],
        "quiet": say(person.quiet) if person.quiet else None,
        "paused_until": person.paused_until.isoformat() if person.paused_until else None,
        "step": person.step,
        "panel": panel if person.role in PRACTITIONERS else None,
        "represents": list(person.represents),
        "limits": [say(limit) for limit in person.limits],
        "spo2_scale": person.spo2_scale,
        "on_oxygen": person.on_oxygen,
        "consents": [
            {
                "purpose": row.purpose.value,
                "with": row.recipient or None,
                "given": row.given,
                "on": row.recorded_at.astimezone(person.tz).date().isoformat(),
                "source": row.source,
            }
            for row in rows
        ],
    }


def _as_text(profile: dict[str, object]) -> str:
    lines = []
    for key, value in profile.items():
        if isinstance(value, list):
            lines += [f"  {key:14} {_row(row)}" for row in value] or [f"  {key:14} none"]
        elif isinstance(value, bool):
            lines.append(f"  {key:14} {'yes' if value else 'no'}")
        else:
            lines.append(f"  {key:14} {'none' if value is None else value}")
    return "\n".join(line.replace("_", " ", 1) if line.startswith(_SPACED) else line for line in lines) + "\n"


_SPACED = ("  paused_", "  spo2_", "  on_")


def _row(row: object) -> str:
    if not isinstance(row, dict):
        return str(row)
    if "purpose" in row:
        to = f" with {row['with']}" if row["with"] else ""
        return f"{row['purpose']}{to}: {'given' if row['given'] else 'not given'}, {row['on']}, {row['source']}"
    return f"{row['system']} {row['value']} ({row['state']})"
