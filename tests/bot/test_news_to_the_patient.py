"""Where the patient hears what became of their words, by day and by night, and how often anybody is answered."""

from dataclasses import replace
from datetime import time

import pytest

from bot.core.heard import with_contact
from data.model.communication import Category
from data.model.escalation import Escalation
from data.model.people import ChannelKind, ContactPoint, ContactState, QuietHours
from data.record.coding import decode, encode
from scheduler.courtesy import MOST_ANSWERS, MOST_TO_STRANGERS
from tests.acceptance.crashing import people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import NURSE, code_of, later, sample

SMS, TELEGRAM = ChannelKind.SMS, ChannelKind.TELEGRAM
ANNA, NIA, LEE, MIA = people()
BOTH = replace(ANNA, contacts=(*ANNA.contacts, ContactPoint(system=TELEGRAM, value="@anna")))
# The clinic's morning is this patient's night.
ASLEEP = QuietHours(start=time(6), end=time(18))


def said(built, key, person="A-17"):
    """The addresses to which a sentence went."""
    taken = [a for c in built.carriers for a in c.accepted if a.communication.recipient == person]
    return [(a.to.system, a.to.value) for a in taken if a.communication.text_key == key]


class TestWhere:
    """News goes where the words came from that it is about."""

    @pytest.mark.parametrize(("channel", "address"), [(SMS, "+15550001"), (TELEGRAM, "@anna")])
    def test_that_it_is_taken(self, channel, address):
        built = house(members=(BOTH, NIA, LEE, MIA))
        says(built, "my chest hurts", address, channel)
        says(built, f"{code_of(built)} ok", NURSE)
        assert said(built, "taken") == [(channel, address)]

    @pytest.mark.parametrize("words", ["my chest hurts", "i have a bad headache and fever 39.5"])
    def test_that_nobody_has_answered(self, words):
        built = house(members=(BOTH, NIA, LEE, MIA))
        says(built, words, "@anna", TELEGRAM)
        later(built, hours=25)
        assert set(said(built, "nobody")) == {(TELEGRAM, "@anna")}

    def test_of_two_numbers_the_one_they_wrote_from(self):
        two = replace(ANNA, contacts=(*ANNA.contacts, ContactPoint(system=SMS, value="+15550042")))
        built = house(members=(two, NIA, LEE, MIA))
        says(built, "my chest hurts", "+15550042")
        says(built, f"{code_of(built)} ok", NURSE)
        assert said(built, "taken") == [(SMS, "+15550042")]

    @pytest.mark.parametrize("state", [ContactState.UNVERIFIED, ContactState.DEAD, ContactState.BLOCKED, None])
    def test_where_that_cannot_be_used_any_more_the_first_one(self, state):
        built = house(members=(BOTH, NIA, LEE, MIA))
        says(built, "my chest hurts", "@anna", TELEGRAM)
        known = built.record.chart("A-17").person
        gone = replace(known.contacts[1], state=state or ContactState.ACTIVE)
        changed = with_contact(known, gone) if state else replace(known, contacts=known.contacts[:1])
        built.enrol(changed, event_id="changed")
        says(built, f"{code_of(built)} ok", NURSE)
        assert said(built, "taken") == [(SMS, "+15550001")]

    def test_of_what_a_device_saw_the_first_one(self):
        built = house(members=(BOTH, NIA, LEE, MIA))
        built.stream("A-17", tuple(sample(built, 80, minutes=n) for n in range(6)), batch_id="b")
        built.settle()
        says(built, f"{code_of(built)} ok", NURSE)
        assert said(built, "taken") == [(SMS, "+15550001")]

    def test_an_escalation_of_before_can_be_read(self):
        built = house()
        says(built, "my chest hurts")
        (now,) = built.record.chart("A-17").escalations
        before = encode(now).replace(b',"channel":"sms","address":"+15550001"', b"")
        assert decode(before, Escalation) == replace(now, channel=None, address="")


class TestAtNight:
    """Quiet hours hold nothing of an emergency, nor what answers the patient's own words at P2."""

    def night(self, words, members=None):
        built = house(members=members or (replace(ANNA, quiet=ASLEEP), NIA, LEE, MIA))
        says(built, words)
        return built

    def test_the_nurses_ok_is_heard(self):
        built = self.night("my chest hurts")
        says(built, f"{code_of(built)} ok", NURSE)
        assert len(said(built, "taken")) == 1

    def test_at_p2_what_they_wrote_themselves_is_answered(self):
        built = self.night("spo2 91")
        (case,) = built.record.chart("A-17").escalations
        assert case.policy.priority == "P2"
        later(built, minutes=31)
        assert len(said(built, "nobody")) == 1
        says(built, f"{code_of(built)} ok", NURSE)
        assert len(said(built, "taken")) == 1

    def test_at_p2_what_a_device_saw_waits(self):
        built = house(members=(replace(ANNA, quiet=ASLEEP), NIA, LEE, MIA))
        built.stream("A-17", tuple(sample(built, 91, minutes=n) for n in range(6)), batch_id="b")
        built.settle()
        (case,) = built.record.chart("A-17").escalations
        assert case.policy.priority == "P2"
        says(built, f"{code_of(built)} ok", NURSE)
        assert said(built, "taken") == []

    def test_at_p3_it_waits(self):
        built = self.night("bp 150/95")
        for case in built.record.chart("A-17").escalations:
            assert case.policy.priority == "P3"
        later(built, minutes=1)
        says(built, f"{code_of(built)} ok", NURSE)
        assert said(built, "taken") == []


class TestHowOften:
    """Two machines do not answer each other for ever, and nobody makes us send any number of messages."""

    def test_answers_end_and_begin_again_after_a_pause(self):
        built = house()
        for _ in range(MOST_ANSWERS + 15):
            says(built, "hello, I am away")
            later(built, seconds=5)
        assert len(heard(built, "A-17")) == MOST_ANSWERS
        notes = [note for entry in built.record.journal("A-17") for note in entry.changes.notes]
        assert sum("answered too often" in note for note in notes) == 15
        later(built, minutes=61)
        says(built, "hello")
        assert len(heard(built, "A-17")) == MOST_ANSWERS + 1

    def test_an_emergency_is_always_answered(self):
        built = house()
        for _ in range(MOST_ANSWERS + 5):
            says(built, "hello")
        for _ in range(30):
            says(built, "my chest hurts")
        assert sum("Call 112" in text for text in heard(built, "A-17")) == 30

    def test_one_person_costs_another_nothing(self):
        ben = replace(ANNA, id="B-22", code="B-22", name="Ben", contacts=(ContactPoint(system=SMS, value="+15550009"),))
        built = house(members=(ANNA, ben, NIA, LEE, MIA))
        for _ in range(MOST_ANSWERS + 5):
            says(built, "hello")
        says(built, "hello", "+15550009")
        assert len(heard(built, "B-22")) == 1

    def test_a_colleagues_machine_is_not_answered_for_ever(self):
        built = house()
        for _ in range(MOST_ANSWERS + 5):
            says(built, "I am away until Monday", NURSE)
        assert len(heard(built, "nia")) == MOST_ANSWERS

    def test_what_is_noted_is_noted_all_the_same(self):
        built = house()
        for n in range(MOST_ANSWERS + 5):
            says(built, f"pulse {60 + n % 30}")
        assert len(built.record.chart("A-17").observations) == MOST_ANSWERS + 5

    def test_a_stranger_is_told_whom_to_call_so_often_an_hour(self):
        built = house()
        for _ in range(MOST_TO_STRANGERS + 10):
            says(built, "my chest hurts", "+19998888")
        (sms, *_) = built.carriers
        assert sum(a.to.value == "+19998888" for a in sms.accepted) == MOST_TO_STRANGERS
        says(built, "my chest hurts", "+19997777")
        assert sum(a.to.value == "+19997777" for a in sms.accepted) == 1
        later(built, hours=1)
        says(built, "my chest hurts", "+19998888")
        assert sum(a.to.value == "+19998888" for a in sms.accepted) == MOST_TO_STRANGERS + 1

    def test_a_stranger_who_is_enrolled_is_a_patient_at_once(self):
        built = house(members=(NIA, LEE, MIA))
        for _ in range(MOST_TO_STRANGERS + 5):
            says(built, "my chest hurts")
        built.enrol(ANNA, event_id="enrol")
        says(built, "my chest hurts")
        assert [c.text_key for c in built.record.chart("A-17").communications if c.category is Category.SAFETY]
        assert len(heard(built, "A-17")) == 1
