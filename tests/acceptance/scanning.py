"""Looks for canaries in raw bytes, however they may be written: as text, as hex, in base64, deflated, as floats."""

import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping

# What could be text: the rest of what is sealed need not be searched for each canary by itself.
_TEXT = re.compile(rb"[\x20-\x7e]{5,}")
_WIDE = re.compile(rb"(?:[\x20-\x7e]\0){5,}|(?:\0[\x20-\x7e]){5,}")
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


def canaries_in(blobs: Mapping[str, bytes], strings: Iterable[str], numbers: Iterable[float] = ()) -> list[str]:
    """Which canaries stand where: "FILE: CANARY"."""
    strings, numbers = tuple(strings), tuple(numbers)
    problems = []
    for name, data in blobs.items():
        text = b"\n".join(_texts(data + b"\n" + _inflated(data)))
        lower = text.lower()
        problems += [f"{name}: {one}" for one in strings if _spelt(one, lower) or _encoded(one, text)]
        problems += [f"{name}: {one}" for one in numbers if _measured(one, data, text)]
    return problems


def _texts(data: bytes) -> Iterator[bytes]:
    yield from _TEXT.findall(data)
    for wide in _WIDE.findall(data):
        yield wide.replace(b"\0", b"")


def _spelt(canary: str, lower: bytes) -> bool:
    """As text or hex, forwards or backwards, in letters of any case."""
    word = canary.lower().encode()
    return any(form in lower for form in (word, word[::-1], word.hex().encode()))


def _encoded(canary: str, text: bytes) -> bool:
    """In base64, at each of the three places it can have in a longer text; here case counts."""
    for spelt in {canary, canary.lower(), canary.upper(), canary.title()}:
        for before in range(3):
            whole = b64encode(b"\0" * before + spelt.encode())
            # Its first letters, and its last ones, hold bits of what stands beside it.
            middle = whole[(0, 2, 3)[before] : (before + len(spelt)) * 8 // 6]
            if middle in text or middle.replace(b"+", b"-").replace(b"/", b"_") in text:
                return True
    return False


def _measured(value: float, data: bytes, text: bytes) -> bool:
    """As digits, or as the processor holds it."""
    return f"{value}".encode() in text or any(struct.pack(form, value) in data for form in ("<d", ">d"))


def _inflated(data: bytes) -> bytes:
    """Whatever in these bytes was merely packed and not sealed."""
    found = []
    for start in _DEFLATED.finditer(data):
        try:
            found.append(zlib.decompressobj().decompress(data[start.start() :], 2**20))
        except zlib.error:
            continue
    return b"\n".join(found)
