"""What is urgent never waits for one provider while another has time; what is not keeps its place."""

from dataclasses import replace
from datetime import timedelta

from bot.delivery import _through
from bot.serve.guarded import GuardedChannel
from bot.serve.pacing import Pace
from data.model.communication import Category, SendState
from data.model.concern import Priority
from data.ports import Outcome
from tests.serve.test_breaker import ILL, START, TO, Provider, after, row


def two(first: Outcome, second: Outcome) -> tuple[GuardedChannel, GuardedChannel, Provider]:
    providers = Provider(first), Provider(second)
    providers[1].name = "q"
    return GuardedChannel(providers[0], Pace()), GuardedChannel(providers[1], Pace()), providers[1]


PAGE = row(Category.PAGE, Priority.P1)
BUSY = Outcome(SendState.QUEUED, "p", error="busy", retry_at=after(3600))
FINE = Outcome(SendState.ACCEPTED, "q", "SM2")


def test_a_page_goes_to_the_second_while_the_first_asks_for_patience() -> None:
    first, second, _ = two(BUSY, FINE)
    assert _through((first, second), TO, PAGE, START) == FINE
    assert _through((first, second), TO, PAGE, after(1)) == FINE
    assert _through((first, second), TO, row(Category.SAFETY), after(2)) == FINE


def test_where_both_ask_for_patience_the_sooner_counts() -> None:
    first, second, _ = two(BUSY, replace(BUSY, provider="q", retry_at=after(60)))
    _through((first, second), TO, PAGE, START)
    held = _through((first, second), TO, PAGE, after(1))
    assert held.state is SendState.QUEUED and held.retry_at == after(60)


def test_a_reminder_holds_its_place() -> None:
    first, second, other = two(BUSY, FINE)
    first._pacer.close(after(60))
    held = _through((first, second), TO, row(), after(1))
    assert held.state is SendState.QUEUED and held.retry_at == after(60) and not held.error
    assert other.asked == 0


def test_an_unknown_outcome_by_class() -> None:
    for message, goes_on in (
        (PAGE, True),
        (row(Category.SAFETY), True),
        (row(Category.REPLY), False),
        (row(Category.NUDGE), False),
        (row(Category.NOTICE), False),
    ):
        first, second, other = two(ILL, FINE)
        outcome = _through((first, second), TO, message, START + timedelta(seconds=1))
        assert (outcome == FINE, other.asked) == (goes_on, int(goes_on)), message.category
