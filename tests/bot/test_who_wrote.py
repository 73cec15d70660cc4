"""Words that are not simply their sender's: forwarded, carried out by the carrier, from another door, from a group."""

from dataclasses import replace
from itertools import count

import pytest

from data.errors import Unavailable
from data.model.communication import SendState
from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from data.model.people import ChannelKind, ContactPoint, ContactState
from integrations.simulator_channel import SimulatedProvider
from tests.acceptance.crashing import people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import ben, code_of
from tests.bot.test_kinds import CHAT, clinic, comes, in_group, on_telegram, state, values

SMS, TELEGRAM, WHATSAPP = ChannelKind.SMS, ChannelKind.TELEGRAM, ChannelKind.WHATSAPP
PHONE, NURSE = "+15550001", "+15550002"
ANNA, NIA, LEE, MIA = people()
_IDS = count(1)


def by_phone(built, text, kind, channel=SMS, address=PHONE):
    inbound = Inbound(
        channel=channel, address=address, text=text, provider_message_id=f"W{next(_IDS)}", kind=kind, ref=""
    )
    built.take_in((inbound,))
    built.settle()


def with_whatsapp(*members):
    built = house(members=members or (ANNA, NIA, LEE, MIA))
    built.carriers = (*built.carriers, SimulatedProvider("W", WHATSAPP))
    return built


def sent(built, channel):
    return [a.communication for c in built.carriers if c.kind is channel for a in c.accepted]


# What the carrier has carried out


def test_a_stop_that_the_carrier_carried_out_holds_until_start_and_is_told():
    built = house()
    by_phone(built, "lopeta", MessageKind.STOPPED)
    assert state(built) is ContactState.STOPPED
    assert any("has ended text messages" in t for t in heard(built, "mia"))
    says(built, "hello")
    assert state(built) is ContactState.STOPPED
    by_phone(built, "alusta", MessageKind.STARTED)
    assert state(built) is ContactState.ACTIVE


def test_where_the_carrier_has_answered_we_are_silent_whatever_the_channel():
    built = with_whatsapp(replace(ANNA, contacts=(ContactPoint(system=WHATSAPP, value=PHONE),)), NIA, LEE, MIA)
    for kind in (MessageKind.STOPPED, MessageKind.STARTED, MessageKind.HELPED):
        by_phone(built, "word", kind, WHATSAPP)
    assert heard(built, "A-17") == []
    assert state(built) is ContactState.ACTIVE


@pytest.mark.parametrize("kind", [MessageKind.STOPPED, MessageKind.STARTED, MessageKind.HELPED])
def test_an_emergency_in_what_the_carrier_took_for_its_word_is_one(kind):
    built = house()
    by_phone(built, "stop my chest hurts", kind)
    assert heard(built, "nia")[0].startswith("P1 A-17")
    assert state(built) is (ContactState.STOPPED if kind is MessageKind.STOPPED else ContactState.ACTIVE)


def test_a_stop_carried_out_is_for_all_who_share_the_number_and_of_staff_too():
    built = house(members=(ANNA, replace(ben(), contacts=ANNA.contacts), NIA, LEE, MIA))
    by_phone(built, "x", MessageKind.STOPPED)
    assert {state(built), state(built, "B-22")} == {ContactState.STOPPED}
    by_phone(built, "x", MessageKind.STOPPED, address=NURSE)
    assert state(built, "nia") is ContactState.STOPPED


def test_help_that_the_carrier_answered_is_met_with_silence():
    built = house()
    by_phone(built, "abi", MessageKind.HELPED)
    by_phone(built, "abi", MessageKind.HELPED, address="+15559999")
    assert [a for c in built.carriers for a in c.accepted] == []


# Forwarded


@pytest.mark.parametrize("text", ["spo2 79", "STOP", "pause", "wrong number", "/start " + "A" * 30, "7KQ2-M9XD", ""])
def test_what_is_forwarded_is_not_carried_out(text):
    built = clinic()
    comes(built, text, MessageKind.FORWARDED)
    (said,) = heard(built, "A-17")
    assert "forwarded" in said
    assert "112" in said
    assert values(built) == []
    assert state(built) is ContactState.ACTIVE
    assert built.record.chart("A-17").person.paused_until is None
    assert heard(built, "mia") == []


@pytest.mark.parametrize("text", ["chest pain, spo2 79", "my chest hurts and bp 120/80"])
def test_an_emergency_that_is_forwarded_is_one_and_nothing_else_of_it_is_noted(text):
    built = clinic()
    comes(built, text, MessageKind.FORWARDED)
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1 A-17")
    assert built.record.chart("A-17").observations == ()


def test_a_code_that_a_colleague_forwards_is_not_carried_out():
    built = clinic()
    comes(built, "my chest hurts")
    before = built.record.chart("A-17").escalations
    for text in (f"{code_of(built)} ok", "/patients", "STOP"):
        comes(built, text, MessageKind.FORWARDED, address="22")
    assert built.record.chart("A-17").escalations == before
    assert [t for t in heard(built, "nia") if "Forwarded" in t] == [heard(built, "nia")[-1]]
    assert state(built, "nia") is ContactState.ACTIVE
    comes(built, "my chest hurts", MessageKind.FORWARDED, address="22")
    assert "call 112" in heard(built, "nia")[-1]


@pytest.mark.parametrize("text", ["STOP", "spo2 79", "7KQ2-M9XD"])
def test_a_stranger_who_forwards_is_a_stranger(text):
    built = clinic()
    comes(built, text, MessageKind.FORWARDED, address="999")
    (said,) = (a.communication.text for c in built.carriers for a in c.accepted)
    assert "I do not know you yet" in said
    comes(built, "my chest hurts", MessageKind.FORWARDED, address="999")
    assert [a.communication.text_key for c in built.carriers for a in c.accepted][-1] == "emergency-stranger"


@pytest.mark.parametrize("language", ["en", "de", "es", "et", "fr"])
def test_it_is_said_in_the_language_of_whoever_forwards(language):
    built = clinic(language=language)
    comes(built, "x", MessageKind.FORWARDED)
    assert heard(built, "A-17") == [built.kit.texts.by_language[language]["forwarded"].format(number="112")]


# /start, /stop and /help where no carrier answers


@pytest.mark.parametrize("start", ["/start", "/START", "/start@clinicbot", "/start from_the_website", "START"])
@pytest.mark.parametrize("stop", ["STOP", "/stop", "/stop@clinicbot"])
def test_start_on_telegram_takes_a_stop_back(start, stop):
    built = clinic()
    comes(built, stop)
    assert state(built) is ContactState.STOPPED
    comes(built, start)
    assert state(built) is ContactState.ACTIVE
    assert "Welcome back" in heard(built, "A-17")[-1]


def test_start_by_sms_is_a_word_and_no_command():
    built = house()
    says(built, "STOP")
    says(built, "/start")
    assert state(built) is ContactState.STOPPED


def test_a_code_behind_start_counts_too_and_a_wrong_one_still_starts():
    built = clinic()
    comes(built, "STOP")
    comes(built, "/start " + "A" * 30)
    assert state(built) is ContactState.ACTIVE
    assert ["Welcome back" in t for t in heard(built, "A-17")] == [False, True, False]
    assert "does not work" in heard(built, "A-17")[-1]


def test_start_of_somebody_who_never_stopped_is_what_it_was():
    built = clinic()
    comes(built, "/start")
    assert not any("Welcome back" in t for t in heard(built, "A-17"))


@pytest.mark.parametrize("text", ["/help", "HELP", "/help@clinicbot"])
def test_help_from_a_stopped_chat_tells_how_to_come_back(text):
    built = clinic()
    comes(built, "STOP")
    comes(built, text)
    assert heard(built, "A-17")[-1].endswith("The word START brings me back.")
    assert len(heard(built, "A-17")) == 2
    assert state(built) is ContactState.STOPPED


# One number, two doors


@pytest.mark.parametrize(("known", "other"), [(SMS, WHATSAPP), (WHATSAPP, SMS)])
def test_an_emergency_from_the_other_door_of_a_known_number_pages(known, other):
    built = with_whatsapp(replace(ANNA, contacts=(ContactPoint(system=known, value=PHONE),)), NIA, LEE, MIA)
    by_phone(built, "my chest hurts", MessageKind.TEXT, other)
    assert heard(built, "nia")[0].startswith("P1 A-17")
    (said,) = (row for row in sent(built, other) if row.recipient == "A-17")
    assert "Call 112" in said.text
    assert "I am telling your care team" in said.text


def test_anything_else_from_the_other_door_asks_to_be_linked_and_waits_in_their_queue():
    built = with_whatsapp()
    built.take_in((Inbound(channel=WHATSAPP, address=PHONE, text="spo2 97", provider_message_id="q1"),))
    assert built.record.waiting("A-17")
    built.settle()
    (said,) = sent(built, WHATSAPP)
    assert "cannot be sure who writes" in said.text
    assert built.record.chart("A-17").observations == ()
    found = {(c.system, c.state) for c in built.record.chart("A-17").person.contacts}
    assert found == {(SMS, ContactState.ACTIVE), (WHATSAPP, ContactState.UNVERIFIED)}
    says(built, "spo2 97")
    assert values(built) == [97.0]


def test_a_clinicians_code_counts_from_the_other_door_and_nothing_else_does():
    built = with_whatsapp()
    says(built, "my chest hurts")
    by_phone(built, "/patients", MessageKind.TEXT, WHATSAPP, NURSE)
    assert "cannot be sure" in sent(built, WHATSAPP)[-1].text
    by_phone(built, f"{code_of(built)} ok", MessageKind.TEXT, WHATSAPP, NURSE)
    assert [e.owner for e in built.record.chart("A-17").escalations] == ["nia"]


def test_an_emergency_from_the_other_door_of_a_shared_number_is_of_each():
    built = with_whatsapp(ANNA, replace(ben(), contacts=ANNA.contacts), NIA, LEE, MIA)
    by_phone(built, "my chest hurts", MessageKind.TEXT, WHATSAPP)
    assert {t.split()[1] for t in heard(built, "nia") if t.startswith("P1")} == {"A-17", "B-22"}


# A group


def test_a_patients_emergency_in_a_group_pages_and_the_group_learns_nothing():
    built = clinic()
    comes(built, "my chest hurts", MessageKind.GROUP, ref=CHAT, address="-100")
    assert heard(built, "nia")[0].startswith("P1 A-17")
    (said,) = (a for c in built.carriers for a in c.accepted if a.communication.recipient == "A-17")
    assert (said.to.value, "Call 112" in said.communication.text) == (CHAT, True)
    (row,) = in_group(built)
    assert row.text_key == "emergency-group"
    known = row.text
    comes(built, "my chest hurts", MessageKind.GROUP, ref="999", address="-101")
    assert in_group(built)[-1].text == known
    assert not {"A-17", "Anna"} & set(known.split())


@pytest.mark.parametrize("text", ["spo2 79", "STOP", "my address is secret"])
def test_nothing_else_of_a_group_is_used_or_kept(text):
    built = clinic()
    built.take_in(
        (
            Inbound(
                channel=TELEGRAM,
                address="-100",
                text=text,
                provider_message_id=f"g{next(_IDS)}",
                kind=MessageKind.GROUP,
                ref=CHAT,
            ),
        )
    )
    assert not built.record.waiting("A-17")
    assert all(m.ref == "" for m in built.record.messages("telegram:-100"))
    built.settle()
    assert values(built) == []
    assert heard(built, "A-17") == []
    assert state(built) is ContactState.ACTIVE


def test_a_patients_emergency_in_a_group_pages_when_thinking_fails(monkeypatch):
    built = clinic()
    monkeypatch.setattr("bot.core.concern.assess", lambda *args, **more: {}["x"])
    comes(built, "my chest hurts", MessageKind.GROUP, ref=CHAT, address="-100")
    assert heard(built, "nia")[0].startswith("P1 A-17")


def test_a_patient_in_a_group_who_shares_a_chat_with_staff_is_found():
    built = clinic(replace(LEE, id="zoe", code="zoe", name="Zoe", contacts=on_telegram(ANNA).contacts))
    comes(built, "my chest hurts", MessageKind.GROUP, ref=CHAT, address="-100")
    assert heard(built, "nia")[0].startswith("P1 A-17")


def test_words_in_a_group_are_kept_though_nobody_can_be_looked_up(monkeypatch):
    built = clinic()
    with monkeypatch.context() as patched:
        patched.setattr(built.record, "holders", lambda *args: (_ for _ in ()).throw(Unavailable("locked")))
        inbound = Inbound(
            channel=TELEGRAM,
            address="-100",
            text="my chest hurts",
            provider_message_id="away",
            kind=MessageKind.GROUP,
            ref=CHAT,
        )
        assert built.take_in((inbound,)) == (True,)
    built.settle()
    assert [row.text_key for row in in_group(built)] == ["emergency-group"]


# A chat that was not found


@pytest.mark.parametrize("who", ["A-17", "nia"])
def test_a_chat_that_was_not_found_lives_when_somebody_writes_from_it(who):
    built = clinic()
    comes(built, "my chest hurts")
    row = [c for c in built.record.chart("A-17").communications if c.recipient == who and c.channel is TELEGRAM][-1]
    built.receipt(
        row.id, SendState.FAILED, provider="telegram", provider_id="x", event_id=f"dead:{who}", error="invalid"
    )
    assert state(built, who) is ContactState.DEAD
    if who == "nia":
        comes(built, f"{code_of(built)} ok", address="22")
        assert [e.owner for e in built.record.chart("A-17").escalations] == ["nia"]
    else:
        comes(built, "spo2 97")
        assert values(built) == [97.0]
        assert "noted" in heard(built, "A-17")[-1]
    assert state(built, who) is ContactState.ACTIVE


def test_a_dead_number_that_writes_may_be_anothers():
    built = house()
    says(built, "spo2 97")
    row = built.record.chart("A-17").communications[-1]
    built.receipt(row.id, SendState.FAILED, provider="A", provider_id="x", event_id="dead", error="invalid")
    says(built, "spo2 96")
    assert state(built) is ContactState.UNVERIFIED
    assert values(built) == [97.0]


def test_everybody_at_a_dead_chat_lives_again():
    built = clinic(on_telegram(ben()))
    for person in ("A-17", "B-22"):
        built.enrol(
            replace(
                built.record.chart(person).person,
                contacts=(ContactPoint(system=TELEGRAM, value=CHAT, state=ContactState.DEAD),),
            ),
            event_id=f"dead:{person}",
        )
    comes(built, "A-17 spo2 97")
    assert {state(built), state(built, "B-22")} == {ContactState.ACTIVE}
