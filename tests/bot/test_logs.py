"""Logs: two hundred things that must not be told go in through every form a log call has, and none comes out."""

import base64
import io
import json
import logging
import random
import sqlite3
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from bot.logs import QUIET, Redaction, set_up
from bot.redaction import redacted
from bot.trace import traced
from data.errors import BadInput, Unavailable
from data.model.conversation import RawMessage
from data.model.people import ChannelKind, Role

ROOT = Path(__file__).parents[2]
DICE = random.Random(4)  # noqa: S311 - the same canaries every time
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _digits(count):
    return "".join(DICE.choices("0123456789", k=count))


def _letters(count):
    return "".join(DICE.choices(LETTERS, k=count))


def _phone(nth):
    number = f"{DICE.choice([1, 44, 49, 372, 34])}{_digits(9)}"
    return (
        f"+{number}",
        f"+{number[:2]} {number[2:5]} {number[5:]}",
        f"{number}",
        f"({number[:3]}) {number[3:6]}-{number[6:]}",
        f"+{number[:2]}-{number[2:5]}-{number[5:8]}.{number[8:]}",
    )[nth % 5]


def _secret(nth):
    key = base64.b64encode(DICE.randbytes(32)).decode()
    return (
        key,
        base64.urlsafe_b64encode(DICE.randbytes(48)).decode(),
        DICE.randbytes(32).hex(),
        f"Bearer {_letters(24)}",
        f"Basic {base64.b64encode(_letters(12).encode()).decode()}",
        f"{_digits(9)}:{_letters(35)}",
        f"https://api.telegram.org/bot{_digits(10)}:{_letters(35)}/getMe",
        f"mongodb://phms:{_letters(12)}@db.example.org:27017/phms?tls=true",
        f"mongodb+srv://{_letters(6)}:p%40{_letters(6)}@cluster.example.net",
        f"password={_letters(9)}",
        f'{{"refresh_token": "{_letters(15)}"}}',
        f"PHMS_MASTER_KEY=root-1:{key}",
    )[nth % 12]


def _plain(canary):
    """What of a canary must nowhere be seen: the telling part of it."""
    for mark in ("Bearer ", "Basic ", "password=", "PHMS_MASTER_KEY=root-1:"):
        canary = canary.removeprefix(mark)
    if "://" in canary:
        return canary.split("://")[1].split("@")[0].removeprefix("api.telegram.org/bot").removesuffix("/getMe")
    return canary.split('"')[3] if canary.startswith("{") else canary


PATTERNED = [
    *(_phone(nth) for nth in range(60)),
    *(f"{_letters(6)}.{_letters(5)}{DICE.choice(['+bp', ''])}@{_letters(7)}.example.{nth}org" for nth in range(30)),
    *(_secret(nth) for nth in range(60)),
]
# No pattern finds these: they must not be let in.
WORDS = [f"Xaver{_letters(9)} has chest pain" for _ in range(50)]
CANARIES = [*PATTERNED, *WORDS]


@pytest.fixture
def output(monkeypatch):
    """What the root logger's handler writes after `set_up`, with every logger let through."""
    root, stream = logging.getLogger(), io.StringIO()
    kept = root.handlers[:], root.filters[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    root.handlers, root.filters = [handler], []
    set_up("DEBUG")
    root.setLevel(logging.DEBUG)
    yield stream
    logging.captureWarnings(False)
    root.handlers, root.filters = kept[:2]
    root.setLevel(kept[2])
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _message(text):
    return RawMessage(
        id="sms:SM1", channel=ChannelKind.SMS, address=text, text=text, received_at=datetime(2026, 3, 3, tzinfo=UTC)
    )


def _raised(problem, cause=None):
    try:
        if cause is not None:
            raise problem from cause
        raise problem
    except BaseException as raised:
        return raised


class Reveals:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


# Each form takes a logger and a canary; the first list is safe for anything, the second for what patterns find.
ANYTHING = {
    "an exception as an argument": lambda log, c: log.error("message %s failed: %s", "sms:SM1", ValueError(c)),
    "an exception as the message": lambda log, c: log.error(KeyError(c)),
    "exc_info": lambda log, c: log.error("message sms:SM1 failed", exc_info=_raised(ValueError(c))),
    "log.exception": lambda log, c: log.exception("message sms:SM1 failed", exc_info=_raised(RuntimeError(c, [c]))),
    "exc_info of a cause": lambda log, c: log.error(
        "message sms:SM1", exc_info=_raised(RuntimeError("x"), _raised(KeyError(c)))
    ),
    "exc_info of a group": lambda log, c: log.error(
        "message sms:SM1", exc_info=_raised(ExceptionGroup(c, [_raised(ValueError(c)), OSError(c)]))
    ),
    "exc_info with a note": lambda log, c: log.error("message sms:SM1", exc_info=_noted(c)),
    "an unset exception with words": lambda log, c: log.error("message sms:SM1", exc_info=OSError(5, c, c)),
    "a stored row": lambda log, c: log.error("message %s", _message(c)),
    "a stored row, %r": lambda log, c: log.error("message %r", _message(c)),
    "a stored row as the message": lambda log, c: log.error(_message(c)),
    "an object that tells": lambda log, c: log.error("message %s", Reveals(c)),
    "an object that tells, in a list": lambda log, c: log.error("message %s", [Reveals(c), {"x": (Reveals(c),)}]),
    "bytes": lambda log, c: log.error("message %s", c.encode()),
    "bytes, formatted": lambda log, c: log.error(f"message {c.encode()!r}"),
    "arguments that do not fit": lambda log, c: log.error("message %d", Reveals(c)),
    "too many arguments": lambda log, c: log.error("message", ValueError(c), Reveals(c)),
    "named arguments": lambda log, c: log.error("message %(text)s", {"text": Reveals(c)}),
    "extra": lambda log, c: log.error("message sms:SM1", extra={"patient": Reveals(c), "row": _message(c)}),
    "a row from elsewhere": lambda log, c: log.handle(
        logging.makeLogRecord(
            {
                "name": log.name,
                "levelno": 40,
                "pathname": "",
                "msg": "m %s",
                "args": (Reveals(c),),
                "exc_info": _info(c),
            }
        )
    ),
    "a formatted exception": lambda log, c: log.handle(
        logging.makeLogRecord(
            {"name": log.name, "levelno": 40, "pathname": "", "msg": "message", "exc_text": f"ValueError: {c}"}
        )
    ),
}
PATTERNS = {
    "an argument": lambda log, c: log.error("message %s", c),
    "an argument, %r": lambda log, c: log.error("message %r", c),
    "a number": lambda log, c: log.error("message %s", int(c) if c.isdigit() else c),
    "named": lambda log, c: log.error("message %(a)s", {"a": c}),
    "an f-string with an id": lambda log, c: log.error(f"message sms:SM1 for {c}, timer 3fa9c0d1e2b4"),
    "the message itself": lambda log, c: log.error(c),
    "joined": lambda log, c: log.error("to=" + c),
    "in a list": lambda log, c: log.error("messages %s", [c, (c, {"x": c})]),
    "a key": lambda log, c: log.error("messages %s", {c: 1}),
    "warning": lambda log, c: log.warning("message %s", c),
    "info": lambda log, c: log.info("message %s", c),
    "debug": lambda log, c: log.debug("message %s", c),
    "log": lambda log, c: log.log(35, "message %s", c),
    "an adapter": lambda log, c: logging.LoggerAdapter(log, {"who": c}).error("message %s", c),
    "extra": lambda log, c: log.error("message", extra={"patient": c, "rows": [c]}),
    "our own error": lambda log, c: log.error("message %s", Unavailable(f"{c}: does not answer; try again")),
    "exc_info of our own": lambda log, c: log.error("message", exc_info=_raised(Unavailable(f"{c}: try again"))),
    "a path": lambda log, c: log.error("message %s", Path("/srv") / c.replace("/", "_")) if "/" not in c else None,
    "stack_info": lambda log, c: log.error("message %s", c, stack_info=True),
    "a word": lambda log, c: log.error("message %s", f"<{c}>"),
}


def _noted(text):
    problem = _raised(ValueError(1))
    problem.add_note(text)
    return problem


def _info(text):
    problem = _raised(ValueError(text))
    return type(problem), problem, problem.__traceback__


def _shown(stream, seen=()):
    """All that any handler could show: what was written, and every attribute of the records."""
    return "\n".join([stream.getvalue(), *(repr(vars(record)) for record in seen)])


@pytest.fixture
def seen(output):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger().addHandler(handler)
    return records


@pytest.mark.parametrize("form", ANYTHING)
def test_no_canary_comes_out_of_our_own_loggers(form, output, seen):
    for canary in CANARIES:
        ANYTHING[form](logging.getLogger("phms.house"), canary)
    shown = _shown(output, seen)
    assert len(seen) == len(CANARIES)
    assert [c for c in CANARIES if _plain(c) in shown] == []
    assert "Logging error" not in shown


@pytest.mark.parametrize("form", PATTERNS)
def test_no_patterned_canary_comes_out_of_our_own_loggers(form, output, seen):
    for canary in PATTERNED:
        PATTERNS[form](logging.getLogger("phms.front_desk"), canary)
    shown = _shown(output, seen)
    assert [c for c in PATTERNED if _plain(c) in shown] == []


@pytest.mark.parametrize(
    "name", ["", "telegram.ext", "pymongo.command", "asyncio", "uvicorn.error", "phmsx", "anything"]
)
@pytest.mark.parametrize("form", [*ANYTHING, *PATTERNS])
def test_no_canary_comes_out_of_other_peoples_loggers(name, form, output, seen):
    log = logging.getLogger(name)
    # Words that somebody formats into a message beforehand, or into an error of ours, no filter can know.
    known = ("the message itself", "joined", "an f-string with an id", "our own error", "exc_info of our own")
    written = PATTERNED if form in known else CANARIES
    for canary in written[::3]:
        (ANYTHING | PATTERNS)[form](log, canary)
    shown = _shown(output, seen)
    assert [c for c in written if _plain(c) in shown] == []


def test_what_libraries_put_together_is_cut_where_they_begin_to_quote(output):
    log = logging.getLogger("anothers.package")
    log.error("Task exception was never retrieved\nfuture: <Task exception=ValueError('Xaver')>")
    log.error("Executing <Task <Future Xaver> name='T'> took 0.2 seconds")
    log.error("cannot read 'Xaver is ill' here")
    log.error("connection refused: Xaver")
    log.error("rows [Xaver]")
    told = output.getvalue()
    assert "Xaver" not in told
    assert "Task exception was never retrieved" in told
    assert "took 0.2 seconds" in told


def test_libraries_are_quiet_below_a_warning(output):
    for name in QUIET:
        for log in (logging.getLogger(name), logging.getLogger(f"{name}.client")):
            log.info("GET %s", "https://example.org/Xaver")
            log.debug("body %s", "Xaver")
            assert not log.isEnabledFor(logging.INFO)
    assert output.getvalue() == ""
    logging.getLogger("httpx").warning("slow")
    assert output.getvalue() == "WARNING httpx: slow\n"


def test_our_own_ids_stay_readable(output):
    log = logging.getLogger("phms.house")
    row = traced("A-17/flag/chest-pain/1")
    sid = "SM0123456789abcdef0123456789abcdef"
    log.error("message %s could not be thought through: %s", f"sms:{sid}", "ValueError")
    log.error("message %s could not even be answered plainly: %s", "telegram:987654321012", KeyError("words"))
    log.error("timer %s could not be fired: %s", row, "KeyError")
    log.error(f"provider A raised Timeout on {row}")
    log.error("event %s lost 20 races", "due:A-17/flag/chest-pain/2/step-1@2026-03-03T21:10:00+00:00#3")
    log.error("127.0.0.1:27017 at 2026-03-03 21:10:00: %s, %d entries, %.1f s, %s", None, 4711, 20.5, Role.PATIENT)
    log.error("person %s, %s", "pDk3-_Zx81bQq0aLmNoPqR", datetime(2026, 3, 3, 21, 10, tzinfo=UTC))
    assert output.getvalue().splitlines() == [
        f"ERROR phms.house: message sms:{sid} could not be thought through: ValueError",
        "ERROR phms.house: message telegram:987654321012 could not even be answered plainly: KeyError",
        f"ERROR phms.house: timer {row} could not be fired: KeyError",
        f"ERROR phms.house: provider A raised Timeout on {row}",
        "ERROR phms.house: event due:A-17/flag/chest-pain/2/step-1@2026-03-03T21:10:00+00:00#3 lost 20 races",
        "ERROR phms.house: 127.0.0.1:27017 at 2026-03-03 21:10:00: None, 4711 entries, 20.5 s, patient",
        "ERROR phms.house: person pDk3-_Zx81bQq0aLmNoPqR, 2026-03-03 21:10:00+00:00",
    ]


def test_a_birthday_is_not_told_and_an_unusual_type_is_named(output):
    logging.getLogger("phms").error("%s %s %s", date(1950, 2, 3), object, complex(1, 2))
    assert output.getvalue() == "ERROR phms: *** object <complex ***>\n"


def test_an_exception_keeps_its_way_and_its_number(output):
    def deep():
        with suppress(ZeroDivisionError):
            return {}["Xaver"]

    try:
        deep()
    except KeyError:
        logging.getLogger("phms").exception("a fault")
    logging.getLogger("phms").error("%s", OSError(28, "no space for Xaver"))
    try:
        sqlite3.connect(":memory:").execute("SELECT Xaver")
    except sqlite3.Error as problem:
        logging.getLogger("phms").error("%s", problem)
    logging.getLogger("phms").error("%s", BadInput("write +49 170 1234567 as a number"))
    told = output.getvalue().splitlines()
    here = sys._getframe().f_code.co_firstlineno
    assert told[:2] == ["ERROR phms: a fault", "Traceback (most recent call last):"]
    assert told[3].startswith('  File "tests/bot/test_logs.py", line ')
    assert told[3].endswith(", in deep")
    assert int(told[3].split("line ")[1].split(",")[0]) - here == 3
    assert told[4].startswith("KeyError at tests/bot/test_logs.py:")
    assert told[5] == "ERROR phms: OSError [28]"
    assert told[6].startswith("ERROR phms: OperationalError [SQLITE_ERROR] at tests/bot/test_logs.py:")
    assert told[7] == "ERROR phms: BadInput: write *** as a number"


@pytest.mark.parametrize("canary", WORDS[:5])
def test_the_texts_of_the_libraries_that_read_what_people_wrote(canary, output):
    log = logging.getLogger("phms")
    for read in (json.loads, int, float, msgspec.json.Decoder(dict[str, int]).decode, bytes.fromhex):
        try:
            read(f'{{"{canary}": "{canary}"}} {canary}')
        except ValueError as problem:
            log.error("could not be read: %s", problem, exc_info=True)
    with suppress(UnicodeDecodeError):
        try:
            (canary.encode() + b"\xff").decode()
        except UnicodeDecodeError:
            log.exception("could not be read")
            raise
    assert output.getvalue().count("could not be read") == 6
    assert canary not in output.getvalue()


def test_one_record_is_one_line_whoever_wrote_it(output):
    logging.getLogger("phms").error("message %s", "sms:1\nERROR phms: all is well\r\x1b[2J\u2028x")
    assert output.getvalue().count("\n") == 1
    assert "\x1b" not in output.getvalue()


def test_long_records_are_cut_and_quick(output):
    logging.getLogger("phms").error("message %s", "word " * 100_000)
    assert len(output.getvalue()) < 5_000
    assert output.getvalue().endswith("(and more)\n")


def test_warnings_lose_their_words(output):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("Xaver's number is odd", UserWarning, stacklevel=1)
    logging.getLogger("py.warnings").warning("Xaver")
    told = output.getvalue().splitlines()
    assert told[0].startswith("WARNING py.warnings: UserWarning at tests/bot/test_logs.py:")
    assert told[1:] == ["WARNING py.warnings: a warning"]


def test_setting_up_twice_adds_one_filter(output):
    set_up("ERROR")
    root = logging.getLogger()
    for gate in (root, *root.handlers):
        assert [type(f) for f in gate.filters if isinstance(f, Redaction)] == [Redaction]
    logging.getLogger("phms").error("message %s", "sms:SM1")
    assert output.getvalue() == "ERROR phms: message sms:SM1\n"


CRASH = """
import sys, threading
from bot.logs import set_up
set_up("ERROR")
def lose(): raise ValueError("Xaver in a thread")
thread = threading.Thread(target=lose)
thread.start()
thread.join()
class Lost:
    def __del__(self): raise ValueError("Xaver lost")
Lost()
def crash(text): raise KeyError(text)
crash("Xaver has chest pain, +49 170 1234567")
"""


def test_a_crash_tells_where_and_not_what():
    done = subprocess.run(
        [sys.executable, "-c", CRASH], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Xaver" not in done.stdout + done.stderr
    assert "170" not in done.stderr
    assert "CRITICAL phms: a thread ended" in done.stderr
    assert "CRITICAL phms: an error was lost" in done.stderr
    assert "CRITICAL phms: this should not happen; please report what follows" in done.stderr
    assert ", in crash\nKeyError at <string>:" in done.stderr


@pytest.mark.parametrize("canary", PATTERNED)
def test_a_pattern_is_found_wherever_it_stands(canary):
    for text in (canary, f"a {canary}", f"{canary} b", f"({canary})", f'"{canary}"', f"x={canary},", f"see: {canary}."):
        assert _plain(canary) not in redacted(text)
