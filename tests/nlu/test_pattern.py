"""The pattern language of the lexicons, and the bound on its work."""

import pytest

import nlu.pattern
from data.errors import BadInput
from nlu.pattern import Matcher, compile_phrase
from nlu.tokens import tokenise

SETS = {"chest": "chest|breast bone", "cant": "cant|can not"}


def found(phrase: str, text: str) -> list[str]:
    tokens = tokenise(text)
    hits = Matcher(compile_phrase(phrase, "key", "en", SETS)).find(tokens)
    return [tokens.quote(h.first, h.last) for h in hits]


@pytest.mark.parametrize(
    ("phrase", "text", "words"),
    [
        ("chest hurts", "My chest hurts", ["chest hurts"]),
        ("<chest> ~2 hurts", "my breast bone really hurts", ["breast bone really hurts"]),
        ("<chest> ~2 hurts", "my chest, it hurts", []),
        ("<chest> ~2 hurts", "my chest is fine. It hurts", []),
        ("<cant> breathe", "I can’t breathe", ["can’t breathe"]),
        ("<cant> breathe", "i can not breathe", ["can not breathe"]),
        ("bleed* ~ floor", "bleeding all over the floor", ["bleeding all over the floor"]),
        ("pass out?", "i pass", ["pass"]),
        ("pass out?", "i pass out", ["pass out"]),
        ("j'ai mal", "jai mal", ["jai mal"]),
        ("j'ai mal", "J’ai mal", ["J’ai mal"]),
        ("do_not|dont want", "i do not want", ["do not want"]),
        ("fühle", "ich fuehle", ["fuehle"]),
        ("fühle", "ich fühle", ["fühle"]),
        ("^ what is", "what is it", ["what is"]),
        ("^ what is", "tell me what is it", []),
    ],
)
def test_phrases_match(phrase: str, text: str, words: list[str]) -> None:
    assert found(phrase, text) == words


@pytest.mark.parametrize(
    "phrase", ["~ pain", "pain ~", "a*", "<nobody> hurts", "x ~9 y", "maybe?", "pa?in <", "~x a b"]
)
def test_bad_phrases_are_refused_with_their_words(phrase: str) -> None:
    with pytest.raises(BadInput, match="phrase"):
        compile_phrase(phrase, "key", "en", SETS)


def test_work_grows_no_faster_than_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    walk = nlu.pattern._walk

    def counted(*args: object) -> object:
        nonlocal steps
        steps += 1
        return walk(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(nlu.pattern, "_walk", counted)
    phrases = [p for line in ("a b? ~4 a ~4 a ~4 z", "a ~8 a ~8 z") for p in compile_phrase(line, "key", "en", {})]
    spent = []
    for length in (250, 500, 1000, 2000):
        steps = 0
        Matcher(phrases).find(tokenise("a " * length))
        spent.append(steps)
    assert spent[0] > 0
    assert spent[3] <= spent[1] <= 48 * 2 * 9**3
