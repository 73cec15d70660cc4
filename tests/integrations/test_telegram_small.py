"""The small parts of Telegram: the secret, the link, the text in parts, the table of answers, waiting."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.content import loads
from data.errors import BadFile, BadInput, Forged
from data.model.communication import SendState
from data.text_parts import units
from integrations.telegram_errors import _File, answers, outcome_of, reopens_at
from integrations.telegram_link import deep_link
from integrations.telegram_request import Lost, NotSent, Refused
from integrations.telegram_secret import check_secret
from integrations.telegram_text import MOST, parts, sendable
from integrations.telegram_waiting import LONGEST, backoff, pause, unless

NOW = datetime(2026, 3, 3, 21, 10, tzinfo=UTC)
SECRET = "x_-Y" * 10


def test_our_secret_opens():
    check_secret(SECRET, SECRET)


@pytest.mark.parametrize(
    "given_header", [None, "", SECRET[:-1], SECRET + "x", SECRET.lower(), "ключ", "\ud800", "\x00"]
)
def test_any_other_is_forged(given_header: str | None):
    with pytest.raises(Forged) as problem:
        check_secret(given_header, SECRET)
    assert SECRET not in str(problem.value)


@pytest.mark.parametrize("given_header", [None, "", "x"])
def test_without_a_secret_of_ours_nobody_comes_in(given_header: str | None):
    with pytest.raises(Forged):
        check_secret(given_header, "")


@given(st.text(), st.text())
def test_only_equal_texts_open(given_header: str, secret: str):
    if given_header == secret and secret:
        check_secret(given_header, secret)
        return
    with pytest.raises(Forged):
        check_secret(given_header, secret)


def test_a_deep_link():
    assert deep_link("@ward_bot", "Zk3-x_9") == "https://t.me/ward_bot?start=Zk3-x_9"


@pytest.mark.parametrize(
    ("username", "token"),
    [("ward_bot", ""), ("ward_bot", "a" * 65), ("ward_bot", "a b"), ("ward_bot", "a&b"), ("a/b", "t"), ("", "t")],
)
def test_no_link_is_made_of_what_telegram_would_not_take(username: str, token: str):
    with pytest.raises(BadInput):
        deep_link(username, token)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400), st.integers(2, 60))
def test_parts_lose_no_word_and_fit(text: str, most: int):
    found = parts(text, most)
    assert all(0 < units(part) <= most for part in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(st.text(max_size=300))
def test_what_fits_is_one_part_and_can_be_encoded(text: str):
    found = parts(text)
    assert len(found) <= 1
    "".join(found).encode()
    assert sendable(text) == sendable(sendable(text))


def test_a_long_text_is_cut_between_sentences_and_not_within_a_face():
    sentence = "Your blood pressure was 150 over 90 today. "
    found = parts((sentence * 200).strip())
    assert len(found) == 3
    assert all(part.endswith("today.") for part in found)
    family = "👩‍👩‍👧"
    assert all(set(part.replace(family, "")) == set() for part in parts(family * 1500))
    assert len(parts("a" * (MOST + 1))) == 2
    assert parts("Call 112 now.\n\n" + "b" * 30, 40) == ("Call 112 now.", "b" * 30)


@pytest.mark.parametrize(
    ("status", "description", "state", "word"),
    [
        (403, "Forbidden: bot was blocked by the user", SendState.FAILED, "blocked"),
        (403, "Forbidden: user is deactivated", SendState.FAILED, "blocked"),
        (403, "Forbidden: bot can't initiate conversation with a user", SendState.FAILED, "invalid"),
        (403, "Forbidden: bot was kicked from the supergroup chat", SendState.FAILED, "blocked"),
        (400, "Bad Request: chat not found", SendState.FAILED, "invalid"),
        (400, "Bad Request: PEER_ID_INVALID", SendState.FAILED, "invalid"),
        (400, "Bad Request: message is too long", SendState.FAILED, "refused"),
        (400, "Bad Request: BUTTON_DATA_INVALID", SendState.FAILED, "refused"),
        (413, "Request Entity Too Large", SendState.FAILED, "refused"),
        (401, "Unauthorized", SendState.QUEUED, "auth"),
        (404, "Not Found", SendState.QUEUED, "auth"),
        (302, "", SendState.QUEUED, "address"),
        (500, "Internal Server Error", SendState.UNKNOWN, "provider"),
        (502, "Bad Gateway", SendState.UNKNOWN, "provider"),
        (504, "", SendState.UNKNOWN, "provider"),
        (199, "", SendState.UNKNOWN, "strange"),
    ],
)
def test_what_an_answer_means(status: int, description: str, state: SendState, word: str):
    outcome = outcome_of(Refused(status, description), "telegram", NOW)
    assert (outcome.state, outcome.error, outcome.retry_at) == (state, word, None)


def test_what_silence_means():
    assert outcome_of(NotSent("x"), "t", NOW).state is SendState.QUEUED
    assert outcome_of(Lost("x"), "t", NOW).state is SendState.UNKNOWN
    assert outcome_of(ValueError("x"), "t", NOW).state is SendState.UNKNOWN


@pytest.mark.parametrize(("wished", "seconds"), [(7, 7), (None, 5), (0, 0), (10**8, 86_400)])
def test_telegram_says_when_to_come_back(wished: int | None, seconds: int):
    problem = Refused(429, "Too Many Requests: retry after 7", wished)
    outcome = outcome_of(problem, "telegram", NOW)
    assert (outcome.state, outcome.error) == (SendState.QUEUED, "busy")
    assert outcome.retry_at == reopens_at(problem, NOW) == NOW + timedelta(seconds=seconds)


@given(st.integers(100, 599), st.text(max_size=40))
def test_every_answer_means_something_of_ours(status: int, description: str):
    outcome = outcome_of(Refused(status, description), "telegram", NOW)
    assert outcome.state in (SendState.QUEUED, SendState.FAILED, SendState.UNKNOWN)
    assert outcome.error
    assert outcome.error not in description or len(description) < 40


def test_every_row_can_be_met_and_names_its_source():
    for n, row in enumerate(answers()):
        status = int(row.status.replace("xx", "99"))
        first = next(other for other in answers() if other.fits(status, row.says))
        assert first is answers()[n]
        assert row.source


def test_a_row_that_would_have_a_message_count_as_gone_is_refused():
    with pytest.raises(BadFile, match="state is 'delivered'"):
        loads('[[answer]]\nstatus = "400"\nstate = "delivered"\nword = "x"\nsource = "x"', _File, "errors.toml")


@given(st.integers(0, 10_000), st.integers())
def test_backing_off_stays_within_a_minute(tries: int, seed: int):
    assert backoff(Random(seed), tries) >= 0  # noqa: S311
    assert backoff(Random(seed), tries) <= min(LONGEST, 2.0 ** min(tries, 10))  # noqa: S311


def test_waiting_ends_with_the_stop():
    async def run() -> tuple[object, object, list[str]]:
        stop, seen = asyncio.Event(), []

        async def slow() -> str:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            return "late"

        async def quick() -> str:
            return "done"

        first = await unless(stop, quick())
        asyncio.get_running_loop().call_later(0.05, stop.set)
        second = await unless(stop, slow())
        await pause(stop, 600)
        return first, second, seen

    assert asyncio.run(asyncio.wait_for(run(), 5)) == ("done", None, ["cancelled"])


def test_what_is_nearly_finished_may_finish():
    async def run() -> str | None:
        stop = asyncio.Event()
        stop.set()
        go = asyncio.Event()

        async def nearly() -> str:
            await go.wait()
            return "kept"

        asyncio.get_running_loop().call_later(0.05, go.set)
        return await unless(stop, nearly(), grace=5)

    assert asyncio.run(run()) == "kept"
