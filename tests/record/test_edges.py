"""The edges of every store: instants, odd ids, large things, races, corrections, and vitals that have grown old."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import BadInput, Conflict
from data.model.audit import Access
from data.model.chart import WINDOW, Changes
from data.model.observation import Observation
from data.model.people import ChannelKind
from data.ports import Record
from data.record.coding import MOST
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from tests.record.examples import LEASE, MINUTE, NOW, due, flag, message, person, put, reading, sms
from tests.record.keys import FixedKeys
from tests.record.stores import AnyRecord, Store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CODE = "oxygen-saturation"
EVER = NOW - 400 * DAY, NOW + 400 * DAY


def sample(at: datetime, value: float = 97.0, code: str = CODE, name: str = "") -> Observation:
    return Observation(
        id=name or f"{code}@{at.isoformat()}",
        code=code,
        value=value,
        unit="%",
        effective_at=at,
        received_at=at,
        source="feed",
    )


def instants(record: Record, since: datetime, until: datetime) -> list[datetime]:
    return [row.effective_at for row in record.observations("anna", CODE, since, until)]


def starts(record: Record, since: datetime, until: datetime) -> list[datetime]:
    return [hour.start for hour in record.hours("anna", CODE, since, until)]


class TestRanges:
    """`since` <= effective_at < `until`, to the microsecond, whichever precision either of them has."""

    # Around a full hour, where the buckets meet, and within one, in whole seconds, milliseconds and microseconds.
    CENTRES = (NOW.replace(minute=0), NOW, NOW.replace(microsecond=500_000), NOW.replace(microsecond=123_456))
    STEPS = (timedelta(microseconds=1), timedelta(milliseconds=1), timedelta(seconds=1), HOUR)

    @pytest.mark.parametrize("centre", CENTRES)
    def test_both_bounds(self, record: AnyRecord, centre: datetime) -> None:
        known = sorted({centre + sign * step for step in self.STEPS for sign in (-1, 0, 1)})
        put(record, "e1", Changes(observations=tuple(map(sample, known))), now=centre)
        for since in known:
            for until in known:
                assert instants(record, since, until) == [at for at in known if since <= at < until]

    def test_bounds_between_samples_and_in_other_zones(self, record: AnyRecord) -> None:
        known = [NOW + n * timedelta(milliseconds=250) for n in range(-4, 5)]
        put(record, "e1", Changes(observations=tuple(map(sample, known))))
        for n in range(-9, 10):
            since = (NOW + n * timedelta(milliseconds=125)).astimezone(ZoneInfo("Asia/Kathmandu"))
            until = (since + timedelta(seconds=1)).astimezone(ZoneInfo("America/St_Johns"))
            assert instants(record, since, until) == [at for at in known if since <= at < until]

    def test_nothing_lies_in_a_window_that_ends_before_it_begins(self, record: AnyRecord) -> None:
        put(record, "e1", Changes(observations=(sample(NOW),)))
        for since, until in ((NOW, NOW), (NOW + HOUR, NOW - HOUR), (NOW + MINUTE, NOW)):
            assert instants(record, since, until) == starts(record, since, until) == []
            assert record.bands(CODE, since, until) == {}

    def test_a_window_without_a_zone_is_refused(self, record: AnyRecord) -> None:
        for ask in (record.observations, record.hours):
            with pytest.raises(BadInput, match="time zone"):
                ask("anna", CODE, NOW.replace(tzinfo=None), NOW)

    def test_before_1970_and_as_far_as_a_calendar_goes(self, record: AnyRecord) -> None:
        known = [datetime(1962, 7, 1, 12, 30, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)]
        known += [datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)]
        put(record, "e1", Changes(observations=tuple(map(sample, known))))
        assert instants(record, datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)) == known
        assert starts(record, known[0] - HOUR, known[-1] + HOUR) == [
            at.replace(minute=0, second=0, microsecond=0) for at in known
        ]

    def test_hours_begin_within_the_window(self, record: AnyRecord) -> None:
        full = NOW.replace(minute=0)
        put(record, "e1", Changes(observations=tuple(sample(full + n * HOUR / 2) for n in range(-4, 5))))
        tick = timedelta(microseconds=1)
        assert starts(record, full, full + HOUR) == [full]
        assert starts(record, full + tick, full + HOUR) == []
        assert starts(record, full - tick, full) == []
        assert starts(record, full - HOUR, full + tick) == [full - HOUR, full]
        (hour,) = record.hours("anna", CODE, full, full + HOUR)
        assert (hour.n, hour.least, hour.mean, hour.most) == (2, 97.0, 97.0, 97.0)

    # The nights in which a clock in Berlin goes from 02:00 to 03:00, and from 03:00 back to 02:00.
    @pytest.mark.parametrize(("night", "hours"), [(datetime(2026, 3, 29), 23), (datetime(2026, 10, 25), 25)])  # noqa: DTZ001
    def test_a_day_of_23_and_of_25_hours(self, record: AnyRecord, night: datetime, hours: int) -> None:
        berlin = ZoneInfo("Europe/Berlin")
        since, until = night.replace(tzinfo=berlin), (night + DAY).replace(tzinfo=berlin)
        first = since.astimezone(UTC)
        every = [first + n * HOUR / 4 for n in range(4 * hours + 1)]
        put(record, "e1", Changes(observations=tuple(map(sample, every))), now=every[-1])
        assert instants(record, since, until) == every[:-1]
        assert starts(record, since, until) == every[:-1:4]
        assert sum(record.bands(CODE, since, until).values()) == hours
        assert [row.effective_at for row in record.chart("anna").observations] == every

    def test_the_same_wall_clock_twice_is_two_instants(self, record: AnyRecord) -> None:
        half_past = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
        once, again = half_past, half_past.replace(fold=1)
        put(record, "e1", Changes(observations=(sample(again, 91.0, name="b"), sample(once, name="a"))), now=NOW)
        rows = record.observations("anna", CODE, once, again)
        assert [(row.id, row.value) for row in rows] == [("a", 97.0)]
        assert len(record.observations("anna", CODE, once, again + HOUR)) == 2


# Ids as no provider would give them, and as one day one will.
ODD = [
    "a\0b", "\0", "$where", "$", "a.b.c", ".", "..", "a/b", "/", "#1", "~house", "x" * 1000, "😀" * 250,
    "\u00e9", "e\u0301", "ﬁ", "K", "İ", "سلام", "a b\n\t", '"', "\\", "'; DROP TABLE chart; --",
    "%s{0}", "null", "0", " a ", "A", "a",
]  # fmt: skip


class TestOddIds:
    def test_each_is_one_of_its_own(self, store: Store) -> None:
        record = store.open()
        for name in ODD:
            look = Access(subject=name, actor=name, role="r", action="read-chart", at=NOW, reason=name)
            changes = Changes(
                person=person(name, name, name=name),
                observations=(replace(reading(), id=name), sample(NOW, 72.0, "heart-rate", f"{name}2")),
                flags=(flag(name, name),),
                dues=(due(name, name),),
                communications=(sms(name, name, text=name),),
                notes=(name,),
            )
            assert record.keep(message(name, name, text=f"text {name}"))
            assert put(record, name, changes, name)
            record.note_access(look)
            record.reserve_code(name, name, name, NOW)
        record = store.reopen(record)
        for name in ODD:
            chart = record.chart(name)
            assert (chart.person.name, chart.dues[0].id, chart.flags[0].id) == (name, name, name)
            assert {row.id for row in chart.observations} == {name, f"{name}2"}
            assert record.committed(name, name)
            assert [entry.event_id for entry in record.journal(name)] == [name]
            assert [kept.id for kept in record.messages(name)] == [name]
            assert [look.reason for look in record.accesses(name)] == [name]
            assert [use.escalation_id for use in record.codes_of(name, NOW)] == [name]
            assert not record.keep(message(name, name))
            assert len(record.observations(name, CODE, *EVER)) == 1
        assert [p.id for p in record.people()] == ODD
        # A number with white space around it is the same number.
        found = {name: [p.id for p in record.holders(ChannelKind.SMS, name)] for name in ODD}
        assert found == {name: [n for n in reversed(ODD) if n.strip() == name.strip()] for name in ODD}

    def test_work_comes_back_under_its_name(self, record: AnyRecord) -> None:
        for name in ODD:
            record.keep(message(name, name))
            put(record, name, Changes(dues=(due(name, name),), communications=(sms(name, name),)), name)
        taken = [record.claim_message(NOW, LEASE) for _ in ODD]
        assert [one[0].id for one in taken if one] == ODD
        for one in taken:
            assert one is not None
            assert record.finish_message(one[1])
        assert [one[0].id for _ in ODD if (one := record.claim_due(NOW, LEASE))] == ODD
        assert [one[0].id for _ in ODD if (one := record.claim_outbox(NOW, LEASE))] == ODD
        for name in ODD:
            done = Changes(dues=(due(name, name, done=True),))
            put(record, f"done {name}", done, name)
        assert record.next_at(NOW) == NOW + LEASE

    def test_a_vital_sign_that_nobody_knows_has_any_name(self, record: AnyRecord) -> None:
        rows = tuple(sample(NOW, float(n), name) for n, name in enumerate(ODD))
        put(record, "e1", Changes(observations=rows))
        for n, name in enumerate(ODD):
            assert [row.value for row in record.observations("anna", name, *EVER)] == [float(n)]
            assert record.bands(name, *EVER) == {0: 1}

    @pytest.mark.parametrize("half", ["\ud800", "a\udfff"])
    def test_half_a_character_is_refused_or_finds_nobody(self, record: AnyRecord, half: str) -> None:
        for what in (
            lambda: put(record, half, Changes()),
            lambda: put(record, "e1", Changes(), half),
            lambda: record.keep(message(half)),
            lambda: record.note_access(Access(subject=half, actor="a", role="r", action="x", at=NOW)),
        ):
            with pytest.raises(BadInput):
                what()
        assert list(record.journal()) == list(record.accesses(half)) == list(record.messages(half)) == []
        assert record.chart(half).revision == 0
        assert record.holders(ChannelKind.SMS, half) == ()


class TestLargeThings:
    def test_a_chart_with_30_000_samples(self, store: Store) -> None:
        """A sensor that measures every 20 seconds for a week; one entry holds several megabytes."""
        record = store.open()
        rows = tuple(sample(NOW - n * timedelta(seconds=20), 90.0 + n % 10) for n in range(30_000))
        assert put(record, "e1", Changes(observations=rows))
        assert put(record, "e2", Changes(observations=(sample(NOW + MINUTE),)))
        for opened in (record, store.reopen(record)):
            record = opened if opened is not record else record
        chart = record.chart("anna")
        assert len(chart.observations) == 30_001
        assert chart.observations[:-1] == rows[::-1]
        (entry, _) = record.journal("anna")
        assert entry.changes.observations == rows
        assert sum(hour.n for hour in record.hours("anna", CODE, *EVER)) == 30_001
        assert len(record.observations("anna", CODE, NOW - HOUR, NOW)) == 180

    def test_an_hour_in_which_a_sensor_ran_wild(self, record: AnyRecord) -> None:
        """20,000 samples within one hour, in parts: a row of its own may grow larger than one commit may be."""
        for part in range(4):
            rows = tuple(sample(NOW + (part * 5_000 + n) * timedelta(milliseconds=100)) for n in range(5_000))
            assert put(record, f"e{part}", Changes(observations=rows))
        assert sum(hour.n for hour in record.hours("anna", CODE, NOW - HOUR, NOW + HOUR)) == 20_000

    def test_several_megabytes_come_back(self, store: Store) -> None:
        record, text = store.open(), "Mir ist schwindlig 🤒 " * 230_000
        assert 5_000_000 < len(text.encode()) < MOST
        put(record, "e1", Changes(notes=(text,)))
        record.keep(message("sms:1", text=text))
        record.note_access(Access(subject="anna", actor="a", role="r", action="x", at=NOW, reason=text))
        record = store.reopen(record)
        assert next(iter(record.journal("anna"))).changes.notes == (text,)
        assert next(iter(record.messages("anna"))).text == text
        assert next(iter(record.accesses("anna"))).reason == text

    def test_what_is_too_large_is_refused_and_nothing_is_kept(self, record: AnyRecord) -> None:
        text = "x" * MOST
        put(record, "e1", Changes(notes=("before",)))
        digest = record.digest()
        for what in (
            lambda: put(record, "large", Changes(notes=(text,))),
            lambda: put(record, "large", Changes(communications=(sms("c", text=text),))),
            lambda: record.keep(message("sms:large", text=text)),
            lambda: record.note_access(Access(subject="anna", actor="a", role="r", action="x", at=NOW, reason=text)),
        ):
            with pytest.raises(BadInput, match="too large to be stored; 8 MiB are allowed"):
                what()
        assert record.digest() == digest
        assert not record.committed("anna", "large")
        assert put(record, "e2", Changes(notes=("after",)))


class TestRaces:
    def test_of_eight_who_write_on_the_same_chart_one_does(self, record: AnyRecord) -> None:
        put(record, "e0", Changes())
        for turn in range(5):
            chart, together = record.chart("anna"), Barrier(8)

            def write(n: int, chart=chart, together=together, turn=turn) -> str:
                what = Changes(dues=(due(f"{turn}-{n}"),), notes=(f"{turn}-{n}",))
                together.wait()
                try:
                    return "written" if record.commit(chart, f"{turn}-{n}", "test", "t", what, NOW) else "known"
                except Conflict:
                    return "conflict"

            with ThreadPoolExecutor(8) as pool:
                assert Counter(pool.map(write, range(8))) == {"written": 1, "conflict": 7}
            assert record.chart("anna").revision == chart.revision + 1
        # Nothing of those who lost is there.
        kept = [entry.changes.notes[0] for entry in record.journal("anna") if entry.changes.notes]
        assert [one.id for one in record.chart("anna").dues] == kept
        assert len(kept) == 5

    def test_of_eight_who_bring_the_same_event_one_is_written(self, record: AnyRecord) -> None:
        for turn in range(5):
            chart, together = record.chart("anna"), Barrier(8)

            def write(_: int, chart=chart, together=together, turn=turn) -> bool:
                together.wait()
                return record.commit(chart, f"e{turn}", "test", "t", Changes(notes=(f"{turn}",)), NOW)

            with ThreadPoolExecutor(8) as pool:
                assert Counter(pool.map(write, range(8))) == {True: 1, False: 7}
        assert [entry.event_id for entry in record.journal("anna")] == [f"e{turn}" for turn in range(5)]

    def test_of_eight_who_keep_the_same_message_one_does(self, record: AnyRecord) -> None:
        together = Barrier(8)

        def keep(n: int) -> bool:
            together.wait()
            return record.keep(message("sms:1", text=f"copy {n}"))

        with ThreadPoolExecutor(8) as pool:
            assert Counter(pool.map(keep, range(8))) == {True: 1, False: 7}
        assert len(list(record.messages("anna"))) == 1


class TestCorrections:
    def read(self, record: Record) -> list[tuple[float, datetime]]:
        return [(row.value, row.effective_at) for row in record.observations("anna", CODE, *EVER)]

    def test_within_its_hour(self, store: Store) -> None:
        record = store.open()
        put(record, "e1", Changes(observations=(sample(NOW, name="a"), sample(NOW + MINUTE, name="b"))))
        put(record, "e2", Changes(observations=(sample(NOW + 2 * MINUTE, 91.0, name="a"),)))
        record = store.reopen(record)
        assert self.read(record) == [(97.0, NOW + MINUTE), (91.0, NOW + 2 * MINUTE)]
        (hour,) = record.hours("anna", CODE, *EVER)
        assert (hour.n, hour.least, hour.most) == (2, 91.0, 97.0)
        assert [row.id for row in record.chart("anna").observations] == ["b", "a"]

    def test_to_another_hour_within_the_charts_window(self, store: Store) -> None:
        record = store.open()
        put(record, "e1", Changes(observations=(sample(NOW, name="a"), sample(NOW, 96.0, name="b"))))
        put(record, "e2", Changes(observations=(sample(NOW - 5 * DAY, 91.0, name="a"),)))
        record = store.reopen(record)
        assert self.read(record) == [(91.0, NOW - 5 * DAY), (96.0, NOW)]
        assert [hour.n for hour in record.hours("anna", CODE, *EVER)] == [1, 1]
        assert [row.id for row in record.chart("anna").observations] == ["a", "b"]

    def test_the_last_of_its_hour_leaves_no_empty_hour(self, record: AnyRecord) -> None:
        put(record, "e1", Changes(observations=(sample(NOW, 50.0, name="a"),)))
        assert record.bands(CODE, *EVER) == {3: 1}
        put(record, "e2", Changes(observations=(sample(NOW + 3 * HOUR, 97.0, name="a"),)))
        assert [hour.start for hour in record.hours("anna", CODE, *EVER)] == [NOW.replace(minute=0) + 3 * HOUR]
        assert record.bands(CODE, *EVER) == {0: 1}

    def test_to_another_code(self, record: AnyRecord) -> None:
        put(record, "e1", Changes(observations=(sample(NOW, name="a"),)))
        put(record, "e2", Changes(observations=(sample(NOW, 72.0, "heart-rate", "a"),)))
        assert self.read(record) == []
        assert [row.value for row in record.observations("anna", "heart-rate", *EVER)] == [72.0]
        assert len(record.chart("anna").observations) == 1

    def test_beyond_the_window_both_stay_as_the_port_says(self, record: AnyRecord) -> None:
        """A correction replaces within its hour, and wherever the chart still carries the value: not beyond."""
        old = NOW - WINDOW - DAY
        put(record, "e1", Changes(observations=(sample(old, name="a"),)))
        put(record, "e2", Changes(observations=(sample(old + MINUTE, 91.0, name="a"),)))
        assert self.read(record) == [(91.0, old + MINUTE)]
        put(record, "e3", Changes(observations=(sample(NOW, 93.0, name="a"),)))
        assert self.read(record) == [(91.0, old + MINUTE), (93.0, NOW)]

    def test_the_same_id_twice_in_one_commit(self, record: AnyRecord) -> None:
        rows = (sample(NOW, name="a"), sample(NOW + 2 * HOUR, 91.0, name="a"))
        put(record, "e1", Changes(observations=rows))
        assert self.read(record) == [(91.0, NOW + 2 * HOUR)]
        assert record.chart("anna").observations == rows[1:]


class TestOldVitals:
    """What a sweep may and may not change."""

    FULL, KEEP = 10 * DAY, 30 * DAY

    def test_what_it_counts_and_that_it_is_done_once(self, record: AnyRecord) -> None:
        full = NOW.replace(minute=0)
        for name, age in (("new", DAY), ("thin", 12 * DAY), ("gone", 31 * DAY)):
            rows = tuple(sample(full - age + n * MINUTE, 90.0 + n) for n in range(6))
            put(record, name, Changes(observations=rows), now=full - age + 6 * MINUTE)
        put(record, "few", Changes(observations=(sample(full - 13 * DAY),)), now=full - 13 * DAY)
        tended = record.tend(NOW, self.FULL, self.KEEP)
        assert (tended.thinned, tended.removed, tended.relieved) == (1, 1, 3)
        again = record.tend(NOW, self.FULL, self.KEEP)
        assert (again.thinned, again.removed, again.relieved) == (0, 0, 0)
        assert [hour.n for hour in record.hours("anna", CODE, *EVER)] == [1, 6, 6]
        assert len(record.observations("anna", CODE, *EVER)) == 1 + 2 + 6
        notes = {entry.event_id: entry.changes.notes for entry in record.journal("anna")}
        told = {n: (f"{n} samples are kept by the hour only",) for n in (1, 6)}
        assert notes == {"new": (), "thin": told[6], "gone": told[6], "few": told[1]}

    @pytest.mark.parametrize(
        ("full", "keep"), [(WINDOW, 30 * DAY), (10 * DAY, 9 * DAY), (timedelta(), timedelta()), (-DAY, DAY)]
    )
    def test_less_than_a_chart_needs_is_refused(self, record: AnyRecord, full: timedelta, keep: timedelta) -> None:
        with pytest.raises(BadInput, match="vitals must be kept whole for more than 8 days"):
            record.tend(NOW, full, keep)

    def test_a_correction_of_a_thinned_hour_counts_on(self, record: AnyRecord) -> None:
        old = NOW.replace(minute=0) - 12 * DAY
        rows = tuple(sample(old + n * MINUTE, 90.0 + n, name=f"s{n}") for n in range(6))
        put(record, "e1", Changes(observations=rows), now=old + HOUR)
        record.tend(NOW, self.FULL, self.KEEP)
        put(record, "e2", Changes(observations=(sample(old + 7 * MINUTE, 80.0, name="late"),)))
        put(record, "e3", Changes(observations=(sample(old, 91.0, name="s0"),)))
        (hour,) = record.hours("anna", CODE, *EVER)
        assert (hour.n, hour.least, hour.most) == (7, 80.0, 95.0)
        assert hour.mean == pytest.approx((91 + 91 + 92 + 93 + 94 + 95 + 80) / 7)


@st.composite
def measured(draw: st.DrawFn) -> list[Observation]:
    """Samples of many weeks, several in the same hour, some on an hour's edge, values that repeat."""
    hours = draw(st.lists(st.sampled_from([0, 191, 192, 193, 194, 240, 241, 479, 480, 599, 600, 720]), min_size=1))
    ages = st.sampled_from(hours)
    minutes = st.sampled_from([0, 1, 2, 17, 30, 59])
    ticks = st.sampled_from([0, 1, 999_999])
    values = st.sampled_from([50.0, 90.0, 93.5, 97.0, 97.0, 99.9])
    drawn = draw(st.lists(st.tuples(ages, minutes, ticks, values), max_size=40, unique_by=lambda one: one[:3]))
    base = NOW.replace(minute=0)
    return [
        sample(base - age * HOUR + minute * MINUTE + tick * timedelta(microseconds=1), value)
        for age, minute, tick, value in drawn
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=measured(), full=st.sampled_from([193, 240, 480]), keep=st.sampled_from([480, 600, 720]))
def test_a_sweep_keeps_what_it_says(rows: list[Observation], full: int, keep: int, tmp_path_factory) -> None:
    """First, least, most and last of an hour stay, count and mean too; of the last 8 days nothing changes."""
    path = tmp_path_factory.mktemp("sweep") / "record.db"
    sqlite = SqliteRecord(path, FixedKeys())
    sqlite._connection.execute("PRAGMA synchronous = OFF")
    for record in (MemoryRecord(), sqlite):
        for n in range(0, len(rows), 7):
            part = tuple(rows[n : n + 7])
            put(record, f"e{n}", Changes(observations=part), now=max(row.effective_at for row in part))
        before = {hour.start: hour for hour in record.hours("anna", CODE, *EVER)}
        bands = record.bands(CODE, *EVER)
        recent = record.observations("anna", CODE, NOW - WINDOW, NOW + DAY)
        chart = record.chart("anna")
        record.tend(NOW, full * HOUR, keep * HOUR)
        after = {hour.start: hour for hour in record.hours("anna", CODE, *EVER)}
        gone = (NOW - keep * HOUR).replace(minute=0)
        thin = (NOW - full * HOUR).replace(minute=0)
        assert after == {start: hour for start, hour in before.items() if start >= gone}
        if len(after) == len(before):
            assert record.bands(CODE, *EVER) == bands
        assert record.observations("anna", CODE, NOW - WINDOW, NOW + DAY) == recent
        for start in after:
            known = sorted((r for r in rows if start <= r.effective_at < start + HOUR), key=lambda r: r.effective_at)
            left = record.observations("anna", CODE, start, start + HOUR)
            values = [row.value for row in known]
            if start >= thin:
                assert list(left) == known
                continue
            assert set(left) <= set(known)
            assert len(left) <= 4
            assert {known[0], known[-1]} <= set(left)
            assert {min(values), max(values)} <= {row.value for row in left}
        if chart.observed_from is not None and chart.observed_from >= NOW - WINDOW:
            assert record.chart("anna") == chart
        for entry in record.journal("anna"):
            assert all(row.effective_at >= thin for row in entry.changes.observations) or entry.at >= thin
    sqlite.close()


class TestWordsThatAreForgotten:
    def test_only_the_id_stays(self, store: Store) -> None:
        record = store.open()
        for n, forget in ((1, True), (2, False), (3, True)):
            record.keep(message(f"sms:{n}", text=f"word {n}"))
            taken = record.claim_message(NOW, LEASE)
            assert taken is not None
            assert record.finish_message(taken[1], forget=forget)
            assert record.finish_message(taken[1], forget=not forget), "the same again after a lost answer"
        record.keep(message("sms:4", text="word 4"))
        record = store.reopen(record)
        assert [m.text for m in record.messages("anna")] == ["word 2", "word 4"]
        assert [record.keep(message(f"sms:{n}")) for n in range(1, 5)] == [False] * 4
        assert b"word 1" not in record.dump()
        assert b"word 3" not in record.dump()

    def test_a_claim_that_was_lost_forgets_nothing(self, record: AnyRecord) -> None:
        record.keep(message("sms:1"))
        first, second = record.claim_message(NOW, LEASE), record.claim_message(NOW + LEASE, LEASE)
        assert first is not None
        assert second is not None
        assert not record.finish_message(first[1], forget=True)
        assert [m.text for m in record.messages("anna")] == ["I feel dizzy"]


def test_messages_come_in_order_of_arrival_and_by_queue(store: Store) -> None:
    record = store.open()
    for n in (3, 1, 2):
        record.keep(message(f"sms:{n}", received_at=NOW - n * MINUTE))
        record.keep(message(f"sms:nia-{n}", "nia"))
        record.keep(message(f"sms:nobody-{n}", None, address="+9"))
    record = store.reopen(record)
    assert [m.id for m in record.messages("anna")] == ["sms:3", "sms:1", "sms:2"]
    assert [m.id for m in record.messages("nia")] == ["sms:nia-3", "sms:nia-1", "sms:nia-2"]
    assert [m.id for m in record.messages("sms:+9")] == ["sms:nobody-3", "sms:nobody-1", "sms:nobody-2"]
    assert list(record.messages("nobody")) == []


def test_looks_come_in_the_order_in_which_they_were_written(store: Store) -> None:
    record = store.open()
    looks = [
        Access(
            subject=subject,
            actor=f"a{n}",
            role="clinician",
            action="read-chart",
            at=NOW - n * MINUTE,
            permitted=n % 2 == 0,
            reason=f"reason {n}",
            via="sms",
        )
        for n in range(450)
        for subject in ("anna", "nia")
    ]
    for look in looks:
        record.note_access(look)
    record = store.reopen(record)
    for subject in ("anna", "nia", "nobody"):
        assert list(record.accesses(subject)) == [look for look in looks if look.subject == subject]
