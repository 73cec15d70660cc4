"""Stopped, blocked, dead and doubtful addresses: who still hears what, and that pages and safety texts find a way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.heard import SILENCE
from bot.erasure import CLINIC
from bot.linking import lapse
from data.errors import BadFile
from data.model.communication import Category, SendState
from data.model.people import ChannelKind, ContactPoint, ContactState, Role
from data.ports import Outcome
from integrations.simulator_channel import SimulatedProvider
from scheduler.check import check
from tests.acceptance.crashing import KIT, people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import code_of, later, plan
from tests.bot.test_kinds import values

SMS, TELEGRAM, WHATSAPP = ChannelKind.SMS, ChannelKind.TELEGRAM, ChannelKind.WHATSAPP
ACTIVE, UNVERIFIED, STOPPED = ContactState.ACTIVE, ContactState.UNVERIFIED, ContactState.STOPPED
ANNA, NIA, LEE, MIA = people()
OPS = replace(MIA, id="ops", code="ops", name="Olaf", role=Role.OPERATIONS,
              contacts=(ContactPoint(system=TELEGRAM, value="@ops"),))  # fmt: skip


def with_two(person, first=SMS, number="+15550041"):
    """The same person, who can also be reached elsewhere."""
    return replace(person, contacts=(*person.contacts, ContactPoint(system=TELEGRAM, value=f"@{person.id}")))


class Failing:
    """An SMS provider that says what it is told to of everything to one address."""

    kind = SMS

    def __init__(self, name, error, address):
        self.name, self.error, self.address, self.accepted, self.asked = name, error, address, [], 0

    def send(self, to, communication, now):
        if to.value == self.address:
            self.asked += 1
            return Outcome(SendState.FAILED, provider=self.name, provider_id=f"f{self.asked}", error=self.error)
        self.accepted.append(type("Taken", (), {"to": to, "communication": communication}))
        return Outcome(SendState.ACCEPTED, provider=self.name, provider_id=f"{self.name}{len(self.accepted)}")


def clinic(error, address, *members):
    built = house(members=members or (with_two(ANNA), with_two(NIA), LEE, MIA, OPS))
    built.carriers = (Failing("A", error, address), Failing("B", "", ""), SimulatedProvider("telegram", TELEGRAM))
    return built


def state(built, person="A-17"):
    return built.record.chart(person).person.contacts[0].state


@pytest.mark.parametrize(
    ("error", "after", "task"),
    [
        ("stopped", STOPPED, "has ended text messages"),
        ("blocked", ContactState.BLOCKED, "has blocked"),
        ("invalid", ContactState.DEAD, "Please correct it"),
        ("unreachable", UNVERIFIED, "may be dead"),
        ("busy", ACTIVE, None),
        ("template", ACTIVE, None),
    ],
)
class TestFaults:
    """What a provider says of an address is kept with whoever has it, told once, and the message goes on at once."""

    def test_a_patients(self, error, after, task):
        built = clinic(error, "+15550001")
        says(built, "my chest hurts")
        if error != "blocked":
            # A message would show that it is not blocked any more.
            says(built, "my chest hurts again")
        assert state(built) is after
        assert sum(task in t for t in heard(built, "mia")) == 1 if task else True
        assert any("Call 112" in t for t in heard(built, "A-17"))

    def test_a_colleagues(self, error, after, task):
        built = clinic(error, "+15550002")
        says(built, "my chest hurts")
        assert state(built, "nia") is after
        assert any("P1" in t and "A-17" in t for t in heard(built, "nia"))
        told = [t for t in heard(built, "mia") if "Nia" in t]
        assert len(told) == (1 if task else 0)

    def test_the_same_receipt_twice_changes_nothing_more(self, error, after, task):
        built = clinic("", "")
        says(built, "spo2 97")
        row = built.record.chart("A-17").communications[-1]
        for _ in range(3):
            built.receipt(row.id, SendState.UNDELIVERED, provider="A", provider_id="A1", event_id="r1", error=error)
            built.settle()
        assert state(built) is after
        assert sum("A-17" in t for t in heard(built, "mia") if task and task in t) == (1 if task else 0)


def test_stop_is_not_gone_round_by_a_second_provider():
    built = clinic("stopped", "+15550001", ANNA, NIA, LEE, MIA)
    says(built, "my chest hurts")
    assert [a for a in built.carriers[1].accepted if a.to.value == "+15550001"] == []
    assert any("Please phone" in t for t in heard(built, "mia"))


def test_what_is_filtered_goes_through_the_next_provider_and_operations_hear_once_a_day():
    built = clinic("filtered", "+15550002", ANNA, NIA, LEE, MIA, OPS)
    for _ in range(3):
        says(built, "my chest hurts")
        later(built, minutes=10)
    assert any(a.to.value == "+15550002" for a in built.carriers[1].accepted)
    assert sum("filtered" in t for t in heard(built, "ops")) == 1
    assert state(built, "nia") is ACTIVE


def test_a_fault_whose_address_is_not_known_marks_none():
    both = replace(ANNA, contacts=(*ANNA.contacts, ContactPoint(system=SMS, value="+15550042")))
    built = clinic("", "", both, NIA, LEE, MIA)
    built.enrol(both, (plan(),), event_id="plan")
    later(built, minutes=130)
    row = next(c for c in built.record.chart("A-17").communications if c.text_key == "nudge")
    built.receipt(row.id, SendState.UNDELIVERED, provider="A", provider_id="x", event_id="r", error="invalid")
    built.settle()
    assert {c.state for c in built.record.chart("A-17").person.contacts} == {ACTIVE}
    assert any("takes no messages" in t for t in heard(built, "mia"))


# Addresses that may be somebody else's


def doubtful(**more):
    built = house(**more)
    says(built, "wrong number")
    assert state(built) is UNVERIFIED
    return built


def test_wrong_number_is_answered_kindly_told_and_silences_what_is_personal():
    built = doubtful()
    assert "Sorry" in heard(built, "A-17")[-1]
    assert sum("may no longer have this number" in t for t in heard(built, "mia")) == 1
    built.enrol(ANNA, (plan(),), event_id="plan")
    later(built, hours=3)
    assert not any("warfarin" in t for t in heard(built, "A-17"))
    assert state(built) is UNVERIFIED


@pytest.mark.parametrize("words", ["who saw my data?", "status", "spo2 97", "what did I agree to", "I agree", "resume",
                                   "my head hurts", "A-17 spo2 97", "thanks"])  # fmt: skip
def test_nothing_is_noted_shown_or_changed_there(words):
    built = doubtful()
    later(built, minutes=20)
    before = built.record.chart("A-17")
    says(built, words)
    after = built.record.chart("A-17")
    assert "send it to me" in heard(built, "A-17")[-1]
    assert not {"Anna", "97", "A-17"} & set(heard(built, "A-17")[-1].replace(":", " ").split())
    assert (after.observations, after.symptoms, after.person) == (before.observations, before.symptoms, before.person)
    says(built, words)
    assert len(heard(built, "A-17")) == 2


def test_an_emergency_there_is_answered_and_escalated_as_the_patients():
    built = doubtful()
    says(built, "my chest hurts, spo2 97")
    assert "Call 112" in heard(built, "A-17")[-1]
    assert heard(built, "nia")[-1].startswith("P1 A-17")
    assert values(built) == []


def test_a_deadly_reading_there_is_an_emergency_too():
    built = doubtful()
    says(built, "spo2 79")
    assert "call 112" in heard(built, "A-17")[-1]
    assert "79" not in heard(built, "A-17")[-1]
    assert heard(built, "nia")[-1].startswith("P1 A-17")


@pytest.mark.parametrize("words", [("STOP", "START"), ("hello",), ("my chest hurts",)])
def test_no_words_prove_whose_number_it_is(words):
    built = doubtful()
    for text in words:
        says(built, text)
    built.enrol(ANNA, event_id="again")
    assert state(built) is UNVERIFIED


def test_a_safety_text_for_a_doubtful_number_sends_a_person_to_the_phone():
    built = doubtful()
    built.commit("A-17", "x", "test", "test", built.now(), lambda c, t: _push(c, t, built))
    built.settle()
    assert any("cannot be reached by message" in t for t in heard(built, "mia"))


def _push(chart, team, built):
    from bot.core.contact import say_safely
    from bot.core.draft import Draft

    draft = Draft(chart, built.kit, team, event_id="x", now=built.now())
    say_safely(draft, "vital-critical", text="one of your readings")
    return draft.changes()


def test_ninety_days_of_silence_make_a_number_doubtful_once_and_a_message_in_time_does_not():
    built = house()
    lapse(built)
    later(built, days=80)
    says(built, "spo2 97", "+15550001")
    later(built, days=15)
    lapse(built)
    assert state(built) is ACTIVE
    assert state(built, "nia") is UNVERIFIED
    later(built, days=80)
    for _ in range(3):
        lapse(built)
        built.settle()
    assert state(built) is UNVERIFIED
    assert sum("A-17" in t and "90 days" in t for t in heard(built, "mia")) == 1


def test_the_silence_counts_without_the_daily_look():
    built = house()
    says(built, "spo2 97")
    later(built, days=91)
    says(built, "spo2 96")
    assert values(built) == [97.0]
    assert state(built) is UNVERIFIED
    assert any("90 days" in t for t in heard(built, "mia"))


def test_the_instant_is_kept_at_most_once_a_week():
    built = house()
    for _ in range(3):
        says(built, "hello")
    first = built.record.chart("A-17").person.contacts[0].heard_at
    later(built, days=3)
    says(built, "hello")
    assert built.record.chart("A-17").person.contacts[0].heard_at == first
    later(built, days=5)
    says(built, "hello")
    assert built.record.chart("A-17").person.contacts[0].heard_at == built.now()


def silent_staff():
    built = house()
    lapse(built)
    later(built, days=91)
    lapse(built)
    built.settle()
    assert state(built, "nia") is UNVERIFIED
    return built


def test_pages_go_to_staff_all_the_same_and_a_code_makes_the_address_known_again():
    built = silent_staff()
    says(built, "my chest hurts")
    assert heard(built, "nia")[-1].startswith("P1 A-17")
    says(built, "list", "+15550002")
    says(built, "/chart A-17", "+15550002")
    says(built, "999 ok", "+15550002")
    assert sum("cannot be sure" in t for t in heard(built, "nia")) == 1
    assert not any("Open for you" in t or "ago" in t for t in heard(built, "nia"))
    says(built, f"{code_of(built)} ok", "+15550002")
    assert "is yours" in heard(built, "nia")[-1]
    assert state(built, "nia") is ACTIVE
    says(built, "list", "+15550002")
    assert "Open for you" in heard(built, "nia")[-1]


def test_a_colleague_in_need_is_answered_from_any_address():
    built = silent_staff()
    says(built, "my chest hurts", "+15550002")
    assert "call 112" in heard(built, "nia")[-1]


def test_answering_pages_keeps_a_colleagues_address_known():
    built = house()
    lapse(built)
    for _ in range(3):
        later(built, days=50)
        says(built, "my chest hurts")
        says(built, f"{code_of(built)} ok", "+15550002")
        says(built, f"{code_of(built)} done phoned", "+15550002")
        lapse(built)
    assert state(built, "nia") is ACTIVE


def test_a_care_manager_with_a_doubtful_address_still_gets_tasks():
    built = silent_staff()
    assert state(built, "mia") is UNVERIFIED
    says(built, "STOP")
    assert any("A-17 has ended text messages" in t for t in heard(built, "mia"))


def test_the_pre_flight_names_doubtful_and_blocked_contacts():
    nia = replace(NIA, contacts=(replace(NIA.contacts[0], state=UNVERIFIED),))
    lee = replace(LEE, contacts=(replace(LEE.contacts[0], state=ContactState.BLOCKED),))
    found = " ".join(check(KIT.policies, (nia, lee), MIA_AT))
    assert "nia may be somebody else's" in found
    assert "dr-lee has blocked the bot" in found


MIA_AT = KIT and house(members=(MIA,)).now()


def test_on_whatsapp_no_more_is_shown_than_by_sms():
    assert WHATSAPP.discreet
    assert SMS.discreet
    assert not TELEGRAM.discreet
    nia = replace(NIA, contacts=(ContactPoint(system=WHATSAPP, value="+15550002"),))
    built = house(members=(ANNA, nia, LEE, MIA))
    built.carriers = (*built.carriers, SimulatedProvider("whatsapp", WHATSAPP))
    says(built, "spo2 97")
    says(built, "/chart A-17", "+15550002", WHATSAPP)
    assert "An SMS tells no more" in heard(built, "nia")[-1]
    says(built, "my chest hurts")
    assert heard(built, "nia")[-1].startswith("P1 A-17")


def test_silence_is_what_carriers_wait_at_most():
    assert timedelta(days=90) == SILENCE


def test_a_clinic_that_does_not_open_keeps_no_message_from_going_another_way(monkeypatch):
    """That a provider filters is written on the clinic's own chart; the patient in danger comes first."""
    built = house()
    says(built, "my chest hurts")
    row = next(c for c in built.record.chart("A-17").communications if c.category is Category.SAFETY)
    commit = built.record.commit

    def failing(chart, *args):
        if chart.subject == CLINIC:
            raise BadFile("does not open")
        return commit(chart, *args)

    monkeypatch.setattr(built.record, "commit", failing)
    built.receipt(
        row.id,
        SendState.UNDELIVERED,
        provider=row.provider,
        provider_id=row.provider_id,
        event_id="r1",
        error="filtered",
    )
    built.settle()
    after = next(c for c in built.record.chart("A-17").communications if c.id == row.id)
    assert (after.state, after.attempts) == (SendState.UNDELIVERED, 2), "by the next provider, of which there is none"
    assert any("phone" in text for text in heard(built, "mia"))
