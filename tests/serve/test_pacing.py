"""Pacing: never more than the rate over any window, urgent at once, ten thousand ask once each, a clock that jumps."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.serve.pacing import RESERVED, Pace, Pacer

START = datetime(2026, 5, 1, 8, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def gone(pacer: Pacer, asked: list[tuple[float, str]]) -> list[tuple[datetime, str]]:
    """When each of the messages leaves, when it is asked about at `asked` and again at the place it was given."""
    leaves = []
    for n, (at, chat) in enumerate(asked):
        now, asks = after(at), 0
        while (place := pacer.ready_at(f"m{n}", chat, now, urgent=False)) > now:
            now, asks = place, asks + 1
            assert asks == 1, "a place that was given stays given"
        leaves.append((now, chat))
    return sorted(leaves)


@given(
    asked=st.lists(
        st.tuples(st.floats(0, 20, allow_nan=False), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=120
    ).map(lambda found: sorted(found)),
    overall=st.sampled_from([1.0, 5.0, 30.0]),
    per_chat=st.sampled_from([None, 1.0, 2.0]),
)
@settings(deadline=None, max_examples=60)
def test_never_more_than_the_rate_over_any_window(asked, overall, per_chat) -> None:
    leaves = gone(Pacer(Pace(overall=overall, per_chat=per_chat)), asked)
    rate = overall * (1 - RESERVED)
    burst = max(1.0, rate / 2) + 1
    times = [at for at, _ in leaves]
    for first, at in enumerate(times):
        for last in range(first, len(times)):
            window = (times[last] - at).total_seconds()
            assert last - first + 1 <= rate * window + burst + 1e-3
    if per_chat:
        for chat in ("a", "b", "c"):
            mine = [at for at, whose in leaves if whose == chat]
            for first, at in enumerate(mine):
                for last in range(first, len(mine)):
                    assert last - first + 1 <= per_chat * (mine[last] - at).total_seconds() + 3 + 1e-3


def test_in_a_second_telegram_is_given_less_than_its_thirty() -> None:
    leaves = gone(Pacer(Pace(overall=30.0, per_chat=1.0)), [(0.0, f"chat{n}") for n in range(300)])
    times = [at for at, _ in leaves]
    most = max(sum(at <= other < at + timedelta(seconds=1) for other in times) for at in times)
    assert 18 <= most <= 30
    assert (times[-1] - times[0]).total_seconds() < 300 / 18 + 1


def test_urgent_never_waits_but_for_a_closed_provider() -> None:
    pacer = Pacer(Pace(overall=1.0, per_chat=1.0))
    for n in range(50):
        pacer.ready_at(f"bulk{n}", "a", START, urgent=False)
    assert pacer.ready_at("page", "a", START, urgent=True) == START
    pacer.close(after(7))
    pacer.close(after(3))
    assert pacer.ready_at("page", "a", after(1), urgent=True) == after(7)
    assert pacer.ready_at("other", "b", after(1), urgent=False) == after(7), "for all chats"
    assert pacer.ready_at("page", "a", after(7), urgent=True) == after(7)


def test_ten_thousand_ask_once_each_and_are_forgotten() -> None:
    pacer = Pacer(Pace(overall=30.0, per_chat=1.0))
    places = [pacer.ready_at(f"m{n}", f"chat{n}", START, urgent=False) for n in range(10_000)]
    assert places == sorted(places)
    assert places[-1] <= after(10_000 / 18 + 1)
    for n, place in enumerate(places):
        if place == START:
            continue
        assert pacer.ready_at(f"m{n}", f"chat{n}", place, urgent=False) == place
    assert not pacer._places


def test_what_is_remembered_stays_small() -> None:
    pacer = Pacer(Pace(overall=None, per_chat=1.0))
    for n in range(30_000):
        now = after(n)
        assert pacer.ready_at(f"m{n}", f"chat{n}", now, urgent=False) == now
    assert len(pacer._chats) <= 10_001 and not pacer._places


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    pacer = Pacer(Pace(overall=1.0, per_chat=1.0))
    for n in range(100):
        pacer.ready_at(f"m{n}", "a", after(3600), urgent=False)
    pacer.close(after(3700))
    assert pacer.ready_at("page", "a", START, urgent=True) == START
    assert pacer.ready_at("m5", "a", START, urgent=False) == START
    # Threads that read the clock one after the other are no jump.
    pacer.close(after(30))
    pacer.ready_at("x", "a", after(1), urgent=True)
    assert pacer.ready_at("page", "a", after(0.5), urgent=True) == after(30)
