"""Words on consent: what is an order, what never is, and names."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.model.people import Purpose
from nlu.consent import _ORDERS, Verb, _File, consent_words, names, read_consent
from nlu.files import PARSED, lexicon, lines
from nlu.parse import parse

HERE = Path(__file__).parent
GIVE, WITHDRAW, REFUSE, SHOW, YES, NO = Verb.GIVE, Verb.WITHDRAW, Verb.REFUSE, Verb.SHOW, Verb.YES, Verb.NO
MONITORING, MESSAGING, SHARING, RESEARCH = Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    stop: str
    start: str
    help: str


def order(text, language):
    found = read_consent(text, language)
    return found and (found.verb, found.purpose, found.who)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "I agree", (GIVE, None, "")),
        ("en", "  YES, I agree. Thank you!", (GIVE, None, "")),
        ("en", "I give my consent", (GIVE, None, "")),
        ("en", "I agree to research", (GIVE, RESEARCH, "")),
        ("en", "you can use my data for research", (GIVE, RESEARCH, "")),
        ("en", "I consent to being monitored", (GIVE, MONITORING, "")),
        ("en", "consent to reminders", (GIVE, MESSAGING, "")),
        ("en", "I don't agree", (REFUSE, None, "")),
        ("en", "no I do not consent", (REFUSE, None, "")),
        ("en", "I do not agree to research", (WITHDRAW, RESEARCH, "")),
        ("en", "withdraw my consent", (WITHDRAW, None, "")),
        ("en", "Please stop monitoring me", (WITHDRAW, MONITORING, "")),
        ("en", "don't monitor me anymore", (WITHDRAW, MONITORING, "")),
        ("en", "withdraw research", (WITHDRAW, RESEARCH, "")),
        ("en", "withdraw messages", (WITHDRAW, MESSAGING, "")),
        ("en", "share with Dr. Olga Kask please", (GIVE, SHARING, "Dr. Olga Kask")),
        ("en", "stop sharing with Olga", (WITHDRAW, SHARING, "Olga")),
        ("en", "don't share with Olga", (WITHDRAW, SHARING, "Olga")),
        ("en", "stop sharing", (WITHDRAW, SHARING, "")),
        ("en", "my consents", (SHOW, None, "")),
        ("en", "what did I agree to?", (SHOW, None, "")),
        ("en", "no thanks", (NO, None, "")),
        ("en", "no", (NO, None, "")),
        ("es", "Sí, acepto", (GIVE, None, "")),
        ("es", "no acepto", (REFUSE, None, "")),
        ("es", "doy mi consentimiento para el seguimiento", (GIVE, MONITORING, "")),
        ("es", "no acepto la investigación", (WITHDRAW, RESEARCH, "")),
        ("es", "ya no acepto", (WITHDRAW, None, "")),
        ("es", "dejen de vigilarme", (WITHDRAW, MONITORING, "")),
        ("es", "no compartir más con Olga", (WITHDRAW, SHARING, "Olga")),
        ("de", "ja, ich bin einverstanden", (GIVE, None, "")),
        ("de", "ich bin nicht einverstanden", (REFUSE, None, "")),
        ("de", "Ich stimme der Überwachung zu", (GIVE, MONITORING, "")),
        ("de", "ich stimme der Forschung nicht mehr zu", (WITHDRAW, RESEARCH, "")),
        ("de", "ueberwachen Sie mich nicht mehr", (WITHDRAW, MONITORING, "")),
        ("de", "meine Daten mit Olga Kask teilen", (GIVE, SHARING, "Olga Kask")),
        ("de", "mit Olga nicht mehr teilen", (WITHDRAW, SHARING, "Olga")),
        ("fr", "d'accord", (GIVE, None, "")),
        ("fr", "je ne suis pas d’accord", (REFUSE, None, "")),
        ("fr", "J'accepte de participer à la recherche", (GIVE, RESEARCH, "")),
        ("fr", "arrêtez de me surveiller", (WITHDRAW, MONITORING, "")),
        ("fr", "je retire mon consentement", (WITHDRAW, None, "")),
        ("et", "jah, olen nõus", (GIVE, None, "")),
        ("et", "ma ei ole nõus", (REFUSE, None, "")),
        ("et", "ei ole enam nõus", (WITHDRAW, None, "")),
        ("et", "ärge jälgige mind", (WITHDRAW, MONITORING, "")),
        ("et", "OLEN NOUS", (GIVE, None, "")),
        # A language that is not the patient's is understood too.
        ("et", "I agree", (GIVE, None, "")),
        ("en", "ich stimme zu", (GIVE, None, "")),
    ],
)
def test_orders(language, text, expected):
    assert order(text, language) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "sure",
        "I agree?",
        "do I agree",
        "yes but what does it mean",
        "my doctor says I agree too fast",
        "I agree to nothing",
        "stop monitoring my blood pressure because it is fine",
        "research says my pills are bad",
        "share with you that I slept badly",
        "share with olga my 120/80",
        "mit Olga und allen teilen",
        "stop texting me",
        "stop the pain",
        "no more reminders",
        "I agree " + "x" * 300,
    ],
)
def test_what_is_no_order(text):
    assert order(text, "en") is None


@pytest.mark.parametrize("language", PARSED)
def test_no_carrier_word_is_an_order(language):
    """STOP keeps its meaning, whatever the patient has agreed to."""
    words = lexicon("carrier", Carrier)
    for word in (*lines(words.stop), *lines(words.start), *lines(words.help)):
        assert read_consent(word, language) is None


@pytest.mark.parametrize("file", ["emergencies.txt", "harmless.txt"])
def test_what_is_said_otherwise_is_no_order(file):
    rows = [line.split("|") for line in (HERE / file).read_text(encoding="utf-8").splitlines() if "|" in line]
    assert len(rows) > 20
    for language, *_, text in rows:
        found = read_consent(text, language.strip())
        assert found is None or found.bare, text


@pytest.mark.parametrize(
    ("said", "name", "same"),
    [
        ("share with Olga", "Olga Kask", True),
        ("share with olga kask", "Olga Kask", True),
        ("share with Kask", "Olga Kask", False),
        ("share with Olga Tamm", "Olga Kask", False),
        ("jaga Jaaniga", "Jaan Tamm", True),
        ("jaga Olgaga", "Olga Kask", True),
        ("jaga Olga Kaskiga", "Olga Kask", True),
        ("jaga Olgaga", "Olgierd", False),
        ("share with Zoë", "Zoe", True),
        ("share with Olga", "...", False),
    ],
)
def test_names(said, name, same):
    assert names(read_consent(said, "et"), name) is same


def test_intents():
    assert parse("withdraw research", "en").intent == "consent"
    assert parse("Überwachung widerrufen", "de").intent == "consent"
    assert parse("I agree", "en").intent == "yes"
    assert parse("I do not agree", "en").intent == "no"
    assert parse("STOP", "en").intent == "stop"
    assert parse("consent, bp 120/80", "en").intent == "report-reading"


@given(st.text(max_size=300), st.sampled_from([*PARSED, "xx"]))
def test_total(text, language):
    found = read_consent(text, language)
    assert found is None or found.who in text


@pytest.mark.parametrize("language", PARSED)
def test_every_order_can_be_said_in_every_language(language):
    said = {row.id for row in lexicon(f"consent_{language}", _File).order if row.whole or row.lead}
    assert said == set(_ORDERS)
    assert not consent_words(language).polite & consent_words(language).whole.vocabulary & {"not", "nicht", "no", "pas"}
