"""Long messages in parts: each fits, none is lost, ids differ, buttons under the last."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.long_texts import in_parts
from data.model.chart import Changes
from data.model.communication import Button, SendState
from data.model.people import ChannelKind
from data.text_parts import LIMITS, units
from tests.serve.test_breaker import row

WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)
LONG = st.lists(WORDS, min_size=1, max_size=30).flatmap(
    lambda words: st.integers(1, 20).map(lambda times: " ".join(words * times))
)


def cut(message):
    return in_parts(Changes(communications=(message,))).communications


def said(parts) -> str:
    """The words without the numbers in front and without white space, which alone may be dropped."""
    return "".join("".join(part.text.partition(") ")[2].split()) for part in parts)


@given(LONG, st.sampled_from([ChannelKind.SMS, ChannelKind.WHATSAPP]))
@settings(deadline=None, max_examples=80)
def test_every_part_fits_and_nothing_is_lost(text: str, channel: ChannelKind) -> None:
    found = cut(replace(row(), text=text, channel=channel))
    assert all(units(part.text) <= LIMITS[channel] for part in found)
    assert len({part.id for part in found}) == len(found) and found[0].id == "A-17/0"
    assert all(part.id.split("/")[0] == "A-17" for part in found)
    if units(text) <= LIMITS[channel]:
        assert found == (replace(row(), text=text, channel=channel),)
    else:
        assert said(found) == "".join(text.split())


def test_hundreds_of_parts_fit_too() -> None:
    found = cut(replace(row(), text="word " * 40_000))
    assert len(found) > 100 and all(units(part.text) <= 1600 for part in found)


def test_buttons_and_pictures_stand_under_the_last() -> None:
    message = replace(
        row(), text="word " * 1000, buttons=(Button(label="Yes", says="yes"),), picture="trend heart-rate 7d"
    )
    *others, last = cut(message)
    assert last.buttons and last.picture and not any(part.buttons or part.picture for part in others)


def test_telegram_and_what_has_gone_stay_one_row() -> None:
    for message in (
        replace(row(), text="word " * 4000, channel=ChannelKind.TELEGRAM),
        replace(row(), text="word " * 4000, state=SendState.DELIVERED),
    ):
        assert cut(message) == (message,)
