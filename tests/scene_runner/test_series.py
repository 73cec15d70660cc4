import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.scene.series import LONGEST, read_series
from data.errors import BadInput


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("97", [97]),
        ("97 96, 95", [97, 96, 95]),
        ("97 _ 95", [97, None, 95]),
        ("_x3 1", [None, None, None, 1]),
        ("1+2x3", [1, 3, 5, 7]),
        ("10-0.5x2", [10, 9.5, 9]),
        ("7x2", [7, 7, 7]),
        ("-2+1x2", [-2, -1, 0]),
        ("97% 96%", [97, 96]),
    ],
)
def test_the_notation(text, values):
    assert read_series(text) == tuple(None if v is None else (float(v),) for v in values)


def test_pairs():
    assert read_series("150/95 _ 140/90-2/1x1", pairs=True) == ((150.0, 95.0), None, (140.0, 90.0), (138.0, 89.0))
    with pytest.raises(BadInput, match="150/95"):
        read_series("150", pairs=True)


@pytest.mark.parametrize("text", ["", "a", "97+1", "1x999999", "97..96", "_x999999", "1e5", "nan"])
def test_what_is_no_series(text):
    with pytest.raises(BadInput):
        read_series(text)


@given(st.integers(0, 300), st.integers(1, 20), st.integers(0, 50))
def test_an_increment_gives_n_more(first, step, times):
    rows = read_series(f"{first}+{step}x{times}")
    assert [row[0] for row in rows] == [first + step * n for n in range(times + 1)]


@given(st.text(alphabet="0123456789+-x_./ ,%"))
def test_any_text_is_a_series_or_bad_input(text):
    with contextlib.suppress(BadInput):
        assert len(read_series(text)) <= LONGEST
