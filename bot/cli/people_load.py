"""`phms people load`: the clinic's roster from a file into the record; a dry run unless `--yes` is given."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from bot.settings import Settings
from data.errors import BadFile, BadInput

if TYPE_CHECKING:
    from bot.core.kit import Kit
    from bot.roster import Proposal
    from bot.roster_file import Problem
    from bot.roster_merge import Paper
    from data.ports import Record

HELP = "enrol or change the people of a file: the `People:` block of a scene, or its lines alone"
EXAMPLE = 'phms people load roster.scene --paper-date 2026-11-30 --source "paper form 12" --yes'

T = TypeVar("T")
_PACE, _PATIENCE = timedelta(milliseconds=200), timedelta(seconds=2)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the action."""
    parser.add_argument("file", metavar="FILE", help="the roster, or - for standard input")
    parser.add_argument("--yes", action="store_true", help="write it; without it, only say what would change")
    parser.add_argument(
        "--paper-date", metavar="DAY", help="the day on the consent forms, such as 2026-11-30 (default: today)"
    )
    parser.add_argument("--source", default="paper", metavar="TEXT", help='where the forms are (default: "paper")')
    parser.add_argument(
        "--names",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show names, whole addresses and every value; it is written down who looked",
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Say what would change; with --yes write it. Exit code 2, with nothing written, where a line is wrong."""
    from bot.kept import close_kept, open_kept
    from bot.roster import propose
    from bot.roster_file import decode, read_roster
    from bot.wire import standard_kit
    from data.clock import SystemClock
    from data.record.memory import MemoryRecord
    from data.record.open_record import is_there

    clock = SystemClock()
    now, name = clock.now(), "standard input" if options.file == "-" else options.file
    paper = _paper(options, settings, now)
    lines, problems = read_roster(decode(_content(options.file), name), name, settings.zone, now)
    kit, there = standard_kit(settings.handbook_path), is_there(settings.store_url)
    if settings.store_url == "memory:" and options.yes:
        raise BadInput("PHMS_STORE is memory: and what is loaded would be gone at once; name a place that is kept")
    record: Record = open_kept(settings) if there else MemoryRecord()
    progress = _Progress(clock.now)
    try:
        if there:
            record.recover()
        proposal = propose(lines, record, kit, paper, now, lambda rows: progress.through(rows, "compared", len(lines)))
        progress.done()
        problems = tuple(sorted((*problems, *proposal.problems), key=lambda p: p.line))
        if problems:
            return _refuse(problems, name, as_json=options.json)
        if there and options.names:
            _note(record, now)
        warnings = _warnings(record, kit, proposal, now)
        where = "" if there else f"there is no record yet at {settings.store_shown}"
        if not options.json:
            _print(proposal, warnings, where, options)
        applied = 0
        if options.yes and proposal.to_do:
            if not there:
                record = open_kept(settings, make=True)
            applied = _apply(record, settings, kit, proposal, paper, progress)
    finally:
        progress.done()
        if there or not isinstance(record, MemoryRecord):
            close_kept(record, settings)
    if options.json:
        sys.stdout.write(json.dumps(_as_json(proposal, warnings, there, applied, options), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_ending(proposal, applied, there=there, yes=options.yes))
    return 0


def _content(file: str) -> bytes:
    try:
        if file != "-":
            return Path(file).read_bytes()
        buffer = getattr(sys.stdin, "buffer", None)
        return buffer.read() if buffer is not None else sys.stdin.read().encode()
    except OSError as problem:
        raise BadFile(f"{file}: cannot be read: {problem.strerror}") from None


def _paper(options: argparse.Namespace, settings: Settings, now: datetime) -> "Paper":
    """The forms: noon of their day counts, which is that day nearly everywhere; of today's, at most this instant."""
    from bot.roster_merge import Paper

    zone = ZoneInfo(settings.zone)
    today = now.astimezone(zone).date()
    try:
        day = date.fromisoformat(options.paper_date) if options.paper_date else today
    except ValueError:
        raise BadInput(f"--paper-date {options.paper_date!r} is no day; write for example 2026-11-30") from None
    if not date(1990, 1, 1) <= day <= today:
        raise BadInput(f"--paper-date {day} must be a day from 1990 to today, {today} in {settings.zone}")
    if not options.source.strip() or not options.source.isprintable():
        raise BadInput('--source must say where the forms are, for example "paper form 12"')
    noon = datetime.combine(day, time(12), tzinfo=zone).astimezone(UTC)
    return Paper(at=min(noon, now), source=options.source.strip())


def _note(record: "Record", now: datetime) -> None:
    from bot.core.access import Action
    from bot.operator import note_operator

    note_operator(record, Action.LIST_PEOPLE, None, now, reason="roster")


def _refuse(problems: "tuple[Problem, ...]", name: str, *, as_json: bool) -> int:
    """Every problem, each with file, line and field; nothing was written."""
    for one in problems:
        field = f" {one.field}:" if one.field else ""
        sys.stderr.write(f"phms: {name}:{one.line}:{field} {one.what}\n")
    said = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    sys.stderr.write(f"phms: {said}; nothing was written\n")
    if as_json:
        rows = [{"file": name, "line": p.line, "field": p.field or None, "what": p.what} for p in problems]
        sys.stdout.write(json.dumps({"applied": False, "problems": rows}, ensure_ascii=False) + "\n")
    return 2


def _warnings(record: "Record", kit: "Kit", proposal: "Proposal", now: datetime) -> list[str]:
    """What is no mistake and still asks for a look: shared phones, Telegram names, the ladder, a practice record."""
    from bot.demo.clinic import clinic
    from bot.roster import listed
    from data.model.people import ChannelKind
    from scheduler.check import check

    warnings = list(proposal.warnings)
    names = [
        step.line.number
        for step in proposal.to_do
        for c in step.person.contacts
        if c.system is ChannelKind.TELEGRAM and c.value.startswith("@")
    ]
    if names:
        warnings.append(f"a bot cannot write to a Telegram name, only to a chat's number (line {listed(names)})")
    warnings += [f"the ladder: {problem}" for problem in check(kit.policies, proposal.after, now)]
    if proposal.others and any(record.committed(one.id, f"clinic:{one.id}") for one in clinic()):
        warnings.append("this record holds the demo's clinic, to practise on; name another place for real people")
    return warnings


def _apply(
    record: "Record", settings: Settings, kit: "Kit", proposal: "Proposal", paper: "Paper", progress: "_Progress"
) -> int:
    from bot.house import House
    from bot.operator import operator
    from bot.roster import apply
    from bot.wire import standard_parser
    from data.clock import SystemClock

    house = House(record, SystemClock(), (), kit, standard_parser())
    written = apply(proposal, house, operator(), paper)
    return sum(1 for _ in progress.through(written, "written", len(proposal.to_do)))


def _print(proposal: "Proposal", warnings: list[str], where: str, options: argparse.Namespace) -> None:
    from bot.cli.people_table import table

    if where:
        made = "it is made now" if options.yes else "--yes makes one, with its root key"
        sys.stdout.write(f"{where}; {made}\n")
    sys.stdout.writelines(f"{line}\n" for line in table(proposal, names=options.names))
    sys.stdout.writelines(f"careful: {warning}\n" for warning in warnings)


def _ending(proposal: "Proposal", applied: int, *, there: bool, yes: bool) -> str:
    if not proposal.to_do:
        return "nothing to change\n" if yes else "nothing to change: the record says what the file says\n"
    if not yes:
        return "dry run: nothing was written; --yes applies\n"
    who = "1 person" if applied == 1 else f"{applied:,} people"
    return f"written: {who}{'' if there else ' into a new record'}\n"


def _as_json(
    proposal: "Proposal", warnings: list[str], there: bool, applied: int, options: argparse.Namespace
) -> dict[str, Any]:
    from bot.cli.people_table import counts, row

    return {
        "dry_run": not options.yes,
        "record": "there" if there else "new",
        "applied": applied,
        "counts": counts(proposal),
        "people": [row(step, names=options.names) for step in proposal.steps],
        "not_in_file": [person.code for person in proposal.others],
        "warnings": warnings,
    }


class _Progress:
    """One line on standard error that moves, once the work has taken two seconds, and only on a terminal."""

    def __init__(self, now: Any) -> None:
        self._now = now
        self._shown = self._started = now()
        self._terminal = sys.stderr.isatty()

    def through(self, rows: Iterable[T], doing: str, total: int) -> Iterator[T]:
        """The same rows, told as they pass."""
        for nth, each in enumerate(rows, start=1):
            if self._terminal and nth % 32 == 0:
                self._say(f"{nth:,} of {total:,} people {doing} ({nth * 100 // total} %)")
            yield each

    def done(self) -> None:
        """Take the line away again."""
        if self._shown > self._started:
            sys.stderr.write("\r\x1b[K")
            self._shown = self._started

    def _say(self, text: str) -> None:
        now = self._now()
        if now - self._started > _PATIENCE and now - self._shown > _PACE:
            self._shown = now
            sys.stderr.write(f"\r\x1b[Kphms people load: {text}")
            sys.stderr.flush()
