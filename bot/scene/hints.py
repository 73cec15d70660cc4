"""Hints in errors: the nearest thing that is known."""

import difflib
from collections.abc import Iterable


def nearest(text: str, known: Iterable[str]) -> str:
    """ "; nearest: X" for the likeliest of `known`, or nothing."""
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(text.strip().casefold()[:200], list(folded), n=1, cutoff=0.5)
    return f"; nearest: {folded[close[0]]}" if close else ""
