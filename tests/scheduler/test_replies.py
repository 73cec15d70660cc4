"""The clinicians' reply grammar: forgiving in form, strict in meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.orders import Verb
from scheduler.replies import Reply, read_reply

OK, NO, UP, DONE, LATER, LIST, DETAILS = Verb


@pytest.mark.parametrize(
    ("text", "code", "verb"),
    [
        ("427", "427", OK),
        ("427 ok", "427", OK),
        ("ok 427", "427", OK),
        ("OK427", "427", OK),
        ("427ok", "427", OK),
        ("427-ok", "427", OK),
        ("#427 OK.", "427", OK),
        ("# 427 ok", "427", OK),
        ("“427” ok", "427", OK),
        ("'427 Ok'", "427", OK),
        ("  427\n ok  ", "427", OK),
        ("427 O.K.", "427", OK),
        ("427, okay, thanks!", "427", OK),
        ("４２７ ｏｋ", "427", OK),
        ("Reply 427 OK", "427", OK),
        ("427 ok 427", "427", OK),
        ("ok", None, OK),
        ("Ok!", None, OK),
        ("427 no", "427", NO),
        ("no 427", "427", NO),
        ("no", None, NO),
        ("427 up", "427", UP),
        ("UP #427", "427", UP),
        ("427 ?", "427", DETAILS),
        ("427?", "427", DETAILS),
        ("? 427", "427", DETAILS),
        ("?", None, DETAILS),
        ("list", None, LIST),
        ("LIST.", None, LIST),
        ("list?", None, LIST),
        ("427 ok?", "427", DETAILS),
        ("427 no?", "427", DETAILS),
        ("427 done?", "427", DETAILS),
        ("done? 427", "427", DETAILS),
        ("427 ok, who is it?", "427", DETAILS),
        ("427 ok thanks, on my way", "427", OK),
        ("ok 427 going there now", "427", OK),
        ("427 ok 👍", "427", OK),
        ("427 👍", "427", OK),
        ("👍🏽👍🏽 427", "427", OK),
        ("427 mine thanks", "427", OK),
        ("I take 427", "427", OK),
        ("427 I'll take it", "427", OK),
        ("taking 427, thanks", "427", OK),
        ("427 no I'm off today", "427", NO),
        ("427 no i’m off today", "427", NO),
        ("no 427 I'm in theatre", "427", NO),
        ("427 no, busy", "427", NO),
        ("427 no I can't take it", "427", NO),
        ("427 pass to somebody near her", "427", NO),
    ],
)
def test_forms_of_one_meaning(text, code, verb):
    assert read_reply(text) == Reply(code=code, verb=verb)


@pytest.mark.parametrize(
    ("text", "code", "outcome"),
    [
        ("427 done called, ambulance sent", "427", "called, ambulance sent"),
        ("#427 DONE: BP was 150 over 90.", "427", "BP was 150 over 90."),
        ("done 427 phoned her", "427", "phoned her"),
        ("done #427, phoned her", "427", "phoned her"),
        ("427done phoned", "427", "phoned"),
        ("427 done", "427", ""),
        ("done", None, ""),
        ("done spoke to the daughter", None, "spoke to the daughter"),
        ("427 done gave 300 mg, ok now", "427", "gave 300 mg, ok now"),
        ("427 done no answer, will try list 513", "427", "no answer, will try list 513"),
        ("427 done is it ok?", "427", "is it ok?"),
        ("called her, done 427", "427", "called her"),
        ("called her. 427 done", "427", "called her."),
        ("427 called her, done", "427", "called her"),
        ("BP 150 over 90, done 427", "427", "BP 150 over 90"),
        ("427 done thanks 👍", "427", ""),
    ],
)
def test_done_takes_the_rest_as_written(text, code, outcome):
    assert read_reply(text) == Reply(code=code, verb=DONE, text=outcome)


@pytest.mark.parametrize(
    ("text", "code", "minutes"),
    [
        ("427 later 30", "427", 30),
        ("later 30 427", "427", 30),
        ("later 427 30", "427", 30),
        ("427 later 30 min", "427", 30),
        ("427 later 30min.", "427", 30),
        ("427 later 1h", "427", 60),
        ("427 later 2 hours", "427", 120),
        ("427 later 120", "427", 120),
        ("427 later", "427", None),
        ("later 427", "427", None),
        ("later 20", None, 20),
        ("later", None, None),
    ],
)
def test_later_has_minutes(text, code, minutes):
    assert read_reply(text) == Reply(code=code, verb=LATER, minutes=minutes)


@pytest.mark.parametrize(
    "text",
    [
        "427 513",
        "ok 427 513",
        "427 ok 513 ok",
        "427 513 done both",
        "427 ok no",
        "no up",
        "427 ok and 513 too",
        "513 called, done 427",
    ],
)
def test_two_codes_or_two_wishes_are_ambiguous(text):
    reply = read_reply(text)
    assert reply is not None and reply.ambiguous


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "#",
        "hello",
        "what is this",
        "427 not ok",
        "427 I think",
        "ok I will look at her later",
        "42",
        "4270",
        "4270 ok",
        "427 30",
        "ok 30",
        "no idea",
        "I have done nothing",
        "bp 120 over 80",
        "stop",
        "a",
        "k",
        "427 later 30 40",
        "427 ok but not now",
        "427 ok if Lee can't",
        "427 ok can’t come",
        "427 ok I'm off today",
        "427 ok I will look at her later",
        "427 take it please",
        "427 taking a break",
        "427 I will not take it",
        "427 no problem",
        "no 427 problem",
        "427 no change",
        "427 n'o change",
        "427 no I'll take it",
        "not done 427",
        "if she answers, done 427",
        "when is it, done 427?",
        "called her, done",
        "ok thanks, on my way",
        "Liked “P1 A-17. Reply 427 OK”",
        "up there, 427",
        "427 up she needs a doctor",
    ],
)
def test_what_is_not_in_the_grammar_is_not_guessed(text):
    assert read_reply(text) is None


PIECES = st.sampled_from(
    [
        "427",
        "513",
        "ok",
        "no",
        "up",
        "done",
        "later",
        "list",
        "?",
        "#",
        ".",
        " ",
        "30",
        "min",
        '"',
        "427ok",
        "👍",
        "take",
        "I",
        "n'o",
        ",",
        "x",
        "١٢٣",
        "½",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join), st.lists(PIECES).map(" ".join)))
def test_never_raises_and_never_makes_up_a_code(text):
    reply = read_reply(text)
    if reply is not None and reply.code is not None:
        assert len(reply.code) == 3 and reply.code.isascii() and reply.code.isdigit()
    if reply is not None:
        assert reply.minutes is None or reply.verb is LATER or reply.ambiguous


@given(
    st.sampled_from(["ok", "no", "up", "?"]),
    st.booleans(),
    st.sampled_from(["", "#", '"', "“", "'"]),
    st.sampled_from(["", ".", "!", '"', "”"]),
    st.sampled_from([" ", "  ", "\n", ", "]),
)
def test_dress_and_order_do_not_matter(word, upper, before, after, between):
    for first, second in (("427", word), (word, "427")):
        text = before + first + between + second + after
        assert read_reply(text.upper() if upper else text) == read_reply(f"427 {word}")
