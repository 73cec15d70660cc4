"""`phms replay`: reads scene files, plays them, reports, and compares transcripts with the golden ones."""

import difflib
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from bot.core.kit import Kit
from bot.scene.backstage import Housekeeping
from bot.scene.grammar import Scene
from bot.scene.keeping import InMemory
from bot.scene.rasa import is_rasa, read_rasa
from bot.scene.reader import read
from bot.scene.report import junit as junit_report
from bot.scene.report import say, summary, to_json
from bot.scene.run import Failure, Result, run
from bot.wire import standard_kit, standard_parser
from data.errors import BadFile
from data.ports import Parser

MANY = 20
_FORMS = ("*.scene", "*stories*.yml", "*stories*.yaml")


@dataclass(frozen=True, slots=True)
class Company:
    """What scenes are played with: the handbook, the parser, and what keeps the record."""

    kit: Kit
    parser: Parser
    keeping: Housekeeping


def standard_company() -> Company:
    """The packaged handbook and parser on the record in memory."""
    return Company(standard_kit(), standard_parser(), InMemory())


def replay(
    paths: Sequence[Path | str],
    *,
    as_json: bool = False,
    junit: Path | None = None,
    out: TextIO,
    golden: str = "check",
    errors: TextIO | None = None,
    company: Company | None = None,
) -> int:
    """Play the scenes of files, of directories and of "-" (standard input).

    Of a directory, every `*.scene` and Rasa `*stories*.yml` below it is played.

    `golden` is "check", "write" or "off". The exit code: 0 all pass, 1 one fails, 2 one cannot be read or played.
    """
    company = company or standard_company()
    results: list[Result] = []
    problems: list[str] = []
    files = list(_files(paths, problems))
    progress = out.isatty() and len(files) > MANY and not as_json
    for done, path in enumerate(files, 1):
        try:
            played = play_file(path, company, golden=golden, transcript=as_json)
        except BadFile as problem:
            problems.append(str(problem))
            continue
        results += played
        if progress:
            out.write(f"\r{done}/{len(files)}")
            out.flush()
        elif not as_json:
            out.writelines(say(result) + "\n" for result in played)
    if as_json:
        out.write(to_json(results, problems))
    else:
        if progress:
            out.write("\r")
            out.writelines(say(result) + "\n" for result in results if not result.passed)
        out.write(summary(results, len(problems)) + "\n")
    return _report_elsewhere(results, problems, junit, errors or sys.stderr)


def play_file(path: Path | str, company: Company, *, golden: str = "off", transcript: bool = False) -> list[Result]:
    """Play every scene of one file. Raises `BadFile`."""
    scenes = read_scenes(path, company.kit)
    beside = None if str(path) == "-" else Path(path).with_suffix(".golden")
    compare = beside is not None and (golden == "write" or (golden == "check" and beside.exists()))
    results = [_play(scene, company, transcript or compare) for scene in scenes]
    if compare and beside is not None and all(result.passed for result in results):
        results = _compare(results, beside, golden)
    return results if transcript else [replace(result, transcript="") for result in results]


def read_scenes(path: Path | str, kit: Kit) -> list[Scene]:
    """The scenes of a file in either language. Raises `BadFile`."""
    if str(path) == "-":
        name, text = "<stdin>", sys.stdin.read()
    else:
        name = str(path)
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or "it is not UTF-8 text"
            raise BadFile(f"{name}: cannot be read: {reason}") from None
    if name.endswith((".yml", ".yaml")) or is_rasa(text):
        return read_rasa(text, name, kit.texts.knows)
    return read(text, name)


def _play(scene: Scene, company: Company, transcript: bool) -> Result:
    """Play one scene; an error that the house logs and survives fails it all the same."""
    with _overhearing() as errors:
        result = run(scene, company.kit, company.parser, company.keeping, transcript=transcript)
    if not errors or not result.passed:
        return result
    failure = Failure(scene.number, "(the whole scene)", f"the house logged an error: {errors[0]}", _began_at(scene))
    return replace(result, failure=failure)


def _began_at(scene: Scene) -> datetime:
    return scene.start_at.astimezone(ZoneInfo(scene.zone))


class _Ear(logging.Handler):
    """Keeps errors, and keeps everything else off the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            cause = record.exc_info[1] if record.exc_info else None
            self.errors.append(record.getMessage() + (f" ({type(cause).__name__}: {cause})" if cause else ""))


@contextmanager
def _overhearing() -> Iterator[list[str]]:
    log, ear = logging.getLogger("phms"), _Ear()
    propagate, log.propagate = log.propagate, False
    log.addHandler(ear)
    try:
        yield ear.errors
    finally:
        log.removeHandler(ear)
        log.propagate = propagate


def _files(paths: Iterable[Path | str], problems: list[str]) -> Iterator[Path | str]:
    for path in paths:
        if str(path) != "-" and Path(path).is_dir():
            found = sorted({one for form in _FORMS for one in Path(path).glob(f"**/{form}")})
            if not found:
                problems.append(f"{path}: the directory holds no *.scene file and no Rasa *stories*.yml")
            yield from found
        else:
            yield path


def _report_elsewhere(results: list[Result], problems: list[str], junit: Path | None, errors: TextIO) -> int:
    """Problems go to standard error, the JUnit report to its file; the exit code."""
    for line in problems:
        print(line, file=errors)
    if junit is not None:
        try:
            junit.write_text(junit_report(results, problems), encoding="utf-8")
        except OSError as problem:
            print(f"{junit}: cannot be written: {problem.strerror}", file=errors)
            return 2
    return 2 if problems else int(not all(result.passed for result in results))


def _compare(results: list[Result], beside: Path, golden: str) -> list[Result]:
    """The results, failed where the transcript differs from the golden one beside the scene."""
    text = "\n".join(result.transcript for result in results)
    if golden == "write":
        beside.write_text(text, encoding="utf-8")
        return results
    wanted = beside.read_text(encoding="utf-8")
    if wanted == text:
        return results
    diff = difflib.unified_diff(wanted.splitlines(), text.splitlines(), str(beside), "this run", lineterm="", n=2)
    last = results[-1]
    failure = Failure(
        number=last.scene.number,
        line="(the golden transcript)",
        what=f"the transcript differs from {beside}; if that is right, run again with --update",
        at=_began_at(last.scene),
        facts=tuple(diff),
    )
    return [*results[:-1], replace(last, failure=failure)]
