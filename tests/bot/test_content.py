"""The strict loader: every mistake is one line with file, line and key."""

from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.content import load, loads
from data.durations import parse_duration, say_duration
from data.errors import BadFile, BadInput


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    wait_for: timedelta
    colour: Colour = Colour.RED
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    row: tuple[Inner, ...] = ()
    names: dict[str, str] | None = None
    at: time | None = None
    on: date | None = None
    count: int = 0
    sure: bool = False


def test_everything_is_read():
    text = (
        'at = 08:00:00\non = 2026-03-03\ncount = 2\nsure = true\n[names]\na = "b"\n'
        '[[row]]\nwait-for = "5 min"\ncolour = "blue"\nshare = 2\n'
    )
    outer = loads(text, Outer, "f.toml")
    assert outer == Outer(
        row=(Inner(wait_for=timedelta(minutes=5), colour=Colour.BLUE, share=2.0),),
        names={"a": "b"},
        at=time(8),
        on=date(2026, 3, 3),
        count=2,
        sure=True,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[[row]]\nwait-for = "5 min"\ncolor = "red"',
            r"f.toml:3: row\[0\].color is not known here; did you mean 'colour'",
        ),
        ('[[row]]\nwait-for = "5 parsecs"', r"f.toml:2: row\[0\].wait-for '5 parsecs' is not a duration"),
        ('[[row]]\nwait-for = "5 min"\n[[row]]\nwait-for = 5', r"f.toml:4: row\[1\].wait-for is 5; must be a duration"),
        ('[[row]]\nwait-for = "5 min"\ncolour = "green"', r"f.toml:3: .*allowed: red, blue"),
        ("[[row]]\nshare = 1.0", r"f.toml:1: row\[0\] lacks 'wait-for'"),
        ("count = true", r"f.toml:1: count is True; must be a whole number"),
        ("count = \n", r"f.toml: not TOML: Invalid value .at line 1"),
        ("row = 3", r"f.toml:1: row must be a list"),
        ("names = 3", r"f.toml:1: names must be a table"),
        ("row = [3]", r"row\[0\] must be a table"),
    ],
)
def test_mistakes_name_file_line_and_key(text, told):
    with pytest.raises(BadFile, match=told):
        loads(text, Outer, "f.toml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadFile, match=r"gone.toml: cannot be read"):
        load(tmp_path / "gone.toml", Outer)


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(text):
    try:
        loads(text, Outer, "f.toml")
    except BadFile as problem:
        assert str(problem).startswith("f.toml")


@given(st.integers(0, 10**7))
def test_durations_read_back(seconds):
    duration = timedelta(seconds=seconds)
    assert parse_duration(say_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", " ", "5", "min", "5 parsecs", "1h 5", "-5 min", "５ min"])
def test_what_is_no_duration(text):
    with pytest.raises(BadInput):
        parse_duration(text)
