"""`phms check`: is the handbook sound (rules with their examples, policies, texts, lexicons), and is there a ladder?"""

import argparse
import json
import sys

from bot.settings import Settings
from data.model.people import Person

HELP = "Check the handbook in force (rules with their examples, policies, texts, lexicons) and the recorded ladder."
EXAMPLE = "PHMS_HANDBOOK=./our-handbook phms check"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Check everything; exit code 1 when something is unsound."""
    from bot.core.facts import UNIT_UNKNOWN
    from bot.kept import open_kept
    from bot.wire import standard_kit
    from bot.words import texts
    from data.clock import SystemClock
    from nlu.safety import check as check_screen
    from nlu.symptoms import symptom_keys
    from risk.check import check as check_rules
    from scheduler.check import check as check_ladder

    kit = standard_kit(settings.handbook_path)
    problems = [f"rules: {p}" for p in check_rules(kit.rules)]
    unheard = sorted(kit.rules.symptom_names() - symptom_keys() - {*kit.rules.ids(), UNIT_UNKNOWN})
    problems += [f"rules: no lexicon finds the symptom {name!r} that a rule asks for" for name in unheard]
    problems += [f"safety screen: {p}" for p in check_screen()]
    problems += [f"texts: {p}" for p in texts.check(kit.texts)]
    people: tuple[Person, ...] = ()
    if settings.store or (settings.home_path / "record.sqlite").exists():
        record = open_kept(settings)
        people = record.people()
        record.close()
    if people:
        problems += [f"ladder: {p}" for p in check_ladder(kit.policies, people, SystemClock().now())]
    counts = {
        "rules": len(kit.rules.ids()),
        "texts": len(kit.texts.by_language["en"]),
        "languages": len(kit.texts.by_language),
        "people": len(people),
    }
    if options.json:
        sys.stdout.write(json.dumps({"handbook": kit.hash, "counts": counts, "problems": problems}, indent=2) + "\n")
        return 1 if problems else 0
    for problem in problems:
        sys.stdout.write(f"PROBLEM {problem}\n")
    said = ", ".join(f"{number} {name}" for name, number in counts.items())
    sys.stdout.write(f"handbook {kit.hash}: {said}: {'unsound' if problems else 'sound'}\n")
    return 1 if problems else 0
