"""Who has just written is heard first: what we send unasked waits until that is answered."""

from dataclasses import replace
from datetime import timedelta

import pytest

from data.model.people import ChannelKind
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import ANNA, BOSS, LEE, MIA, NIA, ben, later

NUDGE = '/nudge A-17 "Take warfarin" daily 11:00'


def reminded(*members):
    """A clinic at the second of Anna's reminder, with nothing done yet."""
    built = house(members=members or (ANNA, NIA, LEE, MIA))
    says(built, NUDGE, BOSS, ChannelKind.TELEGRAM)
    built.clock.move_to(built.next_at())
    return built


@pytest.mark.parametrize("words", ["STOP", "withdraw all", "pause", "please stop texting me"])
def test_words_that_end_reminders_count_from_when_they_were_kept(words):
    built = reminded()
    built.hear(ChannelKind.SMS, "+15550001", words, "last words")
    later(built, hours=1)
    assert not any("warfarin" in text for text in heard(built, "A-17"))


def test_a_reminder_comes_a_few_seconds_later_when_something_else_was_written():
    built = reminded()
    built.hear(ChannelKind.SMS, "+15550001", "hello", "M")
    built.settle()
    assert "Take warfarin" not in heard(built, "A-17")
    later(built, seconds=5)
    assert heard(built, "A-17").count("Take warfarin") == 1
    (row,) = [c for c in built.record.chart("A-17").communications if c.category == "nudge"]
    assert row.attempts == 1


def test_a_worker_that_died_over_the_withdrawal_lets_no_reminder_through():
    built = reminded()
    built.hear(ChannelKind.SMS, "+15550001", "withdraw all", "M")
    assert built.record.claim_message(built.now(), timedelta(seconds=30))
    later(built, hours=1)
    assert not any("warfarin" in text for text in heard(built, "A-17"))


def test_stop_of_whoever_shares_the_number_comes_first_too():
    shared = replace(ben(), contacts=ANNA.contacts)
    built = reminded(ANNA, shared, NIA, LEE, MIA)
    built.hear(ChannelKind.SMS, "+15550001", "STOP", "M")
    later(built, hours=1)
    assert not any("warfarin" in text for text in heard(built, "A-17"))


def test_safety_pages_and_answers_never_wait():
    built = house()
    for n, words in enumerate(("my chest hurts", "hello", "are you there?")):
        built.hear(ChannelKind.SMS, "+15550001", words, f"M{n}")
    built.work_message()
    while built.work_delivery():
        pass
    assert built.record.waiting("A-17")
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1 A-17")
