"""Hints in errors: the nearest thing that is known, and a quotation that fits on a line."""

import difflib
from collections.abc import Iterable

_SHOWN = 80


def nearest(text: str, known: Iterable[str]) -> str:
    """ "; nearest: X" for the likeliest of `known`, or nothing."""
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(text.strip().casefold()[:200], list(folded), n=1, cutoff=0.5)
    return f"; nearest: {folded[close[0]]}" if close else ""


def cut(text: str) -> str:
    """A piece of a script as errors quote it: not longer than fits on a line."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
