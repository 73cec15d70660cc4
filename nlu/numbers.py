"""Which words of a text are numbers that may measure something: no times, dates or telephone numbers."""

import re

from nlu.tokens import Tokens

# A pair without a name is a blood pressure only inside these (mmHg); named pairs need no such shape.
BARE_SYSTOLIC, BARE_DIASTOLIC = (70, 260), (35, 160)
_COLON = re.compile(r"[0-9]:[0-9]")
_NUMBER = re.compile(r"\d{1,6}(?:[.,]\d{1,3})?")


def number_at(tokens: Tokens, i: int) -> float | None:
    """The number that word i is, unless it is part of a time, a date or a telephone number."""
    word = tokens.words[i]
    if not word[0].isdigit() or not _NUMBER.fullmatch(word):
        return None
    plain, start, end = tokens.folded.plain, tokens.starts[i], tokens.ends[i]
    if plain[max(start - 1, 0) : start] in ("+", "#") or _COLON.search(plain[max(start - 2, 0) : end + 2]):
        return None
    if _is_digits(tokens, i - 1) and _is_digits(tokens, i + 1) and tight(tokens, i) and tight(tokens, i + 1):
        top = tokens.words[i - 1]
        # "150/95/88" is a blood pressure with a pulse; "12/05/2024" and "555-123-4567" are not.
        if plain[start - 1] != "/" or not top.isdigit() or not BARE_SYSTOLIC[0] <= int(top) <= BARE_SYSTOLIC[1]:
            return None
    whole, _, decimals = word.replace(",", ".").partition(".")
    return float(whole + decimals) if len(decimals) == 3 else float(f"{whole}.{decimals or 0}")


def _is_digits(tokens: Tokens, i: int) -> bool:
    return 0 <= i < len(tokens.words) and tokens.words[i][0].isdigit()


def tight(tokens: Tokens, i: int) -> bool:
    """Whether word i follows the one before by a single "-", "." or "/", as in dates and telephone numbers."""
    return tokens.folded.plain[tokens.ends[i - 1] : tokens.starts[i]] in ("-", ".", "/")


def goes_on(tokens: Tokens, number: int, second: int) -> bool:
    """Whether the pair goes on or begins with another number, as a date does."""
    plain = tokens.folded.plain
    return plain[tokens.starts[number] - 1 : tokens.starts[number]] in ("/", "-") or (
        plain[tokens.ends[second] : tokens.ends[second] + 1] in ("/", "-")
        and plain[tokens.ends[second] + 1 : tokens.ends[second] + 2].isdigit()
    )
