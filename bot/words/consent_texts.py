"""What a patient agrees to, as versioned text: one file per language, the same purposes and versions in all."""

import string
from dataclasses import dataclass, fields
from datetime import date
from importlib.resources import files
from pathlib import Path

from data.content import load
from data.errors import BadFile
from data.model.people import Purpose
from nlu.consent import Verb, read_consent

# What a phone can show at once: one purpose fits three parts of an SMS, and the question about monitoring and messages,
# which are asked together, five.
LONGEST, LONGEST_PAIR = 350, 600
_PARTS = ("what", "why", "who", "withdraw")
_FIELDS = {Purpose.SHARING: {"name"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """One purpose in one language: its text is `what`, `why`, `who` sees it and how to `withdraw`.

    `name` is what lists call it; `end` the words that withdraw it, filled in for {end}; {name} stands for the person
    shared with. `version` is the date of the text.
    """

    version: date
    name: str
    what: str
    why: str
    who: str
    withdraw: str
    end: str

    def __post_init__(self) -> None:
        for part in _PARTS:
            list(string.Formatter().parse(getattr(self, part)))  # ValueError for braces that do not close

    def say(self, name: str = "") -> str:
        """The whole text; `name` is the person it is shared with."""
        return " ".join(getattr(self, part) for part in _PARTS).format_map({"end": self.end, "name": name})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTexts:
    """All purposes in one language."""

    language: str
    monitoring: ConsentText
    messaging: ConsentText
    sharing: ConsentText
    research: ConsentText

    def of(self, purpose: Purpose) -> ConsentText:
        """The text of one purpose."""
        text: ConsentText = getattr(self, purpose.value)
        return text


def load_consents(languages: tuple[str, ...], overlay: Path | None) -> dict[str, ConsentTexts]:
    """The text of every language; a file in the directory `overlay` replaces ours. Raises `BadFile`."""
    allowed = [f"{language}.toml" for language in languages]
    if overlay is not None:
        if not overlay.is_dir():
            raise BadFile(f"{overlay}: is not a directory")
        for file in sorted(overlay.iterdir()):
            if file.name not in allowed:
                raise BadFile(f"{file}: is not known here; allowed: {', '.join(allowed)}")
    found = {}
    for language, name in zip(languages, allowed, strict=True):
        own = overlay / name if overlay else None
        found[language] = load(own if own and own.exists() else files("bot.words.consent") / name, ConsentTexts)
    return found


def check_consents(texts: dict[str, ConsentTexts]) -> list[str]:
    """What is wrong: another version than English, a part left out, too long for a phone, words that end nothing."""
    problems = []
    for language, found in texts.items():
        where = f"words/consent/{language}.toml"
        if found.language != language:
            problems.append(f"{where}: language is {found.language!r}; must be {language!r}")
        for purpose in Purpose:
            text = found.of(purpose)
            if text.version != texts["en"].of(purpose).version:
                problems.append(
                    f"{where}: {purpose}: version is {text.version}; must be {texts['en'].of(purpose).version} "
                    "as in English, so that everybody is asked about the same text"
                )
            problems += [f"{where}: {purpose}: {what}" for what in _wrong(text, purpose, language)]
        if len(f"{found.monitoring.say()} {found.messaging.say()}") > LONGEST_PAIR:
            problems.append(f"{where}: monitoring and messaging together are longer than {LONGEST_PAIR} characters")
    return problems


def _wrong(text: ConsentText, purpose: Purpose, language: str) -> list[str]:
    problems = [
        f"{f.name} must not be empty" for f in fields(text) if f.type is str and not getattr(text, f.name).strip()
    ]
    for part in _PARTS:
        used = {name for _, name, _, _ in string.Formatter().parse(getattr(text, part)) if name is not None}
        if not used <= _FIELDS.get(purpose, set()) | ({"end"} if part == "withdraw" else set()):
            problems.append(f"{part} may not use {sorted(used)}")
            return problems
        if part == "withdraw" and "end" not in used:
            problems.append("withdraw must say {end}, what to write")
    if len(text.say("Anna Maria Kask")) > LONGEST:
        problems.append(f"is longer than {LONGEST} characters")
    order = read_consent(text.end, language)
    if order is None or (order.verb, order.purpose) != (Verb.WITHDRAW, purpose):
        problems.append(f"end {text.end!r} is not understood as withdrawing {purpose}")
    return problems
