"""`phms`: finds the command, reads the settings once, and turns errors into one clear line and an exit code."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from bot.logs import set_up
from bot.settings import read_settings
from data.errors import BadFile, BadInput, Conflict, NotFound, PhmsError, Unavailable

COMMANDS = (
    "demo",
    "chat",
    "serve",
    "replay",
    "parse",
    "assess",
    "check",
    "audit",
    "consent",
    "erase",
    "export",
    "people",
    "keys",
    "store",
    "doctor",
    "settings",
)

YES, NO, BAD = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 success, 1 "the answer is no", 2 bad usage or bad input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser, chosen = _parser(arguments)
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        set_up(settings.log_level)
        return int(chosen.run(options, settings)) if chosen else BAD
    except (BadFile, BadInput, NotFound) as problem:
        return _complain(problem, BAD)
    except (Conflict, Unavailable, PhmsError) as problem:
        return _complain(problem, BAD)
    except BrokenPipeError:
        # The reader of our output has left (`phms ... | head`): no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return YES
    except KeyboardInterrupt:
        return 130


def _complain(problem: PhmsError, code: int) -> int:
    sys.stderr.write(f"phms: {problem}\n")
    return code


def _parser(arguments: list[str]) -> tuple[argparse.ArgumentParser, ModuleType | None]:
    """The parser of the command that is asked for; the others are listed by name only, so that start-up stays quick."""
    named = next((a for a in arguments if not a.startswith("-")), None)
    top = argparse.ArgumentParser(
        prog="phms",
        description="A conversational assistant for patients with chronic illness and their clinicians.",
        epilog="Example: phms demo        Each command has its own --help with an example.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen: ModuleType | None = None
    for name in COMMANDS:
        if named in COMMANDS and name != named:
            commands.add_parser(name)
            continue
        module = importlib.import_module(f"bot.cli.{name}")
        sub = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=f"Example: {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(sub)
        if name == named:
            chosen = module
    return top, chosen


if __name__ == "__main__":
    sys.exit(main())
