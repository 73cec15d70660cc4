"""Every sentence: complete, safe, short enough, in the agreed fields."""

import pytest

from bot.words.texts import CARRIER_WORDS, LANGUAGES, Texts, check, load_texts
from data.errors import BadFile

TEXTS = load_texts()
SAFETY = ("emergency", "emergency-self-harm", "emergency-stranger", "vital-critical", "nobody", "taken")


def test_the_packaged_sentences_are_sound():
    assert check(TEXTS) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", SAFETY)
def test_safety_texts_exist_in_every_language(language, key):
    assert key in TEXTS.by_language[language]


@pytest.mark.parametrize("key", sorted(TEXTS.staff_keys))
def test_staff_texts_fit_two_gsm_segments(key):
    values = dict.fromkeys(
        "level patient code owner until since closed holder why channel text when first".split()
        + "command help name form number".split(),
        "12345678",
    )
    said = TEXTS.say(key, "en", items="", **values)
    assert len(said) <= 306
    assert said.isascii()


def test_the_lint_notices_carrier_words_patient_fields_and_missing_fields():
    def with_text(key, text, language="en"):
        changed = {**TEXTS.by_language, language: {**TEXTS.by_language[language], key: text}}
        return Texts(changed, TEXTS.staff_keys, TEXTS.numbers, TEXTS.default_number)

    assert "carriers take" in check(with_text("page", "{level} {patient}: reply {code} YES or STOP"))[0]
    assert "may only carry" in check(with_text("page", "{level} {patient} {code} {words}"))[0]
    assert "must use the fields" in check(with_text("emergency", "Llame", "es"))[0]
    assert "no such text" in check(with_text("emergencia", "Llame", "es"))[0]


@pytest.mark.parametrize("word", sorted(CARRIER_WORDS))
@pytest.mark.parametrize("form", ["Write {}.", "Schreiben Sie {}.", "Écrivez «{}»", 'Kirjutage "{}"', "AGREE or {}"])
def test_no_text_in_any_language_may_ask_for_a_carriers_word(word, form):
    said = form.format(word.upper() if "«" not in form else word)
    changed = {**TEXTS.by_language, "fr": {**TEXTS.by_language["fr"], "thanks": said}}
    problems = check(Texts(changed, TEXTS.staff_keys, TEXTS.numbers, TEXTS.default_number))
    assert any(word in problem for problem in problems)


def test_every_sentence_for_patients_of_the_doors_is_said_in_every_language():
    keys = "cannot-hear cannot-see group emergency-group stop-confirmed start-confirmed stranger-chat unverified"
    keys += " who-writes who-writes-code forwarded"
    for key in f"{keys} code-wrong linked linked-another invite-web button-agree button-refuse button-old".split():
        assert all(key in TEXTS.by_language[language] for language in LANGUAGES), key


def test_a_clinics_own_file_replaces_ours_and_is_linted(tmp_path):
    words = tmp_path / "words"
    words.mkdir()
    (words / "es.toml").write_text('[patient]\nthanks = "A usted."\n')
    assert load_texts(words).say("thanks", "es") == "A usted."
    assert load_texts(words).say("emergency", "es", number="112").startswith("This may be")
    other = tmp_path / "other"
    other.mkdir()
    (other / "es.toml").write_text('[patient]\nthanks = "{oops}"\n')
    with pytest.raises(BadFile, match=r"words/es.toml: thanks"):
        load_texts(other)


@pytest.mark.parametrize(
    ("zone", "number"),
    [
        ("Europe/Tallinn", "112"),
        ("Europe/London", "999"),
        ("America/New_York", "911"),
        ("America/Sao_Paulo", "192"),
        ("Australia/Sydney", "000"),
        ("UTC", "112"),
    ],
)
def test_the_emergency_number_is_the_patients(zone, number):
    assert TEXTS.emergency_number(zone) == number
