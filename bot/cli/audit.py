"""`phms audit`: whether the audit trail is whole, what it says of a person, and an anchor of how far it has got."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.cli.actions import add_action
from bot.settings import Settings
from data.errors import BadInput

if TYPE_CHECKING:
    from data.model.people import Person
    from data.ports import Record
    from data.record.agreement import Disagreement
    from data.record.chain import Chained
    from data.record.verify import Verdict

HELP = "Check the audit trail (verify), read what it says of a person (trail), note how far it has got (anchor)."
EXAMPLE = 'phms audit verify        Later: phms audit trail A-17 --since 2026-11-01 --reason "asked for by the patient"'

_PACE = timedelta(milliseconds=200)
_PATIENCE = timedelta(seconds=2)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = add_action(
        actions,
        "verify",
        "read all of it; exit code 1, and the first bad number, when it was altered",
        "phms audit verify",
    )
    verify.add_argument(
        "--anchors", metavar="FILE", help="anchors kept outside the record (default: the file in the settings)"
    )
    trail = add_action(
        actions,
        "trail",
        "who changed or looked at a person's data, oldest first",
        "phms audit trail A-17 --since 2026-11-01",
    )
    trail.add_argument("patient", metavar="PATIENT", help="by code or id; of an erased person the id")
    trail.add_argument("--since", metavar="DAY", help="from this day or instant on, such as 2026-11-01 or ...T08:00")
    trail.add_argument("--reason", default="", metavar="TEXT", help="why; the patient reads it in the audit trail")
    trail.add_argument("--fhir", action="store_true", help="print one FHIR R4 AuditEvent a line (NDJSON)")
    anchor = add_action(actions, "anchor", "note how far every chain has got, and print the line", "phms audit anchor")
    anchor.add_argument("--anchors", metavar="FILE", help="where the line is kept (default: the file in the settings)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked; exit code 1 when the trail is not what was written."""
    from bot.kept import close_kept, open_kept
    from data.clock import SystemClock

    clock = SystemClock()
    record = open_kept(settings)
    if options.action == "trail":
        try:
            return _trail(options, settings, record, clock.now())
        finally:
            # The look itself was written down.
            close_kept(record, settings)
    try:
        if options.action == "verify":
            return _verify(options, settings, record, clock.now)
        return _anchor(options, settings, record, clock.now())
    finally:
        record.close()


def _anchors_file(options: argparse.Namespace, settings: Settings) -> Path:
    return Path(options.anchors).expanduser() if options.anchors else settings.anchors_path


def _chained(record: "Record") -> "Chained":
    from data.record.chain import Chained

    if not isinstance(record, Chained):
        raise BadInput("a record in memory has no chain; set PHMS_STORE to the record whose audit trail is meant")
    return record


# Verify.


def _verify(options: argparse.Namespace, settings: Settings, record: "Record", now: Callable[[], datetime]) -> int:
    from data.record.agreement import CHART, disagreements
    from data.record.verify import verify

    path = _anchors_file(options, settings)
    outside = _lines(path, asked=bool(options.anchors))
    progress = _Progress(now)
    try:
        verdict = verify(_chained(record), outside or (), now=now(), told=progress.say)
        # Whose journal was altered is told already: no chart can agree with it.
        altered = {fault.subject for fault in verdict.faults}
        beside = tuple(d for d in disagreements(record) if d.table != CHART or d.subject not in altered)
    finally:
        progress.done()
    codes = _codes(record, altered | {each.subject for each in beside})
    if options.json:
        told = _verdict(verdict, codes, outside is not None)
        told["sound"] = verdict.sound and not beside
        told["disagreements"] = [
            {"table": d.table, "subject": d.subject, "code": codes.get(d.subject), "row": d.row, "what": d.what}
            for d in beside
        ]
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        for line in (*_told(verdict, codes, path, found=outside is not None), *_beside(beside, codes)):
            sys.stdout.write(f"{line}\n")
    return 0 if verdict.sound and not beside else 1


def _lines(path: Path, *, asked: bool) -> list[str] | None:
    """The lines of the file of anchors; None where there is none and none was asked for."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if asked:
            raise BadInput(f"{path}: there is no such file of anchors") from None
        return None
    except OSError as problem:
        raise BadInput(f"{path}: cannot be read: {problem.strerror}") from None
    return text.splitlines()


def _codes(record: "Record", subjects: set[str]) -> dict[str, str]:
    """The codes of those of whom something is bad, as far as people can still be read."""
    from data.errors import PhmsError

    if not any(subjects):
        return {}
    name = _chained(record).sealing.name
    try:
        return {name("person", person.id): person.code for person in record.people()}
    except PhmsError:
        return {}


def _beside(beside: "tuple[Disagreement, ...]", codes: dict[str, str]) -> Iterator[str]:
    """What is stored beside the charts and is not what they say."""
    from data.record.verify import MOST_TOLD

    for each in beside[:MOST_TOLD]:
        code = codes.get(each.subject)
        yield f"{each} ({code})" if code else str(each)
    if len(beside) > MOST_TOLD:
        yield f"and {len(beside) - MOST_TOLD:,} more"
    if beside:
        yield (
            f"{len(beside):,} rows are not what the charts say. Keep a copy of the record for inspection; "
            "the next start puts right what it can."
        )


def _told(verdict: "Verdict", codes: dict[str, str], path: Path, *, found: bool) -> Iterator[str]:
    for fault in verdict.faults:
        code = codes.get(fault.subject)
        yield f"{fault} ({code})" if code else str(fault)
    if verdict.more:
        yield f"and {verdict.more:,} more"
    if verdict.sound:
        yield (
            f"The audit trail is whole: {verdict.links:,} entries and looks of {verdict.people:,} people, "
            f"{verdict.anchors:,} anchors."
        )
    else:
        count = len(verdict.faults) + verdict.more
        yield f"The audit trail was altered: {count:,} bad. Keep the record as it is for inspection; restore a backup."
    yield from _remarks(verdict, path, found=found)


def _remarks(verdict: "Verdict", path: Path, *, found: bool) -> Iterator[str]:
    if not found:
        yield f"There is no {path}: without lines kept outside the record, anchors cut off from its end are not missed."
    if verdict.unread:
        yield f"{verdict.unread} lines of {path} are no anchors and count for nothing."
    if verdict.foreign:
        yield f"{verdict.foreign} lines of {path} are of other records and count for nothing here."
    if verdict.loose and verdict.loose_since is not None:
        yield (
            f"{verdict.loose:,} rows since {verdict.loose_since:%Y-%m-%dT%H:%M:%SZ} came after the last anchor: were "
            "later ones cut off with the chart's count, it would not be noticed."
        )
    if verdict.overdue:
        yield "The next anchor is overdue; `phms audit anchor` makes it."


def _verdict(verdict: "Verdict", codes: dict[str, str], found: bool) -> dict[str, object]:
    faults = [
        {
            "stream": fault.stream,
            "subject": fault.subject,
            "code": codes.get(fault.subject),
            "number": fault.number,
            "what": fault.what,
        }
        for fault in verdict.faults
    ]
    return {
        "sound": verdict.sound,
        "faults": faults,
        "more": verdict.more,
        "links": verdict.links,
        "people": verdict.people,
        "anchors": verdict.anchors,
        "anchored_at": verdict.anchored_at.isoformat() if verdict.anchored_at else None,
        "outside": found,
        "loose": verdict.loose,
        "loose_since": verdict.loose_since.isoformat() if verdict.loose_since else None,
        "overdue": verdict.overdue,
    }


class _Progress:
    """One line on standard error that moves, once the work has taken two seconds, and only on a terminal."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._shown = self._started = now()
        self._terminal = sys.stderr.isatty()

    def say(self, links: int) -> None:
        now = self._now()
        if self._terminal and now - self._started > _PATIENCE and now - self._shown > _PACE:
            self._shown = now
            sys.stderr.write(f"\r\x1b[Kphms audit verify: {links:,} rows read")
            sys.stderr.flush()

    def done(self) -> None:
        if self._shown > self._started:
            sys.stderr.write("\r\x1b[K")


# Anchor.


def _anchor(options: argparse.Namespace, settings: Settings, record: "Record", now: datetime) -> int:
    from data.record.anchoring import anchor_outside

    line = anchor_outside(_chained(record), _anchors_file(options, settings), now)
    if options.json:
        sys.stdout.write(json.dumps({"anchor": line}) + "\n")
    else:
        sys.stdout.write(f"{line}\n" if line else "Nothing was written yet: there is nothing to anchor.\n")
    return 0


# Trail.


def _trail(options: argparse.Namespace, settings: Settings, record: "Record", now: datetime) -> int:
    """Written down before anything is shown, also in this very trail."""
    from bot.trail import find, guarded, line_of, remains, rows

    since = _since(options.since, settings)
    person = find(record, options.patient)
    _note(record, person, now, options.reason)
    people = {one.id: one for one in record.people()}
    if person is None:
        lines = remains(record, options.patient, people, since)
    elif options.fhir:
        from integrations.fhir_audit import audit_event

        for row in rows(record, person.id, since):
            event = audit_event(guarded(row), role=lambda actor: people[actor].role.value if actor in people else "")
            sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
        return 0
    else:
        lines = (line_of(row, people) for row in rows(record, person.id, since))
    for line in lines:
        sys.stdout.write(f"{json.dumps(line.row(), ensure_ascii=False) if options.json else line}\n")
    return 0


def _since(text: str | None, settings: Settings) -> datetime | None:
    """A day or an instant, in the clinic's zone unless it says its own."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--since {text!r} is not a day; write 2026-11-01 or 2026-11-01T08:00") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(settings.zone))


def _note(record: "Record", person: "Person | None", now: datetime, reason: str) -> None:
    from bot.core.access import Action, Asker
    from bot.operator import VIA, note_operator, operator

    if person is not None:
        note_operator(record, Action.READ_AUDIT, person, now, reason)
        return
    # Nothing is added to what is left of an erased person: the look stands in the operator's own stream.
    who = operator()
    record.note_access(Asker(who, now).look(Action.READ_AUDIT, who.id, VIA, reason=reason))
