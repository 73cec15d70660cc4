from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.scene.grammar import When
from bot.scene.when import instant_of

NOW = datetime(2026, 3, 3, 21, 10, tzinfo=UTC)  # 23:10 in Tallinn


@pytest.mark.parametrize(
    ("when", "instant"),
    [
        (When(clock=time(23, 10)), datetime(2026, 3, 3, 21, 10, tzinfo=UTC)),
        (When(clock=time(23, 9)), datetime(2026, 3, 4, 21, 9, tzinfo=UTC)),
        (When(clock=time(6)), datetime(2026, 3, 4, 4, 0, tzinfo=UTC)),
        (When(clock=time(6), days=1), datetime(2026, 3, 4, 4, 0, tzinfo=UTC)),
        (When(clock=time(23, 30), days=1), datetime(2026, 3, 4, 21, 30, tzinfo=UTC)),
        (When(clock=time(22, 30), zone="Europe/Berlin"), datetime(2026, 3, 3, 21, 30, tzinfo=UTC)),
        (When(clock=time(8), on=date(2026, 3, 10)), datetime(2026, 3, 10, 6, 0, tzinfo=UTC)),
        (When(clock=time(8), on=date(2026, 3, 1)), None),
        (When(after=timedelta(minutes=5)), NOW + timedelta(minutes=5)),
        (When(), NOW),
    ],
)
def test_the_next_such_time(when, instant):
    assert instant_of(when, NOW, "Europe/Tallinn") == instant


def test_both_nights_of_the_clock():
    spring = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    assert instant_of(When(clock=time(2, 30)), spring, "Europe/Berlin") == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    autumn = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    first = instant_of(When(clock=time(2, 30)), autumn, "Europe/Berlin")
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = instant_of(When(clock=time(2, 30)), first + timedelta(minutes=1), "Europe/Berlin")
    assert second == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@given(
    st.integers(0, 10 * 365 * 86400).map(lambda s: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
    st.times().map(lambda t: t.replace(microsecond=0)),
    st.sampled_from(["UTC", "Europe/Tallinn", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_the_next_such_time_is_never_past_and_within_two_days(now, clock, zone):
    instant = instant_of(When(clock=clock), now, zone)
    assert now <= instant <= now + timedelta(hours=49)
