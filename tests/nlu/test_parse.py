"""The parser: symptoms with assertion, intents, languages, and its laws."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.model.observation import Assertion
from data.ports import Parser
from nlu.files import PARSED, lexicon
from nlu.intents import INTENTS, intent_words
from nlu.parse import LexiconParser, parse
from nlu.symptoms import SymptomWords

P, A, PAST, MAYBE, OTHER = (
    Assertion.PRESENT,
    Assertion.ABSENT,
    Assertion.PAST,
    Assertion.POSSIBLE,
    Assertion.SOMEONE_ELSE,
)


def symptoms(text: str, language: str = "en") -> list[tuple[str, Assertion]]:
    return [(e.key, e.assertion) for e in parse(text, language).entities]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("headache and dizzy", [("headache", P), ("dizziness", P)]),
        ("no fever or cough", [("fever", A), ("cough", A)]),
        ("not short of breath but dizzy", [("breathlessness", A), ("dizziness", P)]),
        ("i have no pain", [("pain", A)]),
        ("no fever my back hurts", [("fever", A), ("back-pain", P)]),
        ("No wheezing, no cough, no fever", [("wheezing", A), ("cough", A), ("fever", A)]),
        ("the headache is gone but my back hurts", [("headache", A), ("back-pain", P)]),
        ("i had a headache yesterday", [("headache", PAST)]),
        ("headache since yesterday", [("headache", P)]),
        ("maybe a bit of fever", [("fever", MAYBE)]),
        ("what should i do if i get a fever?", [("fever", MAYBE)]),
        ("my mum has a cough", [("cough", OTHER)]),
        ("my ankles are swollen", [("ankle-swelling", P)]),
        ("i can't sleep", [("insomnia", P)]),
        ("i'm not feeling well", [("unwell", P)]),
        ("my head doesn't hurt", [("headache", A)]),
        ("hedache", [("headache", P)]),
    ],
)
def test_symptoms_with_assertion(text: str, expected: list[tuple[str, Assertion]]) -> None:
    assert symptoms(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "me duele la cabeza y estoy mareado", [("headache", P), ("dizziness", P)]),
        ("es", "no tengo fiebre ni tos", [("fever", A), ("cough", A)]),
        ("de", "Kopfschmerzen, aber kein Fieber", [("headache", P), ("fever", A)]),
        ("de", "mir ist schwindelig", [("dizziness", P)]),
        ("fr", "j'ai mal à la tête", [("headache", P)]),
        ("fr", "pas de fièvre ni de toux", [("fever", A), ("cough", A)]),
        ("et", "peavalu ja palavik", [("headache", P), ("fever", P)]),
        ("et", "palavikku ei ole", [("fever", A)]),
        ("et", "my head hurts", [("headache", P)]),
        ("en", "me duele la cabeza", [("headache", P)]),
    ],
)
def test_other_languages(language: str, text: str, expected: list[tuple[str, Assertion]]) -> None:
    assert symptoms(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "intent"),
    [
        ("en", "hello", "greeting"),
        ("en", "thank you so much", "thanks"),
        ("en", "yes", "yes"),
        ("en", "no", "no"),
        ("en", "Nope.", "no"),
        ("en", "HELP", "help"),
        ("en", "stop", "stop"),
        ("en", "START", "start"),
        ("en", "how am i doing", "ask-status"),
        ("en", "show me my readings", "ask-data"),
        ("en", "bye", "goodbye"),
        ("en", "pause reminders please", "pause"),
        ("en", "resume", "resume"),
        ("en", "wrong number", "wrong-number"),
        ("en", "i feel fine today, no cough", "feeling-well"),
        ("en", "bp 150/95", "report-reading"),
        ("en", "my head hurts", "report-symptom"),
        ("en", "i'm not feeling well", "report-symptom"),
        ("en", "who are you", "help"),
        ("en", "Who is this?", "help"),
        ("es", "¿quién eres?", "help"),
        ("de", "wer sind Sie", "help"),
        ("fr", "qui êtes-vous ?", "help"),
        ("et", "kes sa oled", "help"),
        ("en", "you have the wrong person", "wrong-number"),
        ("en", "i dont know you, stop texting me", "wrong-number"),
        ("en", "this is not my number", "wrong-number"),
        ("en", "/start", "greeting"),
        ("en", "/start r2d2", "greeting"),
        ("en", "/stop", "stop"),
        ("en", "it is worse now", "worse"),
        ("en", "please hurry", "worse"),
        ("en", "getting worse", "worse"),
        ("en", "its worse", "worse"),
        ("en", "i am not better", "worse"),
        ("es", "cada vez estoy peor", "worse"),
        ("es", "no estoy mejor", "worse"),
        ("de", "es wird immer schlimmer", "worse"),
        ("de", "bitte beeilen Sie sich", "worse"),
        ("fr", "ça empire", "worse"),
        ("fr", "c'est de pire en pire", "worse"),
        ("et", "läheb hullemaks", "worse"),
        ("et", "palun kiirustage", "worse"),
        ("en", "not getting worse", "unknown"),
        ("en", "it is no worse", "unknown"),
        ("en", "if it gets worse", "unknown"),
        ("de", "nicht schlimmer", "unknown"),
        ("en", "mmol/L", "unit"),
        ("en", "mg/dl please", "unit"),
        ("es", "kg", "unit"),
        ("en", "pounds", "unit"),
        ("en", "asdf", "unknown"),
        ("en", "", "unknown"),
        ("es", "hola", "greeting"),
        ("es", "sí", "yes"),
        ("es", "gracias", "thanks"),
        ("es", "estoy bien", "feeling-well"),
        ("de", "Guten Morgen", "greeting"),
        ("de", "ja", "yes"),
        ("de", "nein", "no"),
        ("de", "mir geht es gut", "feeling-well"),
        ("fr", "bonjour", "greeting"),
        ("fr", "oui", "yes"),
        ("fr", "merci", "thanks"),
        ("fr", "tout va bien", "feeling-well"),
        ("et", "tere", "greeting"),
        ("et", "jah", "yes"),
        ("et", "ei", "no"),
        ("et", "aitäh", "thanks"),
    ],
)
def test_intents(language: str, text: str, intent: str) -> None:
    found = parse(text, language)
    assert found.intent == intent
    assert found.understood == (intent != "unknown")
    assert found.language == language


def test_confidence_falls_with_mending_and_with_another_language() -> None:
    assert parse("headache", "en").confidence == 1.0
    assert parse("me duele la cabeza", "en").confidence < 1.0
    assert parse("hedache", "en").confidence < 1.0
    assert parse("asdf", "en").confidence == 0.0


def test_the_class_is_the_port() -> None:
    parser: Parser = LexiconParser()
    assert parser.parse("headache", "en") == parse("headache", "en")


THINGS = st.sampled_from(["headache", "fever", "cough", "nausea", "rash", "chest pain", "back pain", "palpitations"])


@given(st.sampled_from(["no", "without", "i have no", "I don't have", "never had any"]), THINGS, THINGS)
def test_denial_reaches_over_or_and_ends_at_but(denial: str, one: str, other: str) -> None:
    assert {a for _, a in symptoms(f"{denial} {one} or {other}")} == {A}
    assert [a for _, a in symptoms(f"{denial} {one} but {other}")] == [A, P]


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=400), st.text(max_size=3))
def test_total_and_quotes_are_exact(text: str, language: str) -> None:
    found = parse(text, language)
    assert found.intent in INTENTS
    assert found.text == text
    for entity in found.entities:
        assert text[entity.start : entity.end] == entity.words


@given(
    st.lists(st.sampled_from(["no", "fever", ",", "chest", "pain", "é", "but", "dizzy", "\u200b", "."])).map(" ".join)
)
def test_quotes_are_exact_among_symptoms(text: str) -> None:
    for entity in parse(text, "en").entities:
        assert text[entity.start : entity.end] == entity.words


@pytest.mark.parametrize("language", PARSED)
def test_every_language_uses_the_english_keys(language: str) -> None:
    english = {s.key for s in lexicon("symptoms_en", SymptomWords).symptom}
    assert {s.key for s in lexicon(f"symptoms_{language}", SymptomWords).symptom} <= english
    assert intent_words(language)


def test_import_is_light() -> None:
    code = "import sys, nlu.parse, nlu.safety; print({'torch', 'sklearn', 'numpy', 'rich'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
