"""A row of measured values as Prometheus writes it: "97 96 _ 95-1x3" are 97, 96, nothing, 95, 94, 93, 92."""

import re

from data.errors import BadInput

LONGEST = 20_000
_NUMBER = r"[+-]?\d{1,9}(?:\.\d{1,9})?"
_UNSIGNED = r"\d{1,9}(?:\.\d{1,9})?"
_GAP = re.compile(r"_(?:x(\d{1,6}))?")
_VALUE = re.compile(rf"({_NUMBER})(?:([+-])(-?{_UNSIGNED}))?(?:x(\d{{1,6}}))?")
_PAIR = re.compile(rf"({_UNSIGNED})/({_UNSIGNED})(?:([+-])({_UNSIGNED})/({_UNSIGNED}))?(?:x(\d{{1,6}}))?")
_SPLIT = re.compile(r"[\s,;]+")

Row = tuple[float, ...] | None


def read_series(text: str, *, pairs: bool = False) -> tuple[Row, ...]:
    """The samples in order, each a tuple of one value (of two where `pairs`), None where one is missing.

    `a+bxn` and `a-bxn` are a and n more, each b further; `axn` is a and n more of it; `_xn` is n missing.
    Raises `BadInput`.

    >>> read_series("97 95-2x2 _")
    ((97.0,), (95.0,), (93.0,), (91.0,), None)
    """
    rows: list[Row] = []
    for word in _SPLIT.split(text.strip(" ,;\t")):
        rows.extend(_expand(word.rstrip("%"), text, pairs))
        if len(rows) > LONGEST:
            raise BadInput(f"the series has more than {LONGEST} samples")
    return tuple(rows)


def _expand(word: str, text: str, pairs: bool) -> list[Row]:
    if gap := _GAP.fullmatch(word):
        return [None] * _count(gap[1] or "1")
    if pairs:
        if pair := _PAIR.fullmatch(word):
            high, low, sign, up, down, times = pair.groups()
            return _steps((float(high), float(low)), sign, (float(up or 0), float(down or 0)), times)
        raise BadInput(
            f"cannot read {word!r} in the series {text!r}; blood pressure is written as pairs: 150/95 148/94 _"
        )
    if value := _VALUE.fullmatch(word):
        first, sign, step, times = value.groups()
        if step is not None and times is None:
            raise BadInput(f"cannot read {word!r} in the series {text!r}; say how often: {word}x3")
        return _steps((float(first),), sign, (float(step or 0),), times)
    raise BadInput(f"cannot read {word!r} in the series {text!r}; allowed: numbers, 97-1x5, 97+1x5, 97x5, _ and _x5")


def _steps(first: tuple[float, ...], sign: str | None, step: tuple[float, ...], times: str | None) -> list[Row]:
    way = -1 if sign == "-" else 1
    return [
        tuple(round(start + way * by * n, 9) for start, by in zip(first, step, strict=True))
        for n in range(_count(times or "0") + 1)
    ]


def _count(digits: str) -> int:
    if int(digits) > LONGEST:
        raise BadInput(f"the series has more than {LONGEST} samples")
    return int(digits)
