"""Carrier words: the whole message only, whatever letters it is written in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.carrier import carrier_word, command_word


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop. ",
        "ＳＴＯＰ",
        "st\u200bop",
        "STOP!!",
        "\u202eSTOP\u202c",
        "StopAll",
        "stop all",
        "UNSUBSCRIBE",
        "cancel",
        "END",
        "quit",
        "REVOKE",
        "optout",
        "opt-out",
        "Opt out",
        "\u0405\u0422\u041e\u0420",
        "stopp",
        "arrêt",
        "ARRET",
        "parar",
        "lõpeta",
        "Abmelden",
        "стоп",
        "'STOP'",
        "stop\n",
        "arrête",
        "ARRETT",
        "Me désabonner",
        "darme de baja",
        "Desuscribirme",
        "Abmeldung",
        "loobu",
    ],
)
def test_stop(text: str) -> None:
    assert carrier_word(text) == "stop"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("START", "start"),
        ("unstop", "start"),
        ("Réabonner", "start"),
        ("HELP", "help"),
        ("Info", "help"),
        ("Información", "help"),
    ],
)
def test_start_and_help(text: str, word: str) -> None:
    assert carrier_word(text) == word


@pytest.mark.parametrize("word", ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"])
def test_the_words_of_the_fcc(word: str) -> None:
    """FCC 24-18, 47 CFR 64.1200(a)(10): each by itself takes consent back."""
    assert carrier_word(word) == "stop"


@pytest.mark.parametrize("word", ["stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"])
def test_the_words_that_twilio_answers_itself(word: str) -> None:
    assert carrier_word(word.upper()) == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "stop the pain",
        "please stop",
        "the end is near",
        "",
        "   ",
        "yes",
        "YES",
        "no",
        "reprendre",
        "fin",
        "resume",
        "pause",
        "helpful",
        "\u0405TART",
        "🛑",
        "/start",
        "/START",
        "/start abc",
    ],
)
def test_nothing_else(text: str) -> None:
    assert carrier_word(text) is None


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_total(text: str) -> None:
    assert carrier_word(text) in (None, "stop", "start", "help")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("/start", "start"),
        (" /START@clinicbot x_y ", "start"),
        ("/stop", "stop"),
        ("/help@clinicbot", "help"),
        ("/stop the pain", None),
        ("/help my chest hurts", None),
        ("start", None),
        ("/starting", None),
        ("/pause", None),
        ("", None),
    ],
)
def test_commands_of_a_chat(text: str, word: str | None) -> None:
    assert command_word(text) == word


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_commands_total(text: str) -> None:
    assert command_word(text) is None or text.strip().startswith("/")
