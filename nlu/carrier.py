"""The carrier's own words, STOP, START and HELP, which count only as the whole message."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from nlu.files import lexicon, lines
from nlu.tokens import words_of

# A carrier word is short; longer texts cannot be one.
_LONGEST = 40

# Letters of other scripts that look like Latin ones. STOP only: unclear, we fall silent; a START must be clear.
_LOOKALIKES = str.maketrans("ѕторасеіухнкмвοτρ", "stopaceiyxhkmbotp")


_COMMAND = re.compile(r"/(start|stop|help)(?:@\w{1,40})?(\s.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    stop: str
    start: str
    help: str


def carrier_word(text: str) -> Literal["stop", "start", "help"] | None:
    """Which carrier word the whole text is, or None; punctuation around it and letter forms do not matter.

    YES is not among them, although carriers take it as START after a STOP: here it also answers questions.

    >>> carrier_word(" ＳＴＯＰ. "), carrier_word("stop the pain")
    ('stop', None)
    """
    if len(text) > 4 * _LONGEST:
        return None
    said = "".join(words_of(text))
    if not said or len(said) > _LONGEST:
        return None
    known = _known()
    # "/start" is pressed and not written. See `command_word`.
    if known.get(said) == "start" and "/" in text:
        return None
    if said in known:
        return known[said]
    return "stop" if known.get(said.translate(_LOOKALIKES)) == "stop" else None


def command_word(text: str) -> Literal["stop", "start", "help"] | None:
    """Which of the words the text is as a command of a chat, in which no carrier answers: that is for us to do there.

    Behind "/start", which a button sends, stands whatever the link had that led to it.

    >>> command_word("/start aBc"), command_word("/help@clinicbot"), command_word("/stop the pain")
    ('start', 'help', None)
    """
    said = _COMMAND.fullmatch(text.strip())
    word = said[1].lower() if said else ""
    match word:
        case "start":
            return "start"
        case "stop" | "help" if said is not None and not said[2]:
            return "stop" if word == "stop" else "help"
    return None


@cache
def _known() -> dict[str, Literal["stop", "start", "help"]]:
    words = lexicon("carrier", _Words)
    known: dict[str, Literal["stop", "start", "help"]] = {}
    known.update(("".join(words_of(line)), "help") for line in lines(words.help))
    known.update(("".join(words_of(line)), "start") for line in lines(words.start))
    known.update(("".join(words_of(line)), "stop") for line in lines(words.stop))
    return known
