"""What every store promises, one behaviour a test."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from data.errors import BadInput, Conflict
from data.model.chart import KEEP, KEEP_ARRIVED, WINDOW, Changes, Chart
from data.model.communication import Category, SendState
from data.model.concern import Priority
from data.model.observation import Observation
from data.model.people import ChannelKind, Role
from data.ports import Claim, CodeUse, Record
from tests.record.examples import LEASE, MINUTE, NOW, due, flag, message, person, put, reading, sms
from tests.record.stores import AnyRecord, Store

SMS = ChannelKind.SMS


def test_both_stores_are_records(record: AnyRecord) -> None:
    port: Record = record
    assert port.chart("nobody") == Chart(subject="nobody")


class TestMessages:
    def test_a_message_is_kept_once_and_never_changed(self, record: Record) -> None:
        assert record.keep(message("sms:1"))
        assert not record.keep(message("sms:1", text="another text"))
        claimed = record.claim_message(NOW, LEASE)
        assert claimed is not None
        assert claimed[0] == message("sms:1")

    def test_a_finished_message_is_still_known(self, record: Record) -> None:
        record.keep(message("sms:1"))
        claimed = record.claim_message(NOW, LEASE)
        assert claimed is not None
        assert record.finish_message(claimed[1])
        assert not record.keep(message("sms:1"))
        assert record.claim_message(NOW + MINUTE, LEASE) is None

    def test_one_person_strictly_in_order_of_arrival(self, record: Record) -> None:
        # Ids and times say otherwise: only the order of arrival counts.
        record.keep(message("sms:9", received_at=NOW + MINUTE))
        record.keep(message("sms:1", received_at=NOW))
        first = record.claim_message(NOW, LEASE)
        assert first is not None
        assert first[0].id == "sms:9"
        assert record.claim_message(NOW, LEASE) is None
        record.finish_message(first[1])
        second = record.claim_message(NOW, LEASE)
        assert second is not None
        assert second[0].id == "sms:1"

    def test_several_persons_at_once_and_the_stranger_by_address(self, record: Record) -> None:
        record.keep(message("sms:1", "anna"))
        record.keep(message("sms:2", "anna"))
        record.keep(message("sms:3", None, address="+1"))
        record.keep(message("sms:4", None, address="+1"))
        record.keep(message("sms:5", None, address="+2"))
        claimed = [record.claim_message(NOW, LEASE) for _ in range(4)]
        assert [c[0].id for c in claimed if c] == ["sms:1", "sms:3", "sms:5"]

    def test_a_queue_waits_until_its_last_message_is_finished(self, record: Record) -> None:
        record.keep(message("sms:1", "anna"))
        record.keep(message("sms:2", "anna"))
        record.keep(message("sms:3", None, address="+2"))
        for _ in range(2):
            assert record.waiting("anna")
            claimed = record.claim_message(NOW, LEASE)
            assert claimed is not None
            assert claimed[0].person_id == "anna"
            assert record.waiting("anna")
            record.finish_message(claimed[1])
        assert not record.waiting("anna")
        assert record.waiting("sms:+2")
        assert not record.waiting("sms:+1")
        assert not record.waiting("nobody")

    def test_a_lapsed_lease_goes_to_the_next_worker_and_fences_the_first(self, record: Record) -> None:
        record.keep(message("sms:1"))
        first = record.claim_message(NOW, LEASE)
        assert record.claim_message(NOW + LEASE - MINUTE / 1000, LEASE) is None
        second = record.claim_message(NOW + LEASE, LEASE)
        assert first is not None
        assert second is not None
        assert (first[1].attempt, second[1].attempt) == (1, 2)
        assert second[1].token > first[1].token
        assert not record.finish_message(first[1])
        assert record.finish_message(second[1])
        assert record.finish_message(second[1]), "the same call again, after an answer that was lost"

    def test_a_lapsed_lease_that_nobody_took_may_still_finish(self, record: Record) -> None:
        record.keep(message("sms:1"))
        claimed = record.claim_message(NOW, LEASE)
        assert claimed is not None
        assert record.finish_message(claimed[1])

    def test_a_clock_that_jumps_back_does_not_hold_a_message_for_an_hour(self, record: Record) -> None:
        record.keep(message("sms:1"))
        assert record.claim_message(NOW, LEASE)
        assert record.claim_message(NOW - LEASE / 2, LEASE) is None, "a small jump: the lease runs on"
        again = record.claim_message(NOW - timedelta(hours=1), LEASE)
        assert again is not None
        assert again[1].attempt == 2

    def test_a_claim_of_nothing_finishes_nothing(self, record: Record) -> None:
        assert not record.finish_message(Claim("sms:404", 1, 1))


class TestCommit:
    def test_a_commit_moves_the_chart_by_apply_and_nothing_else(self, record: Record) -> None:
        changes = Changes(
            person=person(), observations=(reading(),), flags=(flag(),), dues=(due("d"),), communications=(sms("c"),)
        )
        before = record.chart("anna")
        assert put(record, "e1", changes)
        assert record.chart("anna") == before.apply(changes, NOW)

    def test_a_chart_without_observations_takes_a_commit_and_loses_none(self, record: Record) -> None:
        put(record, "e1", Changes(observations=(reading(),), flags=(flag(),)))
        whole, bare = record.chart("anna"), record.chart("anna", observations=False)
        assert bare == whole.with_observations(())
        assert record.commit(bare, "e2", "test", "tester", Changes(observations=(reading(1),)), NOW)
        assert record.chart("anna").observations == (reading(), reading(1))
        assert record.chart("anna", observations=False).observations == ()
        assert record.chart("nobody", observations=False) == Chart(subject="nobody")

    def test_the_same_event_again_changes_nothing_whatever_it_says(self, record: Record) -> None:
        chart = record.chart("anna")
        assert record.commit(chart, "e1", "test", "tester", Changes(dues=(due("d"),)), NOW)
        after = record.chart("anna")
        assert not record.commit(chart, "e1", "test", "tester", Changes(dues=(due("d"),)), NOW)
        assert not record.commit(after, "e1", "test", "tester", Changes(notes=("again",)), NOW)
        assert record.chart("anna") == after
        assert record.committed("anna", "e1")
        assert not record.committed("nia", "e1")
        assert put(record, "e1", Changes(), "nia"), "event ids are a person's own"

    def test_a_chart_that_moved_on_is_a_conflict_and_nothing_is_written(self, record: Record) -> None:
        stale = record.chart("anna")
        put(record, "e1", Changes())
        with pytest.raises(Conflict, match="revision 1, not 0"):
            record.commit(stale, "e2", "test", "tester", Changes(dues=(due("d"),)), NOW)
        assert not record.committed("anna", "e2")
        assert record.chart("anna").revision == 1
        assert record.claim_due(NOW, LEASE) is None

    def test_a_chart_from_the_future_is_a_conflict(self, record: Record) -> None:
        with pytest.raises(Conflict):
            record.commit(Chart(subject="anna", revision=7), "e1", "test", "tester", Changes(), NOW)

    def test_rows_of_another_person_are_refused(self, record: Record) -> None:
        for changes in (
            Changes(dues=(due("d", "nia"),)),
            Changes(communications=(sms("c", "nia"),)),
            Changes(person=person("nia")),
        ):
            with pytest.raises(ValueError, match="another subject"):
                put(record, "e1", changes)
        assert record.chart("anna").revision == 0

    def test_what_could_not_be_read_back_never_enters_the_journal(self, record: Record) -> None:
        for changes in (
            Changes(observations=(reading(value=float("nan")),)),
            Changes(notes=("half a character \ud800",)),
            Changes(dues=(due("d").__class__(**_naive_due()),)),
        ):
            with pytest.raises(BadInput):
                put(record, "e1", changes)
        assert list(record.journal()) == []
        assert record.chart("anna").revision == 0

    def test_the_journal_is_in_order_of_commit(self, record: Record) -> None:
        put(record, "e1", Changes(notes=("one",)), "nia")
        put(record, "e2", Changes(notes=("two",)), "anna")
        put(record, "e3", Changes(notes=("three",)), "nia", NOW - MINUTE)
        assert [(e.subject, e.revision, e.event_id) for e in record.journal()] == [
            ("nia", 1, "e1"),
            ("anna", 1, "e2"),
            ("nia", 2, "e3"),
        ]
        (first, last) = record.journal("nia")
        assert (first.kind, first.actor, first.at, first.changes.notes) == ("test", "tester", NOW, ("one",))
        assert last.at == NOW - MINUTE
        assert list(record.journal("nobody")) == []

    def test_a_long_journal_is_read_to_its_end_while_it_grows(self, record: Record) -> None:
        for n in range(450):
            put(record, f"e{n}", Changes())
        entries = record.journal()
        first = next(entries)
        put(record, "late", Changes())
        ids = [first.event_id, *(e.event_id for e in entries)]
        assert ids[:450] == [f"e{n}" for n in range(450)]

    @pytest.mark.parametrize(
        "text", ["Mir ist schwindlig 🤒", "سينه‌ام درد می‌کند", "\0 and \x1f", 'a\n"b"\\', "x" * 2_000_000]
    )
    def test_any_text_comes_back_as_it_went_in(self, store: Store, text: str) -> None:
        record = store.open()
        key = text[:40]
        record.keep(message(key, key or None, text=text))
        put(record, key, Changes(communications=(sms(key, key, text=text),), dues=(due(key, key),)), key)
        record = store.reopen(record)
        assert record.committed(key, key)
        assert record.chart(key).communications[0].text == text
        claimed, timer, sent = (
            record.claim_message(NOW, LEASE),
            record.claim_due(NOW, LEASE),
            record.claim_outbox(NOW, LEASE),
        )
        assert claimed is not None
        assert timer is not None
        assert sent is not None
        assert (claimed[0].text, timer[0].id, sent[0].text) == (text, key, text)


def _naive_due() -> dict[str, object]:
    row = due("d")
    fields = {name: getattr(row, name) for name in ("id", "subject", "kind", "ref")}
    return fields | {"due_at": datetime(2026, 3, 3, 21)}  # noqa: DTZ001 - the mistake under test


class TestObservations:
    def test_a_window_from_its_start_up_to_its_end(self, record: Record) -> None:
        rows = [reading(n) for n in (2, 0, 1, 3)]
        put(record, "e1", Changes(observations=(*rows, reading(1, 72.0, "heart-rate"))))
        found = record.observations("anna", "oxygen-saturation", NOW, NOW + 3 * MINUTE)
        assert found == (reading(0), reading(1), reading(2))
        assert record.observations("nia", "oxygen-saturation", NOW, NOW + 3 * MINUTE) == ()

    def test_mixed_second_and_microsecond_instants(self, record: Record) -> None:
        just_before, exactly = NOW - timedelta(microseconds=1), NOW
        rows = tuple(
            Observation(
                id=f"x{at.microsecond}", code="c", value=1.0, unit="", effective_at=at, received_at=at, source="s"
            )
            for at in (exactly, just_before)
        )
        put(record, "e1", Changes(observations=rows))
        assert [o.effective_at for o in record.observations("anna", "c", NOW - MINUTE, NOW)] == [just_before]
        assert [o.effective_at for o in record.observations("anna", "c", NOW, NOW + MINUTE)] == [exactly]

    def test_the_hour_that_comes_twice(self, record: Record) -> None:
        # 25 October 2026, 02:30 in Berlin, first in summer time and then in winter time.
        first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
        rows = tuple(
            Observation(id=str(at), code="c", value=1.0, unit="", effective_at=at, received_at=at, source="s")
            for at in (second, first)
        )
        put(record, "e1", Changes(observations=rows), now=second)
        assert [o.effective_at for o in record.chart("anna").observations] == [first, second]

    def test_the_same_sample_again_is_a_correction(self, record: Record) -> None:
        put(record, "e1", Changes(observations=(reading(value=97.0),)))
        put(record, "e2", Changes(observations=(reading(value=91.0),)))
        assert [o.value for o in record.chart("anna").observations] == [91.0]
        assert [o.value for o in record.observations("anna", "oxygen-saturation", NOW, NOW + MINUTE)] == [91.0]

    def test_a_correction_out_of_the_window_takes_the_earlier_value_with_it(self, store: Store) -> None:
        record = store.open()
        put(record, "e1", Changes(observations=(reading(),)))
        assert record.chart("anna").observations == (reading(),)
        moved = replace(reading(), effective_at=NOW - WINDOW)
        put(record, "e2", Changes(observations=(moved,)))
        assert record.chart("anna").observations == ()
        assert store.reopen(record).chart("anna").observations == ()

    def test_old_values_leave_the_chart_and_stay_in_the_record(self, record: Record) -> None:
        put(record, "e1", Changes(observations=(reading(), reading(-1))))
        later = NOW + WINDOW
        put(record, "e2", Changes(notes=("no reading",)), now=later)
        assert len(record.chart("anna").observations) == 2, "only a new reading moves the window on"
        fresh = reading(WINDOW / MINUTE)
        put(record, "e3", Changes(observations=(fresh,)), now=later)
        assert record.chart("anna").observations == (fresh,)
        assert len(record.observations("anna", "oxygen-saturation", NOW - MINUTE, later)) == 2

    def test_a_very_late_value_is_kept_but_not_in_the_chart(self, record: Record) -> None:
        late = reading(-WINDOW / MINUTE)
        put(record, "e1", Changes(observations=(late,)))
        assert record.chart("anna").observations == ()
        assert record.observations("anna", late.code, NOW - WINDOW, NOW) == (late,)


class TestDues:
    def test_the_earliest_first_each_once(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("late", minutes=2), due("early", minutes=1), due("future", minutes=3))))
        put(record, "e1", Changes(dues=(due("b", "nia", minutes=1),)), "nia")
        assert record.claim_due(NOW, LEASE) is None
        now = NOW + 2 * MINUTE
        claimed = [record.claim_due(now, LEASE) for _ in range(4)]
        assert [c[0].id for c in claimed if c] == ["early", "b", "late"]

    def test_a_commit_with_done_removes_it(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("d"),)))
        assert record.claim_due(NOW, LEASE)
        put(record, "e2", Changes(dues=(due("d", done=True),)))
        assert record.claim_due(NOW + MINUTE, LEASE) is None
        assert record.next_at(NOW) is None

    def test_a_commit_with_another_time_ends_the_lease(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("d"),)))
        first = record.claim_due(NOW, LEASE)
        put(record, "e2", Changes(dues=(due("d", minutes=0.1),)))
        assert record.claim_due(NOW, LEASE) is None
        again = record.claim_due(NOW + MINUTE / 10, LEASE)
        assert first is not None
        assert again is not None
        assert (again[0].due_at, again[1].attempt) == (NOW + MINUTE / 10, 1)
        assert again[1].token > first[1].token

    def test_a_dead_worker_lets_go(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("d"),)))
        assert record.claim_due(NOW, LEASE)
        assert record.claim_due(NOW, LEASE) is None
        again = record.claim_due(NOW + LEASE, LEASE)
        assert again is not None
        assert again[1].attempt == 2

    def test_one_id_in_two_charts_is_two_timers(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("d", "anna"),)), "anna")
        put(record, "e1", Changes(dues=(due("d", "nia"),)), "nia")
        claimed = [record.claim_due(NOW, LEASE) for _ in range(3)]
        assert [c[0].subject for c in claimed if c] == ["anna", "nia"]


class TestOutbox:
    def test_p1_and_safety_first_then_urgent_pages_then_replies_and_the_oldest_of_each(self, record: Record) -> None:
        page, p3, p4 = Category.PAGE, Priority.P3, Priority.P4
        rows = (
            sms("reply-old", minutes=-9),
            sms("reply-b", minutes=-5),
            sms("reply-a", minutes=-5),
            sms("nudge", minutes=-19, category=Category.NUDGE),
            sms("page-p4", minutes=-15, category=page, priority=p4),
            sms("page-p3", minutes=-14, category=page, priority=p3),
            sms("page-p2", minutes=-2, category=page, priority=Priority.P2),
            sms("page-p1", minutes=0, category=page, priority=Priority.P1),
            sms("notice-p1", minutes=-1, category=Category.NOTICE, priority=Priority.P1),
            sms("safety", minutes=0.5, category=Category.SAFETY),
            sms("operations", minutes=-3, category=Category.OPERATIONS),
            sms("sent", minutes=-20, state=SendState.SENT),
        )
        put(record, "e1", Changes(communications=rows))
        claimed = [record.claim_outbox(NOW, LEASE) for _ in range(12)]
        assert [c[0].id for c in claimed if c] == [
            *("notice-p1", "page-p1", "safety"),
            *("operations", "page-p2"),
            *("reply-old", "reply-b", "reply-a"),
            *("nudge", "page-p4", "page-p3"),
        ]

    def test_held_until_its_time(self, record: Record) -> None:
        put(record, "e1", Changes(communications=(sms("c", not_before=NOW + MINUTE),)))
        assert record.claim_outbox(NOW, LEASE) is None
        assert record.claim_outbox(NOW + MINUTE, LEASE)

    def test_attempts_count_claims_until_a_commit_queues_again(self, record: Record) -> None:
        put(record, "e1", Changes(communications=(sms("c"),)))
        attempts = []
        for n in range(3):
            claimed = record.claim_outbox(NOW + n * LEASE, LEASE)
            assert claimed is not None
            attempts.append(claimed[1].attempt)
        put(record, "e2", Changes(communications=(sms("c", not_before=NOW + 2 * LEASE),)))
        claimed = record.claim_outbox(NOW + 2 * LEASE, LEASE)
        assert claimed is not None
        assert [*attempts, claimed[1].attempt] == [1, 2, 3, 1]

    def test_a_commit_of_another_state_ends_it(self, record: Record) -> None:
        put(record, "e1", Changes(communications=(sms("c"),)))
        first = record.claim_outbox(NOW, LEASE)
        put(record, "e2", Changes(communications=(sms("c", state=SendState.UNKNOWN),)))
        assert record.claim_outbox(NOW + MINUTE, LEASE) is None
        put(record, "e3", Changes(communications=(sms("c"),)))
        again = record.claim_outbox(NOW, LEASE)
        assert first is not None
        assert again is not None
        assert again[1].attempt == 1
        assert again[1].token > first[1].token, "a row that was gone in between must not repeat its tokens"

    @pytest.mark.parametrize("state", SendState)
    def test_a_day_later_only_what_is_still_queued_is_in_the_chart(self, record: Record, state: SendState) -> None:
        put(record, "e1", Changes(communications=(sms("c", state=state),)))
        put(record, "e2", Changes(), now=NOW + KEEP_ARRIVED - MINUTE)
        assert len(record.chart("anna").communications) == 1
        put(record, "e2b", Changes(), now=NOW + KEEP - MINUTE)
        assert len(record.chart("anna").communications) == (not state.final)
        put(record, "e3", Changes(), now=NOW + KEEP)
        assert len(record.chart("anna").communications) == (state is SendState.QUEUED)

    def test_the_last_word_of_one_commit_stands(self, record: Record) -> None:
        put(record, "e1", Changes(communications=(sms("c"), sms("c", state=SendState.DROPPED))))
        assert record.claim_outbox(NOW, LEASE) is None


class TestNextAt:
    def test_nothing_waits(self, record: Record) -> None:
        assert record.next_at(NOW) is None

    def test_only_what_lies_ahead(self, record: Record) -> None:
        record.keep(message("sms:1"))
        put(
            record,
            "e1",
            Changes(
                dues=(due("past", minutes=-1), due("now"), due("ahead", minutes=5)),
                communications=(sms("ready"), sms("held", not_before=NOW + 4 * MINUTE)),
            ),
        )
        assert record.next_at(NOW) == NOW + 4 * MINUTE
        assert record.next_at(NOW + 4 * MINUTE) == NOW + 5 * MINUTE
        assert record.next_at(NOW + 5 * MINUTE) is None

    def test_a_running_lease_lapses(self, record: Record) -> None:
        record.keep(message("sms:1"))
        record.keep(message("sms:2"))
        claimed = record.claim_message(NOW, LEASE)
        assert record.next_at(NOW) == NOW + LEASE
        assert record.next_at(NOW + LEASE) is None
        assert claimed is not None
        record.finish_message(claimed[1])
        assert record.next_at(NOW) is None

    def test_a_leased_timer_wants_nothing_until_its_lease_lapses(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("d"),), communications=(sms("c"),)))
        record.claim_due(NOW, LEASE)
        record.claim_outbox(NOW + LEASE / 2, LEASE)
        assert record.next_at(NOW + LEASE / 2) == NOW + LEASE
        assert record.next_at(NOW + LEASE) == NOW + 1.5 * LEASE

    def test_after_a_small_step_back_a_timer_waits_for_its_own_time_only(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("d"),)))
        record.claim_due(NOW, LEASE)
        assert record.next_at(NOW - MINUTE) == NOW


class TestAClockSetBack:
    """Rows set at 21:10; then the clock shows an earlier time, and nobody may wait for an hour that comes twice."""

    def test_a_minute_is_an_ordinary_correction(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("d", minutes=1),), communications=(sms("c", not_before=NOW + MINUTE),)))
        back = NOW - MINUTE
        assert record.claim_due(back, LEASE) is None
        assert record.claim_outbox(back, LEASE) is None
        assert record.next_at(back) == NOW + MINUTE

    def test_more_makes_a_timer_due_and_a_held_message_ready(self, store: Store) -> None:
        record = store.open()
        put(record, "e1", Changes(dues=(due("d", minutes=1),), communications=(sms("c", not_before=NOW + MINUTE),)))
        record = store.reopen(record)
        back = NOW - MINUTE - timedelta(microseconds=1)
        assert record.next_at(back) is None, "nothing is waited for: it is all ready"
        timer, sent = record.claim_due(back, LEASE), record.claim_outbox(back, LEASE)
        assert timer is not None
        assert sent is not None
        assert (timer[0].id, sent[0].id) == ("d", "c")
        assert record.claim_due(back, LEASE) is None, "leased like any other"
        assert record.next_at(back) == back + LEASE

    def test_set_again_under_the_new_time_it_waits_again(self, record: Record) -> None:
        put(record, "e1", Changes(dues=(due("d", minutes=5),)))
        back = NOW - timedelta(hours=1)
        put(record, "e2", Changes(dues=(due("d", minutes=-50),)), now=back)
        assert record.claim_due(back, LEASE) is None
        assert record.next_at(back) == NOW - 50 * MINUTE

    def test_the_earliest_is_still_first_whatever_made_it_due(self, record: Record) -> None:
        back = NOW - timedelta(hours=1)
        put(record, "e1", Changes(dues=(due("far", minutes=5), due("near", minutes=1))))
        put(record, "e2", Changes(dues=(due("plain", minutes=-70),)), now=back)
        claimed = [record.claim_due(back, LEASE) for _ in range(4)]
        assert [c[0].id for c in claimed if c] == ["plain", "near", "far"]


class TestPeople:
    def test_found_by_address_exactly_but_for_white_space(self, record: Record) -> None:
        anna = person("anna", " +491701 ", "Anna@work")
        put(record, "e1", Changes(person=anna))
        assert record.person_at(SMS, "+491701\n") == anna
        assert record.person_at(SMS, "anna@work") is None
        assert record.person_at(ChannelKind.TELEGRAM, "+491701") is None

    def test_an_address_that_is_gone_no_longer_matches(self, record: Record) -> None:
        put(record, "e1", Changes(person=person("anna", "+1", "+2")))
        changed = person("anna", "+2", "+3")
        put(record, "e2", Changes(person=changed))
        assert [record.person_at(SMS, value) for value in ("+1", "+2", "+3")] == [None, changed, changed]

    def test_of_two_the_latest_enrolled_who_is_active(self, record: Record) -> None:
        old, new = person("z-old", "+1"), person("a-new", "+1")
        put(record, "e1", Changes(person=old), "z-old")
        put(record, "e1", Changes(person=new), "a-new")
        assert record.person_at(SMS, "+1") == new
        put(record, "e2", Changes(person=person("z-old", "+1", name="Changed")), "z-old")
        assert record.person_at(SMS, "+1") == new, "a later change is not a later enrolment"
        put(record, "e2", Changes(person=person("a-new", "+1", active=False)), "a-new")
        found = record.person_at(SMS, "+1")
        assert found is not None
        assert found.name == "Changed"
        put(record, "e3", Changes(person=person("z-old", "+1", active=False)), "z-old")
        found = record.person_at(SMS, "+1")
        assert found is not None
        assert found.id == "a-new"

    @pytest.mark.parametrize("stranger_first", [True, False])
    def test_a_stranger_ranks_last_even_behind_who_is_no_longer_active(
        self, record: Record, stranger_first: bool
    ) -> None:
        people = [
            person("x", "+1", role=Role.STRANGER),
            person("old", "+1", active=False),
            person("anna", "+1"),
            person("nia", "+1"),
        ]
        for one in people if stranger_first else people[::-1]:
            put(record, "e1", Changes(person=one), one.id)
        living = ["nia", "anna"] if stranger_first else ["anna", "nia"]
        assert [p.id for p in record.holders(SMS, "+1")] == [*living, "old", "x"]
        found = record.person_at(SMS, "+1")
        assert found is not None
        assert found.id == living[0]
        assert record.holders(SMS, "+2") == ()

    def test_who_was_found_before_is_found_again_after_every_kind_of_change(self, record: Record) -> None:
        def ids(value: str) -> list[str]:
            return [p.id for p in record.holders(SMS, value)]

        put(record, "e1", Changes(person=person("x", "+1", role=Role.STRANGER)), "x")
        assert (ids("+1"), ids("+2")) == (["x"], [])
        put(record, "e1", Changes(person=person("anna", "+1", "+2")), "anna")
        assert (ids("+1"), ids("+2")) == (["anna", "x"], ["anna"])
        put(record, "e2", Changes(person=person("x", "+2", role=Role.PATIENT)), "x")
        assert (ids("+1"), ids("+2")) == (["anna"], ["anna", "x"])
        put(record, "e2", Changes(person=person("anna", "+1", "+2", active=False)), "anna")
        assert (ids("+1"), ids("+2")) == (["anna"], ["x", "anna"])

    def test_staff_is_everyone_but_patients_proxies_and_strangers(self, record: Record) -> None:
        for role in Role:
            put(record, "e1", Changes(person=person(role.value, role=role)), role.value)
        staff = [role.value for role in Role if role not in (Role.PATIENT, Role.PROXY, Role.STRANGER)]
        assert [p.id for p in record.staff()] == staff
        put(record, "e2", Changes(person=person("patient", role=Role.OPERATIONS)), "patient")
        put(record, "e2", Changes(person=person("clinician", role=Role.PATIENT)), "clinician")
        put(record, "e2", Changes(person=person("tester", role=Role.TESTER, active=False)), "tester")
        assert [p.id for p in record.staff()] == ["patient", *(value for value in staff if value != "clinician")]
        assert [p.active for p in record.staff() if p.id == "tester"] == [False]

    def test_everyone_in_order_of_enrolment(self, record: Record) -> None:
        for name in ("nia", "anna", "mia"):
            put(record, "e1", Changes(person=person(name)), name)
        put(record, "e2", Changes(person=person("nia", active=False)), "nia")
        assert [p.id for p in record.people()] == ["nia", "anna", "mia"]


class TestCodes:
    def test_one_code_per_escalation_for_30_days(self, record: Record) -> None:
        code = record.reserve_code("clara", "esc-1", "anna", NOW)
        assert len(code) == 3
        assert 100 <= int(code) <= 999
        assert record.reserve_code("clara", "esc-1", "anna", NOW + timedelta(days=29)) == code
        use = CodeUse("clara", code, "esc-1", "anna", NOW)
        assert record.code_use("clara", code, NOW + timedelta(days=29)) == use
        assert record.code_use("clara", code, NOW + timedelta(days=30)) is None
        assert record.code_use("omar", code, NOW) is None
        assert record.codes_of("clara", NOW) == (use,)
        assert record.codes_of("clara", NOW + MINUTE) == ()

    def test_all_900_differ_and_then_the_oldest_is_taken(self, record: Record) -> None:
        codes = [record.reserve_code("clara", f"esc-{n}", "anna", NOW + n * MINUTE) for n in range(900)]
        assert len(set(codes)) == 900
        assert [use.code for use in record.codes_of("clara", NOW)] == codes, "oldest first"
        later = NOW + 900 * MINUTE
        assert record.reserve_code("clara", "esc-900", "nia", later) == codes[0]
        assert record.reserve_code("clara", "esc-900", "nia", later) == codes[0]
        use = record.code_use("clara", codes[0], later)
        assert use is not None
        assert (use.escalation_id, use.subject) == ("esc-900", "nia")
        assert record.reserve_code("clara", "esc-0", "anna", later) == codes[1], "its code went to another"

    def test_a_code_is_free_again_after_30_days(self, record: Record) -> None:
        first = record.reserve_code("clara", "esc-1", "anna", NOW)
        later = NOW + timedelta(days=30)
        assert record.reserve_code("clara", "esc-1", "anna", later) == first
        assert record.code_use("clara", first, later) == CodeUse("clara", first, "esc-1", "anna", later)


def test_reopened_it_is_the_same(store: Store) -> None:
    record = store.open()
    record.keep(message("sms:1"))
    put(record, "e1", Changes(person=person("anna", "+1"), observations=(reading(),), dues=(due("d"),)))
    put(record, "e2", Changes(communications=(sms("c"),)))
    record.claim_due(NOW, LEASE)
    code = record.reserve_code("clara", "esc-1", "anna", NOW)
    chart, dump, digest = record.chart("anna"), record.dump(), record.digest()
    record = store.reopen(record)
    assert (record.chart("anna"), record.dump(), record.digest()) == (chart, dump, digest)
    assert record.recover() == 0
    assert record.claim_due(NOW, LEASE) is None, "a lease outlives its worker's process"
    assert record.reserve_code("clara", "esc-1", "anna", NOW) == code
    assert not record.keep(message("sms:1"))


def test_the_digest_tells_any_difference_in_content_but_not_in_leases(store: Store) -> None:
    record = store.open()
    seen = {record.digest()}
    steps = [
        lambda: record.keep(message("sms:1")),
        lambda: put(record, "e1", Changes()),
        lambda: put(record, "e2", Changes(observations=(reading(),))),
        lambda: put(record, "e3", Changes(dues=(due("d"),))),
        lambda: record.reserve_code("clara", "esc-1", "anna", NOW),
    ]
    for step in steps:
        step()
        assert record.digest() not in seen
        seen.add(record.digest())
    record.claim_due(NOW, LEASE)
    claimed = record.claim_message(NOW, LEASE)
    assert record.digest() in seen
    assert claimed is not None
    record.finish_message(claimed[1])
    assert record.digest() not in seen
