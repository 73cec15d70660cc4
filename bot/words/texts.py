"""Sentences by key and language, filled in; the emergency number by zone; and the lint over all of them."""

import re
import string
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from bot.words.consent_texts import ConsentText, ConsentTexts, check_consents, load_consents
from data.content import load
from data.errors import BadFile
from data.model.people import Purpose

_NUMBERS = "emergency_numbers.toml"
_CONSENT = "consent"
LANGUAGES = ("en", "es", "de", "fr", "et")

# Carriers take these words from the phone before we ever see them, so no text may ask for one as a reply
# (Twilio, "Advanced opt-out", 2025; FCC 24-24, 2024 for the revocation words).
CARRIER_WORDS = frozenset("stop stopall unsubscribe cancel end quit revoke optout".split()).union(
    "start yes unstop help info".split()
)
_ASKS = re.compile(r"\b(?:reply|write|send|text)\s+(?:with\s+)?(?:\{code\}\s+)?[\"“]?([A-Za-z]+)", re.IGNORECASE)
# In capitals, or in quotes by itself, a word is one to send, in whatever language the sentence is.
_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")
_QUOTED = re.compile(r"[\"“„«]\s*([A-Za-z]+)\s*[\"”“»]")
# Sent only where no carrier stands between us and the person.
_NO_CARRIER = ("stop-confirmed",)
# What a message to staff may be filled with: codes, levels, times and colleagues, never a patient's words.
_STAFF_FIELDS = frozenset("level patient code owner until since closed holder items why channel".split()).union(
    "text when first command help name form number".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    patient: dict[str, str] = field(default_factory=dict)
    staff: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbers:
    default: str
    by_zone: dict[str, str]


@dataclass(frozen=True, slots=True)
class Texts:
    """Every sentence, `by_language[language][key]`; English is complete, other languages fall back to it.

    `consents` are the texts that a patient agrees to, complete in every language.
    """

    by_language: dict[str, dict[str, str]]
    staff_keys: frozenset[str]
    numbers: tuple[tuple[str, str], ...]
    default_number: str
    consents: dict[str, ConsentTexts] = field(default_factory=dict)

    def say(self, key: str, language: str = "en", **values: str) -> str:
        """The sentence `key` with `values` filled in. `KeyError` when English lacks it: a bug, found by the tests."""
        template = self.by_language.get(language, {}).get(key) or self.by_language["en"][key]
        return template.format_map(values)

    def knows(self, key: str) -> bool:
        """Whether there is a sentence of that key."""
        return key in self.by_language["en"]

    def consent(self, purpose: Purpose, language: str) -> ConsentText:
        """What one purpose means, in the patient's language or in English."""
        return (self.consents.get(language) or self.consents["en"]).of(purpose)

    def consent_language(self, language: str) -> str:
        """The language in which a consent text is shown to whoever speaks `language`."""
        return language if language in self.consents else "en"

    def emergency_number(self, zone: str) -> str:
        """The number to call where the patient lives."""
        fitting = [(start, number) for start, number in self.numbers if zone.startswith(start)]
        return max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else self.default_number


@cache
def load_texts(overlay: Path | None = None) -> Texts:
    """The packaged sentences; a file of the same name in the directory `overlay` replaces one. Raises `BadFile`."""
    if overlay is not None:
        _check_names(overlay)
    by_language, staff = {}, frozenset[str]()
    for language in LANGUAGES:
        content = load(_find(f"{language}.toml", overlay), _File)
        by_language[language] = content.patient | content.staff
        if language == "en":
            staff = frozenset(content.staff)
    numbers = load(_find(_NUMBERS, overlay), _Numbers)
    own_consents = overlay / _CONSENT if overlay else None
    consents = load_consents(LANGUAGES, own_consents if own_consents and own_consents.exists() else None)
    texts = Texts(by_language, staff, tuple(numbers.by_zone.items()), numbers.default, consents)
    problems = check(texts)
    if problems:
        raise BadFile(problems[0])
    return texts


def check(texts: Texts) -> list[str]:
    """What is wrong with the sentences: unknown keys, other fields than in English, carrier words, patient data."""
    problems = []
    english = texts.by_language["en"]
    for language, sentences in texts.by_language.items():
        for key, sentence in sentences.items():
            where = f"words/{language}.toml: {key}"
            if key not in english:
                problems.append(f"{where}: English has no such text")
                continue
            if _fields(sentence) != _fields(english[key]):
                problems.append(f"{where}: must use the fields {sorted(_fields(english[key]))}")
            for word in carrier_words_asked(sentence) if key not in _NO_CARRIER else ():
                problems.append(f"{where}: asks for {word!r}, which carriers take before we see it")
            if key in texts.staff_keys and not _fields(sentence) <= _STAFF_FIELDS:
                problems.append(f"{where}: staff texts may only carry {sorted(_STAFF_FIELDS)}")
    return problems + check_consents(texts.consents)


def carrier_words_asked(sentence: str) -> list[str]:
    """Words that a sentence asks the reader to send, though carriers would take them."""
    said = (*_ASKS.findall(sentence), *_CAPITALS.findall(sentence), *_QUOTED.findall(sentence))
    return sorted({word.lower() for word in said} & CARRIER_WORDS)


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def _check_names(overlay: Path) -> None:
    if not overlay.is_dir():
        raise BadFile(f"{overlay}: is not a directory")
    allowed = [*(f"{language}.toml" for language in LANGUAGES), _NUMBERS, _CONSENT]
    for file in sorted(overlay.iterdir()):
        if file.name not in allowed:
            raise BadFile(f"{file}: is not known here; allowed: {', '.join(allowed)}")


def _find(name: str, overlay: Path | None) -> Path:
    own = overlay / name if overlay else None
    return own if own and own.exists() else Path(str(files("bot.words") / name))
