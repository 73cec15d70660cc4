"""Twilio's calculator as an oracle: the borders of GSM-7 and UCS-2, and characters that count double."""

import pytest

from tests.emulators.install import OutOfReachError
from tests.emulators.segments import Counted, segments


def test_texts_at_the_borders() -> None:
    expected = {
        "a" * 160: Counted("GSM-7", 1),
        "a" * 161: Counted("GSM-7", 2),
        "a" * 306: Counted("GSM-7", 2),
        "a" * 307: Counted("GSM-7", 3),
        "€" * 80: Counted("GSM-7", 1),
        "€" * 81: Counted("GSM-7", 2),
        "ж" * 70: Counted("UCS-2", 1),
        "ж" * 71: Counted("UCS-2", 2),
        "😀" * 35: Counted("UCS-2", 1),
        "😀" * 36: Counted("UCS-2", 2),
        "it’s": Counted("UCS-2", 1),
    }
    try:
        counted = segments(list(expected))
    except OutOfReachError as problem:
        pytest.skip(f"the npm registry is out of reach: {str(problem).splitlines()[0]}")
    assert dict(zip(expected, counted, strict=True)) == expected
