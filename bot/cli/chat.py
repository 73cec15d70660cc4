"""`phms chat`: talk to the bot at the terminal, as a patient or as staff, on the recorded clinic."""

import argparse
import selectors
import sys
from typing import TYPE_CHECKING, TextIO

from bot.settings import Settings

if TYPE_CHECKING:
    from bot.terminal import Terminal
    from bot.upkeep import Upkeep

HELP = "Talk to the bot at the terminal; what anyone else hears is shown too. A new record gets the demo's clinic."
EXAMPLE = "phms chat --as anna"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--as", dest="speaker", default="anna", metavar="NAME", help="who speaks (default: anna)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Read lines until `:quit` or the end of input."""
    from bot.demo.clinic import clinic
    from bot.house import House
    from bot.kept import close_kept, open_kept
    from bot.terminal import Terminal
    from bot.upkeep import Upkeep
    from bot.wire import standard_kit, standard_parser
    from data.clock import SystemClock
    from data.errors import BadInput
    from data.model.people import ChannelKind
    from integrations.console_channel import ConsoleChannel

    record = open_kept(settings, make=True)
    zone = settings.zone
    terminal = Terminal(zone, sys.stdout.write)
    carriers = tuple(ConsoleChannel(kind, terminal.heard) for kind in ChannelKind)
    house = House(record, SystemClock(), carriers, standard_kit(settings.handbook_path), standard_parser())
    try:
        record.recover()
        if not record.people():
            sys.stdout.write(f"  The record {settings.store_shown} is new: the demo's clinic moves in.\n")
            for person in clinic():
                house.enrol(person, event_id=f"clinic:{person.id}")
        elif not all(record.committed(person.id, f"clinic:{person.id}") for person in clinic()):
            raise BadInput(
                f"{settings.store_shown} is no practice record: here you would speak as real people; "
                "name another place in PHMS_STORE to practise"
            )
        terminal.enter(house, options.speaker)
        house.settle()
        sys.stdout.write("  :help tells what else you can write; :quit leaves.\n")
        converse(terminal, sys.stdin, Upkeep(record, settings.anchors_path))
    finally:
        close_kept(record, settings)
    return 0


def converse(terminal: "Terminal", keyboard: TextIO, upkeep: "Upkeep | None" = None) -> None:
    """Lines from the keyboard, and in between whatever time brings: pages, reminders, reports.

    Raises `Unavailable` at the end when something that was said could not be kept.
    """
    interactive = keyboard.isatty()
    while True:
        if interactive:
            sys.stdout.write(terminal.prompt)
            sys.stdout.flush()
            _wait(terminal, keyboard, upkeep)
        text = keyboard.readline()
        if not text or not terminal.line(text):
            break
    if terminal.unkept:
        terminal.tick()
    if terminal.unkept:
        from data.errors import Unavailable

        raise Unavailable(f"{terminal.unkept} of your messages could not be kept: please say them again later")


def _wait(terminal: "Terminal", keyboard: TextIO, upkeep: "Upkeep | None") -> None:
    """Until a line is there, do once a second what has become due."""
    with selectors.DefaultSelector() as ready:
        ready.register(keyboard, selectors.EVENT_READ)
        while not ready.select(timeout=1.0):
            if terminal.tick():
                sys.stdout.write(terminal.prompt)
                sys.stdout.flush()
            if upkeep is not None:
                upkeep.tick(terminal.house.now())
