"""What is said about an earlier reading: which words correct or withdraw it, and which never do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.carrier import carrier_word
from nlu.consent import read_consent
from nlu.correction import Correction, _File, read_correction
from nlu.files import PARSED, lexicon, lines
from nlu.parse import parse
from nlu.safety import screen

HERE = Path(__file__).parent
SYSTOLIC, DIASTOLIC = "systolic-blood-pressure", "diastolic-blood-pressure"


def examples(block):
    return [(language, text) for language in PARSED for text in lines(getattr(file(language), block))]


def file(language):
    return lexicon(f"correction_{language}", _File)


@pytest.mark.parametrize(("language", "text"), examples("corrects"))
def test_examples_that_correct(language, text):
    found = read_correction(text, language)
    assert found is not None
    assert found.clear
    assert not found.withdraws
    assert bool(found.readings) is (found.number is None)
    assert all(reading.problem is None for reading in found.readings)
    assert {97.0, 72.0, 37.5, 130.0} & {found.number, *(r.value for r in found.readings)}
    assert not {79.0, 150.0} & {found.number, *(r.value for r in found.readings)}
    assert parse(text, language).intent == "correction"


@pytest.mark.parametrize(("language", "text"), examples("withdraws"))
def test_examples_that_withdraw(language, text):
    found = read_correction(text, language)
    assert found is not None
    assert (found.withdraws, found.clear, found.readings, found.number) == (True, True, (), None)
    assert parse(text, language).intent == "correction"


@pytest.mark.parametrize(("language", "text"), examples("asks"))
def test_examples_that_can_only_be_asked_about(language, text):
    assert not read_correction(text, language).clear
    assert parse(text, language).intent != "correction"


@pytest.mark.parametrize(("language", "text"), examples("quiet"))
def test_examples_that_say_nothing_of_an_earlier_reading(language, text):
    assert read_correction(text, language) is None
    assert parse(text, language).intent != "correction"


MEANT, BETTER = Correction(number=97.0), Correction(number=97.0, was=(79.0,))
DELETED, NOT_ME = Correction(withdraws=True), Correction(withdraws=True, back=True)
FORMS = {
    "en": ("sorry, i meant 97", "that was wrong, 97", "97 not 79", "not 79 but 97", "delete my last reading",
           "that was not me", "ignore that"),
    "es": ("perdón, quise decir 97", "eso estaba mal, 97", "97 no 79", "no 79 sino 97", "borra mi última lectura",
           "no era yo", "ignora eso"),
    "de": ("Entschuldigung, ich meinte 97", "das war falsch, 97", "97 nicht 79", "nicht 79 sondern 97",
           "lösche meinen letzten Messwert", "das war nicht ich", "ignorieren Sie das"),
    "fr": ("pardon, je voulais dire 97", "c'était faux, 97", "97 pas 79", "pas 79 mais 97",
           "supprimez ma dernière mesure", "ce n'était pas moi", "ignorez ça"),
    "et": ("vabandust, mõtlesin 97", "see oli vale, 97", "97 mitte 79", "mitte 79 vaid 97", "kustuta mu viimane näit",
           "see ei olnud mina", "ignoreeri seda"),
}  # fmt: skip


@pytest.mark.parametrize("language", PARSED)
def test_every_form_can_be_said_in_every_language(language):
    expected = [MEANT, MEANT, BETTER, BETTER, DELETED, NOT_ME, NOT_ME]
    assert [read_correction(text, language) for text in FORMS[language]] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sorry, i meant 97", Correction(number=97.0)),
        ("97 not 79", Correction(number=97.0, was=(79.0,))),
        ("not 79 but 97", Correction(number=97.0, was=(79.0,))),
        ("79 was wrong, 97", Correction(number=97.0, was=(79.0,))),
        ("79, i meant 97", Correction(number=97.0, was=(79.0,))),
        ("my pulse is not 79 but 97", Correction(number=97.0, was=(79.0,), codes=("heart-rate",))),
        ("i meant 97%", Correction(number=97.0, codes=("oxygen-saturation",))),
        ("that was wrong", Correction()),
        ("79 was wrong", Correction(was=(79.0,))),
        ("delete my last reading", Correction(withdraws=True)),
        ("delete my last bp", Correction(withdraws=True, codes=("blood-pressure",))),
        ("delete spo2 79", Correction(withdraws=True, codes=("oxygen-saturation",), was=(79.0,))),
        ("that was not me", Correction(withdraws=True, back=True)),
        ("delete my last reading?", Correction(withdraws=True, clear=False)),
        ("i meant 97 98", Correction(clear=False)),
    ],
)
def test_what_is_read(text, expected):
    assert read_correction(text, "en") == expected


@pytest.mark.parametrize(
    ("text", "values", "was"),
    [
        ("correction: bp 130/85", {SYSTOLIC: 130.0, DIASTOLIC: 85.0}, ()),
        ("i meant 130/85", {SYSTOLIC: 130.0, DIASTOLIC: 85.0}, ()),
        ("bp 130/85 not 150/95", {SYSTOLIC: 130.0, DIASTOLIC: 85.0}, (150.0, 95.0)),
        ("spo2 79, i meant spo2 97", {"oxygen-saturation": 97.0}, (79.0,)),
        ("correction temp 101.3 F", {"body-temperature": 38.5}, ()),
        ("correction: pulse 72 and spo2 97", {"heart-rate": 72.0, "oxygen-saturation": 97.0}, ()),
    ],
)
def test_named_values(text, values, was):
    found = read_correction(text, "en")
    assert ({r.code: r.value for r in found.readings}, found.was) == (values, was)


@pytest.mark.parametrize(("language", "text"), examples("corrects") + examples("withdraws") + examples("asks"))
def test_no_order_of_another_kind_hides_in_a_correction(language, text):
    assert carrier_word(text) is None
    assert read_consent(text, language) is None
    assert screen(text) == ()


@pytest.mark.parametrize("name", ["emergencies.txt", "harmless.txt"])
def test_what_is_said_otherwise_is_no_correction(name):
    rows = [line.split("|") for line in (HERE / name).read_text(encoding="utf-8").splitlines() if "|" in line]
    assert len(rows) > 20
    for language, *_, text in rows:
        assert read_correction(text, language.strip()) is None, text


def test_another_language_than_the_patients_is_understood():
    assert read_correction("ich meinte 97", "et") == read_correction("i meant 97", "de") == Correction(number=97.0)
    assert read_correction("mõtlesin 97", "xx") == Correction(number=97.0)


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=300), st.sampled_from([*PARSED, "xx"]))
def test_total(text, language):
    found = read_correction(text, language)
    assert found is None or len(text) <= 160


WORDS = [
    "i meant",
    "correction",
    "not",
    "but",
    "that was wrong",
    "97",
    "79",
    "spo2",
    "bp",
    "130/85",
    ",",
    "delete",
    "my",
    ".",
]


@given(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join))
def test_a_clear_value_was_said(text):
    found = read_correction(text, "en")
    if found is not None and found.clear:
        assert found.number is None or not found.readings
        assert all(f"{number:g}" in text for number in (*found.was, *(() if found.number is None else (found.number,))))
        assert not found.withdraws or "delete" in text


@given(st.sampled_from(PARSED), st.integers(20, 300))
def test_the_number_is_the_one_that_was_written(language, number):
    lead = {"en": "i meant", "es": "quise decir", "de": "ich meinte", "fr": "je voulais dire", "et": "mõtlesin"}
    assert read_correction(f"{lead[language]} {number}", language) == Correction(number=float(number))
