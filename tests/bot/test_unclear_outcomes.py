"""What may or may not have gone, what was refused, and an account that is refused: nobody waits for a minute."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.patience import LONGEST_WAIT
from data.model.communication import Category, SendState
from data.model.people import ChannelKind, ContactPoint, ContactState
from data.ports import Outcome
from integrations.simulator_channel import SimulatedProvider
from tests.acceptance.crashing import START, people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import NURSE, code_of, later
from tests.bot.test_contact_states import OPS, with_two

SMS, TELEGRAM = ChannelKind.SMS, ChannelKind.TELEGRAM
ANNA, NIA, LEE, MIA = people()
UNCLEAR = Outcome(SendState.UNKNOWN, error="500")
BUSY = Outcome(SendState.QUEUED, error="busy")
NO_ACCOUNT = Outcome(SendState.FAILED, error="account")


class Ailing:
    """An SMS provider that answers `says` to the first messages to an address, then works."""

    kind = SMS

    def __init__(self, address, *said, name="A"):
        self.name, self.address, self.said, self.tries, self.accepted = name, address, list(said), [], []

    def send(self, to, communication, now):
        if to.value == self.address:
            self.tries.append((now - START).total_seconds())
            if self.said:
                return replace(self.said.pop(0), provider=self.name)
        self.accepted.append(type("Taken", (), {"to": to, "communication": communication}))
        return Outcome(SendState.ACCEPTED, provider=self.name, provider_id=f"{self.name}{len(self.accepted)}")


def clinic(address, *said, members=(ANNA, NIA, LEE, MIA), more=()):
    built = house(members=members)
    ailing = Ailing(address, *said)
    built.carriers = (ailing, *more, SimulatedProvider("telegram", TELEGRAM))
    return built, ailing


def at(ailing):
    """Seconds between the first try and each of the others."""
    return [moment - ailing.tries[0] for moment in ailing.tries]


def pages(built):
    return [p for e in built.record.chart("A-17").escalations for p in e.pages]


class TestPage:
    def test_with_no_other_way_it_goes_again_at_once_then_a_little_later(self):
        built, ailing = clinic(NURSE, *[UNCLEAR] * 10)
        says(built, "my chest hurts")
        later(built, seconds=50)
        assert at(ailing) == [0, 1, 6, 16]
        assert {p.person_id for p in pages(built)} == {"nia"}

    def test_its_ladder_runs_on_meanwhile(self):
        built, _ = clinic(NURSE, *[UNCLEAR] * 10)
        says(built, "my chest hurts")
        later(built, seconds=61)
        assert any(text.startswith("P1") for text in heard(built, "dr-lee"))

    def test_the_nurse_has_it_within_two_seconds(self):
        built, ailing = clinic(NURSE, UNCLEAR)
        says(built, "my chest hurts")
        later(built, seconds=2)
        assert len(heard(built, "nia")) == 1
        says(built, f"{code_of(built)} ok", NURSE)
        later(built, minutes=1)
        assert not any("P1" in text for text in heard(built, "dr-lee"))
        assert at(ailing)[:2] == [0, 1]

    def test_another_channel_is_taken_instead(self):
        built, ailing = clinic(NURSE, UNCLEAR, members=(ANNA, with_two(NIA), LEE, MIA))
        says(built, "my chest hurts")
        assert len(heard(built, "nia")) == 1
        later(built, seconds=30)
        assert at(ailing) == [0]

    def test_refusals_before_cost_no_resend(self):
        built, ailing = clinic(NURSE, BUSY, BUSY, BUSY, UNCLEAR)
        says(built, "my chest hurts")
        later(built, seconds=9)
        assert at(ailing) == [0, 1, 3, 7, 8]

    def test_a_page_that_waits_to_go_again_is_taken_back_and_its_reader_told(self):
        built, ailing = clinic(NURSE, *[UNCLEAR] * 10, members=(ANNA, NIA, replace(LEE, step=1), MIA))
        says(built, "my chest hurts")
        ailing.said.clear()
        says(built, f"{code_of(built, 'dr-lee')} ok", "+15550003")
        later(built, minutes=1)
        assert [a.communication.text_key for a in ailing.accepted if a.to.value == NURSE] == ["taken-by"]


@given(st.lists(st.sampled_from([UNCLEAR, BUSY]), max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_page_never_waits_long_for_the_next_try_and_never_hammers(said):
    built, ailing = clinic(NURSE, *said)
    says(built, "my chest hurts")
    later(built, seconds=59)
    gaps = [after - before for before, after in zip(ailing.tries, ailing.tries[1:], strict=False)]
    unclear = said[: len(ailing.tries)].count(UNCLEAR)
    assert all(1 <= gap <= 32 for gap in gaps)
    assert heard(built, "nia") or unclear > 3 or sum(said[:6].count(kind) for kind in (BUSY, UNCLEAR)) >= 5


class TestSafetyText:
    def test_with_no_other_way_it_goes_again_at_once(self):
        built, ailing = clinic("+15550001", *[UNCLEAR] * 10)
        says(built, "my chest hurts")
        later(built, seconds=20)
        assert at(ailing) == [0, 0, 2, 7]
        assert any("cannot be reached" in text for text in heard(built, "mia"))

    def test_another_channel_gets_it_at_once_as_well(self):
        built, ailing = clinic("+15550001", *[UNCLEAR] * 10, members=(with_two(ANNA), NIA, LEE, MIA))
        says(built, "my chest hurts")
        assert [t for t in heard(built, "A-17") if "Call 112" in t]
        later(built, seconds=20)
        assert at(ailing) == [0, 0, 2, 7]
        assert not any("cannot be reached" in text for text in heard(built, "mia"))

    def test_refused_it_is_tried_again_in_a_second(self):
        built, ailing = clinic("+15550001", *[BUSY] * 4)
        says(built, "my chest hurts")
        later(built, seconds=16)
        assert at(ailing) == [0, 1, 3, 7, 15]


class TestAnswer:
    def test_it_waits_for_the_provider_to_come_to_its_senses(self):
        built, ailing = clinic("+15550001", UNCLEAR, UNCLEAR)
        says(built, "hello")
        later(built, seconds=30)
        assert at(ailing) == [0, 2, 12]
        assert len(heard(built, "A-17")) == 1

    def test_it_goes_three_times_at_most(self):
        built, ailing = clinic("+15550001", *[UNCLEAR] * 10)
        says(built, "hello")
        later(built, minutes=10)
        assert len(ailing.tries) == 3

    def test_refused_it_waits_longer_than_a_page(self):
        built, ailing = clinic("+15550001", BUSY)
        says(built, "hello")
        later(built, seconds=30)
        assert at(ailing) == [0, 5]


@pytest.mark.parametrize("state", [SendState.FAILED, SendState.QUEUED])
@pytest.mark.parametrize("word", ["account", "auth"])
class TestOurAccount:
    """Our own credentials are wrong: nobody's number is, and nothing is given up for it."""

    def test_an_answer_waits_until_it_is_mended(self, state, word):
        built, ailing = clinic("+15550001", *[Outcome(state, error=word)] * 6, members=(ANNA, NIA, LEE, MIA, OPS))
        says(built, "hello")
        later(built, minutes=10)
        assert len(heard(built, "A-17")) == 1 and len(ailing.tries) == 7
        assert max(b - a for a, b in zip(ailing.tries, ailing.tries[1:], strict=False)) == LONGEST_WAIT.total_seconds()
        assert heard(built, "mia") == []

    def test_operations_hear_once_a_day_and_no_number_is_marked(self, state, word):
        members = (ANNA, NIA, LEE, MIA, OPS)
        built, _ = clinic("+15550001", *[Outcome(state, error=word)] * 90, members=members)
        says(built, "hello")
        later(built, hours=1)
        assert sum("does not take our account" in text for text in heard(built, "ops")) == 1
        assert built.record.chart("A-17").person.contacts[0].state is ContactState.ACTIVE
        assert heard(built, "mia") == []

    def test_an_emergency_goes_on_by_the_next_provider_at_once(self, state, word):
        second = Ailing("", name="B")
        failing = [Outcome(state, error=word)] * 9
        built, _ = clinic("+15550001", *failing, members=(ANNA, NIA, LEE, MIA, OPS), more=(second,))
        says(built, "my chest hurts")
        later(built, seconds=2)
        assert any("Call 112" in a.communication.text for a in second.accepted)
        assert any("does not take our account" in text for text in heard(built, "ops"))

    def test_a_page_goes_on_by_the_next_channel_at_once(self, state, word):
        built, _ = clinic(NURSE, *[Outcome(state, error=word)] * 9, members=(ANNA, with_two(NIA), LEE, MIA, OPS))
        says(built, "my chest hurts")
        assert len(heard(built, "nia")) == 1
        assert {c.state for c in built.record.chart("nia").person.contacts} == {ContactState.ACTIVE}


def test_an_account_that_is_closed_after_it_took_the_message():
    built, ailing = clinic("", members=(ANNA, NIA, LEE, MIA, OPS))
    says(built, "hello")
    (row,) = (c for c in built.record.chart("A-17").communications if c.category is Category.REPLY)
    built.receipt(row.id, SendState.FAILED, provider="A", provider_id=row.provider_id, event_id="r", error="account")
    built.settle()
    assert len(heard(built, "ops")) == 1
    later(built, minutes=1)
    assert [a.communication.id for a in ailing.accepted if a.to.value == "+15550001"] == [row.id] * 2
    assert heard(built, "mia") == []


@pytest.mark.parametrize("error", ["unreachable", "invalid", "stopped", "filtered"])
@pytest.mark.parametrize("good", [SendState.DELIVERED, SendState.READ])
def test_a_bad_word_after_it_arrived_says_nothing_of_the_number(error, good):
    built, _ = clinic("", members=(ANNA, NIA, LEE, MIA, OPS))
    says(built, "hello")
    row = built.record.chart("A-17").communications[-1]
    built.receipt(row.id, good, provider="A", provider_id=row.provider_id, event_id="r1")
    built.receipt(row.id, SendState.UNDELIVERED, provider="A", provider_id=row.provider_id, event_id="r2", error=error)
    built.settle()
    assert built.record.chart("A-17").person.contacts[0].state is ContactState.ACTIVE
    assert heard(built, "mia") == heard(built, "ops") == []


def test_a_number_that_took_an_emergency_by_another_way_needs_no_phone_call():
    built, _ = clinic("+15550001", *[UNCLEAR] * 10, members=(with_two(ANNA), NIA, LEE, MIA))
    built.carriers[-1].undelivered = True
    says(built, "my chest hurts")
    later(built, seconds=1)
    copy = next(a for a in built.carriers[-1].accepted if a.communication.recipient == "A-17")
    built.receipt(
        copy.communication.id, SendState.UNDELIVERED, provider="telegram", provider_id=copy.provider_id, event_id="r"
    )
    later(built, minutes=1)
    assert any("cannot be reached" in text for text in heard(built, "mia")), "neither way went"


def test_two_addresses_of_one_kind():
    both = replace(ANNA, contacts=(*ANNA.contacts, ContactPoint(system=SMS, value="+15550042")))
    built, ailing = clinic("+15550042", UNCLEAR, members=(both, NIA, LEE, MIA))
    says(built, "my chest hurts", "+15550042")
    later(built, seconds=3)
    assert at(ailing)[:2] == [0, 0]
