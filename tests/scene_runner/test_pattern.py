from datetime import UTC, datetime

import pytest

from bot.scene.pattern import Heard, read_pattern
from data.errors import BadInput
from data.model.communication import Category, Communication
from data.model.people import ChannelKind

AT = datetime(2026, 3, 3, tzinfo=UTC)


def heard(text: str, key: str = "page") -> Heard:
    row = Communication(
        id="c", subject="s", recipient="r", category=Category.PAGE, channel=ChannelKind.SMS, text_key=key, text=text,
        language="en", created_at=AT,
    )  # fmt: skip
    return Heard(person="Nia", at=AT, communication=row, provider="A")


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ('"call 112"', "This is it. CALL 112 now", True),
        ('"112" "call"', "Call 112", True),
        ('"112", "police"', "Call 112", False),
        ("“it's yours”", "IT’S  yours\nnow", True),
        ("'is yours'", "It is yours", True),
        ("'it's yours'", "it's yours", True),
        ('"say \\"yes\\""', 'say "yes"', True),
        (r"/Reply \d{3} OK/", "reply 427 ok to take it", True),
        (r"/^P1\b.*427$/", "P1\nReply 427", True),
        (r"/a\/b/", "a/b", True),
        ("@page", "anything at all", True),
        ("@page-again", "anything", False),
        ('@page "any"', "anything", True),
        ("", "whatever", True),
        ("anything", "whatever", True),
    ],
)
def test_matching(pattern, text, matches):
    read, rest = read_pattern(pattern)
    assert rest == ""
    assert read.matches(heard(text)) is matches


def test_what_follows_a_pattern_is_left():
    assert read_pattern('"a" /b c/ within 10s as x')[1] == "within 10s as x"
    assert read_pattern("bare words")[1] == "bare words"
    with pytest.raises(BadInput, match="regular expression"):
        read_pattern("/(a/")


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        (r"/Reply (\d{3}) OK/", "427"),
        (r"/Reply \d{3} OK/", "427"),
        ('"P1"', "427"),
        ("/take/", "427"),
        (r"/A-\d+/", "427"),
        (r"/(?P<x>take)/", "take"),
    ],
)
def test_what_as_keeps(pattern, kept):
    assert read_pattern(pattern)[0].capture(heard("P1 A-117 Reply 427 OK to take it")) == kept


def test_without_a_number_the_matched_text_is_kept():
    assert read_pattern("/t.ke/")[0].capture(heard("please take it")) == "take"


def test_words_heard_before_are_filled_in_and_escaped_in_a_regex():
    pattern, _ = read_pattern(r'"{code}" /{code}\.$/')
    assert pattern.words == ("code",)
    bound = pattern.bind({"code": "4.7"})
    assert bound.matches(heard("code 4.7."))
    assert not bound.matches(heard("code 417."))


def test_any_part_in_names_the_part():
    pattern, _ = read_pattern('"Anna" "chest"')
    assert pattern.any_in(heard("pain in the CHEST")) == '"chest"'
    assert pattern.any_in(heard("P1 A-17")) is None
