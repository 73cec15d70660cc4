"""Twilio's error codes in our own words (Fault), read from `integrations/twilio_faults.toml`."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from data.content import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a code means to us. `word` is an `Outcome.error`.

    `again`: a request refused so is known not to have gone, and the same may go through in a while.
    """

    code: int
    word: str
    title: str
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The table. `other` is the word for every code that is not in it."""

    source: str
    other: str
    faults: tuple[Fault, ...]

    def __post_init__(self) -> None:
        codes = [fault.code for fault in self.faults]
        if twice := {code for code in codes if codes.count(code) > 1}:
            raise ValueError(f"has a code twice: {min(twice)}")


@cache
def _table() -> tuple[dict[int, Fault], str]:
    faults = load(files("integrations") / "twilio_faults.toml", Faults)
    return {fault.code: fault for fault in faults.faults}, faults.other


def fault(code: int) -> Fault:
    """What a code means; one that is not in the table is `other` and not worth the same again.

    >>> fault(21610).word, fault(99999).word
    ('stopped', 'refused')
    """
    known, other = _table()
    return known.get(code) or Fault(code=code, word=other, title="not in our table")


def word_of(code: str) -> str:
    """Our word for a code as a form has it; "" for none, and `other` for what is no code.

    >>> word_of("30003"), word_of(""), word_of("0")
    ('unreachable', '', '')
    """
    if code in ("", "0"):
        return ""
    return fault(int(code)).word if code.isascii() and code.isdigit() and len(code) < 10 else _table()[1]
