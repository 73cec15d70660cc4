"""Sentences about readings: a series of measured values, and how it arrives."""

import re
from datetime import timedelta

from bot.scene.grammar import Sample, Streams
from bot.scene.pattern import unquoted
from bot.scene.series import read_series
from bot.scene.when import DURATION, LONGEST, read_duration
from data.errors import BadInput
from data.signals import signal_code

PAIR = ("systolic-blood-pressure", "diastolic-blood-pressure")
_PRESSURE = {"bp", "blood pressure", "blood-pressure"}


def signals(name: str) -> tuple[str, ...]:
    """The vocabulary keys a signal's name stands for: one, or two for a blood pressure. Raises `BadInput`."""
    if " ".join(name.casefold().split()) in _PRESSURE:
        return PAIR
    return (signal_code(name),)


def is_signal(name: str) -> bool:
    """Whether it names a vital sign."""
    try:
        signals(name)
    except BadInput:
        return False
    return True


def read_readings(name: str, signal: str, text: str) -> Streams:
    """What follows `NAME's SIGNAL:`. Raises `BadInput`."""
    codes = signals(unquoted(signal))
    row, *options = re.split(r"\s+(?=(?:every|from|arriving|sent)\b)", " " + text.strip(), flags=re.IGNORECASE)
    every, source, late, copies = timedelta(minutes=1), "device", timedelta(), 1
    for option in options:
        option = option.strip(" ,")
        if found := re.fullmatch(rf"every\s+({DURATION}|second|minute|hour|day|week)", option, re.IGNORECASE):
            every = read_duration(found[1] if found[1][0].isdigit() else f"1 {found[1]}")
        elif found := re.fullmatch(r"from\s+(?:the\s+|an?\s+)?(\S.*)", option, re.IGNORECASE):
            source = unquoted(found[1])
        elif found := re.fullmatch(
            rf"arriving\s+(?:late\s+)?(?:by\s+)?({DURATION})(?:\s+late)?", option, re.IGNORECASE
        ):
            late = read_duration(found[1])
        elif found := re.fullmatch(r"sent\s+(?:(once|twice)|(\d)\s+times)", option, re.IGNORECASE):
            copies = int(found[2]) if found[2] else {"once": 1, "twice": 2}[found[1].casefold()]
        else:
            raise BadInput(
                f"cannot read {option!r}; after a series stand: every 5m, from watch, arriving 2h late, sent twice"
            )
    if every <= timedelta():
        raise BadInput("`every` must be longer than nothing")
    rows = read_series(row, pairs=len(codes) == 2)
    if every * len(rows) > LONGEST:
        raise BadInput(f"the series lasts longer than {LONGEST.days} days")
    samples = tuple(
        Sample(offset=every * i, code=code, value=value)
        for i, values in enumerate(rows)
        if values is not None
        for code, value in zip(codes, values, strict=True)
    )
    return Streams(person=name, samples=samples, every=every, source=source, late=late, copies=max(copies, 1))
