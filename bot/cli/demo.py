"""`phms demo`: one night of a small clinic in virtual time, on the embedded store, told as it happened."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bot.settings import Settings, shown
from data.errors import BadInput

if TYPE_CHECKING:
    from bot.scene.keeping import OnDisk
    from bot.scene.keeping_in_mongo import InMongo
    from bot.scene.run import Failure
    from bot.scene.stage import Stage

HELP = "Live one night of a small clinic in virtual time and see who heard what, when, on which channel, and why."
EXAMPLE = "phms demo --interactive"

INTRODUCTION = """PHMS demo: one night of a small clinic, in virtual time. No network, no keys, no real messages.
Everything below is computed from what people write and devices measure; nothing is scripted to succeed.
"""
ADVICE = """What next: phms demo --interactive (go on as Anna, Nia or Mia), phms chat --as anna,
phms parse "my chest hurts", phms assess "hr 135, rr 28, spo2 90", phms replay SCENE. See README.md.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--interactive", action="store_true", help="go on as a chat when the night is over")
    parser.add_argument("--as", dest="speaker", default="anna", metavar="NAME", help="who you are then (default: anna)")
    parser.add_argument(
        "--scene", metavar="FILE", help="live another night: your copy of bot/demo/one_night.scene, changed"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Play the night; exit code 1 when it did not go as its scene expects."""
    from importlib.resources import files

    from bot.demo.clinic import SCENE
    from bot.kept import close_kept
    from bot.scene.reader import read, read_file
    from bot.scene.run import perform
    from bot.scene.transcript import write_transcript
    from bot.wire import standard_kit, standard_parser

    scenes = read_file(Path(options.scene)) if options.scene else read((files("bot.demo") / SCENE).read_text(), SCENE)
    if options.interactive and options.speaker.casefold() not in {name.casefold() for name in scenes[0].cast}:
        raise BadInput(f"--as {options.speaker!r} is not of this clinic; it has {', '.join(scenes[0].cast)}")
    keeping, where = _keeping(settings)
    say = sys.stdout.write
    say(f"{INTRODUCTION}\n")
    failure, stage = perform(scenes[0], standard_kit(settings.handbook_path), standard_parser(), keeping)
    say(write_transcript(stage))
    say(f"\n{_summary(stage)}The record is kept in {where}\n")
    if failure is not None:
        say(_what_differs(failure))
    elif not options.interactive:
        say(ADVICE)
    if options.interactive:
        _go_on(stage, options.speaker, settings)
    close_kept(stage.record, settings)
    return 1 if failure is not None else 0


def _keeping(settings: Settings) -> "tuple[OnDisk | InMongo, str]":
    """A record of the demo's own, on the kind of store that is set: nobody's record is touched."""
    from bot.keys import root_keys

    home = settings.home_path / "demo"
    for folder in (settings.home_path, home):
        # Each by itself: the mode of a missing parent would be whatever the machine's default is.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = root_keys(settings, make=True)
    if settings.store.startswith("mongodb"):
        from bot.scene.keeping_in_mongo import InMongo

        kept = InMongo(settings.store, keys)
        return kept, shown(kept.url)
    from bot.scene.keeping import OnDisk

    return OnDisk(home / "record.sqlite", keys), str(home / "record.sqlite")


def _summary(stage: "Stage") -> str:
    """Each patient's highest concern of the night with its reasons, and how many messages went where."""
    from collections import Counter

    from data.model.people import Role

    lines = ["The night in short"]
    for name, role in stage.scene.cast.items():
        if role.person.role is Role.PATIENT:
            seen = [e.changes.assessment for e in stage.journal(name) if e.changes.assessment]
            worst = max(seen, key=lambda assessment: assessment.level.rank, default=None)
            if worst:
                why = "; ".join(f"{f.rule}: {f.reason}" for f in worst.findings) or "no rule fired"
                lines.append(f"  {name:8} {worst.level.upper():9} {why}")
    counts = Counter((heard.person, str(heard.communication.channel)) for heard in stage.inbox)
    heard = ", ".join(f"{name} {n} by {channel}" for (name, channel), n in counts.items())
    lines.append(f"  messages heard: {heard}")
    return "\n".join(lines) + "\n"


def _what_differs(failure: "Failure") -> str:
    inbox = "".join(f"      {m.at:%H:%M:%S} {m.person} ({m.channel}): {m.text}  [{m.mark}]\n" for m in failure.inbox)
    where = f"from what line {failure.number} expects:\n  {failure.line}"
    return f"\nThis night went differently {where}\n  {failure.what}\n{inbox}"


def _go_on(stage: "Stage", speaker: str, settings: Settings) -> None:
    """The same record and clock, with the terminal as every provider."""
    from bot.cli.chat import converse
    from bot.house import House
    from bot.terminal import HELP as TERMINAL_HELP
    from bot.terminal import Terminal
    from data.model.people import ChannelKind
    from integrations.console_channel import ConsoleChannel

    terminal = Terminal(stage.scene.zone, sys.stdout.write)
    carriers = tuple(ConsoleChannel(kind, terminal.heard) for kind in ChannelKind)
    house = House(stage.record, stage.clock, carriers, stage.kit, stage.parser)
    terminal.enter(house, speaker)
    sys.stdout.write(f"\nIt is the morning after, and the clinic is yours.\n{TERMINAL_HELP}")
    converse(terminal, sys.stdin)
