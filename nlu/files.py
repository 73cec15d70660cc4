"""The lexicon's files: which languages there are, and how a file and its phrase lists are read."""

from importlib.resources import files
from typing import TypeVar

from data.content import load

T = TypeVar("T")

# Languages of the safety screen, in the order in which ties are settled.
LANGUAGES = ("en", "es", "de", "fr", "et", "pt", "it", "ru", "tr")
# Languages with symptoms, readings and intents.
PARSED = ("en", "es", "de", "fr", "et")


def lexicon(name: str, schema: type[T]) -> T:
    """One lexicon file as its dataclass. Raises `BadFile` where it is wrong."""
    return load(files("nlu.lexicon") / f"{name}.toml", schema)


def lines(text: str) -> list[str]:
    """The phrases or examples of a block: one a line, without blanks and what follows " #"."""
    return [line for raw in text.splitlines() if (line := raw.split(" #")[0].strip()) and not line.startswith("#")]
