"""Recurrence over a year in several zones, on both nights on which clocks change, and as people write it."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import BadInput
from data.model.plan import Recurrence
from scheduler.recurrence import next_occurrence, read_recurrence


def daily(*clocks: str) -> Recurrence:
    return Recurrence(times=tuple(time.fromisoformat(clock) for clock in clocks))


def occurrences(recurrence, zone, start, count, until=None):
    found, at = [], start
    while len(found) < count and (at := next_occurrence(recurrence, zone, at, until)) is not None:
        found.append(at)
    return found


def local(instants, zone):
    return [f"{instant.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for instant in instants]


SPRING = [
    ("Europe/Tallinn", date(2026, 3, 29), "03:30", "04:00"),
    ("Europe/London", date(2026, 3, 29), "01:30", "02:00"),
    ("America/New_York", date(2026, 3, 8), "02:30", "03:00"),
    ("Australia/Lord_Howe", date(2026, 10, 4), "02:15", "02:30"),
    ("America/Santiago", date(2026, 9, 6), "00:30", "01:00"),
]


@pytest.mark.parametrize(("zone", "night", "asked", "comes"), SPRING)
def test_a_time_that_does_not_exist_falls_on_the_first_minute_that_does_once(zone, night, asked, comes):
    start = datetime.combine(night - timedelta(days=1), time(12), ZoneInfo(zone)).astimezone(UTC)
    days = [night, night + timedelta(days=1)]
    expected = [f"{days[0]:%m-%d} {comes}", f"{days[1]:%m-%d} {asked}"]
    assert local(occurrences(daily(asked), zone, start, 2), zone) == expected
    assert local(occurrences(daily(asked, comes), zone, start, 1), zone) == expected[:1]
    twice = occurrences(daily(asked, comes), zone, start, 2)
    assert twice[1] - twice[0] > timedelta(hours=20)


AUTUMN = [
    ("Europe/Tallinn", date(2026, 10, 25), "03:30"),
    ("Europe/London", date(2026, 10, 25), "01:30"),
    ("America/New_York", date(2026, 11, 1), "01:30"),
    ("Australia/Lord_Howe", date(2026, 4, 5), "01:45"),
]


@pytest.mark.parametrize(("zone", "night", "asked"), AUTUMN)
def test_a_time_that_comes_twice_counts_the_first_time(zone, night, asked):
    start = datetime.combine(night - timedelta(days=1), time(12), ZoneInfo(zone)).astimezone(UTC)
    first, second = occurrences(daily(asked), zone, start, 2)
    assert local([first, second], zone) == [f"{night:%m-%d} {asked}", f"{night + timedelta(days=1):%m-%d} {asked}"]
    assert first.astimezone(ZoneInfo(zone)).fold == 0 and second - first > timedelta(hours=24)
    again = first + timedelta(minutes=59)  # between the two: the second one is not an occurrence
    assert next_occurrence(daily(asked), zone, again) == second


@pytest.mark.parametrize(
    "zone", ["Europe/Tallinn", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "America/Santiago", "UTC"]
)
@pytest.mark.parametrize("clock", ["00:00", "00:30", "01:30", "02:30", "03:15", "08:00", "23:59"])
def test_daily_comes_once_a_day_all_year(zone, clock):
    start = datetime(2027, 12, 31, 23, 59, 30, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = occurrences(daily(clock), zone, start, 366)
    days = [instant.astimezone(ZoneInfo(zone)).date() for instant in found]
    assert days == [date(2028, 1, 1) + timedelta(days=n) for n in range(366)]  # 2028 has a 29 February
    shown = [instant.astimezone(ZoneInfo(zone)).strftime("%H:%M") for instant in found]
    assert sum(other != clock for other in shown) <= 1


def test_weekdays_end_day_and_several_times():
    start = datetime(2026, 3, 6, 12, tzinfo=UTC)  # a Friday
    plan = read_recurrence("mon, fri 07:00 and 20:00")
    assert local(occurrences(plan, "UTC", start, 9, until=date(2026, 3, 9)), "UTC") == [
        "03-06 20:00",
        "03-09 07:00",
        "03-09 20:00",
    ]
    assert next_occurrence(plan, "UTC", start, until=date(2026, 3, 5)) is None
    assert next_occurrence(Recurrence(times=()), "UTC", start) is None
    assert next_occurrence(daily("08:00"), "UTC", datetime(9999, 12, 31, 23, tzinfo=UTC)) is None


def test_a_day_that_a_zone_skipped_moves_to_its_end_once():
    found = occurrences(daily("08:00"), "Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia")), 2)
    assert local(found, "Pacific/Apia") == ["12-31 00:00", "12-31 08:00"]


def test_an_unknown_zone_is_bad_input():
    for zone in ("Europe/Atlantis", "", "../etc/passwd"):
        with pytest.raises(BadInput, match="time zone"):
            next_occurrence(daily("08:00"), zone, datetime(2026, 1, 1, tzinfo=UTC))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["Europe/Tallinn", "America/St_Johns", "Australia/Lord_Howe", "America/Santiago"]),
    st.lists(st.times(), min_size=1, max_size=3),
    st.sets(st.integers(0, 6)),
)
def test_the_next_is_later_and_nothing_lies_between(after, zone, times, weekdays):
    plan = Recurrence(times=tuple(times), weekdays=tuple(sorted(weekdays)))
    following = next_occurrence(plan, zone, after)
    assert following is not None and following.utcoffset() == timedelta(0)
    assert after < following <= after + timedelta(days=8, hours=3)
    assert next_occurrence(plan, zone, following - timedelta(microseconds=1)) == following
    assert next_occurrence(plan, zone, after + (following - after) / 2) == following


@pytest.mark.parametrize(
    ("text", "times", "weekdays"),
    [
        ("daily 08:00", ["08:00"], ()),
        ("Daily at 8", ["08:00"], ()),
        ("daily 08:00 and 20:00", ["08:00", "20:00"], ()),
        ("daily 20:00, 8:00, 08:00", ["08:00", "20:00"], ()),
        ("every day at 8", ["08:00"], ()),
        ("every day at 8:30 pm", ["20:30"], ()),
        ("daily 12am and noon", ["00:00", "12:00"], ()),
        ("weekdays 9:30", ["09:30"], (0, 1, 2, 3, 4)),
        ("weekends 10.15", ["10:15"], (5, 6)),
        ("mon, wed, fri 07:00", ["07:00"], (0, 2, 4)),
        ("Mondays and Thursdays at 7", ["07:00"], (0, 3)),
        ("mon-fri 07:00", ["07:00"], (0, 1, 2, 3, 4)),
        ("fri - mon 07:00", ["07:00"], (0, 4, 5, 6)),
        ("weekly sunday 10:00", ["10:00"], (6,)),
        ("every tue 10:00", ["10:00"], (1,)),
    ],
)
def test_reads_what_people_write(text, times, weekdays):
    expected = Recurrence(times=tuple(time.fromisoformat(clock) for clock in times), weekdays=weekdays)
    assert read_recurrence(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "daily",
        "8:00",
        "weekly 08:00",
        "daily mon 08:00",
        "daily 24:00",
        "daily 08:60",
        "daily 13pm",
        "daily 0am",
        "tomorrow",
        "tomorrow 08:00",
        "every 2 days 08:00",
        "every 8 hours",
        "every other monday 08:00",
        "daily 8:0",
        "monthly 1 08:00",
        "mon-wed-fri 08:00",
    ],
)
def test_anything_else_is_answered_with_an_example(text):
    with pytest.raises(BadInput, match="write for example"):
        read_recurrence(text)


@given(st.text(max_size=30))
def test_reading_raises_nothing_else(text):
    try:
        plan = read_recurrence(text)
    except BadInput:
        return
    assert plan.times
