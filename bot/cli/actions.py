"""Actions of a command, such as `phms keys verify`: each with help, an example and `--json`."""

import argparse
from typing import Any


def add_action(actions: Any, name: str, what: str, example: str) -> argparse.ArgumentParser:
    """One action among `actions` (what `add_subparsers` gave); `what` is a sentence without its capital and stop."""
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}.", epilog=f"Example: {example}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser
