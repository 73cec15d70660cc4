"""`phms export`: everything the record holds about one patient, as FHIR and as our own JSON."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bot.settings import Settings
from data.errors import BadInput, NotFound

if TYPE_CHECKING:
    from data.model.chart import Chart
    from data.model.observation import Observation
    from data.model.people import Person
    from data.ports import Record
    from integrations.fhir_dossier import Dossier

HELP = "Write everything about one patient: FHIR R4 Bundle (patient.fhir.json) and our own JSON (record.json)."
EXAMPLE = 'phms export --patient A-17 --out a-17 --reason "asked for by the patient"'

NAMES = {"fhir": "patient.fhir.json", "json": "record.json"}
# The vitals' own table is asked for all time; the margins keep any zone's arithmetic within the calendar.
_EVER = (datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC))
_PATIENCE, _PACE = timedelta(seconds=2), timedelta(milliseconds=200)

T = TypeVar("T")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--patient", required=True, metavar="CODE", help="the patient, by code or id")
    parser.add_argument("--out", required=True, metavar="DIR", help="directory for the files; - for standard output")
    parser.add_argument("--format", choices=tuple(NAMES), help="one of the two only (must be given with --out -)")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; the patient reads it in the audit trail")
    parser.add_argument("--force", action="store_true", help="replace files that are there already")
    parser.add_argument("--json", action="store_true", help="tell as JSON what was written")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Note down who looks, read, and write. Raises `NotFound` when there is no such patient."""
    from bot.core.access import Action
    from bot.kept import close_kept
    from bot.operator import note_operator
    from data.clock import SystemClock

    formats = (options.format,) if options.format else tuple(NAMES)
    to_files = options.out != "-"
    if not to_files and options.format is None:
        raise BadInput("standard output takes one format: add --format fhir or --format json")
    targets = _targets(Path(options.out), formats, force=options.force) if to_files else {}
    clock = SystemClock()
    progress = Progress(clock.now)
    record = _open(settings)
    try:
        now = clock.now()
        person = _find(record, options.patient)
        note_operator(record, Action.EXPORT, person, now, options.reason)
        dossier = _read(record, person, now, progress)
    finally:
        close_kept(record, settings)
    if to_files:
        sizes = _save({targets[name]: _pieces(dossier, name, progress) for name in formats})
        progress.done()
        _tell(person, sizes, as_json=options.json)
    else:
        for piece in _pieces(dossier, options.format, progress):
            sys.stdout.buffer.write(piece)
        progress.done()
        sys.stdout.flush()
    return 0


def _open(settings: Settings) -> "Record":
    from bot.kept import open_kept

    return open_kept(settings)


def _find(record: "Record", name: str) -> "Person":
    """The patient of this id, else the only one of this code."""
    from data.model.people import Role

    patients = [one for one in record.people() if one.role is Role.PATIENT]
    of_id = [one for one in patients if one.id == name]
    found = of_id or [one for one in patients if one.code.casefold() == name.strip().casefold()]
    if not found:
        raise NotFound(f"there is no patient {name!r} in this record; give the code, such as A-17, or the id")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise BadInput(f"several patients have the code {name!r}; give one of the ids {ids}")
    return found[0]


# Reading.


def _read(record: "Record", person: "Person", now: datetime, progress: "Progress") -> "Dossier":
    """Everything as of one revision: what is committed meanwhile is left for the next export."""
    from integrations.fhir_dossier import compile_dossier

    chart = record.chart(person.id)
    if chart.person is None:
        raise NotFound("the patient was erased a moment ago: there is nothing to export")
    entries = (entry for entry in record.journal(person.id) if entry.revision <= chart.revision)
    journal = tuple(progress.through(entries, "reading the journal", chart.revision))
    return compile_dossier(
        person=chart.person,
        chart=chart,
        stored=_stored(record, chart, {row.code for entry in journal for row in entry.changes.observations}),
        messages=progress.through(record.messages(person.id), "reading messages"),
        journal=journal,
        accesses=progress.through(record.accesses(person.id), "reading who looked"),
        everyone=record.people(),
        now=now,
    )


def _stored(record: "Record", chart: "Chart", codes: set[str]) -> "Iterator[Observation]":
    from data.vocabulary import vital_signs

    for code in sorted(codes | set(vital_signs())):
        yield from record.observations(chart.subject, code, *_EVER)


# Writing.


def _targets(folder: Path, formats: Iterable[str], *, force: bool) -> dict[str, Path]:
    """The file of each format. Raises `BadInput` for a place where it may not be written."""
    targets = {name: folder / NAMES[name] for name in formats}
    there = next((path for path in targets.values() if os.path.lexists(path)), None)
    if there is not None and not force:
        raise BadInput(f"{there} is there already: choose another directory, or add --force to replace it")
    if os.path.lexists(folder) and not folder.is_dir():
        raise BadInput(f"{folder} is no directory: the export is two files, which need one")
    return targets


def _pieces(dossier: "Dossier", name: str, progress: "Progress") -> Iterator[bytes]:
    from integrations.fhir_dossier import write_dossier
    from integrations.fhir_export import bundle_pieces

    if name == "json":
        yield write_dossier(dossier)
    else:
        yield from progress.through(bundle_pieces(dossier), "writing FHIR resources")


def _save(files: dict[Path, Iterator[bytes]]) -> dict[Path, int]:
    """Write every file beside its place first, readable by the owner only, and put them in place together."""
    made: dict[Path, Path] = {}
    sizes: dict[Path, int] = {}
    try:
        for path, pieces in files.items():
            # One that is there already keeps its mode: the files are their owner's alone in any case.
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            made[path] = Path(name)
            with os.fdopen(handle, "wb") as file:
                sizes[path] = sum(file.write(piece) for piece in pieces)
                file.flush()
                os.fsync(file.fileno())
        for path, beside in made.items():
            beside.replace(path)
    except OSError as problem:
        raise BadInput(f"the export cannot be written there: {problem.strerror}; nothing was kept of it") from None
    finally:
        for beside in made.values():
            with suppress(OSError):
                beside.unlink(missing_ok=True)
    return sizes


def _tell(person: "Person", sizes: dict[Path, int], *, as_json: bool) -> None:
    import json

    if as_json:
        files = [{"path": str(path), "bytes": size} for path, size in sizes.items()]
        sys.stdout.write(json.dumps({"patient": person.code, "files": files}) + "\n")
        return
    for path, size in sizes.items():
        sys.stdout.write(f"{path}  {size:,} bytes\n")
    sys.stdout.write(f"Everything about {person.code}, for the patient's eyes: keep it as you would keep the record.\n")


class Progress:
    """One line on standard error that moves, once the work has taken two seconds, and only on a terminal."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._shown = self._started = now()
        self._terminal = sys.stderr.isatty()

    def through(self, rows: Iterable[T], doing: str, total: int = 0) -> Iterator[T]:
        """The same rows, told as they pass; `total` where it is known."""
        for nth, row in enumerate(rows, start=1):
            if self._terminal and nth % 64 == 0:
                self._say(f"{doing}: {nth:,}" + (f" of {total:,} ({nth * 100 // total} %)" if total else ""))
            yield row

    def done(self) -> None:
        """Take the line away again."""
        if self._shown > self._started:
            sys.stderr.write("\r\x1b[K")

    def _say(self, text: str) -> None:
        now = self._now()
        if now - self._started > _PATIENCE and now - self._shown > _PACE:
            self._shown = now
            sys.stderr.write(f"\r\x1b[Kphms export: {text}")
            sys.stderr.flush()
