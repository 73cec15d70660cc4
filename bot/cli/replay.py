"""`phms replay`: runs scenes in virtual time and says which hold."""

import argparse
import sys
from pathlib import Path

from bot.settings import Settings

HELP = "Run scripted conversations (scenes, or Rasa test_stories.yml) in virtual time; exit code 1 when one fails."
EXAMPLE = "phms replay tests/scenes/chest_pain_at_night.scene"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command; its help ends with the forms of sentences."""
    from bot.scene.forms import help_text

    parser.epilog = f"Example: {EXAMPLE}\n\n{help_text()}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="scene files, directories of them, or - for standard input"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report")
    parser.add_argument("--update", action="store_true", help="write the golden transcript beside each scene")
    parser.add_argument("--no-golden", action="store_true", help="do not compare with golden transcripts")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run them."""
    from bot.scene.replay import replay

    golden = "write" if options.update else "off" if options.no_golden else "check"
    return replay(options.files, as_json=options.json, junit=options.junit, out=sys.stdout, golden=golden)
