"""`phms people`: who is in the record and looks after whom; a roster read from a file; changes to people by hand."""

import argparse
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.cli.actions import add_action
from bot.settings import Settings
from bot.stops import is_stopped
from data.errors import BadInput, NotFound
from data.model.people import ChannelKind, ContactPoint, ContactState, Person, Role

if TYPE_CHECKING:
    from data.ports import Record

HELP = (
    "List people with role and panel (list), enrol them from a file (load), show one (show), end their time (end); "
    "--panel and --role change their place, --rename and --contact correct a profile. Names only with --names, which "
    "is audited."
)
EXAMPLE = "phms people load roster.scene        Later: phms people --panel NIA A-17 A-18"

# Who works here: a patient's or a relative's record never becomes a colleague's, nor the other way round.
_STAFF_ROLES = (Role.CLINICIAN, Role.CARE_MANAGER, Role.ADMINISTRATOR, Role.OPERATIONS, Role.TESTER)
# An international number (ITU-T E.164: a plus and at most 15 digits); other addresses are one word.
_NUMBER, _ADDRESS = re.compile(r"\+[1-9][0-9]{6,14}"), re.compile(r"\S{1,80}")
_LONGEST_NAME = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--names", action="store_true", help="show names too; it is written down who looked")
    parser.add_argument(
        "--panel", nargs="+", metavar="WHO", help="WHO, then codes of the patients they look after, or all, or none"
    )
    parser.add_argument("--role", nargs=2, metavar=("WHO", "ROLE"), help=f"one of {', '.join(_STAFF_ROLES)}")
    parser.add_argument("--rename", nargs=2, metavar=("WHO", "NAME"), help='correct a name: --rename A-17 "Anna Kask"')
    parser.add_argument(
        "--contact",
        nargs=2,
        metavar=("WHO", "ADDRESS"),
        help="correct an address, in place of the one of its kind: --contact A-17 sms:+15550001",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    _actions(parser)


def _actions(parser: argparse.ArgumentParser) -> None:
    """load, list, show and end; without any of them it lists. What stands before the action holds for it too."""
    from bot.cli import people_end, people_load, people_show

    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    _added(actions, "load", people_load.HELP, people_load.EXAMPLE, people_load.configure)
    _added(actions, "list", "list people with role and panel", "phms people list --names", _configure_list)
    _added(actions, "show", people_show.HELP, people_show.EXAMPLE, people_show.configure)
    _added(actions, "end", people_end.HELP, people_end.EXAMPLE, people_end.configure)


def _added(
    actions: Any, name: str, what: str, example: str, configure_it: Callable[[argparse.ArgumentParser], None]
) -> None:
    action = add_action(actions, name, what, example)
    for each in action._actions:
        if each.dest == "json":
            each.default = argparse.SUPPRESS
    configure_it(action)


def _configure_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--names", action="store_true", default=argparse.SUPPRESS, help="show names too; it is written down who looked"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked. Raises `BadInput` or `NotFound` before anything is changed."""
    from bot.cli import people_end, people_load, people_show

    changing = [flag for flag in ("panel", "role", "rename", "contact") if getattr(options, flag)]
    if options.action and changing:
        raise BadInput(f"--{changing[0]} goes without {options.action}: one thing at a time")
    match options.action:
        case "load":
            return people_load.run(options, settings)
        case "show":
            return people_show.run(options, settings)
        case "end":
            return people_end.run(options, settings)
        case _:
            return _list(options, settings)


def _list(options: argparse.Namespace, settings: Settings) -> int:
    """Change what is asked for, then list."""
    from bot.core.access import Action
    from bot.kept import close_kept
    from bot.operator import note_operator
    from data.clock import SystemClock

    if options.panel and len(options.panel) < 2:
        raise BadInput("--panel takes a person and codes of patients, all or none, for example --panel NIA A-17 A-18")
    record, now = _open(settings), SystemClock().now()
    try:
        record.recover()
        changes = _changes(options, record)
        for person, action, change in changes:
            _change(record, settings, person, action, change, now)
        shown = [person.id for person, _, _ in changes]
        people = [p for p in record.people() if not shown or p.id in shown]
        if options.names:
            note_operator(record, Action.LIST_PEOPLE, None, now)
    finally:
        close_kept(record, settings)
    _print(people, names=options.names, as_json=options.json)
    return 0


def _open(settings: Settings) -> "Record":
    from bot.kept import open_kept

    return open_kept(settings)


_Change = tuple[Person, str, Callable[[Person], Person]]


def _changes(options: argparse.Namespace, record: "Record") -> list[_Change]:
    """Everything that is asked for, checked: whom, under which name of action, and what becomes of them."""
    from bot.core.access import Action
    from bot.core.panels import PRACTITIONERS, read_panel

    people, asked = record.people(), list[_Change]()
    if options.role:
        who, role = _colleague(options.role[0], people), _role(options.role[1])
        asked.append((who, Action.CHANGE_ROLE, lambda p: replace(p, role=role)))
    if options.panel:
        who = _colleague(options.panel[0], people)
        if who.role not in PRACTITIONERS:
            raise BadInput(f"{who.id} is {who.role.value} and has no panel; clinicians and care managers have one")
        panel = read_panel(options.panel[1:], people)
        asked.append((who, Action.ASSIGN_PANEL, lambda p: replace(p, panel=panel)))
    if options.rename:
        who, name = anyone(options.rename[0], people), _name(options.rename[1])
        asked.append((who, Action.CHANGE_PROFILE, lambda p: replace(p, name=name)))
    if options.contact:
        who, point = anyone(options.contact[0], people), _contact(options.contact[1], record)
        _with_contact(who, point)
        asked.append((who, Action.CHANGE_CONTACT, lambda p: _with_contact(p, point)))
    return asked


def _colleague(name: str, people: tuple[Person, ...]) -> Person:
    found = _called(name, tuple(p for p in people if p.role in _STAFF_ROLES))
    if found is None:
        raise NotFound(f"nobody who works here is called {name!r}; phms people lists everyone")
    return found


def anyone(name: str, people: tuple[Person, ...]) -> Person:
    """Whoever has this id, code or name. Raises `NotFound`, or `BadInput` for several."""
    found = _called(name, people)
    if found is None:
        raise NotFound(f"nobody is called {name!r}; phms people lists everyone")
    return found


def _called(name: str, people: tuple[Person, ...]) -> Person | None:
    wanted = name.casefold()
    found = [p for p in people if wanted == p.id.casefold()] or [
        p for p in people if wanted in (p.code.casefold(), p.name.casefold())
    ]
    if len(found) > 1:
        raise BadInput(f"several people are called {name!r}; give one of the ids {', '.join(p.id for p in found)}")
    return found[0] if found else None


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name.isprintable() or not any(c.isalpha() for c in name) or len(name) > _LONGEST_NAME:
        raise BadInput(f"a name needs letters and at most {_LONGEST_NAME} characters")
    return name


def _contact(text: str, record: "Record") -> ContactPoint:
    """An address as written, "sms:+15550001". STOP belongs to the number: whoever gets it is not written to either."""
    kind, _, value = text.partition(":")
    form = _NUMBER if kind in (ChannelKind.SMS, ChannelKind.WHATSAPP) else _ADDRESS
    if kind not in set(ChannelKind) or not form.fullmatch(value):
        raise BadInput(f"not an address; write for example sms:+15550001 or telegram:12345 ({', '.join(ChannelKind)})")
    system = ChannelKind(kind)
    state = ContactState.STOPPED if is_stopped(record, system, value) else ContactState.ACTIVE
    return ContactPoint(system=system, value=value, state=state)


def _with_contact(person: Person, point: ContactPoint) -> Person:
    """The person with that address in the place of the one of its kind, or behind the others when there is none."""
    same = [c for c in person.contacts if c.system is point.system]
    if len(same) > 1:
        raise BadInput(
            f"{person.id} has {len(same)} addresses for {point.system}; change them where people are enrolled"
        )
    if not same:
        return replace(person, contacts=(*person.contacts, point))
    return replace(person, contacts=tuple(point if c is same[0] else c for c in person.contacts))


def _role(name: str) -> Role:
    wanted = name.casefold().replace("-", " ").replace("_", " ")
    found = next((role for role in _STAFF_ROLES if role.value == wanted), None)
    if found is None:
        raise BadInput(f"{name!r} is not a role of somebody who works here; allowed: {', '.join(_STAFF_ROLES)}")
    return found


def _change(
    record: "Record", settings: Settings, person: Person, action: str, change: Callable[[Person], Person], now: datetime
) -> None:
    """Commit one change, by the operator. A profile is one person's own; roles and panels are the clinic's."""
    from bot.core.access import Action, may
    from bot.house import House
    from bot.operator import operator
    from bot.wire import standard_kit, standard_parser
    from data.clock import SystemClock
    from data.model.chart import Changes

    who = operator()
    if not may(who, Action(action), person if action in (Action.CHANGE_PROFILE, Action.CHANGE_CONTACT) else None, now):
        raise NotFound(f"{action} is not the operator's to do")
    house = House(record, SystemClock(), (), standard_kit(settings.handbook_path), standard_parser())
    event_id = f"{action}:{person.id}:{now.isoformat()}"
    house.commit(
        person.id, event_id, "people", who.id, now, lambda chart, team: Changes(person=change(chart.person or person))
    )


def _print(people: list[Person], *, names: bool, as_json: bool) -> None:
    rows = [_row(person, names=names) for person in people]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return
    for row in rows:
        name = f"{row['name']}  " if names else ""
        state = "" if row["active"] else "inactive"
        line = f"{row['id']:16} {row['code']:10} {row['role']:14} {_said(row['panel']):14} {name}{state}"
        sys.stdout.write(line.rstrip() + "\n")
    if not rows:
        sys.stdout.write("Nobody is in this record yet.\n")


def _row(person: Person, *, names: bool) -> dict[str, object]:
    """One person for print. Of a panel, the size; the ids would be a list of somebody's patients."""
    from bot.core.panels import PRACTITIONERS

    panel = "all" if person.panel is None else len(person.panel)
    # The id of a patient may be made of the name.
    told_by_code = person.role in (Role.PATIENT, Role.PROXY) and not names
    row: dict[str, object] = {
        "id": person.code if told_by_code else person.id,
        "code": person.code,
        "role": person.role.value,
        "panel": panel if person.role in PRACTITIONERS else None,
        "active": person.active,
    }
    return row | ({"name": person.name} if names else {})


def _said(panel: object) -> str:
    if panel is None:
        return ""
    return "every patient" if panel == "all" else f"{panel} patient{'' if panel == 1 else 's'}"
