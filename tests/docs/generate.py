"""Generates the README's map, settings table and command list from captions, fields and help texts."""

import ast
import importlib
import re
from pathlib import Path

from bot.cli.main import COMMANDS
from bot.settings import variables

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
ROOMS = ("data", "nlu", "risk", "scheduler", "integrations", "bot")


def caption(file: Path) -> str:
    """The first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", 1)[0].strip()


def the_map() -> str:
    """Every module with its caption, room by room."""
    lines = []
    for room in ROOMS:
        lines.append(f"\n**`{room}/`** {caption(ROOT / room / '__init__.py')}\n")
        lines.append("| file | what it is |\n|---|---|")
        for file in sorted((ROOT / room).rglob("*.py")):
            if file.name != "__init__.py":
                lines.append(f"| `{file.relative_to(ROOT)}` | {caption(file)} |")
    return "\n".join(lines).strip()


def the_settings() -> str:
    """The table of settings."""
    rows = [f"| `{v.name}` | {f'`{v.default}`' if v.default else 'empty'} | {v.help} |" for v in variables()]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def the_commands() -> str:
    """The table of commands."""
    rows = []
    for name in COMMANDS:
        module = importlib.import_module(f"bot.cli.{name}")
        rows.append(f"| `phms {name}` | {module.HELP} | `{module.EXAMPLE}` |")
    return "\n".join(["| command | what it does | example |", "|---|---|---|", *rows])


PARTS = {"map": the_map, "settings": the_settings, "commands": the_commands}


def generated(text: str) -> str:
    """`text` with everything between `<!-- begin NAME -->` and `<!-- end NAME -->` made anew."""
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(\n<!-- end {name} -->)", re.DOTALL)
        made = make()
        text = pattern.sub(lambda found, made=made: f"{found[1]}{made}{found[2]}", text)
    return text
