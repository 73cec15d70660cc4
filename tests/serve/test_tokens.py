"""Tokens: only ours open, nothing shows, anything at all may be tried."""

from hypothesis import given
from hypothesis import strategies as st

from bot.serve.tokens import Tokens

OURS, OTHERS = Tokens(b"k" * 32), Tokens(b"x" * 32)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=80))
def test_what_we_sealed_opens_for_us_alone(text: str) -> None:
    token = OURS.seal(text)
    assert OURS.open(token) == text and OURS.seal(text) == token
    assert OTHERS.open(token) is None
    assert token.isascii() and not set(token) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=100))
def test_anything_else_opens_nothing(token: str) -> None:
    assert OURS.open(token) is None


@given(st.text("abc", min_size=1, max_size=30), st.data())
def test_one_changed_letter_opens_nothing(text: str, data) -> None:
    token = OURS.seal(text)
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef01234-_"))
    if token[place] != other:
        assert OURS.open(token[:place] + other + token[place + 1 :]) is None
