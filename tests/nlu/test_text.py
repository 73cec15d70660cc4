"""The text pipeline: what matching sees, and the way back to the patient's own characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.text import CAP, fold
from nlu.tokens import HARD, NONE, SOFT, tokenise

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Can’t BREATHE", "can't breathe"),
        ("ＳＴＯＰ", "stop"),
        ("st\u200bo\u2060p", "stop"),
        ("\u202estop\u202c", "stop"),
        ("s\U000e0061top", "stop"),
        ("corazón", "corazon"),
        ("cora\u0063\u0327", "corac"),
        ("Straße", "strasse"),
        ("cœur", "coeur"),
        ("KIRMIZI ı İ", "kirmizi i i"),
        ("١٥٠/٩٥", "150/95"),
        ("38\u066b5", "38.5"),
        ("a\u0000b\x07c", "abc"),
        ("a\r\nb", "a\n\nb"),
        ("\ud800x", " x"),
        ("\ufdfa", " "),
    ],
)
def test_folds_to_plain_characters(text: str, plain: str) -> None:
    assert fold(text).plain == plain


def test_cap_comes_before_normalising() -> None:
    assert len(fold("½" * 100_000).plain) <= 3 * CAP


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("my ｃhest hurts", "ｃhest"),
        ("le ma\u0301l", "ma\u0301l"),
        ("st\u200bop now", "st\u200bop"),
        ("Straße hier", "Straße"),
    ],
)
def test_words_are_quoted_as_written(text: str, word: str) -> None:
    tokens = tokenise(text)
    assert word in [tokens.quote(i, i) for i in range(len(tokens.words))]


@given(ANY_TEXT)
def test_every_word_maps_back_to_what_it_was_made_of(text: str) -> None:
    tokens = tokenise(text)
    for i, word in enumerate(tokens.words):
        start, end = tokens.place(i, i)
        assert 0 <= start < end <= len(text)
        assert text[start:end] == tokens.quote(i, i)
        # What was quoted holds the word; a character that became several letters may bring a neighbour with it.
        assert word in fold(text[start:end]).plain.replace("'", "")
    assert list(tokens.starts) == sorted(tokens.starts)


@given(ANY_TEXT)
def test_folding_is_total_and_settles(text: str) -> None:
    once = fold(text).plain
    assert "\u200b" not in once
    assert fold(once).plain == once


def test_breaks_tell_commas_from_sentences() -> None:
    tokens = tokenise("no fever, chest hurts. bad... really")
    assert tokens.breaks == (NONE, NONE, SOFT, NONE, HARD, SOFT)
    assert tokens.high[0] == 4
