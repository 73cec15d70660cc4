"""Logs tell ids, never words: one filter over everything that is logged, by us and by libraries, crashes included."""

import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import Path, PurePath
from traceback import walk_tb
from types import TracebackType
from typing import Any

from bot.redaction import HIDDEN, redacted
from data.errors import PhmsError

# Below a warning these tell addresses, tokens and what is in requests.
QUIET = (
    *("httpx", "httpcore", "telegram", "twilio", "pymongo", "asyncio"),
    *("apscheduler", "azure", "hpack", "msal", "multipart", "requests", "urllib3", "websockets"),
)
_OURS = "phms"
_FORMAT = "%(levelname)s %(name)s: %(message)s"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "redacted"}
_ROOT = Path(__file__).resolve().parents[1]
_DEPTH, _MOST = 4, 10


def set_up(level: str) -> None:
    """Log to standard error from `level` on, through the one filter; libraries from WARNING on. Safe to repeat."""
    logging.basicConfig(level=level, format=_FORMAT)
    root = logging.getLogger()
    # A logger's own filter sees only what is logged to it; what its children log passes the handlers alone.
    for gate in (root, *root.handlers):
        gate.addFilter(_redaction)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(True)
    _take_over_crashes()


class Redaction(logging.Filter):
    """Rewrites every record in place, so that all that is shown of it afterwards is safe to keep. Lets all through.

    Of our own loggers ("phms...") strings are searched for what must not be told; of all others, which are not
    written with patients in mind, no string of the arguments is told at all.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter.filter`."""
        if getattr(record, "redacted", False):
            return True
        ours = record.name.split(".")[0] == _OURS
        record.msg, record.args = _message(record, ours=ours), ()
        problem = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        record.exc_info, record.exc_text = None, "\n".join(_traceback(problem)) if problem else None
        record.stack_info = "\n".join(_frames_only(record.stack_info)) if record.stack_info else None
        for key in record.__dict__.keys() - _STANDARD:
            value = _safe(record.__dict__[key], ours=ours)
            told = redacted(str(value))
            record.__dict__[key] = value if told == str(value) else told
        record.redacted = True
        return True


_redaction = Redaction()


# Messages.


def _message(record: logging.LogRecord, *, ours: bool) -> str:
    template, args = record.msg, record.args
    if not isinstance(template, str):
        return redacted(str(_safe(template, ours=ours)))
    if record.name == "py.warnings":
        return _warning(str(args[0]) if isinstance(args, tuple) and args else template)
    if not args:
        return redacted(template if ours else _without_details(template))
    values: Any = tuple(_safe(value, ours=ours) for value in args) if isinstance(args, tuple) else args
    if isinstance(args, Mapping):
        values = {key: _safe(value, ours=ours) for key, value in args.items()} if ours or "%(" in template else HIDDEN
    try:
        return redacted(template % values)
    except (TypeError, ValueError, KeyError, OverflowError):
        return f"{redacted(template)} (its arguments cannot be told)"


def _without_details(text: str) -> str:
    """What a library put together itself, up to where it begins to quote."""
    text = text.split("\n")[0]
    while (shorter := re.sub(r"<[^<>]*>", HIDDEN, text)) != text:
        text = shorter
    text = re.sub(r"""(["'`]).*\1""", HIDDEN, text)
    return re.sub(r"(?<=[:=(\[{])\s?\S.*", f" {HIDDEN}", text, count=1)


def _warning(text: str) -> str:
    """Kind and place of a captured warning, without its words."""
    found = re.match(r"(.*?):(\d+): (\w+):", text)
    return f"{found[3]} at {_file(found[1])}:{found[2]}" if found else "a warning"


def _safe(value: object, *, ours: bool, depth: int = 0) -> object:
    """A value as it may be formatted; strings of ours are searched once the message is whole."""
    told: object = f"<{type(value).__name__} {HIDDEN}>"
    if isinstance(value, BaseException):
        told = _told(value)
    elif isinstance(value, str | PurePath) and not isinstance(value, Enum):
        told = value if ours else HIDDEN
    elif isinstance(value, type):
        told = value.__name__
    elif value is None or isinstance(value, int | float | datetime | time | timedelta | Enum):
        told = value
    elif isinstance(value, bytes | bytearray | memoryview | date):
        told = HIDDEN
    elif isinstance(value, Mapping) and ours and depth < _DEPTH:
        told = {str(_safe(k, ours=ours)): _safe(v, ours=ours, depth=depth + 1) for k, v in value.items()}
    elif isinstance(value, list | tuple | set | frozenset) and ours and depth < _DEPTH:
        told = [_safe(one, ours=ours, depth=depth + 1) for one in value]
    return told


# Exceptions.


def _told(problem: BaseException) -> str:
    """Our own errors are written for logs; of any other its type, its number and where in our code it came up."""
    name = type(problem).__name__
    if isinstance(problem, PhmsError):
        return f"{name}: {redacted(str(problem))}"
    codes = (getattr(problem, attribute, None) for attribute in ("errno", "status_code", "code", "sqlite_errorname"))
    code = next((c for c in codes if isinstance(c, int) or (isinstance(c, str) and c.startswith("SQLITE_"))), None)
    return name + (f" [{code}]" if code is not None else "") + _where(problem.__traceback__)


def _where(traceback: TracebackType | None) -> str:
    frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(traceback)]
    mine = [(name, line) for name, line in frames if _is_ours(name)] or frames
    return f" at {_file(mine[-1][0])}:{mine[-1][1]}" if mine else ""


def _is_ours(name: str) -> bool:
    return Path(name).is_relative_to(_ROOT) and "site-packages" not in name


def _file(name: str) -> str:
    """A file as the project or its package names it."""
    if _is_ours(name):
        return Path(name).relative_to(_ROOT).as_posix()
    return name.rpartition("site-packages/")[2] if "site-packages/" in name else Path(name).name


def _traceback(problem: BaseException, depth: int = 0) -> Iterator[str]:
    """The way to an exception, its causes first, without the words of any: files, lines and functions only."""
    before = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    if before is not None and depth < _MOST:
        yield from _traceback(before, depth + 1)
        yield "which led to:"
    yield "Traceback (most recent call last):"
    for frame, line in walk_tb(problem.__traceback__):
        yield f'  File "{_file(frame.f_code.co_filename)}", line {line}, in {frame.f_code.co_name}'
    yield _told(problem)
    if isinstance(problem, BaseExceptionGroup) and depth < _MOST:
        for part in problem.exceptions[:_MOST]:
            yield from (f"  | {line}" for line in _traceback(part, depth + 1))


def _frames_only(stack: str) -> Iterator[str]:
    for line in stack.splitlines():
        if line.startswith(("Stack (", '  File "')):
            yield line


# What nobody caught.


def _take_over_crashes() -> None:
    """An exception that ends the program or a thread is logged like any other, unless somebody else sees to it."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _crashed
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda args: _log("a thread ended", args.exc_value)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = lambda args: _log("an error was lost", args.exc_value)


def _crashed(kind: type[BaseException], problem: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log("this should not happen; please report what follows", problem)


def _log(text: str, problem: BaseException | None) -> None:
    logging.getLogger(_OURS).critical(text, exc_info=problem)
