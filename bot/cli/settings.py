"""`phms settings`: every setting with its value, default and meaning."""

import argparse
import json
import sys

from bot.settings import Settings, shown, variables

HELP = "Print every setting: variable, value in force, default and meaning."
EXAMPLE = "PHMS_ZONE=Europe/Tallinn phms settings"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print them; secrets are shown as set or not set."""
    rows = []
    for variable in variables():
        value = str(getattr(settings, variable.field))
        told = ("set" if value else "not set") if variable.secret else shown(value)
        rows.append({"variable": variable.name, "value": told, "default": variable.default, "meaning": variable.help})
    if options.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    for row in rows:
        default = row["default"] or "empty"
        sys.stdout.write(f"{row['variable']}={row['value']}\n    {row['meaning']} (default: {default})\n")
    return 0
