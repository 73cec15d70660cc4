"""The safety screen: own sentences that must and must not alarm, its laws, and its bounds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nlu.pattern
from nlu.safety import check, screen
from nlu.text import CAP
from nlu.windows import LONGEST, windows

HERE = Path(__file__).parent
RULES = {
    "chest-pain",
    "cannot-breathe",
    "stroke",
    "self-harm",
    "severe-bleeding",
    "anaphylaxis",
    "unconscious",
    "overdose",
    "seizure",
    "sepsis",
    "severe-headache",
    "severe-low-sugar",
    "ketoacidosis",
    "emergency-call",
}


def rows(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [[part.strip() for part in line.split("|")] for line in lines if line and not line.startswith("#")]


def rules(text: str) -> set[str]:
    return {alarm.rule for alarm in screen(text)}


def test_every_example_in_the_lexicons_holds() -> None:
    assert check() == []


def test_there_are_enough_sentences_of_our_own() -> None:
    assert len(rows("emergencies.txt")) >= 150
    assert len(rows("harmless.txt")) >= 150
    assert {rule for _, rule, _ in rows("emergencies.txt")} == RULES


@pytest.mark.parametrize(("language", "rule", "text"), rows("emergencies.txt"))
def test_emergencies_alarm(language: str, rule: str, text: str) -> None:
    assert rule in rules(text), f"{language}: {text}"


@pytest.mark.parametrize(("language", "text"), rows("harmless.txt"))
def test_harmless_words_do_not(language: str, text: str) -> None:
    assert screen(text) == (), f"{language}: {text}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my chest hurts and im sweating", "chest hurts"),
        ("My CHEST Hurts!", "CHEST Hurts"),
        ("I can’t breathe", "can’t breathe"),
        ("my chets hurts", "chets hurts"),
        ("ch\u200best pain", "ch\u200best pain"),
        ("ｃｈｅｓｔ pain", "ｃｈｅｓｔ pain"),
    ],
)
def test_words_are_the_patients_own(text: str, words: str) -> None:
    assert any(words in alarm.words for alarm in screen(text))


def test_the_gravest_rule_comes_first_and_each_but_once() -> None:
    alarms = screen("my chest hurts, chest pain, I want to die, call an ambulance, me duele el pecho")
    names = [alarm.rule for alarm in alarms]
    assert names[0] == "emergency-call"
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "alarms"),
    [
        # Absence, taken back or not.
        ("no chest pain", False),
        ("no chest pain, well, a bit when I breathe", True),
        ("not really chest pain, more like a squeezing", True),
        ("no fever, chest pain", True),
        ("no fever, cough or chest pain", False),
        ("no fever but chest pain", True),
        ("no my chest hurts", True),
        ("no appetite and my chest hurts", True),
        ("chest pain isn't going away", True),
        ("can't stop thinking, no chest pain", False),
        ("no fever cant breathe", True),
        # Past and present.
        ("my chest pain yesterday", False),
        ("chest pain since yesterday", True),
        ("had a heart attack in 2019 and now my chest hurts", True),
        ("had a heart attack in 2019", False),
        ("took all my pills yesterday", True),
        ("face drooped last night", True),
        # Asked about.
        ("what should I do if I get chest pain?", False),
        ("what should i do my chest hurts", True),
        ("how can i kill myself", True),
        # Someone else: while it goes on, yes.
        ("my husband collapsed", True),
        ("my neighbour has chest pain", True),
        ("my father had a heart attack when he was 60", False),
        ("my wife says I can't breathe at night, my chest hurts", True),
    ],
)
def test_assertions(text: str, alarms: bool) -> None:
    assert bool(screen(text)) is alarms


NOUNS = st.sampled_from(["chest pain", "trouble breathing", "seizures", "suicidal thoughts", "chest tightness"])
DENIALS = st.sampled_from(["no", "I have no", "i dont have", "I don't have any", "without", "never had", "not having"])
TAILS = st.sampled_from(["", ".", " today", " or fever", " at all", "!"])


@given(DENIALS, NOUNS, TAILS)
def test_a_denied_thing_never_alarms(denial: str, noun: str, tail: str) -> None:
    assert screen(f"{denial} {noun}{tail}") == ()


CALM = st.sampled_from(["Good morning.", "Thanks!", "I took my tablets.", "bp 120/80.", "Guten Tag.", "Hola."])


@given(CALM, st.sampled_from([text for _, _, text in rows("emergencies.txt")]), CALM)
def test_calm_sentences_around_do_not_hide_an_emergency(before: str, text: str, after: str) -> None:
    assert rules(text) <= rules(f"{before} {text}. {after}")


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=5000))
def test_never_raises(text: str) -> None:
    for alarm in screen(text):
        assert alarm.rule in RULES
        assert alarm.words


PIECES = [
    "no",
    "chest",
    "pain",
    "my",
    "hurts",
    "breathe",
    "cant",
    "bleeding",
    "stop",
    "blood",
    "arm",
    "left",
    "face",
    "if",
    "sugar",
    "low",
    ",",
    ".",
    "and",
    "me",
    "duele",
    "el",
    "pecho",
    "nicht",
    "Luft",
    "\u202e",
    "é",
    "\ud800",
    "'",
]


@given(st.lists(st.sampled_from(PIECES), max_size=120).map(" ".join))
def test_never_raises_on_its_own_vocabulary(text: str) -> None:
    screen(text)


@pytest.mark.parametrize("piece", ["chest pain ", "no chest breathe my hurts ", "left arm weak numb ", "a ", "if no "])
def test_work_is_bounded_on_repetition(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screen("warm up")
    steps = 0
    match = nlu.pattern._match

    def counted(*args: object) -> object:
        nonlocal steps
        steps += 1
        return match(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(nlu.pattern, "_match", counted)
    spent = []
    for size in (2048, CAP, LONGEST, 300_000):
        steps = 0
        screen((piece * size)[:size])
        spent.append(steps)
    assert spent[1] <= 2 * max(spent[0], 1)
    assert spent[2] <= 14 * max(spent[1], 1), "a long text costs as much as its windows"
    assert spent[3] <= 1.1 * max(spent[2], 10), "what lies between head and tail costs nothing"


@pytest.mark.parametrize("before", [CAP - 30, CAP - 9, CAP, CAP + 5, 2 * CAP - 4, 20_000, 39_000, 300_000])
@pytest.mark.parametrize("filler", ["it is a calm day and i am fine. ", "word ", "x"])
def test_an_emergency_late_in_a_long_text_is_heard(before: int, filler: str) -> None:
    assert "chest-pain" in rules((filler * before)[:before] + ". My chest hurts so much")


@pytest.mark.parametrize("before", range(CAP - 40, CAP + 40, 7))
def test_a_window_does_not_cut_a_denial_off(before: int) -> None:
    text = ("it is a calm day and i am fine. " * before)[:before] + ". I have no chest pain. " + "All is well. " * 90
    assert screen(text) == ()


@given(st.text(st.sampled_from("ab. \n"), max_size=30), st.integers(0, 60_000))
def test_windows_cover_the_text(piece: str, size: int) -> None:
    text = ((piece or "a") * size)[:size]
    found = list(windows(text))
    assert all(len(w) <= CAP for w in found)
    assert text.startswith(found[0])
    assert text.endswith(found[-1])
    assert len(text) > LONGEST or sum(map(len, found)) >= len(text)


@pytest.mark.parametrize(
    "text", ["112", " 112 ", "118", "sugar 112", "pulse 110", "118/110", "118 110", "911 pages", "1999"]
)
def test_a_number_that_may_be_a_reading_calls_nobody(text: str) -> None:
    assert screen(text) == ()
