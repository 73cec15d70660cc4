"""Quiet hours on every night of the year, and who may be written to when."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.model.communication import Category, Communication, SendState
from data.model.concern import Priority
from data.model.people import ChannelKind, Consent, ContactPoint, ContactState, Person, Purpose, QuietHours, Role
from scheduler.courtesy import Action, quiet_until, verdict
from scheduler.policies import load_policies
from tests.scheduler.clinic import NIA

COURTESY = load_policies().courtesy
NIGHT = QuietHours(start=time(21), end=time(8))
NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)  # noon in Tallinn
LATE = datetime(2026, 3, 4, 20, tzinfo=UTC)  # 22:00 there
MORNING = datetime(2026, 3, 5, 6, tzinfo=UTC)  # 08:00 there
SAFE_WORDS = (Category.SAFETY, Category.REPLY, Category.PAGE, Category.OPERATIONS)


def yes(given_: bool = True) -> tuple[Consent, ...]:
    return (Consent(purpose=Purpose.MESSAGING, given=given_, recorded_at=NOW),)


ANNA = Person(
    id="anna",
    code="A-17",
    name="Anna",
    role=Role.PATIENT,
    title="",
    zone="Europe/Tallinn",
    contacts=(ContactPoint(system=ChannelKind.SMS, value="+15550001"),),
    consents=yes(),
)


def message(category: Category = Category.NUDGE, **changes) -> Communication:
    base = Communication(
        id="m",
        subject="anna",
        recipient="anna",
        category=category,
        channel=ChannelKind.SMS,
        text_key="nudge",
        text="",
        language="en",
        created_at=NOW,
        params={"activity": "weigh"},
    )
    return replace(base, **changes)


def ask(communication, person=ANNA, recent=(), now=NOW):
    found = verdict(communication, person, tuple(recent), COURTESY, now)
    return found.action, found.reason


def utc(text: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


class TestQuiet:
    @pytest.mark.parametrize(
        ("clock", "end"),
        [
            ("2026-03-04T20:59:59", None),
            ("2026-03-04T21:00", "2026-03-05T08:00"),
            ("2026-03-05T00:00", "2026-03-05T08:00"),
            ("2026-03-05T07:59:59", "2026-03-05T08:00"),
            ("2026-03-05T08:00", None),
        ],
    )
    def test_over_midnight(self, clock, end):
        found = quiet_until(NIGHT, "Europe/Tallinn", utc(clock, "Europe/Tallinn"))
        assert found == (None if end is None else utc(end, "Europe/Tallinn"))

    def test_within_a_day_none_and_equal(self):
        nap = QuietHours(start=time(13), end=time(15))
        assert quiet_until(nap, "UTC", datetime(2026, 3, 4, 14, tzinfo=UTC)) == datetime(2026, 3, 4, 15, tzinfo=UTC)
        assert quiet_until(nap, "UTC", datetime(2026, 3, 4, 15, tzinfo=UTC)) is None
        assert quiet_until(None, "UTC", LATE) is None
        assert quiet_until(QuietHours(start=time(8), end=time(8)), "UTC", LATE) is None

    @pytest.mark.parametrize(
        ("zone", "evening", "hours"),
        [
            ("Europe/Tallinn", "2026-03-28T21:00", 10),
            ("Europe/Tallinn", "2026-10-24T21:00", 12),
            ("America/New_York", "2026-03-07T21:00", 10),
            ("America/New_York", "2026-10-31T21:00", 12),
            ("Asia/Kolkata", "2026-03-28T21:00", 11),
        ],
    )
    def test_the_night_is_as_long_as_clocks_say(self, zone, evening, hours):
        start = utc(evening, zone)
        assert quiet_until(NIGHT, zone, start - timedelta(seconds=1)) is None
        assert quiet_until(NIGHT, zone, start) == start + timedelta(hours=hours)

    def test_an_end_that_does_not_exist_and_one_that_comes_twice(self):
        early = QuietHours(start=time(22), end=time(3, 30))
        spring, autumn = "2026-03-28T23:00", "2026-10-24T23:00"
        zone = "Europe/Tallinn"
        assert quiet_until(early, zone, utc(spring, zone)) == utc("2026-03-29T04:00", zone)
        assert quiet_until(early, zone, utc(autumn, zone)) == utc("2026-10-25T03:30", zone, fold=1)
        assert quiet_until(early, zone, utc("2026-10-25T03:10", zone, fold=1)) is not None

    @given(
        st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        st.sampled_from(["Europe/Tallinn", "America/New_York", "Australia/Lord_Howe"]),
        st.times(),
        st.times(),
    )
    def test_whenever_clocks_show_a_quiet_time_it_is_quiet_and_it_ends(self, now, zone, start, end):
        found = quiet_until(QuietHours(start=start, end=end), zone, now)
        clock = now.astimezone(ZoneInfo(zone)).time()
        inside = start <= clock < end if start < end else clock >= start or clock < end
        if start == end:
            assert found is None
        elif inside and not _changes(zone, now):
            assert found is not None
        if found is not None:
            assert now < found <= now + timedelta(hours=25)
            assert inside or _changes(zone, now)


def _changes(zone: str, now: datetime) -> bool:
    """True within a day of a change of clocks."""
    tz, day = ZoneInfo(zone), timedelta(days=1)
    return len({(now + shift).astimezone(tz).utcoffset() for shift in (-day, day)}) > 1


class TestAlways:
    @pytest.mark.parametrize("category", SAFE_WORDS)
    def test_safety_pages_and_answers_ignore_night_pause_and_consent(self, category):
        person = replace(ANNA, quiet=NIGHT, paused_until=LATE + timedelta(days=9), consents=yes(False))
        assert ask(message(category, priority=Priority.P1), person, now=LATE)[0] is Action.SEND

    @pytest.mark.parametrize("priority", list(Priority))
    @pytest.mark.parametrize("category", list(Category))
    def test_who_has_left_hears_answers_safety_texts_and_what_became_of_an_emergency(self, category, priority):
        urgent = category is Category.NOTICE and priority in (Priority.P1, Priority.P2)
        heard = category in (Category.SAFETY, Category.REPLY) or urgent
        expected = (Action.SEND, "") if heard else (Action.DROP, "inactive")
        assert ask(message(category, priority=priority), replace(ANNA, active=False)) == expected

    @pytest.mark.parametrize("category", list(Category))
    @pytest.mark.parametrize(("state", "reason"), [(ContactState.STOPPED, "stopped"), (ContactState.DEAD, "dead")])
    def test_nothing_at_all_after_stop(self, category, state, reason):
        person = replace(ANNA, contacts=(replace(ANNA.contacts[0], state=state),))
        assert ask(message(category, priority=Priority.P1), person) == (Action.DROP, reason)
        assert ask(message(category), replace(ANNA, contacts=())) == (Action.DROP, "no contact")

    def test_a_second_number_that_works_is_enough(self):
        old = replace(ANNA.contacts[0], value="+15559999", state=ContactState.DEAD)
        assert ask(message(), replace(ANNA, contacts=(old, *ANNA.contacts)))[0] is Action.SEND

    @pytest.mark.parametrize("priority", list(Priority))
    def test_a_clinicians_night_holds_only_routine_pages(self, priority):
        sleeper = replace(NIA, quiet=NIGHT)
        page = message(Category.PAGE, priority=priority)
        held = Action.HOLD if priority in (Priority.P3, Priority.P4) else Action.SEND
        assert ask(page, sleeper, now=LATE)[0] is held
        assert ask(page, NIA, now=LATE)[0] is Action.SEND  # the clinic's default hours are not for pages


class TestNotice:
    def test_is_held_by_the_persons_own_hours_only(self):
        notice = message(Category.NOTICE)
        assert ask(notice, now=LATE)[0] is Action.SEND
        found = verdict(notice, replace(ANNA, quiet=NIGHT), (), COURTESY, LATE)
        assert (found.action, found.until, found.reason) == (Action.HOLD, MORNING, "quiet hours")

    def test_is_dropped_when_stale_or_stale_by_the_morning(self):
        stale = message(Category.NOTICE, expires_at=LATE + COURTESY.taken_expires_after)
        assert ask(stale, replace(ANNA, quiet=NIGHT), now=LATE) == (Action.DROP, "quiet hours, would expire")
        assert ask(stale, now=LATE)[0] is Action.SEND
        assert ask(stale, now=LATE + timedelta(hours=1)) == (Action.DROP, "expired")

    def test_is_not_held_by_a_pause_but_respects_withdrawn_consent(self):
        paused = replace(ANNA, paused_until=LATE)
        assert ask(message(Category.NOTICE), paused)[0] is Action.SEND
        assert ask(message(Category.NOTICE), replace(ANNA, consents=yes(False))) == (Action.DROP, "consent withdrawn")


class TestNudge:
    def test_goes_out_by_day_and_waits_at_night(self):
        assert ask(message())[0] is Action.SEND
        found = verdict(message(created_at=LATE), ANNA, (), COURTESY, LATE)
        assert (found.action, found.until) == (Action.HOLD, MORNING)
        awake = replace(ANNA, quiet=QuietHours(start=time(12), end=time(12)))
        assert ask(message(), awake, now=LATE)[0] is Action.SEND

    @pytest.mark.parametrize(
        ("person", "reason"),
        [
            (replace(ANNA, active=False), "inactive"),
            (replace(ANNA, consents=()), "no consent"),
            (replace(ANNA, consents=yes(False)), "no consent"),
            (replace(ANNA, paused_until=NOW + timedelta(minutes=1)), "paused"),
        ],
    )
    def test_is_dropped_for_someone_who_does_not_want_it(self, person, reason):
        assert ask(message(), person) == (Action.DROP, reason)

    def test_a_pause_that_is_over_is_over(self):
        assert ask(message(), replace(ANNA, paused_until=NOW))[0] is Action.SEND

    def test_expires(self):
        assert ask(message(expires_at=NOW)) == (Action.DROP, "expired")
        assert ask(message(expires_at=LATE), now=LATE) == (Action.DROP, "expired")

    def test_only_the_newest_of_one_activity(self):
        newer = message(id="n", created_at=NOW + timedelta(hours=1))
        assert ask(message(), recent=[newer, message()]) == (Action.DROP, "newer one waits")
        assert ask(newer, recent=[newer, message()])[0] is Action.SEND
        others = [
            replace(newer, params={"activity": "walk"}),
            replace(newer, state=SendState.SENT),
            replace(newer, recipient="ben"),
            replace(newer, category=Category.NOTICE),
        ]
        assert all(ask(message(), recent=[other])[0] is Action.SEND for other in others)

    def test_daily_cap_counts_what_went_on_this_calendar_day(self):
        cap = COURTESY.nudges_per_day
        gone = [message(id=str(n), state=SendState.DELIVERED, sent_at=NOW - timedelta(hours=n)) for n in range(cap)]
        assert ask(message(), recent=gone) == (Action.DROP, "daily cap")
        assert ask(message(), recent=gone[1:])[0] is Action.SEND
        yesterday = [replace(c, sent_at=NOW - timedelta(hours=12, minutes=1)) for c in gone]
        assert ask(message(), recent=yesterday)[0] is Action.SEND
        never = [replace(c, state=SendState.DROPPED) for c in gone]
        assert ask(message(), recent=never)[0] is Action.SEND
        assert ask(message(Category.NOTICE), recent=gone)[0] is Action.SEND


class TestAfterTheNight:
    """A reminder that fell into quiet hours: late, but not lost, and one at most."""

    MINUTE = timedelta(minutes=1)

    def held(self, clock: str = "2026-03-04T21:30", **changes) -> Communication:
        created_at = utc(clock, "Europe/Tallinn")
        return message(created_at=created_at, expires_at=created_at + timedelta(hours=2), **changes)

    def test_one_that_would_expire_meanwhile_is_held_and_goes_when_the_window_ends(self):
        row = self.held()
        found = verdict(row, ANNA, (), COURTESY, row.created_at)
        assert (found.action, found.reason, found.until) == (Action.HOLD, "quiet hours", MORNING)
        waiting = replace(row, not_before=found.until)
        for late in (0, 29):
            assert ask(waiting, now=MORNING + late * self.MINUTE)[0] is Action.SEND
        assert ask(waiting, now=MORNING + 30 * self.MINUTE) == (Action.DROP, "expired")

    def test_one_that_expired_while_it_waited_for_something_else_is_expired(self):
        at = NOW + timedelta(hours=3)
        refused = message(expires_at=at, not_before=at - self.MINUTE)
        assert ask(refused, now=at) == (Action.DROP, "expired")
        assert ask(refused, now=at - self.MINUTE)[0] is Action.SEND

    def test_one_that_had_expired_before_the_night_is_not_held(self):
        assert ask(self.held("2026-03-04T18:00"), now=LATE) == (Action.DROP, "expired")

    @pytest.mark.parametrize(("hours", "action"), [(12, Action.HOLD), (12.01, Action.DROP)])
    def test_a_dose_that_would_come_more_than_twelve_hours_late_does_not_come(self, hours, action):
        row = message(created_at=MORNING - timedelta(hours=hours))
        assert verdict(row, ANNA, (), COURTESY, LATE).action is action

    def test_a_long_night_drops_its_evening(self):
        long = replace(ANNA, quiet=QuietHours(start=time(19), end=time(8)))
        row = self.held("2026-03-04T19:30")
        assert ask(row, long, now=row.created_at) == (Action.DROP, "held too long")

    def test_of_all_that_one_night_held_the_newest_goes_whatever_it_is_about(self):
        about = ("weigh", "walk", "pill")
        night = [
            self.held(f"2026-03-05T0{n}:00", id=f"m{n}", params={"activity": a}, not_before=MORNING)
            for n, a in enumerate(about)
        ]
        *older, newest = night
        assert all(ask(row, recent=night, now=MORNING) == (Action.DROP, "newer one waits") for row in older)
        assert ask(newest, recent=night, now=MORNING)[0] is Action.SEND
        gone = replace(newest, state=SendState.DELIVERED, sent_at=MORNING)
        assert ask(older[0], recent=[gone], now=MORNING) == (Action.DROP, "newer one waits")
        never = replace(newest, state=SendState.DROPPED)
        assert ask(older[0], recent=[never], now=MORNING)[0] is Action.SEND

    def test_a_morning_reminder_of_its_own_does_not_take_the_place_of_the_nights(self):
        row = self.held(not_before=MORNING)
        fresh = message(id="n", created_at=MORNING, params={"activity": "walk"})
        assert ask(row, recent=[row, fresh], now=MORNING)[0] is Action.SEND
        assert ask(fresh, recent=[row, fresh], now=MORNING)[0] is Action.SEND

    @pytest.mark.parametrize(
        ("evening", "hours"), [("2026-03-28T21:30", 9.5), ("2026-10-24T21:30", 11.5), ("2026-10-24T21:00", 12)]
    )
    def test_both_nights_of_changing_clocks(self, evening, hours):
        row = self.held(evening)
        found = verdict(row, ANNA, (), COURTESY, row.created_at)
        assert (found.action, found.until) == (Action.HOLD, row.created_at + timedelta(hours=hours))
        waiting = replace(row, not_before=found.until)
        assert ask(waiting, now=found.until - timedelta(seconds=1))[0] is Action.HOLD
        assert ask(waiting, now=found.until)[0] is Action.SEND

    def test_what_is_held_counts_on_the_day_it_goes_out(self):
        row = self.held(not_before=MORNING)
        evening = [
            message(id=str(n), state=SendState.SENT, sent_at=LATE - timedelta(hours=2))
            for n in range(COURTESY.nudges_per_day)
        ]
        assert ask(row, recent=evening, now=LATE)[0] is Action.HOLD
        assert ask(row, recent=evening, now=MORNING)[0] is Action.SEND

    def test_no_quiet_hours_at_all_means_the_clinics_neither(self):
        awake = replace(ANNA, quiet=QuietHours(start=time(), end=time()))
        row = self.held()
        assert ask(row, awake, now=row.created_at)[0] is Action.SEND
