"""Every arrow of the escalation, with the clinic's real timings."""

from dataclasses import replace
from datetime import timedelta

import pytest

from data.model.communication import SendState
from data.model.escalation import EscalationState, PageState
from data.model.people import ContactState, Role
from scheduler.escalation import (
    Answer,
    AskOwner,
    Cancel,
    Confirm,
    TellClosed,
    TellOperations,
    TellPage,
    TellPatientNobody,
    TellPatientTaken,
    TellReopened,
    TellTaken,
    Tick,
    Verb,
    advance,
)
from tests.scheduler.clinic import (
    KIM,
    LEE,
    NIA,
    P1,
    P2,
    P3,
    P4,
    START,
    TEAM,
    Play,
    clinician,
    of,
    pages,
    without_contacts,
)

MIN = timedelta(minutes=1)
ACKED, OPEN, EXHAUSTED, CLOSED = (EscalationState(s) for s in ("acked", "open", "exhausted", "closed"))


def keys(orders) -> list[str]:
    return [order.key for order in of(Confirm, orders)]


def test_the_night_of_the_example_scene():
    play = Play.start()
    assert play.orders == [(0 * MIN, TellPage("e/r1.s1/nia/sms", "nia", "sms", 1, 1, False))]
    assert play.wait(minutes=4, seconds=59) == []
    assert pages(play.wait(seconds=1)) == [("dr-lee", "sms")]
    play.wait(seconds=30)
    taken = play.says(LEE, Verb.OK)
    assert taken == [
        Confirm("dr-lee", "reply-yours", {"minutes": "15", "until": "23:30"}),
        TellTaken(("nia",), "dr-lee"),
        TellPatientTaken("dr-lee", False),
    ]
    play.wait(seconds=20)
    late = play.says(NIA, Verb.OK)
    assert late == [Confirm("nia", "reply-already-with", {"owner": "Dr Lee", "time": "23:15"})]
    assert play.wait(minutes=15) == []  # 23:30:50: nobody has asked whether it is still his
    assert play.says(LEE, Verb.DONE, text="called, ambulance sent") == [
        Confirm("dr-lee", "reply-closed", {"outcome": "called, ambulance sent"})
    ]
    assert play.escalation.state is CLOSED and play.escalation.outcome == "called, ambulance sent"
    assert play.escalation.next_at is None
    assert play.wait(hours=12) == []


class TestPaging:
    def test_everyone_of_a_step_is_paged(self):
        ann = clinician("Ann", 1, "sms")
        assert pages([order for _, order in Play.start(team=(NIA, ann, LEE)).orders]) == [
            ("nia", "sms"),
            ("ann", "sms"),
        ]

    @pytest.mark.parametrize("bad", [SendState.UNDELIVERED, SendState.FAILED, SendState.DROPPED])
    def test_a_bad_receipt_moves_to_the_next_channel_and_then_to_the_next_step(self, bad):
        play = Play.start(team=(replace(LEE, step=1), KIM), delivers=False)
        assert pages(play.receipt("e/r1.s1/dr-lee/sms", bad)) == [("dr-lee", "telegram")]
        assert pages(play.receipt("e/r1.s1/dr-lee/telegram", bad)) == [("dr-kim", "sms")]

    def test_an_unknown_outcome_opens_the_next_channel_now_but_the_next_step_only_after_the_receipt_timer(self):
        play = Play.start(team=(replace(LEE, step=1), KIM), delivers=False)
        assert pages(play.receipt("e/r1.s1/dr-lee/sms", SendState.UNKNOWN)) == [("dr-lee", "telegram")]
        play.wait(seconds=10)
        assert play.receipt("e/r1.s1/dr-lee/telegram", SendState.UNKNOWN) == []
        assert play.wait(seconds=49) == []
        assert pages(play.wait(seconds=1)) == [("dr-kim", "sms")]

    def test_an_unknown_page_that_turns_out_bad_is_waited_for_no_longer(self):
        play = Play.start(delivers=False)
        assert play.receipt("e/r1.s1/nia/sms", SendState.UNKNOWN) == []
        assert pages(play.receipt("e/r1.s1/nia/sms", SendState.FAILED)) == [("dr-lee", "sms")]

    def test_a_routine_page_of_unknown_fate_is_waited_for_a_minute(self):
        play = Play.start(P3, delivers=False)
        assert play.receipt("e/r1.s1/nia/sms", SendState.UNKNOWN) == [] and play.wait(seconds=59) == []
        assert pages(play.wait(seconds=1)) == [("dr-lee", "sms")]

    def test_a_page_of_unknown_fate_is_cancelled_by_an_answer_for_it_may_be_sent_again(self):
        play = Play.start(delivers=False)
        play.receipt("e/r1.s1/nia/sms", SendState.UNKNOWN)
        assert Cancel(("e/r1.s1/nia/sms",)) in play.says(LEE, Verb.OK)

    @pytest.mark.parametrize("bad", [SendState.FAILED, SendState.UNKNOWN])
    @pytest.mark.parametrize(("policy", "breath"), [(P1, MIN), (P2, 3 * MIN), (P3, MIN)])
    def test_a_bad_second_does_not_use_up_every_round(self, bad, policy, breath):
        play = Play.start(policy, delivers=False)
        began: dict[int, timedelta] = {}
        for _ in range(60):
            for page in play.escalation.pages:
                began.setdefault(page.round, page.sent_at - START)
            page = next((p for p in play.escalation.pages if p.state is PageState.TELLING), None)
            if page is not None:
                play.receipt(page.communication_id, bad)
            else:
                play.now = play.escalation.next_at
                play.happens(Tick())
        assert len(began) > 3
        assert all(began[n + 1] >= began[n] + breath for n in range(1, len(began)))
        exhausted = next(at for at, order in play.orders if isinstance(order, TellOperations))
        if bad is SendState.FAILED:
            assert exhausted == breath  # two rounds known to be in vain: operations hear it as the second ends

    def test_no_from_the_last_of_the_ladder_does_not_page_them_again_in_the_same_second(self):
        play = Play.start(team=(NIA,))
        assert pages(play.says(NIA, Verb.NO)) == []
        assert pages(play.wait(seconds=60)) == [("nia", "sms")]

    def test_a_missing_receipt_moves_on_after_its_timer(self):
        play = Play.start(team=(replace(LEE, step=1), KIM), delivers=False)
        assert play.wait(seconds=59) == []
        assert pages(play.wait(seconds=1)) == [("dr-lee", "telegram")]
        assert pages(play.wait(seconds=60)) == [("dr-kim", "sms")]

    @pytest.mark.parametrize("good", [SendState.ACCEPTED, SendState.SENT, SendState.QUEUED])
    def test_what_a_provider_says_before_delivery_is_not_delivery(self, good):
        play = Play.start(delivers=False)
        assert play.receipt("e/r1.s1/nia/sms", good) == []
        assert pages(play.wait(seconds=60)) == [("dr-lee", "sms")]

    def test_p2_waits_three_minutes_for_a_receipt_and_p3_not_at_all(self):
        urgent, routine = Play.start(P2, delivers=False), Play.start(P3, delivers=False)
        assert urgent.wait(seconds=179) == [] and pages(urgent.wait(seconds=1)) == [("dr-lee", "sms")]
        assert routine.wait(minutes=239) == [] and pages(routine.wait(minutes=1)) == [("dr-lee", "sms")]

    def test_a_late_good_receipt_counts(self):
        play = Play.start(delivers=False)
        play.receipt("e/r1.s1/nia/sms", SendState.UNKNOWN)
        play.receipt("e/r1.s1/nia/sms", SendState.DELIVERED)
        assert play.escalation.pages[0].state is PageState.TOLD
        assert play.receipt("e/r1.s1/nia/sms", SendState.FAILED) == []
        assert play.escalation.pages[0].state is PageState.TOLD

    def test_a_receipt_of_an_unknown_page_changes_nothing(self):
        play = Play.start()
        before = play.escalation
        assert play.receipt("e/r9.s9/x/sms", SendState.FAILED) == [] and play.escalation == before

    def test_empty_steps_and_people_without_contacts_are_skipped_at_once(self):
        play = Play.start(team=(without_contacts(NIA), replace(KIM, step=7)))
        assert pages([order for _, order in play.orders]) == [("dr-kim", "sms")]

    def test_only_contacts_that_work_are_paged(self):
        sms, telegram = LEE.contacts
        half = replace(LEE, step=1, contacts=(replace(sms, state=ContactState.STOPPED), telegram))
        assert pages([order for _, order in Play.start(team=(half, KIM)).orders]) == [("dr-lee", "telegram")]

    def test_whoever_joins_the_step_is_told_at_once(self):
        play = Play.start()
        play.wait(minutes=1)
        play.team = (NIA, clinician("Ann", 1, "sms"), LEE)
        assert pages(play.happens(Tick())) == [("ann", "sms")]

    def test_someone_on_step_zero_by_mistake_is_paged_with_step_one(self):
        assert pages([o for _, o in Play.start(team=(replace(NIA, step=0), LEE)).orders]) == [("nia", "sms")]

    def test_a_late_tick_takes_one_step_only_and_gives_the_whole_time(self):
        play = Play.start()
        assert pages(play.late_tick(hours=1)) == [("dr-lee", "sms")]
        assert play.escalation.answer_by == play.now + P1.ack_timer

    def test_an_early_or_repeated_tick_does_nothing(self):
        play = Play.start()
        before = play.escalation
        assert play.happens(Tick()) == [] and play.escalation == before
        play.now -= timedelta(seconds=2)
        assert play.happens(Tick()) == [] and play.escalation == before


class TestWalkingOn:
    def test_no_passes_to_the_next_step_when_all_of_the_step_have_passed(self):
        ann = clinician("Ann", 1, "sms")
        play = Play.start(team=(NIA, ann, LEE))
        assert play.says(NIA, Verb.NO) == [Confirm("nia", "reply-passed")]
        orders = play.says(ann, Verb.NO)
        assert keys(orders) == ["reply-passed"] and pages(orders) == [("dr-lee", "sms")]

    def test_no_takes_back_a_page_of_theirs_that_is_still_queued(self):
        play = Play.start(delivers=False)
        assert Cancel(("e/r1.s1/nia/sms",)) in play.says(NIA, Verb.NO)

    def test_an_earlier_step_may_still_answer(self):
        play = Play.start()
        play.wait(minutes=5)
        assert of(TellTaken, play.says(NIA, Verb.OK)) == [TellTaken(("dr-lee",), "nia")]
        assert play.escalation.owner == "nia"

    def test_up_goes_on_at_once(self):
        play = Play.start()
        orders = play.says(NIA, Verb.UP)
        assert keys(orders) == ["reply-moved-up"] and pages(orders) == [("dr-lee", "sms")]

    def test_two_rounds_then_operations_everyone_and_then_every_five_minutes(self):
        play = Play.start()
        orders = play.wait(minutes=19, seconds=59)
        assert pages(orders) == [("dr-lee", "sms"), ("nia", "sms"), ("dr-lee", "sms")]
        assert [order.again for order in of(TellPage, orders)] == [False, True, True]
        everyone = [("nia", "sms"), ("dr-lee", "sms"), ("dr-lee", "telegram")]
        loud = play.wait(seconds=1)
        assert of(TellOperations, loud) == [TellOperations("nobody-answered")] and pages(loud) == everyone
        assert play.escalation.state is EXHAUSTED
        for _ in range(40):
            assert play.wait(minutes=4, seconds=59) == []
            assert pages(play.wait(seconds=1)) == everyone
        assert len(play.escalation.pages) < 20  # it may go on for weeks

    def test_p2_repeats_every_hour_p3_every_day(self):
        for policy, hours in ((P2, 1), (P3, 24)):
            play = Play.start(policy)
            while play.escalation.state is not EXHAUSTED:
                play.now = play.escalation.next_at
                play.happens(Tick())
            play.wait(hours=hours)
            assert len(of(TellPage, play.wait(hours=hours))) == 3

    def test_an_exhausted_one_can_still_be_taken(self):
        play = Play.start()
        play.wait(minutes=20)
        orders = play.says(NIA, Verb.OK)
        assert play.escalation.state is ACKED and of(TellTaken, orders) == [TellTaken(("dr-lee",), "nia")]
        assert of(TellPatientTaken, orders) == [TellPatientTaken("nia", True)]

    def test_up_on_an_exhausted_one_pages_everyone_now(self):
        play = Play.start()
        play.wait(minutes=21)
        assert len(of(TellPage, play.says(NIA, Verb.UP))) == 3

    def test_a_ladder_that_nobody_can_be_reached_on_tells_operations_again_and_again(self):
        for team, reason in (((), "no-ladder"), ((without_contacts(NIA),), "nobody-reachable")):
            play = Play.start(team=team)
            assert play.orders == [(0 * MIN, TellOperations(reason))] and play.escalation.state is EXHAUSTED
            orders = play.wait(minutes=10)
            assert of(TellOperations, orders) == [TellOperations(reason)] * 2
            assert of(TellPatientNobody, orders) == [TellPatientNobody()]

    def test_a_ladder_that_fills_up_is_used(self):
        play = Play.start(team=())
        play.team = TEAM
        assert ("nia", "sms") in pages(play.wait(minutes=5))

    def test_a_policy_without_a_repeat_never_silences_p1(self):
        play = Play.start(replace(P1, repeat_every=None))
        play.wait(hours=1)
        assert play.escalation.next_at is not None and len(of(TellPage, play.wait(minutes=5))) == 3

    def test_p4_walks_once_and_comes_back_after_a_week(self):
        play = Play.start(P4)
        assert pages(play.wait(days=1)) == [("dr-lee", "sms")]
        assert of(TellOperations, play.wait(days=1)) == [TellOperations("nobody-answered")]
        assert play.wait(days=6) == [] and len(pages(play.wait(days=1))) == 3


class TestWider:
    """Each loud round of an urgent one reaches further than the one before."""

    ANN = replace(clinician("Ann", None, "sms"), step=None)
    CAREER = replace(clinician("Mia", None, "telegram"), role=Role.CARE_MANAGER)
    GONE = replace(clinician("Zoe", None, "sms"), active=False)
    EVERYBODY = (NIA, LEE, ANN, CAREER, GONE)

    @pytest.mark.parametrize("policy", [P1, P2])
    def test_clinicians_off_the_ladder_from_the_second_and_operations_again_from_the_third(self, policy):
        play = Play.start(policy, team=self.EVERYBODY)
        ladder_only = [("nia", "sms"), ("dr-lee", "sms"), ("dr-lee", "telegram")]
        while play.escalation.state is not EXHAUSTED:
            assert play.escalation.pages[-1].person_id in ("nia", "dr-lee")
            play.now = play.escalation.next_at
            first = play.happens(Tick())
        assert pages(first) == ladder_only and of(TellOperations, first) == [TellOperations("nobody-answered")]
        rounds = [play.wait(seconds=policy.repeat_every.total_seconds()) for _ in range(4)]
        assert all(pages(orders) == [*ladder_only, ("ann", "sms")] for orders in rounds)
        assert [len(of(TellOperations, orders)) for orders in rounds] == [0, 1, 1, 1]

    def test_routine_ones_stay_with_the_ladder(self):
        play = Play.start(P3, team=self.EVERYBODY)
        play.wait(days=9)
        assert play.escalation.repeats > 4
        assert {order.person_id for _, order in play.orders if isinstance(order, TellPage)} == {"nia", "dr-lee"}

    def test_with_nobody_on_the_ladder_they_are_paged_at_once(self):
        play = Play.start(team=(self.ANN, self.CAREER))
        assert play.orders == [
            (0 * MIN, TellOperations("no-ladder")),
            (0 * MIN, TellPage("e/r2.s0/ann/sms", "ann", "sms", 0, 2, False)),
        ]
        assert pages(play.wait(minutes=5)) == [("ann", "sms")]

    def test_whoever_was_reached_so_may_take_it_and_hears_of_it_when_it_gets_worse(self):
        play = Play.start(P2, team=(self.ANN,))
        assert ("ann", "sms") in pages(play.raised(P1))
        play.says(self.ANN, Verb.OK)
        assert play.escalation.owner == "ann"

    def test_a_new_walk_is_narrow_again(self):
        play = Play.start(P2, team=self.EVERYBODY)
        play.wait(hours=9)
        play.raised(P1)
        assert play.escalation.repeats == 0


class TestTheClockIsSetBack:
    """No timer waits for the lost hour to come again."""

    def set_back(self, play: Play, **by: float) -> list:
        play.now -= timedelta(**by)
        return play.happens(Tick())

    def test_pages_go_on_as_if_nothing_had_happened(self):
        play = Play.start(delivers=False)
        play.wait(seconds=40)
        play.happens(Tick())
        assert self.set_back(play, hours=1) == []
        assert play.wait(seconds=19) == [] and pages(play.wait(seconds=1)) == [("dr-lee", "sms")]

    def test_the_step_timer_and_the_patient_do_not_wait(self):
        play = Play.start()
        play.wait(minutes=4)
        play.happens(Tick())
        self.set_back(play, hours=1)
        assert pages(play.wait(minutes=1)) == [("dr-lee", "sms")]
        assert of(TellPatientNobody, play.wait(minutes=5)) == [TellPatientNobody()]
        assert play.escalation.opened_at == START

    def test_the_lease_and_the_question_do_not_wait(self):
        play = Play.start()
        play.says(NIA, Verb.OK)
        self.set_back(play, hours=1)
        assert play.wait(minutes=15) == []
        first = of(AskOwner, play.wait(seconds=30))
        self.set_back(play, minutes=15)
        assert of(TellPage, play.wait(minutes=4, seconds=59)) == []
        play.says(NIA, Verb.OK)
        self.set_back(play, minutes=10)
        second = of(AskOwner, play.wait(minutes=15, seconds=30))
        assert len(first) == len(second) == 1 and first[0].communication_id != second[0].communication_id

    def test_the_loud_rounds_do_not_wait(self):
        play = Play.start()
        play.wait(minutes=20)
        self.set_back(play, hours=1)
        assert len(pages(play.wait(minutes=5))) == 3

    def test_a_taken_after_silence_is_still_one(self):
        play = Play.start()
        play.says(NIA, Verb.OK)
        self.set_back(play, hours=1)
        play.says(NIA, Verb.NO)
        play.wait(minutes=10)
        assert of(TellPatientTaken, play.says(NIA, Verb.OK)) == [TellPatientTaken("nia", True)]

    def test_a_clock_that_trembles_moves_nothing(self):
        play = Play.start()
        for _ in range(50):
            play.now += timedelta(seconds=1)
            play.happens(Tick())
            play.now -= timedelta(seconds=1)
            play.happens(Tick())
        assert play.escalation.answer_by == START + P1.ack_timer


class TestThePatient:
    @pytest.mark.parametrize(
        ("policy", "after"),
        [(P1, timedelta(minutes=10)), (P2, timedelta(minutes=30)), (P3, timedelta(days=1)), (P4, None)],
    )
    def test_hears_once_that_nobody_answered(self, policy, after):
        play = Play.start(policy)
        play.wait(days=20)
        told = [at for at, order in play.orders if isinstance(order, TellPatientNobody)]
        assert told == ([] if after is None else [after])

    def test_does_not_hear_it_when_somebody_has_it(self):
        play = Play.start()
        play.wait(minutes=9)
        play.says(NIA, Verb.OK)
        assert of(TellPatientNobody, play.wait(minutes=15)) == []

    def test_hears_once_that_it_is_taken_and_again_only_after_hearing_that_nobody_answered(self):
        play = Play.start()
        assert of(TellPatientTaken, play.says(NIA, Verb.OK)) == [TellPatientTaken("nia", False)]
        play.says(NIA, Verb.NO)
        assert of(TellPatientTaken, play.says(LEE, Verb.OK)) == []
        play.says(LEE, Verb.NO)
        assert of(TellPatientNobody, play.wait(minutes=9)) == []  # counted from when it last had nobody
        assert of(TellPatientNobody, play.wait(minutes=1)) == [TellPatientNobody()]
        assert of(TellPatientTaken, play.says(NIA, Verb.OK)) == [TellPatientTaken("nia", True)]


class TestTheOwner:
    def taken(self, verb: Verb = Verb.OK, minutes: int | None = None) -> Play:
        play = Play.start()
        play.says(NIA, verb, minutes)
        return play

    def test_an_acknowledgement_drops_queued_pages_in_the_same_step(self):
        play = Play.start(team=(NIA, clinician("Ann", 1, "sms")), delivers=False)
        play.receipt("e/r1.s1/nia/sms", SendState.DELIVERED)
        orders = play.says(NIA, Verb.OK)
        assert Cancel(("e/r1.s1/ann/sms",)) in orders
        assert {page.state for page in play.escalation.pages} == {PageState.TOLD, PageState.CANCELLED}

    def test_is_asked_after_lease_and_grace(self):
        play = self.taken()
        assert play.wait(minutes=15, seconds=29) == []
        (ask,) = play.wait(seconds=1)
        assert isinstance(ask, AskOwner) and (ask.person_id, ask.n) == ("nia", 1)

    def test_is_not_asked_by_a_tick_within_the_grace(self):
        play = self.taken()
        play.now += P1.lease
        assert play.happens(Tick()) == []

    def test_only_those_paged_since_it_opened_again_hear_who_has_it_now(self):
        play = Play.start()
        play.wait(minutes=5)
        play.says(LEE, Verb.OK)
        play.wait(minutes=20, seconds=30)
        assert play.escalation.state is OPEN
        assert of(TellTaken, play.says(LEE, Verb.OK)) == []  # Nia knows it from the first time

    def test_ok_renews_three_times_and_then_only_an_outcome_helps(self):
        play = self.taken()
        for n in (1, 2, 3):
            play.wait(minutes=15, seconds=30)
            assert keys(play.says(NIA, Verb.OK)) == ["reply-yours"]
            assert play.escalation.renewals == n
        (ask,) = play.wait(minutes=15, seconds=30)
        assert ask.n == 4
        assert keys(play.says(NIA, Verb.OK)) == ["reply-renewals-used"]
        assert keys(play.says(NIA, Verb.LATER, 30)) == ["reply-renewals-used"]
        assert pages(play.wait(minutes=5)) == [("nia", "sms")]
        assert play.escalation.state is OPEN
        questions = [order.communication_id for _, order in play.orders if isinstance(order, AskOwner)]
        assert len(questions) == len(set(questions)) == 4

    def test_ok_without_a_question_changes_nothing(self):
        play = self.taken()
        play.wait(minutes=5)
        before = play.escalation
        assert play.says(NIA, Verb.OK) == [Confirm("nia", "reply-yours", {"minutes": "10", "until": "23:25"})]
        assert play.escalation == replace(before, looked_at=play.now)

    def test_ok_in_the_last_third_renews_and_counts(self):
        play = self.taken()
        play.wait(minutes=9, seconds=59)
        play.says(NIA, Verb.OK)
        assert (play.escalation.lease_until, play.escalation.renewals) == (START + 15 * MIN, 0)
        play.wait(seconds=1)
        assert play.says(NIA, Verb.OK) == [Confirm("nia", "reply-yours", {"minutes": "15", "until": "23:35"})]
        assert (play.escalation.lease_until, play.escalation.renewals) == (START + 25 * MIN, 1)
        for _ in range(2):
            play.wait(minutes=10)
            play.says(NIA, Verb.OK)
        play.wait(minutes=10)
        assert keys(play.says(NIA, Verb.OK)) == ["reply-renewals-used"]

    def test_ok_never_shortens_a_long_later(self):
        play = self.taken(Verb.LATER, 240)
        play.wait(minutes=200)
        play.says(NIA, Verb.OK)
        assert play.escalation.lease_until == START + 240 * MIN

    def test_silence_opens_it_again_owner_first_then_the_others(self):
        play = self.taken()
        assert of(TellPage, play.wait(minutes=20, seconds=29)) == []
        (page,) = of(TellPage, play.wait(seconds=1))
        assert (page.person_id, page.step, page.again) == ("nia", 0, True)
        assert play.escalation.owner is None
        assert pages(play.wait(minutes=5)) == [("dr-lee", "sms")]  # Nia has just been told: not at once again
        assert pages(play.wait(minutes=5)) == [("nia", "sms")]

    def test_an_owner_who_left_the_ladder_does_not_hold_it_up(self):
        play = self.taken()
        play.team = (LEE,)
        assert pages(play.wait(minutes=20, seconds=30)) == [("dr-lee", "sms")]

    def test_an_owner_whose_first_page_fails_is_told_at_their_own_step(self):
        play = self.taken()
        play.delivers = False
        (page,) = of(TellPage, play.wait(minutes=20, seconds=30))
        assert pages(play.receipt(page.communication_id, SendState.FAILED)) == [("nia", "sms")]

    @pytest.mark.parametrize(("asked", "granted"), [(30, 30), (999, 240), (0, 1), (-5, 1), (None, 15), (10**30, 240)])
    def test_later_sets_the_lease_up_to_four_hours(self, asked, granted):
        play = self.taken(Verb.LATER, asked)
        assert play.escalation.lease_until == START + timedelta(minutes=granted)
        assert keys([order for _, order in play.orders]) == ["reply-later"]
        play.wait(minutes=1)
        play.says(NIA, Verb.LATER, 20)
        assert play.escalation.lease_until == START + timedelta(minutes=21) and play.escalation.renewals == 1

    def test_nobody_else_can_take_pass_raise_delay_or_close_it(self):
        play = self.taken()
        before = play.escalation
        for verb in (Verb.OK, Verb.NO, Verb.UP, Verb.LATER, Verb.DONE):
            for text in ("", "called her"):
                assert play.says(LEE, verb, text=text) == [
                    Confirm("dr-lee", "reply-already-with", {"owner": "Nia", "time": "23:10"})
                ]
                assert play.escalation == before

    @pytest.mark.parametrize(("verb", "key"), [(Verb.NO, "reply-passed"), (Verb.UP, "reply-moved-up")])
    def test_passing_goes_on_with_the_next_step(self, verb, key):
        play = self.taken()
        orders = play.says(NIA, verb)
        assert keys(orders) == [key] and pages(orders) == [("dr-lee", "sms")]
        assert play.escalation.state is OPEN and play.escalation.owner is None

    def test_those_who_heard_taken_hear_that_it_is_open_again(self):
        play = Play.start(team=(NIA, LEE, KIM))
        play.wait(minutes=5)
        play.says(LEE, Verb.OK)
        orders = play.says(LEE, Verb.NO)
        assert of(TellReopened, orders) == [TellReopened(("nia",), "dr-lee")] and pages(orders) == [("dr-kim", "sms")]

    def test_a_first_step_that_passes_late_pages_the_second_anew(self):
        play = Play.start()
        play.wait(minutes=6)
        play.says(NIA, Verb.OK)
        orders = play.says(NIA, Verb.NO)
        assert pages(orders) == [("dr-lee", "sms")] and of(TellReopened, orders) == []

    def test_passing_what_was_exhausted_is_loud_at_once(self):
        play = Play.start()
        play.wait(minutes=21)
        play.says(LEE, Verb.OK)
        assert len(pages(play.says(LEE, Verb.NO))) == 3

    def test_a_late_tick_asks_first_and_waits_for_the_answer(self):
        play = self.taken()
        (ask,) = play.late_tick(hours=3)
        assert isinstance(ask, AskOwner)
        assert pages(play.wait(minutes=5)) == [("nia", "sms")]


class TestClosing:
    def test_the_owner_closes_and_later_replies_hear_so(self):
        play = Play.start()
        play.says(NIA, Verb.OK)
        play.says(NIA, Verb.DONE, text="phoned")
        assert play.escalation.outcome == "phoned"
        for verb in (Verb.OK, Verb.NO, Verb.UP, Verb.DONE, Verb.LATER):
            before = play.escalation
            assert play.says(LEE, verb) == [
                Confirm("dr-lee", "reply-too-late-closed", {"owner": "Nia", "time": "23:10"})
            ]
            assert play.escalation == before

    def test_closing_what_nobody_had_tells_those_who_were_paged_and_the_patient(self):
        play = Play.start(delivers=False)
        play.wait(seconds=60)
        assert play.says(LEE, Verb.DONE, text="phoned") == [
            Confirm("dr-lee", "reply-closed", {"outcome": "phoned"}),
            Cancel(("e/r1.s1/nia/sms", "e/r1.s2/dr-lee/sms")),
            TellPatientTaken("dr-lee", False),
            TellClosed(("nia",), "dr-lee"),
        ]
        assert play.escalation.acked_at == play.escalation.closed_at == play.now

    @pytest.mark.parametrize("text", ["", "  "])
    def test_done_without_an_outcome_closes_nothing_and_asks_for_it(self, text):
        play = Play.start()
        for verb in (Verb.DONE, Verb.OK, Verb.DONE):
            before = play.escalation
            orders = play.says(NIA, verb, text=text)
            if verb is Verb.DONE:
                assert orders == [Confirm("nia", "reply-what-was-done")] and play.escalation == before
        play.says(NIA, Verb.DONE, text="called her")
        assert play.escalation.state is CLOSED

    def test_a_stranger_changes_nothing(self):
        play = Play.start()
        before = play.escalation
        for verb in Verb:
            assert play.says(KIM, verb) == [] and play.escalation == before

    def test_someone_paged_who_has_left_the_ladder_still_counts(self):
        play = Play.start()
        play.team = (LEE,)
        play.says(NIA, Verb.OK)
        assert play.escalation.owner == "nia"

    def test_reading_changes_nothing(self):
        play = Play.start()
        before = play.escalation
        for verb in (Verb.LIST, Verb.DETAILS):
            assert play.says(NIA, verb) == [] and play.escalation == before


class TestRaised:
    def test_while_taken_it_opens_at_the_new_level_owner_first(self):
        play = Play.start(P2)
        play.says(NIA, Verb.OK)
        orders = play.raised(P1)
        assert pages(orders) == [("nia", "sms")] and play.escalation.state is OPEN
        assert play.escalation.policy == P1
        assert pages(play.wait(minutes=5)) == [("dr-lee", "sms")]

    def test_while_open_the_ladder_starts_anew_and_those_told_hear_the_new_level(self):
        play = Play.start(P2)
        play.wait(minutes=15)
        orders = play.raised(P1)
        assert sorted(pages(orders)) == [("dr-lee", "sms"), ("nia", "sms")]
        assert all(order.again for order in of(TellPage, orders))
        assert play.escalation.answer_by == play.now + P1.ack_timer
        assert of(TellOperations, play.wait(minutes=9)) == []

    def test_an_exhausted_one_walks_again(self):
        play = Play.start(P2)
        play.wait(hours=2)
        play.raised(P1)
        assert play.escalation.state is OPEN and play.escalation.exhausted_at is None

    @pytest.mark.parametrize("policy", [P2, P3])
    def test_the_same_or_a_lower_level_changes_nothing(self, policy):
        play = Play.start(P2)
        before = play.escalation
        assert play.raised(policy) == [] and play.escalation == before

    def test_what_comes_back_is_told_to_the_patient_anew(self):
        play = Play.start()
        play.wait(minutes=11)
        play.says(NIA, Verb.DONE, text="phoned")
        play.raised(P1)
        assert of(TellPatientNobody, play.wait(minutes=10)) == [TellPatientNobody()]
        assert of(TellPatientTaken, play.says(NIA, Verb.OK)) == [TellPatientTaken("nia", True)]

    def test_what_comes_back_after_closing_opens_the_same_one_again(self):
        play = Play.start()
        play.says(NIA, Verb.DONE, text="phoned")
        play.wait(minutes=20)
        assert pages(play.raised(P1)) == [("nia", "sms")]
        assert play.escalation.state is OPEN and play.escalation.outcome is None
        assert of(TellPatientNobody, play.wait(minutes=10)) == [TellPatientNobody()]


def test_an_answer_is_plain_and_advance_is_pure():
    play = Play.start()
    answer = Answer("nia", Verb.OK)
    assert advance(play.escalation, answer, TEAM, START) == advance(play.escalation, answer, TEAM, START)
