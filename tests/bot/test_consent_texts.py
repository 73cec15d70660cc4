"""The texts that a patient agrees to: complete, of one version, short, and what they ask for is understood."""

import re
from dataclasses import replace
from importlib.resources import files

import pytest

from bot.words.consent_texts import LONGEST, check_consents, load_consents
from bot.words.texts import LANGUAGES, load_texts
from data.errors import BadFile
from data.model.people import Purpose
from nlu.carrier import carrier_word
from nlu.consent import Verb, read_consent

TEXTS = load_texts()
# Words in capitals are what the patient is told to write; PAUSE and the like have their own tests.
ASKED = re.compile(r"(?:[A-ZÀ-Þ]['’]?[A-ZÀ-Þ]+|(?<= )I(?= [A-Z]{2}))(?: [A-ZÀ-Þ]{2,})*")
OURS = [key for key in TEXTS.by_language["en"] if key.startswith("consent-")] + ["no-consent"]


def packaged(language):
    return (files("bot.words.consent") / f"{language}.toml").read_text(encoding="utf-8")


def overlay(folder, **changes):
    """A handbook with its own consent texts: each language ours with (old, new) put in once."""
    own = folder / "words" / "consent"
    own.mkdir(parents=True)
    for language, (old, new) in changes.items():
        assert old in packaged(language)
        (own / f"{language}.toml").write_text(packaged(language).replace(old, new, 1), encoding="utf-8")
    return folder / "words"


def test_the_packaged_texts_are_sound():
    assert check_consents(TEXTS.consents) == []
    assert set(TEXTS.consents) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", Purpose)
def test_each_says_what_why_who_and_how_to_end_it(language, purpose):
    text = TEXTS.consent(purpose, language)
    said = text.say("Olga")
    assert all(part.split("{")[0] in said for part in (text.what, text.why, text.who))
    assert text.end in said
    assert len(said) <= LONGEST
    found = read_consent(text.end, language)
    assert (found.verb, found.purpose) == (Verb.WITHDRAW, purpose)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", OURS)
def test_what_a_patient_is_told_to_write_is_understood_and_reaches_us(language, key):
    asked = ASKED.findall(re.sub(r"\{\w+\}", "", TEXTS.by_language[language][key]))
    for words in asked:
        assert carrier_word(words) is None, words
        found = read_consent(words, language)
        assert found is not None, words
        assert found.language == language or words == "NO", words
    assert len(asked) == len(ASKED.findall(re.sub(r"\{\w+\}", "", TEXTS.by_language["en"][key])))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence(language):
    assert set(OURS) <= set(TEXTS.by_language[language])


def test_the_first_question_fits_a_phone():
    for language in LANGUAGES:
        both = " ".join(TEXTS.consent(p, language).say() for p in (Purpose.MONITORING, Purpose.MESSAGING))
        assert len(TEXTS.say("consent-ask", language, text=both, number="112")) <= 700


def test_a_language_without_texts_is_asked_in_english():
    assert TEXTS.consent(Purpose.RESEARCH, "ru") == TEXTS.consent(Purpose.RESEARCH, "en")
    assert (TEXTS.consent_language("ru"), TEXTS.consent_language("et")) == ("en", "et")


def test_a_clinics_own_texts_replace_ours(tmp_path):
    words = overlay(tmp_path, en=("Only your care team sees it.", "Only the heart clinic sees it."))
    texts = load_texts(words)
    assert "heart clinic" in texts.consent(Purpose.MONITORING, "en").say()
    assert texts.consent(Purpose.MONITORING, "de") == TEXTS.consent(Purpose.MONITORING, "de")


@pytest.mark.parametrize(
    ("language", "old", "new", "told"),
    [
        ("en", "version = 2026-01-15", "version = 2026-10-01", r"es.toml: monitoring: version is 2026-01-15; must be"),
        ("es", "version = 2026-01-15", 'version = "new"', r"es.toml:6: monitoring.version is 'new'; must be a date"),
        ("de", "[research]", "[reserach]", r"de.toml:\d+: reserach is not known here; did you mean 'research'"),
        ("fr", "why =", "wyh =", r"fr.toml:\d+: monitoring.wyh is not known here; did you mean 'why'"),
        ("et", 'language = "et"', 'language = "ee"', r"et.toml: language is 'ee'; must be 'et'"),
        ("en", "So nothing is forgotten.", " ", r"en.toml: messaging: why must not be empty"),
        ("en", "So nothing is forgotten.", "{name} knows.", r"en.toml: messaging: why may not use \['name'\]"),
        ("en", "So nothing is forgotten.", "{", r"en.toml:\d+: messaging .*[{}]"),
        ("en", "{end} ends it at any time.", "It ends.", r"en.toml: monitoring: withdraw must say {end}"),
        ("en", "So nothing is forgotten.", "So. " * 90, r"en.toml: messaging: is longer than 350"),
        ("en", '"WITHDRAW RESEARCH"', '"LEAVE IT"', r"en.toml: research: end 'LEAVE IT' is not understood"),
        ("en", '"WITHDRAW RESEARCH"', '"STOP"', r"en.toml: research: end 'STOP' is not understood"),
    ],
)
def test_the_lint_refuses(tmp_path, language, old, new, told):
    with pytest.raises(BadFile, match=told):
        load_texts(overlay(tmp_path, **{language: (old, new)}))


def test_a_missing_purpose_and_an_unknown_file_are_refused(tmp_path):
    words = overlay(tmp_path, en=("[research]", "[research]"))
    (words / "consent" / "en.toml").write_text(packaged("en").split("[research]")[0], encoding="utf-8")
    with pytest.raises(BadFile, match=r"en.toml.* lacks 'research'"):
        load_texts(words)
    (words / "consent" / "en.toml").rename(words / "consent" / "english.toml")
    with pytest.raises(BadFile, match=r"english.toml: is not known here; allowed: en.toml"):
        load_consents(LANGUAGES, words / "consent")
    (tmp_path / "file").touch()
    with pytest.raises(BadFile, match="is not a directory"):
        load_consents(LANGUAGES, tmp_path / "file")


def test_two_long_texts_together_are_too_long():
    english = TEXTS.consents["en"]
    longer = replace(english.messaging, why="So. " * 48)
    problems = check_consents({"en": replace(english, messaging=longer)})
    assert problems == ["words/consent/en.toml: monitoring and messaging together are longer than 600 characters"]
