"""Patients' names in what is said to others: put in when it leaves, never kept in the streams of those who hear it.

So an erased patient's name is not left behind in a colleague's or a relative's chart.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from data.model.communication import Communication
from data.model.people import Person

# Only these sentences of the house's own may name: in any other, the same signs are somebody's words.
_SENTENCES = ("patients", "who-saw")
_MARK = re.compile(r"\{name:([^{}]{1,200})\}")


def name_mark(person: Person) -> str:
    """What stands for a person's name until the message leaves."""
    return f"{{name:{person.id}}}"


def plain(words: str) -> str:
    """Somebody's words, so that nothing in them can pass for a mark."""
    return words.replace("{", "(").replace("}", ")")


def named(row: Communication, person: Callable[[str], Person | None]) -> Communication:
    """The message with the names in it as they are now; of somebody who was erased, "?" stands there."""
    if row.text_key not in _SENTENCES or "{name:" not in row.text:
        return row

    def name(mark: re.Match[str]) -> str:
        found = person(mark[1])
        return found.name if found else "?"

    return replace(row, text=_MARK.sub(name, row.text))
