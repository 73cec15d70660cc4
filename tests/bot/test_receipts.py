"""Receipts, providers and clocks in the orders that nobody wishes for: what must arrive arrives, once it is wanted."""

import logging
from dataclasses import replace
from datetime import time, timedelta

from bot.trace import traced
from data.model.communication import SendState
from data.model.people import ChannelKind, ContactPoint, ContactState, QuietHours
from data.ports import Outcome
from integrations.simulator_channel import SimulatedProvider
from tests.acceptance.crashing import people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import Carrier, code_of, later, plan

ANNA, NIA, LEE, MIA = people()


def with_two_providers(built):
    """A and B for SMS, one for Telegram."""
    a, b = SimulatedProvider("A", ChannelKind.SMS), SimulatedProvider("B", ChannelKind.SMS)
    built.carriers = (a, b, SimulatedProvider("telegram", ChannelKind.TELEGRAM))
    return a, b


def report(built, accepted, state, provider="A"):
    built.receipt(
        accepted.communication.id,
        state,
        provider=provider,
        provider_id=accepted.provider_id,
        event_id=f"receipt:{accepted.provider_id}:{state}",
    )


def to(provider, person):
    return [a for a in provider.accepted if a.communication.recipient == person]


def test_a_late_word_of_a_failed_provider_does_not_hold_up_the_next_one():
    built = house()
    a, b = with_two_providers(built)
    says(built, "my chest hurts")
    (first,) = to(a, "A-17")
    report(built, first, SendState.UNDELIVERED)
    report(built, first, SendState.SENT)
    built.settle()
    assert [x.communication.text_key for x in to(b, "A-17")] == ["emergency"]


def test_a_page_is_not_sent_again_once_the_case_is_taken():
    built = house()
    a, b = with_two_providers(built)
    says(built, "my chest hurts")
    (page,) = to(a, "nia")
    later(built, minutes=2)
    says(built, f"{code_of(built, 'dr-lee')} ok", "+15550003")
    report(built, page, SendState.UNDELIVERED)
    later(built, minutes=1)
    assert not any(x.communication.text_key == "page" for x in to(b, "nia"))


def test_with_every_channel_failed_the_second_provider_of_the_first_is_tried():
    both = replace(ANNA, contacts=(*ANNA.contacts, ContactPoint(system=ChannelKind.TELEGRAM, value="@anna")))
    built = house(members=(both, NIA, LEE, MIA))
    a, b = with_two_providers(built)
    says(built, "my chest hurts")
    report(built, to(a, "A-17")[0], SendState.UNDELIVERED)
    built.settle()
    telegram = built.carriers[2]
    report(built, to(telegram, "A-17")[0], SendState.UNDELIVERED, "telegram")
    built.settle()
    assert [x.communication.text_key for x in to(b, "A-17")] == ["emergency"]
    report(built, to(b, "A-17")[0], SendState.UNDELIVERED, "B")
    later(built, minutes=1)
    assert any("cannot be reached" in text for text in heard(built, "mia"))


def test_a_provider_that_asks_to_be_tried_at_once_or_never_is_not_believed():
    built = house()
    tries = []

    def refuses(_to, row, now):
        tries.append(row.id)
        return Outcome(SendState.QUEUED, provider="told", error="429", retry_at=now)

    built.carriers = (Carrier(refuses), built.carriers[1])
    says(built, "my chest hurts")
    assert len(tries) < 10
    built.carriers = (
        Carrier(lambda _to, _row, now: Outcome(SendState.QUEUED, error="429", retry_at=now + timedelta(hours=20))),
        built.carriers[1],
    )
    later(built, hours=2)
    assert any("cannot be reached" in text for text in heard(built, "mia"))


def test_a_fault_in_delivery_does_not_stop_the_house(monkeypatch, caplog):
    built = house()
    says(built, "hello")
    monkeypatch.setattr("bot.house.deliver_next", lambda *args: {}["secret"])
    built.hear(ChannelKind.SMS, "+15550001", "my chest hurts", "X")
    with caplog.at_level(logging.ERROR):
        built.settle(most=50)
    assert "secret" not in caplog.text
    monkeypatch.undo()
    built.settle()
    assert "Call 112" in heard(built, "A-17")[-1]


def test_reminders_go_on_after_the_clock_was_set_back_and_the_plan_changed():
    built = house()
    built.enrol(ANNA, (plan(),), event_id="plan")
    later(built, minutes=11)
    assert heard(built, "A-17") == ["Take warfarin"]
    built.clock.jump(-timedelta(minutes=12))
    built.enrol(ANNA, (plan("Take your warfarin"),), event_id="changed")
    later(built, minutes=30)
    assert len(heard(built, "A-17")) == 1
    later(built, days=2)
    assert heard(built, "A-17")[1:] == ["Take your warfarin"] * 2


def test_a_held_reminder_survives_a_clock_that_is_set_back():
    quiet = QuietHours(start=time(10, 5), end=time(11, 0))
    built = house(members=(replace(ANNA, quiet=quiet), NIA, LEE, MIA))
    built.enrol(replace(ANNA, quiet=quiet), (plan(),), event_id="plan")
    later(built, minutes=12)
    assert heard(built, "A-17") == []
    built.clock.jump(-timedelta(minutes=5))
    later(built, hours=2)
    assert heard(built, "A-17") == ["Take warfarin"]


def test_stop_from_one_number_leaves_the_emergency_text_for_another():
    two = replace(ANNA, contacts=(*ANNA.contacts, ContactPoint(system=ChannelKind.SMS, value="+15550008")))
    built = house(members=(two, NIA, LEE, MIA))
    built.carriers[0].down = True
    says(built, "my chest hurts", "+15550008")
    says(built, "STOP")
    built.carriers[0].down = False
    later(built, minutes=2)
    assert [a.to.value for a in to(built.carriers[0], "A-17")] == ["+15550008"]


def test_stop_belongs_to_the_number():
    built = house(members=(NIA, LEE, MIA))
    says(built, "STOP", "+15550001")
    built.enrol(ANNA, event_id="enrol")
    assert built.record.chart("A-17").person.contacts[0].state is ContactState.STOPPED
    spaced = (ContactPoint(system=ChannelKind.SMS, value=" +15550001 "),)
    built.enrol(replace(ANNA, contacts=spaced), event_id="again")
    assert built.record.chart("A-17").person.contacts[0].state is ContactState.STOPPED


def test_a_bare_ok_is_not_about_a_page_that_never_arrived():
    built = house()
    a, b = with_two_providers(built)
    says(built, "my chest hurts")
    report(built, to(a, "nia")[0], SendState.UNDELIVERED)
    built.settle()
    report(built, to(b, "nia")[0], SendState.UNDELIVERED, "B")
    says(built, "ok", "+15550002")
    assert built.record.chart("A-17").escalations[0].owner is None


def test_log_ids_tell_nothing():
    assert traced("A-17/flag/chest-pain/1") == traced("A-17/flag/chest-pain/1")
    assert "chest" not in traced("A-17/flag/chest-pain/1")


def test_what_is_told_besides_pages_survives_an_outage_and_later_receipts():
    lee = replace(LEE, contacts=(ContactPoint(system=ChannelKind.TELEGRAM, value="@lee"),))
    built = house(members=(ANNA, NIA, lee, MIA))
    sms = built.carriers[0]
    says(built, "my chest hurts")
    later(built, minutes=2)
    page = to(sms, "nia")[-1]
    sms.down = True
    says(built, f"{code_of(built, 'dr-lee')} ok", "@lee", ChannelKind.TELEGRAM)
    report(built, page, SendState.DELIVERED)
    built.settle()
    sms.down = False
    later(built, minutes=3)
    assert any("is taken by Dr Lee" in text for text in heard(built, "nia"))


def test_start_after_a_strangers_stop_holds_through_a_new_profile():
    built = house(members=(NIA, LEE, MIA))
    says(built, "STOP", "+15550001")
    built.enrol(ANNA, event_id="enrol")
    says(built, "START", "+15550001")
    built.enrol(replace(ANNA, language="es"), event_id="profile")
    assert built.record.chart("A-17").person.contacts[0].state is ContactState.ACTIVE
