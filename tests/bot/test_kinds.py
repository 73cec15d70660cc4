"""Edits, voice messages, pictures, groups and blocked bots: nothing dangerous is missed, nothing is done twice."""

from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from data.model.communication import SendState
from data.model.conversation import MessageKind
from data.model.escalation import EscalationState
from data.model.inbound import Inbound
from data.model.observation import Status
from data.model.people import ChannelKind, ContactPoint, ContactState
from tests.acceptance.crashing import people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import ben, code_of, later

TELEGRAM, CHAT, SPO2 = ChannelKind.TELEGRAM, "4711", "oxygen-saturation"
_IDS = count(1)
ANNA, NIA, LEE, MIA = people()


def on_telegram(person, chat=CHAT):
    return replace(person, contacts=(ContactPoint(system=TELEGRAM, value=chat),))


def clinic(*more, **changes):
    return house(members=(replace(on_telegram(ANNA), **changes), on_telegram(NIA, "22"), LEE, MIA, *more))


def comes(built, text="", kind=MessageKind.TEXT, ref="", address=CHAT, channel=TELEGRAM):
    inbound = Inbound(
        channel=channel, address=address, text=text, provider_message_id=f"K{next(_IDS)}", kind=kind, ref=ref
    )
    built.take_in((inbound,))
    built.settle()


def edits(built, first, second, **where):
    ref = f"r{next(_IDS)}"
    comes(built, first, ref=ref, **where)
    comes(built, second, MessageKind.EDIT, ref=ref, **where)


def values(built, code=SPO2, person="A-17"):
    return [o.value for o in built.record.chart(person).observations if o.code == code]


def rows(built, person="A-17"):
    """Every reading ever written, in order: what an audit sees."""
    return [o for entry in built.record.journal(person) for o in entry.changes.observations]


# Edits


def test_an_edit_corrects_exactly_its_own_readings_and_says_what_changed():
    built = clinic()
    comes(built, "pulse 80", ref="other")
    edits(built, "spo2 69", "spo2 96")
    assert values(built) == [96.0]
    assert values(built, "heart-rate") == [80.0]
    assert "oxygen 96% instead of 69%" in heard(built, "A-17")[-1]
    old, new = (o for o in rows(built) if o.code == SPO2)
    assert (old.id, old.value, new.value) == (new.id, 69.0, 96.0)
    # What was told of the wrong value stays with whoever has it.
    assert any(e.state is not EscalationState.CLOSED for e in built.record.chart("A-17").escalations)
    assert any("corrected a reading" in text for text in heard(built, "nia"))


def test_an_edit_towards_danger_pages_as_if_it_had_been_typed_at_once():
    built = clinic()
    edits(built, "spo2 97", "spo2 79")
    assert "Call 112" in heard(built, "A-17")[-1] or "call 112" in heard(built, "A-17")[-1]
    assert heard(built, "nia")[-1].startswith("P1 A-17")


def test_an_emergency_put_in_by_an_edit_is_one():
    built = clinic()
    edits(built, "hello", "hello, my chest hurts badly")
    assert "Call 112 now" in heard(built, "A-17")[-1]
    assert heard(built, "nia")[-1].startswith("P1 A-17")


def test_an_edit_that_takes_an_emergency_back_closes_nothing():
    built = clinic()
    edits(built, "my chest hurts", "all is well")
    chart = built.record.chart("A-17")
    assert [f.state.value for f in chart.flags] == ["open"]
    assert [e.state.value for e in chart.escalations] == ["open"]


def test_a_reading_edited_away_is_withdrawn_and_stays_in_the_journal():
    built = clinic()
    edits(built, "spo2 91 and pulse 80", "pulse 80")
    assert values(built) == []
    assert values(built, "heart-rate") == [80.0]
    assert rows(built)[-1].status is Status.ENTERED_IN_ERROR
    assert "91%" in heard(built, "A-17")[-1]


def test_an_edit_of_an_edit_corrects_the_same_reading():
    built = clinic()
    comes(built, "pulse 60", ref="again")
    for text in ("pulse 61", "pulse 62", "pulse 62"):
        comes(built, text, MessageKind.EDIT, ref="again")
    assert values(built, "heart-rate") == [62.0]
    assert "62 /min instead of 61 /min" in heard(built, "A-17")[-1]


def test_an_edit_that_changes_nothing_is_answered_with_nothing():
    built = clinic()
    edits(built, "spo2 97", "SpO2: 97")
    edits(built, "thank you", "thank you!")
    assert len(heard(built, "A-17")) == 2
    assert values(built) == [97.0]


def test_new_readings_in_an_edit_are_noted_and_the_old_not_twice():
    built = clinic()
    edits(built, "spo2 97", "spo2 97 pulse 80")
    edits(built, "hm", "weight 82 kg")
    assert values(built) == [97.0]
    assert values(built, "heart-rate") == [80.0]
    assert values(built, "body-weight") == [82.0]


def test_a_doubtful_edit_is_asked_about_and_what_stood_stands():
    built = clinic()
    edits(built, "glucose 6 mmol/l", "glucose 25")
    assert len([o for o in rows(built) if "glucose" in o.code]) == 1
    assert "mg/dL or in mmol/L" in heard(built, "A-17")[-1]


def test_an_edit_from_another_chat_with_the_same_number_touches_nobody_elses_readings():
    other = on_telegram(ben(), "99")
    built = clinic(other)
    comes(built, "spo2 97", ref="5")
    comes(built, "spo2 88", MessageKind.EDIT, ref="5", address="99")
    assert values(built) == [97.0]


def test_on_a_shared_chat_the_reading_is_put_right_on_the_chart_that_has_it():
    built = clinic(on_telegram(ben()))
    edits(built, "A-17 spo2 93", "A-17 spo2 97")
    assert (values(built), values(built, person="B-22")) == ([97.0], [])
    assert heard(built, "A-17")[-1].startswith("A-17: ")
    edits(built, "B-22 spo2 92", "A-17 spo2 92")
    assert values(built, person="B-22") == []
    assert values(built) == [97.0, 92.0]


@pytest.mark.parametrize(("first", "second"), [("{code} ok", "{code} no"), ("hm", "{code} ok"), ("hm", "/patients")])
def test_orders_of_staff_are_not_carried_out_by_an_edit(first, second):
    built = clinic()
    comes(built, "my chest hurts")
    code = code_of(built)
    ref = "o1"
    comes(built, first.format(code=code), ref=ref, address="22")
    before = built.record.chart("A-17").escalations
    comes(built, second.format(code=code), MessageKind.EDIT, ref=ref, address="22")
    assert built.record.chart("A-17").escalations == before
    assert "do not count" in heard(built, "nia")[-1]


# What cannot be heard or seen


@pytest.mark.parametrize(
    ("kind", "language", "said"),
    [(MessageKind.VOICE, "en", "voice"), (MessageKind.PICTURE, "de", "Bilder"), (MessageKind.STICKER, "et", "kleepse")],
)
def test_what_we_cannot_open_is_answered_with_the_emergency_number(kind, language, said):
    built = clinic(language=language)
    comes(built, kind=kind)
    (text,) = heard(built, "A-17")
    assert said in text
    assert "112" in text


def test_an_album_is_one_answer_and_the_next_hour_another():
    built = clinic()
    for _ in range(10):
        comes(built, kind=MessageKind.PICTURE)
    assert len(heard(built, "A-17")) == 1
    later(built, minutes=30)
    comes(built, kind=MessageKind.VOICE)
    assert len(heard(built, "A-17")) == 2


def test_a_caption_is_words():
    built = clinic()
    comes(built, "spo2 97", MessageKind.PICTURE)
    assert values(built) == [97.0]
    (text,) = heard(built, "A-17")
    assert "I have noted oxygen 97%" in text
    assert "cannot look at pictures" in text
    comes(built, "my chest hurts", MessageKind.PICTURE)
    assert "cannot look" not in heard(built, "A-17")[-1]
    assert heard(built, "nia")[-1].startswith("P1 A-17")
    comes(built, f"{code_of(built)} ok", MessageKind.PICTURE, address="22")
    assert "is yours" in heard(built, "nia")[-1]
    comes(built, kind=MessageKind.VOICE, address="22")


def test_staff_hear_it_in_english():
    built = clinic()
    comes(built, kind=MessageKind.VOICE, address="22")
    assert "cannot listen" in heard(built, "nia")[-1]


# Groups


def in_group(built):
    return [a.communication for c in built.carriers for a in c.accepted if a.communication.subject.startswith("strang")]


def test_a_group_is_refused_once_and_then_met_with_silence():
    built = clinic()
    before = [len(list(built.record.journal(p))) for p in ("A-17", "nia", "mia")]
    for text in ("spo2 79", "/chart A-17", "123 ok", "hello"):
        comes(built, text, MessageKind.GROUP, address="-100")
    (row,) = in_group(built)
    assert "never in a group" in row.text
    assert not {"A-17", "Anna"} & set(row.text.split())
    assert before == [len(list(built.record.journal(p))) for p in ("A-17", "nia", "mia")]


def test_an_emergency_in_a_group_gets_the_number_every_time_and_touches_nobody():
    built = clinic()
    for _ in range(3):
        comes(built, "my chest hurts", MessageKind.GROUP, address="-100")
    assert [row.text_key for row in in_group(built)] == ["emergency-group"] * 3
    assert heard(built, "nia") == []


def test_a_group_that_was_put_down_as_a_patients_address_is_still_nobodys():
    built = clinic()
    comes(built, "spo2 79", MessageKind.GROUP)
    assert values(built) == []
    assert heard(built, "A-17") == []


# Blocked


def state(built, person="A-17"):
    return built.record.chart(person).person.contacts[0].state


def test_a_blocked_bot_is_a_task_and_any_message_shows_that_it_is_over():
    built = clinic()
    comes(built, kind=MessageKind.BLOCKED)
    comes(built, kind=MessageKind.BLOCKED)
    assert state(built) is ContactState.BLOCKED
    assert [t for t in heard(built, "mia") if "blocked the assistant" in t] == heard(built, "mia")
    assert len(heard(built, "mia")) == 1
    comes(built, "spo2 97")
    assert state(built) is ContactState.ACTIVE
    assert "noted" in heard(built, "A-17")[-1]


def test_a_typed_stop_outlives_block_and_unblock():
    built = clinic()
    comes(built, "STOP")
    comes(built, kind=MessageKind.BLOCKED)
    comes(built, kind=MessageKind.UNBLOCKED)
    comes(built, "hello")
    assert state(built) is ContactState.STOPPED
    comes(built, "START")
    assert state(built) is ContactState.ACTIVE


def test_everybody_at_a_blocked_chat_is_blocked_and_heard_again():
    built = clinic(on_telegram(ben()))
    comes(built, kind=MessageKind.BLOCKED)
    assert {state(built), state(built, "B-22")} == {ContactState.BLOCKED}
    comes(built, "A-17 spo2 97")
    assert {state(built), state(built, "B-22")} == {ContactState.ACTIVE}


def test_staff_who_block_the_bot_are_paged_elsewhere_and_it_is_told():
    both = replace(NIA, contacts=(ContactPoint(system=TELEGRAM, value="22"), *NIA.contacts))
    built = house(members=(on_telegram(ANNA), both, LEE, MIA))
    comes(built, kind=MessageKind.BLOCKED, address="22")
    assert "Nia has blocked the bot" in heard(built, "mia")[-1]
    comes(built, "my chest hurts")
    pages = [a.communication for c in built.carriers for a in c.accepted if a.communication.recipient == "nia"]
    assert [p.channel for p in pages] == [ChannelKind.SMS]


# STOP where no carrier answers it


def test_stop_on_telegram_is_confirmed_once_and_then_nothing_goes():
    built = clinic()
    comes(built, "STOP")
    comes(built, "stop")
    assert heard(built, "A-17") == ["You will get nothing more from me here. The word START brings me back."]
    comes(built, "spo2 97")
    assert len(heard(built, "A-17")) == 1
    comes(built, "START")
    assert "Welcome back" in heard(built, "A-17")[-1]


@pytest.mark.parametrize("word", ["abmelden", "parar", "arrêter", "lõpeta", "ＳＴＯＰ"])
def test_stop_counts_in_every_language_of_the_clinic(word):
    built = clinic()
    comes(built, word)
    assert state(built) is ContactState.STOPPED


def test_by_sms_the_carrier_answers_and_we_are_silent():
    built = house()
    says(built, "STOP")
    assert heard(built, "A-17") == []


def test_one_confirmation_reaches_all_who_share_a_chat():
    built = clinic(on_telegram(ben()))
    comes(built, "STOP")
    assert len(heard(built, "A-17") + heard(built, "B-22")) == 1
    assert {state(built), state(built, "B-22")} == {ContactState.STOPPED}


def test_a_confirmation_that_comes_too_late_is_not_sent():
    built = clinic()
    built.carriers[1].down = True
    comes(built, "STOP")
    later(built, minutes=6)
    built.carriers[1].down = False
    later(built, minutes=6)
    assert heard(built, "A-17") == []
    row = next(c for c in built.record.chart("A-17").communications if c.text_key == "stop-confirmed")
    assert row.state is SendState.DROPPED


def test_a_vendors_word_that_there_is_data_makes_nobody_and_says_nothing():
    built = house()
    before = built.record.people()
    notice = Inbound(
        channel=ChannelKind.CONSOLE,
        address="wearable:oura",
        text="chest-pain-account",
        provider_message_id="wd:oura:1",
        kind=MessageKind.DATA,
    )
    assert built.take_in((notice,)) == (True,)
    built.settle()
    assert built.record.people() == before
    assert built.next_at() is None and not any(c.accepted for c in built.carriers)
    assert built.take_in((notice,)) == (False,)


@pytest.mark.parametrize("first", ["/stop", "STOP"])
@pytest.mark.parametrize("text", ["/start I cannot breathe, chest pain", "/start@clinicbot ich kann nicht atmen"])
def test_an_emergency_behind_start_is_one(first, text):
    built = clinic()
    comes(built, first)
    comes(built, text)
    assert built.record.chart("A-17").escalations
    assert any("A-17" in said for said in heard(built, "nia"))


@pytest.mark.parametrize("words", ["bp 120/80", "bp 150/95", "pulse 95", "weight 82 kg"])
@pytest.mark.parametrize("name", ["B-22: ", "Ben: "])
def test_an_edit_that_says_who_wrote_is_the_answer_to_that_question(words, name):
    built, again = clinic(on_telegram(ben())), clinic(on_telegram(ben()))
    comes(built, words, ref="e1")
    comes(built, f"{name}{words}", MessageKind.EDIT, ref="e1")
    comes(again, words)
    comes(again, f"{name}{words}")
    noted = {o.code: o.value for o in built.record.chart("B-22").observations}
    assert noted and noted == {o.code: o.value for o in again.record.chart("B-22").observations}
    assert built.record.chart("A-17").observations == ()


@pytest.mark.parametrize("words", ["pulse 135", "bp 190/125"])
@pytest.mark.parametrize("dies", range(1, 6))
def test_a_crash_while_a_reading_moves_to_another_chart_loses_none(words, dies, monkeypatch):
    built = clinic(on_telegram(ben()))
    comes(built, f"B-22 {words}", ref="e2")
    moved = Inbound(
        channel=TELEGRAM,
        address="4711",
        text=f"A-17 {words}",
        kind=MessageKind.EDIT,
        ref="e2",
        provider_message_id="moved",
    )
    built.take_in((moved,))
    commit, count = built.record.commit, iter(range(1, 100))

    def dying(*args):
        if next(count) == dies:
            raise KeyboardInterrupt
        return commit(*args)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(built.record, "commit", dying)
        built.settle()
    later(built, minutes=1)
    values = [{o.code for o in built.record.chart(p).observations} for p in ("A-17", "B-22")]
    assert values[0] and not values[1]
    assert len(built.record.chart("A-17").observations) == len(values[0])
