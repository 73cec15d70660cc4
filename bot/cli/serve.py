"""`phms serve`: the doors (Telegram, SMS, WhatsApp), the workers, the clock and the delivery of a real clinic."""

import argparse
import sys
from typing import TYPE_CHECKING

from bot.settings import Settings
from data.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from data.ports import Record

HELP = "Serve: take in messages from Telegram and Twilio, answer them, fire what is due, deliver. Ctrl-C stops."
EXAMPLE = "phms serve --host 127.0.0.1 --port 8080"

# Seconds between two looks at a record that does not answer yet.
_AGAIN = 2.0
_ROLES = ("web", "worker", "clock", "delivery")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: 8080; 0: any)")
    parser.add_argument(
        "--role",
        default=",".join(_ROLES),
        help="what this process does, of web,worker,clock,delivery (default: all); one clock is enough",
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. Raises `BadInput`, `Unavailable` or `BadFile` when it cannot begin."""
    roles = [role.strip() for role in options.role.split(",") if role.strip()]
    wrong = [role for role in roles if role not in _ROLES]
    if wrong or not roles:
        raise BadInput(f"--role {options.role!r}: write some of {','.join(_ROLES)}, parted by commas")
    if not 0 <= options.port <= 65535:
        raise BadInput(f"--port {options.port} is no port; write 0 to 65535")

    from bot.kept import close_kept
    from bot.serve.alone import serving
    from bot.serve.process import Part, Where
    from bot.serve.process import run as run_process

    where = Where(host=options.host, port=options.port, parts=frozenset(map(Part, roles)), said=_say)
    record = _opened(settings)
    try:
        _say(f"The record is {settings.store_shown}.")
        if mended := record.recover():
            _say(f"{mended} commits that a crash had left half written are finished.")
        with serving(record, settings.store_path):
            run_process(record, settings, where)
    except OSError as problem:
        raise Unavailable(f"cannot listen on {options.host}:{options.port}: {problem.strerror or problem}") from None
    finally:
        close_kept(record, settings)
    _say("Stopped; nothing is lost.")
    return 0


def _opened(settings: Settings) -> "Record":
    """The record, waited for: a database may come up after us."""
    from threading import Event

    from bot.kept import open_kept

    told = ""
    while True:
        try:
            return open_kept(settings, make=True)
        except Unavailable as problem:
            if str(problem) != told:
                told = str(problem)
                _say(f"{problem}; waiting for it. Ctrl-C ends.")
            Event().wait(_AGAIN)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
