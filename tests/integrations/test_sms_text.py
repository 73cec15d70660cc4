"""Segments against a calculator of others, cheap signs, and texts cut into parts with nothing lost."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.model.people import ChannelKind
from data.text_parts import LIMITS, parts, split, units
from integrations.sms_text import is_gsm7, plain, segments

FAMILY = "👨‍👩‍👧‍👦"
FLAG = "🇪🇪"
HAND = "👋🏽"
ACCENT = "e\u0301"
CLUSTERS = [FAMILY, FLAG, HAND, ACCENT, "각", "❤️", "a", "õ", "€", "[", "한", "\r\n"]
PROSE = st.lists(
    st.sampled_from(["Take care. ", "word ", "\n\n", "\n", "a, b; ", "Wait! ", *CLUSTERS, "x" * 30]), max_size=60
).map("".join)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # An escaped sign does not cross over: 152 and a half.
        ("a" * 152 + "€" + "a" * 153, 3),
        ("õ" * 70, 1),
        ("õ" * 71, 2),
        ("õ" * 134, 2),
        ("õ" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        # 66 and half a smiling face: it goes to the next.
        ("õ" * 66 + "😀" + "õ" * 66, 3),
    ],
)
def test_segments(text: str, count: int) -> None:
    assert segments(text) == count


@pytest.mark.parametrize("letters", ["õšž", "çêîôûëïœ", "áíóú", "ß€äöüÄÖÜñ¿¡"])
def test_letters_are_never_changed(letters: str) -> None:
    assert plain(letters) == letters


@given(st.text(st.characters(categories=["L", "N", "M"])))
def test_no_letter_is_lost(text: str) -> None:
    kept = [c for c in unicodedata.normalize("NFC", text.replace("O₂", "O2")) if c.isalpha()]
    assert [c for c in plain(text) if c.isalpha()] == kept


@pytest.mark.parametrize(
    ("text", "cheap"),
    [
        ("“Take 2” – don’t wait…", '"Take 2" - don\'t wait...'),
        ("• SpO₂\u00a096\u202f%", "- SpO2 96 %"),
        ("38.5 °C ≥ 38", "38.5 C >= 38"),
        ("e\u0301", "é"),
        ("10² µg ½", "10² µg ½"),
        # Already dear: nothing is gained by spelling out a sign.
        ("õhk 38.5 °C", "õhk 38.5 °C"),
    ],
)
def test_cheap_signs(text: str, cheap: str) -> None:
    assert plain(text) == cheap


@given(st.text())
def test_cheap_signs_cost_no_more_and_are_cheap_already(text: str) -> None:
    cheap = plain(text)
    assert plain(cheap) == cheap
    if is_gsm7(text):
        # A backtick or a tab would not be: within the alphabet nothing changes.
        assert cheap == text


@given(PROSE, st.integers(2, 80))
@example("x" * 200, 7)
@example(FAMILY * 10, 12)
@example(" " * 50, 3)
@example("", 2)
def test_every_part_fits_and_nothing_is_lost(text: str, limit: int) -> None:
    found = parts(text, limit)
    assert found
    assert all(units(part) <= limit for part in found) or found == (text,)
    assert "".join("".join(found).split()) == "".join(text.split())
    if units(text) <= limit:
        assert found == (text,)
    else:
        assert all(part == part.strip() for part in found)
        assert all(found) or not text.strip()


@given(st.text(), st.integers(2, 40))
def test_any_text_is_cut_within_the_limit(text: str, limit: int) -> None:
    found = parts(text, limit)
    assert all(units(part) <= limit for part in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(st.lists(st.sampled_from(CLUSTERS[:-1]), max_size=40), st.integers(12, 40))
def test_no_letter_or_emoji_is_cut_in_two(clusters: list[str], limit: int) -> None:
    """Longest of them is 11 units, so there is always a place between two."""
    remaining = list(clusters)
    for part in parts("".join(clusters), limit):
        built = ""
        while remaining and len(built) < len(part):
            built += remaining.pop(0)
        assert built == part
    assert not remaining


def test_it_stops_at_sentences_before_words() -> None:
    text = "Drink water today. Call us if it gets worse. Thank you for writing."
    assert parts(text, 50) == ("Drink water today. Call us if it gets worse.", "Thank you for writing.")
    assert parts("one two three four", 9) == ("one two", "three", "four")
    assert parts("First part.\n\nSecond part of it.", 20) == ("First part.", "Second part of it.")


def test_each_channel_has_its_limit() -> None:
    text = "Take your pills. " * 600
    for kind, limit in LIMITS.items():
        found = split(text, kind)
        assert len(found) == -(-len(text.rstrip()) // (limit // 17 * 17))
        assert all(units(part) <= limit for part in found)
    assert split(text, ChannelKind.CONSOLE) == (text,)


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room"):
        parts("abc", 1)
