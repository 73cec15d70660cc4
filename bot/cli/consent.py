"""`phms consent`: what a patient agrees to, and words on consent that came on paper."""

import argparse
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from bot.settings import Settings
from data.errors import BadInput, NotFound
from data.model.people import Consent, Person, Purpose, Role

if TYPE_CHECKING:
    from data.ports import Record

HELP = "Show what a patient agrees to (purpose, since when, which text); record what they gave or withdrew on paper."
EXAMPLE = 'phms consent --patient A-17 --give research --source "paper form 12"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    purposes = tuple(purpose.value for purpose in Purpose)
    parser.add_argument("--patient", required=True, metavar="CODE", help="the patient, by code or id")
    parser.add_argument("--give", action="append", default=[], choices=purposes, help="record that they agree to it")
    parser.add_argument("--withdraw", action="append", default=[], choices=purposes, help="record that they do not")
    parser.add_argument("--with", dest="recipient", metavar="WHO", help="for sharing: the proxy, by code or id")
    parser.add_argument("--source", default="paper", metavar="TEXT", help='where it is written (default: "paper")')
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Record what is asked for, then show. Raises `BadInput` or `NotFound` before anything is changed."""
    from bot.kept import close_kept
    from data.clock import SystemClock

    _check(options)
    record, now = _open(settings), SystemClock().now()
    try:
        record.recover()
        person = _patient(record, options.patient)
        rows = _rows(options, person, record, now)
        _note(record, person, rows, now)
        for row in rows:
            _commit(record, settings, person, row, now)
        person = record.chart(person.id, observations=False).person or person
    finally:
        close_kept(record, settings)
    sys.stdout.write(_as_json(person) if options.json else _as_text(person))
    return 0


def _open(settings: Settings) -> "Record":
    from bot.kept import open_kept

    return open_kept(settings)


def _check(options: argparse.Namespace) -> None:
    both = sorted(set(options.give) & set(options.withdraw))
    if both:
        raise BadInput(f"{both[0]} cannot be given and withdrawn at once")
    if Purpose.SHARING in options.give and not options.recipient:
        raise BadInput("sharing is with a person: add --with and the code of a proxy who speaks for the patient")
    if options.recipient and Purpose.SHARING not in (*options.give, *options.withdraw):
        raise BadInput("--with goes with --give sharing or --withdraw sharing")
    if not options.source.strip():
        raise BadInput('--source must say where it is written, for example "paper form 12"')


def _patient(record: "Record", name: str) -> Person:
    """The patient or proxy of this id, else the only one of this code."""
    people = [p for p in record.people() if p.role in (Role.PATIENT, Role.PROXY)]
    wanted = name.strip().casefold()
    found = [p for p in people if p.id == name] or [p for p in people if p.code.casefold() == wanted]
    if not found:
        raise NotFound(f"there is no patient {name!r} in this record; give the code, such as A-17, or the id")
    if len(found) > 1:
        raise BadInput(f"several people have the code {name!r}; give one of the ids {', '.join(p.id for p in found)}")
    return found[0]


def _rows(options: argparse.Namespace, person: Person, record: "Record", now: datetime) -> list[Consent]:
    """The words to record; those that say what is recorded already are left out."""
    from bot.core.consent import in_force, latest

    recipient = _recipient(record, person, options.recipient) if options.recipient else ""
    asked = [(Purpose(p), recipient if p == Purpose.SHARING else "", True) for p in options.give]
    for purpose in map(Purpose, options.withdraw):
        if purpose is Purpose.SHARING and not recipient:
            asked += [(purpose, row.recipient, False) for row in in_force(person) if row.purpose is purpose]
        else:
            asked.append((purpose, recipient if purpose is Purpose.SHARING else "", False))
    rows = []
    for purpose, to, given in dict.fromkeys(asked):
        row = Consent(purpose=purpose, given=given, recorded_at=now, source=options.source.strip(), recipient=to)
        before = latest(person, purpose, to)
        if before is None or (before.given, before.source if given else row.source) != (given, row.source):
            rows.append(row)
    return rows


def _recipient(record: "Record", person: Person, name: str) -> str:
    """The id of a proxy who speaks for the patient. Others and unknown ones are alike."""
    wanted = name.strip().casefold()
    relatives = [p for p in record.people() if p.role is Role.PROXY and person.id in p.represents]
    found = [p for p in relatives if wanted in (p.id.casefold(), p.code.casefold(), p.name.casefold())]
    if len(found) != 1:
        raise NotFound(f"nobody called {name!r} is recorded as speaking for this patient")
    return found[0].id


def _note(record: "Record", person: Person, rows: list[Consent], now: datetime) -> None:
    """Into the audit before anything is changed or shown; refused when it is not the operator's to do."""
    from bot.core.access import Action
    from bot.operator import note_operator

    note_operator(record, Action.READ_AUDIT, person, now, reason="consents")
    for row in rows:
        note_operator(record, Action.GIVE_CONSENT if row.given else Action.WITHDRAW_CONSENT, person, now)


def _commit(record: "Record", settings: Settings, person: Person, row: Consent, now: datetime) -> None:
    """One word, as one event: the same again changes nothing. What it queues leaves when the house runs."""
    from bot.core.consent import latest
    from bot.core.consent import record as record_consent
    from bot.house import House
    from bot.operator import operator
    from bot.trace import traced
    from bot.wire import standard_kit, standard_parser
    from data.clock import SystemClock

    before = latest(person, row.purpose, row.recipient)
    since = before.recorded_at.isoformat() if before else "never"
    event_id = f"consent:{traced(f'{person.id} {row.purpose} {row.recipient} {row.given} {row.source} {since}')}"
    house = House(record, SystemClock(), (), standard_kit(settings.handbook_path), standard_parser())
    house.commit(
        person.id,
        event_id,
        "consent",
        operator().id,
        now,
        lambda chart, team: record_consent(chart, event_id, (row,), house.kit, team, now),
    )


def _shown(person: Person) -> list[Consent]:
    """The last word on each purpose, in the order of the purposes."""
    from bot.core.consent import latest

    order = list(Purpose)
    keys = sorted({(c.purpose, c.recipient) for c in person.consents}, key=lambda key: (order.index(key[0]), key[1]))
    return [row for key in keys if (row := latest(person, *key)) is not None]


def _as_json(person: Person) -> str:
    import msgspec

    document = {"patient": person.code, "consents": msgspec.to_builtins(_shown(person))}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _as_text(person: Person) -> str:
    lines = [f"{person.code}: what was agreed to"]
    for row in _shown(person):
        what = f"{row.purpose}{f' with {row.recipient}' if row.recipient else ''}"
        text = f"text {row.version} ({row.language})" if row.version else "no text of ours"
        at = row.recorded_at.astimezone(person.tz)
        lines.append(f"  {what:24} {'yes' if row.given else 'no':4} {at:%Y-%m-%d %H:%M}  {text}  {row.source}")
    if len(lines) == 1:
        lines.append("  nothing was ever asked or recorded")
    return "\n".join(lines) + "\n"
