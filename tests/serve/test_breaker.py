"""The breaker and the guard around a provider: open, probe, recover; two lanes; a clock that is set back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.serve.breaker import CALLS, IN_A_ROW, PROBE, Breaker
from bot.serve.guarded import GuardedChannel
from bot.serve.pacing import Pace
from data.model.communication import Category, Communication, SendState
from data.model.concern import Priority
from data.model.people import ChannelKind, ContactPoint
from data.ports import Outcome

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
TO = ContactPoint(system=ChannelKind.SMS, value="+15550001")
WELL, ILL = Outcome(SendState.ACCEPTED, "p", "SM1"), Outcome(SendState.UNKNOWN, "p", error="timeout")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Provider:
    """Gives the outcomes it was given, the last for ever."""

    name, kind = "p", ChannelKind.SMS

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes, self.asked = list(outcomes), 0

    def send(self, to, communication, now) -> Outcome:
        self.asked += 1
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


def row(category: Category = Category.NUDGE, priority: Priority = Priority.P3, n: int = 0) -> Communication:
    return Communication(
        id=f"A-17/{n}",
        subject="A-17",
        recipient="A-17",
        channel=ChannelKind.SMS,
        category=category,
        priority=priority,
        text="x",
        text_key="x",
        language="en",
        created_at=START,
    )


def test_opens_probes_and_recovers() -> None:
    provider = Provider(*[ILL] * IN_A_ROW, ILL, WELL)
    guard = GuardedChannel(provider, Pace())
    for n in range(IN_A_ROW):
        assert guard.send(TO, row(), after(n)) == ILL
    assert guard.trouble(after(IN_A_ROW)) == "provider-down:" + guard.name
    assert guard.send(TO, row(), after(IN_A_ROW)).error == "resting"
    assert provider.asked == IN_A_ROW
    # One probe, which fails; then nothing for as long again; then one that succeeds.
    probe = after(IN_A_ROW - 1) + PROBE
    assert guard.send(TO, row(), probe) == ILL
    assert guard.send(TO, row(), probe).state is SendState.QUEUED
    assert guard.send(TO, row(), probe + PROBE) == WELL
    assert not guard.trouble(probe + PROBE) and guard.send(TO, row(), probe + PROBE) == WELL


def test_what_surely_has_not_gone_is_said_to_be_queued() -> None:
    guard = GuardedChannel(Provider(ILL), Pace())
    for n in range(IN_A_ROW):
        guard.send(TO, row(), after(n))
    outcome = guard.send(TO, row(), after(9))
    assert outcome.state is SendState.QUEUED and outcome.error and not outcome.provider_id


def test_urgent_messages_have_a_breaker_of_their_own() -> None:
    provider = Provider(*[ILL] * IN_A_ROW, WELL)
    guard = GuardedChannel(provider, Pace())
    for n in range(IN_A_ROW):
        guard.send(TO, row(), after(n))
    assert guard.send(TO, row(Category.PAGE, Priority.P1), after(9)) == WELL
    assert guard.send(TO, row(Category.SAFETY), after(9)) == WELL
    assert guard.send(TO, row(), after(9)).error == "resting"


def test_half_of_many_open_it_too() -> None:
    breaker = Breaker()
    for n in range(CALLS):
        assert breaker.may(after(n))
        breaker.note(after(n), well=n % 2 == 0)
    assert breaker.open


@pytest.mark.parametrize("error", ["invalid", "stopped", "refused", "blocked"])
def test_a_refusal_says_nothing_against_the_provider(error: str) -> None:
    guard = GuardedChannel(Provider(Outcome(SendState.FAILED, "p", error=error)), Pace())
    for n in range(100):
        guard.send(TO, row(), after(n))
    assert not guard.trouble(after(0))


def test_too_many_requests_close_for_all_and_open_no_breaker() -> None:
    busy = Outcome(SendState.QUEUED, "p", error="busy", retry_at=after(60))
    guard = GuardedChannel(Provider(busy), Pace())
    for n in range(50):
        guard.send(TO, row(n=n), START)
    assert not guard.trouble(after(0))
    assert guard.ready_at(TO, row(Category.PAGE, Priority.P1), after(1)) == after(60)


@given(st.lists(st.tuples(st.integers(-7200, 7200), st.booleans()), max_size=80))
@settings(deadline=None)
def test_whatever_the_clock_does_a_provider_is_tried_again(steps) -> None:
    breaker, now = Breaker(), START
    for seconds, well in steps:
        now += timedelta(seconds=seconds)
        if breaker.may(now):
            breaker.note(now, well=well)
    assert any(breaker.may(now + timedelta(seconds=n)) for n in range(int(PROBE.total_seconds()) + 1))
    back = now - timedelta(days=1)
    assert breaker.may(back)


def test_a_wait_that_is_short_is_waited_out_and_a_closed_door_is_seen_meanwhile() -> None:
    guard = GuardedChannel(Provider(WELL), Pace(overall=10.0))
    places = [guard.ready_at(TO, row(n=n), START) for n in range(8)]
    assert places[:7] == [START] * 7 or START in places
    guard._pacer.close(after(30))
    assert guard.ready_at(TO, row(n=99), START) == after(30)
