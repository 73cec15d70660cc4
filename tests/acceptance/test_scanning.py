"""The scan for canaries finds them in every form it claims to: a scan that finds nothing proves nothing."""

import random
import struct
import zlib
from base64 import b64encode, urlsafe_b64encode

import pytest

from tests.acceptance.scanning import canaries_in

CANARY = "qbcdfghjkl"
NOISE = random.Random(1).randbytes(10_000)  # noqa: S311
FORMS = {
    "text": CANARY.encode(),
    "capitals": f"dear {CANARY.title()},".encode(),
    "UTF-16 little": CANARY.encode("utf-16-le"),
    "UTF-16 big": CANARY.encode("utf-16-be"),
    "hex": CANARY.encode().hex().encode(),
    "HEX": CANARY.encode().hex().upper().encode(),
    "backwards": CANARY[::-1].encode(),
    "deflated": zlib.compress(f"she is called {CANARY} and {CANARY}".encode() * 20, 1),
    "deflated with a head": b"z" + zlib.compress(f'{{"name": "{CANARY}"}}'.encode(), 9),
    **{f"base64 at {n}": b64encode(b"x" * n + f"{CANARY}, and more".encode()) for n in range(4)},
    **{f"base64 of capitals at {n}": b64encode(b"x" * n + f"{CANARY.upper()}".encode()) for n in range(4)},
    "base64 for addresses": urlsafe_b64encode(f">>>???{CANARY}".encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_canary_is_found(form):
    assert canaries_in({"file": NOISE + FORMS[form] + NOISE}, [CANARY, "qzzzzzzzzz"]) == [f"file: {CANARY}"]


@pytest.mark.parametrize("form", ["<d", ">d", "text", "deflated"])
def test_a_value_is_found(form):
    told = {"text": b'"value":83.41,', "deflated": zlib.compress(b'"value":83.41,' * 9)}.get(form)
    told = told or struct.pack(form, 83.41)
    assert canaries_in({"file": NOISE + told + NOISE}, [], [83.41, 83.42]) == ["file: 83.41"]


def test_noise_holds_none():
    assert canaries_in({"file": NOISE}, [CANARY, "chest-pain"], [83.41]) == []
