"""What attackers of the first version found, each kept from coming back."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.enrol import available_timezones
from data.errors import BadInput
from data.model.communication import SendState
from data.model.observation import Observation
from data.model.people import ChannelKind, ContactPoint, ContactState, Role
from data.model.plan import Activity
from data.ports import Outcome
from scheduler.recurrence import read_recurrence
from tests.acceptance.crashing import START, people
from tests.bot.clinic import heard, house, says

ANNA, NIA, LEE, MIA = people()
NURSE, BOSS = "+15550002", "@mia"


def later(built, **duration):
    """Let time pass from event to event."""
    until = built.now() + timedelta(**duration)
    while True:
        built.settle()
        ahead = built.next_at()
        if ahead is None or ahead > until:
            break
        built.clock.move_to(ahead)
    built.clock.move_to(until)
    built.settle()


def ben(**changes):
    contact = (ContactPoint(system=ChannelKind.SMS, value="+15550009"),)
    return replace(ANNA, id="B-22", code="B-22", name="Ben", contacts=contact, **changes)


def code_of(built, person="nia", nth=-1):
    return built.record.codes_of(person, START - timedelta(days=1))[nth].code


def sample(built, value, minutes=0, source="watch"):
    at = built.now() - timedelta(minutes=minutes)
    return Observation(id=f"A-17/{source}/oxygen-saturation/{at.isoformat()}", code="oxygen-saturation", value=value,
                       unit="%", effective_at=at, received_at=built.now(), source=source)  # fmt: skip


class Carrier:
    """A provider that does what it is told to."""

    def __init__(self, send, kind=ChannelKind.SMS):
        self.name, self.kind, self.send, self.accepted = "told", kind, send, []


def fails(*args):
    raise RuntimeError("my chest hurts")


# Who is who


def test_a_stranger_who_is_enrolled_later_is_found():
    built = house(members=(NIA, LEE, MIA))
    says(built, "hello", "+15550001")
    built.enrol(ANNA, event_id="enrol")
    says(built, "my chest hurts", "+15550001")
    assert "I am telling your care team" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1 A-17")


@pytest.mark.parametrize("members", [(ANNA, NIA), (NIA, ANNA)])
def test_a_phone_that_nurse_and_patient_share(members):
    nurse = replace(NIA, contacts=ANNA.contacts)
    built = house(members=tuple(nurse if p.id == "nia" else p for p in members))
    says(built, "my chest hurts")
    assert "Call 112" in heard(built, "A-17")[0]
    says(built, f"{code_of(built)} ok")
    assert any("is yours" in text for text in heard(built, "nia"))


def test_a_clinician_in_need_is_answered():
    built = house()
    says(built, "i cant breathe", NURSE)
    assert "call 112 now" in heard(built, "nia")[0]


def test_deactivated_staff_can_do_nothing():
    built = house(members=(ANNA, replace(NIA, active=False), LEE, replace(MIA, active=False)))
    says(built, "my chest hurts")
    assert heard(built, "nia") == []
    assert heard(built, "dr-lee")[0].startswith("P1")
    says(built, "/patients", BOSS, ChannelKind.TELEGRAM)
    assert "not on the clinic's staff list" in heard(built, "mia")[-1]


def test_ids_zones_and_scales_that_later_steps_cannot_use_are_refused():
    built = house(members=())
    for bad in (
        replace(ANNA, id="ward/7"),
        replace(ANNA, zone="Mars/Base"),
        replace(ANNA, spo2_scale=3),
        replace(ANNA, id=""),
    ):
        with pytest.raises(BadInput):
            built.enrol(bad, event_id="enrol")
    alien = Activity(id="B-22/nudge/x", text="x", recurrence=read_recurrence("daily 08:00"))
    with pytest.raises(BadInput):
        built.enrol(ANNA, (alien,), event_id="enrol")
    assert built.record.people() == ()
    assert "Europe/Tallinn" in available_timezones()


# Faults


@pytest.mark.parametrize("broken", ["bot.core.concern.assess", "bot.core.concern.decide"])
def test_a_fault_in_risk_still_pages_and_answers(monkeypatch, broken, caplog):
    built = house()
    monkeypatch.setattr(broken, lambda *args, **more: {}["secret words"])
    with caplog.at_level(logging.ERROR):
        says(built, "my chest hurts")
        says(built, "hello there")
    assert "Call 112" in heard(built, "A-17")[0]
    assert "cannot read messages" in heard(built, "A-17")[1]
    assert heard(built, "nia")[0].startswith("P1 A-17")
    assert "secret" not in caplog.text
    assert "chest" not in caplog.text


def test_a_provider_that_raises_is_gone_round():
    built = house()
    built.carriers = (Carrier(fails), *built.carriers)
    says(built, "my chest hurts")
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1")


def test_one_bad_sample_does_not_take_the_batch_along():
    built = house()
    naive = replace(sample(built, 80.0), id="A-17/x", effective_at=built.now().replace(tzinfo=None))
    good = tuple(sample(built, 80.0, minutes) for minutes in range(10))
    built.stream("A-17", (naive, *good), batch_id="1")
    built.stream("A-17", (sample(built, 81.0, 0, "other"),), batch_id="1")
    assert len(built.record.chart("A-17").observations) == 11


def test_a_message_from_staff_that_breaks_is_tried_again_and_answered(monkeypatch):
    built = house()
    says(built, "my chest hurts")
    monkeypatch.setattr("bot.staff_desk.acknowledge", lambda *args: 1 / 0)
    says(built, f"{code_of(built)} ok", NURSE)
    assert len(heard(built, "nia")) == 1
    monkeypatch.undo()
    later(built, seconds=31)
    assert any("is yours" in text for text in heard(built, "nia"))


def test_an_emergency_does_not_wait_behind_other_peoples_messages():
    built = house()
    built.hear(ChannelKind.SMS, "+15550001", "my chest hurts", "first")
    for n in range(50):
        built.hear(ChannelKind.SMS, f"+1999{n:04}", "hello", f"m{n}")
    order = []
    sms = built.carriers[0]
    built.carriers = (Carrier(lambda to, row, now: order.append(row.recipient) or sms.send(to, row, now)),)
    built.settle()
    assert set(order[:2]) == {"A-17", "nia"}


def test_unknown_outcomes_do_not_walk_the_whole_ladder_at_once():
    built = house()
    built.carriers = (Carrier(lambda *args: Outcome(SendState.UNKNOWN, provider="told", error="timeout")),)
    says(built, "my chest hurts")
    pages = [p for e in built.record.chart("A-17").escalations for p in e.pages]
    assert {p.person_id for p in pages} == {"nia"}


# The right escalation


def test_a_late_reply_to_the_old_episode_leaves_the_new_one_open():
    built = house()
    says(built, "my chest hurts")
    old = code_of(built)
    says(built, f"{old} done phoned", NURSE)
    later(built, minutes=5)
    says(built, "my chest hurts again")
    says(built, f"{old} ok", NURSE)
    (flag,) = [f for f in built.record.chart("A-17").flags if f.rule == "chest-pain"]
    assert flag.state == "open"


def test_a_bare_ok_is_about_what_was_heard_last_and_nothing_that_came_later():
    built = house(members=(ANNA, ben(), NIA, MIA))
    built.hear(ChannelKind.SMS, NURSE, "ok", "early")
    built.hear(ChannelKind.SMS, "+15550001", "my chest hurts", "M1")
    built.settle()
    assert [e.state for e in built.record.chart("A-17").escalations] == ["open"]
    says(built, "i want to die", "+15550009")
    says(built, "ok", NURSE)
    assert "Open for you" in heard(built, "nia")[-1]
    says(built, "done", NURSE)
    assert "Open for you" in heard(built, "nia")[-1]


def test_a_bare_ok_that_was_worked_before_a_crash_is_not_worked_again():
    built = house(members=(ANNA, ben(), NIA, MIA))
    says(built, "my chest hurts")
    built.hear(ChannelKind.SMS, NURSE, "ok", "bare")
    finish = built.record.finish_message
    built.record.finish_message = lambda claim, forget=False: True
    built.settle()
    built.record.finish_message = finish
    says(built, "i want to die", "+15550009")
    later(built, seconds=40)
    assert [e.owner for e in built.record.chart("A-17").escalations] == ["nia"]
    assert [e.owner for e in built.record.chart("B-22").escalations] == [None]


def test_an_acknowledgement_takes_back_every_queued_page():
    built = house()
    lee = replace(LEE, contacts=(*LEE.contacts, ContactPoint(system=ChannelKind.TELEGRAM, value="@lee")))
    built.enrol(lee, event_id="lee")
    built.carriers[0].down = True
    says(built, "my chest hurts")
    later(built, minutes=40)
    assert built.record.chart("A-17").escalations[0].owner is None
    says(built, f"{code_of(built, 'dr-lee')} ok", "@lee", ChannelKind.TELEGRAM)
    queued = [c for c in built.record.chart("A-17").communications if c.state is SendState.QUEUED]
    assert [c for c in queued if c.category == "page" and c.text_key.startswith("page")] == []
    built.carriers[0].down = False
    later(built, minutes=5)
    assert not any("needs a person" in text for text in heard(built, "nia"))


def test_two_concerns_of_one_message_are_both_told_to_operations():
    built = house(members=(ANNA, MIA))
    says(built, "my chest hurts and i want to die")
    assert sum("P1 A-17" in text for text in heard(built, "mia")) >= 2


# Reminders


def plan(text="Take warfarin", at="daily 10:10"):
    return Activity(id="A-17/nudge/w", text=text, recurrence=read_recurrence(at))


def test_a_dose_is_not_reminded_of_twice_when_the_patient_changes_zone():
    built = house()
    built.enrol(ANNA, (plan(),), event_id="plan")
    later(built, minutes=15)
    assert heard(built, "A-17") == ["Take warfarin"]
    built.enrol(replace(ANNA, zone="Europe/London"), event_id="moved")
    later(built, hours=5)
    assert heard(built, "A-17") == ["Take warfarin"]


def test_an_ended_activity_no_longer_reminds_from_the_queue():
    built = house()
    built.enrol(ANNA, (plan(),), event_id="plan")
    built.carriers[0].down = True
    later(built, minutes=11)
    says(built, "/unnudge Anna 1", BOSS, ChannelKind.TELEGRAM)
    built.carriers[0].down = False
    later(built, hours=1)
    assert heard(built, "A-17") == []


@pytest.mark.parametrize("quotes", ['""', "“”", "„“", "«»"])
def test_nudge_finds_whole_names_only_and_any_quotes(quotes):
    smith = ben(title="patient")
    built = house(members=(ANNA, replace(smith, name="Anna Smith"), MIA))
    said = f"/nudge Anna Smith {quotes[0]}Walk{quotes[1]} daily 09:00"
    says(built, said, BOSS, ChannelKind.TELEGRAM)
    assert built.record.chart("A-17").activities == ()
    assert [a.text for a in built.record.chart("B-22").activities] == ["Walk"]
    says(built, "/unnudge Anna Smith 1", BOSS, ChannelKind.TELEGRAM)
    assert [a.active for a in built.record.chart("B-22").activities] == [False]


def test_a_reminder_may_not_ask_for_a_carriers_word():
    built = house()
    says(built, '/nudge Anna "reply STOP when done" daily 09:00', BOSS, ChannelKind.TELEGRAM)
    assert "Please write it like this" in heard(built, "mia")[-1]


def test_an_sms_to_a_care_manager_carries_no_reminder_text():
    manager = replace(MIA, contacts=(ContactPoint(system=ChannelKind.SMS, value="+15550007"),))
    built = house(members=(ANNA, manager))
    says(built, '/nudge Anna "Take warfarin" daily 09:00', "+15550007")
    says(built, "/nudges Anna", "+15550007")
    says(built, "/patients", "+15550007")
    assert len(heard(built, "mia")) == 3
    assert not any("warfarin" in text or "Anna" in text for text in heard(built, "mia"))


# STOP and truth


def test_staff_stop_is_kept_in_silence_and_told():
    built = house()
    says(built, "STOP", NURSE)
    assert heard(built, "nia") == []
    assert "Nia has ended text messages" in heard(built, "mia")[0]
    says(built, "my chest hurts")
    assert heard(built, "nia") == []
    assert heard(built, "dr-lee")[0].startswith("P1")


def test_stop_outlives_a_new_profile():
    built = house()
    says(built, "STOP")
    built.enrol(ANNA, event_id="again")
    assert built.record.chart("A-17").person.contacts[0].state is ContactState.STOPPED
    says(built, "start")
    assert built.record.chart("A-17").person.contacts[0].state is ContactState.ACTIVE


def test_stop_on_one_of_two_numbers_leaves_the_other():
    two = replace(ANNA, contacts=(*ANNA.contacts, ContactPoint(system=ChannelKind.SMS, value="+15550008")))
    built = house(members=(two, NIA, LEE, MIA))
    says(built, "STOP")
    says(built, "my chest hurts", "+15550008")
    (answer,) = [a for a in built.carriers[0].accepted if a.communication.recipient == "A-17"]
    assert answer.to.value == "+15550008"


def test_stop_on_a_shared_phone_holds_for_everyone():
    mother = replace(ben(), contacts=ANNA.contacts)
    built = house(members=(ANNA, mother, NIA, LEE, MIA))
    says(built, "STOP")
    states = {built.record.chart(p).person.contacts[0].state for p in ("A-17", "B-22")}
    assert states == {ContactState.STOPPED}


def test_after_stop_a_dangerous_vital_sends_a_person_to_the_phone():
    built = house()
    says(built, "STOP")
    built.stream("A-17", tuple(sample(built, 80.0, minutes) for minutes in range(20)), batch_id="1")
    built.settle()
    assert any("cannot be reached by message" in text and "phone" in text for text in heard(built, "mia"))


def test_a_providers_words_never_reach_staff():
    built = house()
    refusal = Outcome(SendState.FAILED, provider="told", error="Anna +1555 my chest hurts")
    built.carriers = (Carrier(lambda *args: refusal), built.carriers[1])
    says(built, "my chest hurts")
    said = " ".join(heard(built, "mia"))
    assert "cannot be reached" in said
    assert not any(word in said for word in ("Anna", "+1555", "chest"))


def test_a_provider_cannot_queue_a_message_again():
    built = house()
    says(built, "hello")
    (row,) = built.record.chart("A-17").communications
    built.receipt(row.id, SendState.QUEUED, provider="A", provider_id="A-1", event_id="r")
    built.settle()
    assert len(heard(built, "A-17")) == 1


def test_consent_is_what_was_said_last():
    given = ANNA.consents[0]
    withdrawn = replace(given, given=False, recorded_at=given.recorded_at + timedelta(days=1))
    assert not replace(ANNA, consents=(given, withdrawn)).consents_to(given.purpose)
    assert not replace(ANNA, consents=(withdrawn, given)).consents_to(given.purpose)


def test_a_proxy_or_patient_without_code_is_never_named():
    own = (ContactPoint(system=ChannelKind.SMS, value="+15550010"),)
    proxy = replace(ANNA, id="eva", code="X-1", name="Eva", role=Role.PROXY, title="proxy", contacts=own)
    built = house(members=(proxy, NIA))
    says(built, "anna cannot breathe", "+15550010")
    assert not any("eva" in text.casefold() for text in heard(built, "nia"))


def test_a_question_about_the_unit_can_be_answered_with_the_unit():
    built = house()
    says(built, "my sugar is 20")
    assert "mg/dL or in mmol/L" in heard(built, "A-17")[-1]
    says(built, "mmol/l")
    (reading,) = built.record.chart("A-17").observations
    assert round(reading.value) == 360
    says(built, "mmol/l")
    assert len(built.record.chart("A-17").observations) == 1


def test_a_normal_reading_after_an_emergency_is_not_called_dangerous():
    built = house()
    says(built, "my chest hurts")
    says(built, "bp 120/80")
    assert "can be dangerous" not in heard(built, "A-17")[-1]
    assert "bp 120/80" in heard(built, "A-17")[-1]
    says(built, "spo2 78")
    assert "can be dangerous" in heard(built, "A-17")[-1]


def test_a_glucose_that_is_dangerous_in_any_unit_waits_for_no_answer():
    built = house()
    says(built, "my sugar is 35")
    assert any(f.rule == "glucose-of-unknown-unit" for f in built.record.chart("A-17").flags)
    assert heard(built, "nia")[0].startswith("P2 A-17")


def test_no_more_messages_in_other_words_is_heeded():
    built = house()
    says(built, "please stop texting me")
    assert built.record.chart("A-17").person.paused_until is not None
    assert any("no more reminders" in text for text in heard(built, "mia"))
