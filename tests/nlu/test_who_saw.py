""" "Who saw my data?" in every language, and what is only like it."""

import pytest

from nlu.parse import parse


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "who saw my data"),
        ("en", "Who has seen my data?"),
        ("en", "who looked at my chart"),
        ("en", "who's been reading my messages"),
        ("en", "who has access to my records?"),
        ("en", "has anyone looked at my chart"),
        ("es", "¿Quién ha visto mis datos?"),
        ("es", "quien ha mirado mi historial"),
        ("es", "quién tiene acceso a mi ficha"),
        ("de", "Wer hat meine Daten gesehen?"),
        ("de", "wer liest meine Nachrichten"),
        ("de", "Wer hat Zugriff auf meine Daten?"),
        ("fr", "Qui a vu mes données ?"),
        ("fr", "qui a consulté mon dossier"),
        ("fr", "qui a accès à mes données"),
        ("et", "Kes on mu andmeid vaadanud?"),
        ("et", "kes nägi minu andmeid"),
        ("et", "kellel on ligipääs mu andmetele"),
        ("et", "who saw my data"),
        ("en", "wer hat meine daten gesehen"),
    ],
)
def test_it_is_asked(language, text):
    assert parse(text, language).intent == "who-saw"


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("has the doctor seen my readings", "ask-status"),
        ("show my readings", "ask-data"),
        ("who are you", "help"),
        ("nobody saw my data", "unknown"),
        ("who saw my data, my head hurts", "report-symptom"),
        ("who saw my data bp 150/95", "report-reading"),
        ("stop", "stop"),
    ],
)
def test_what_is_only_like_it_is_not(text, intent):
    assert parse(text, "en").intent == intent
