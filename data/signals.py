"""What people call a vital sign ("spo2", "pulse", "bp") and the vocabulary key it stands for."""

import difflib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from data.content import load
from data.errors import BadFile, BadInput
from data.vocabulary import vital_signs


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    signals: dict[str, tuple[str, ...]]


def signal_code(name: str) -> str:
    """The vocabulary key that `name` stands for; case, hyphens and spaces do not matter.

    Raises `BadInput` with the nearest known name.

    >>> signal_code("SpO2")
    'oxygen-saturation'
    """
    known = signal_names()
    plain = _plain(name)
    if plain in known:
        return known[plain]
    close = difflib.get_close_matches(plain, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(vital_signs()))}"
    raise BadInput(f"{name.strip()!r} is not a vital sign we know{hint}")


@cache
def signal_names() -> dict[str, str]:
    """Every known name, in plain form (lower case, words apart by one space), and its vocabulary key.

    Raises `BadFile` when the file names an unknown vital sign or gives one name to two of them.
    """
    file = files("data.codes") / "signals.toml"
    names: dict[str, str] = {}
    for key, sign in vital_signs().items():
        names[_plain(key)] = key
        names[_plain(sign.display)] = key
    for key, written in load(file, _File).signals.items():
        if key not in vital_signs():
            raise BadFile(f"{file}: signals.{key} is not a vital sign; allowed: {', '.join(vital_signs())}")
        for name in written:
            if names.setdefault(_plain(name), key) != key:
                raise BadFile(f"{file}: signals.{key} {name!r} already stands for {names[_plain(name)]}")
    return names


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.strip().lower()))
