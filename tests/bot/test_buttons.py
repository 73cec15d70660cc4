"""Buttons: a press is its reader's own words, and an id that is forged, foreign, answered or old does nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.buttons import pressed, with_ids
from data.model.conversation import MessageKind, RawMessage
from data.model.escalation import EscalationState
from data.model.inbound import Inbound
from data.model.people import ChannelKind, Purpose
from nlu.consent import Verb, read_consent
from tests.acceptance.crashing import START, people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import ben, code_of, later
from tests.bot.test_kinds import TELEGRAM, comes, on_telegram

ANNA, NIA, LEE, MIA = people()


def clinic(*more, **changes):
    return house(members=(replace(on_telegram(ANNA), **changes), on_telegram(NIA, "22"), on_telegram(LEE, "33"), MIA,
                          *more))  # fmt: skip


def ids(built, person, key=None):
    """What stands under the latest message with buttons to a person, as the provider gets it."""
    secret = built.record.secret("buttons")
    taken = [a.communication for c in built.carriers for a in c.accepted if a.communication.recipient == person]
    rows = [row for row in taken if row.buttons and key in (None, row.text_key)]
    return {button.says: button.data for button in with_ids(secret, rows[-1]).buttons}


def press(built, data, chat):
    comes(built, data, MessageKind.BUTTON, address=chat)


def case(built):
    return built.record.chart("A-17").escalations[-1]


def test_a_page_is_taken_passed_and_sent_up_by_a_button():
    built = clinic()
    comes(built, "my chest hurts")
    page = ids(built, "nia")
    assert set(page) == {"ok", "no", "up"}
    press(built, page["no"], "22")
    assert case(built).state is EscalationState.OPEN
    press(built, ids(built, "dr-lee")["ok"], "33")
    assert (case(built).state, case(built).owner) == (EscalationState.ACKED, "dr-lee")
    for _ in range(2):
        press(built, ids(built, "dr-lee")["ok"], "33")
    assert case(built).owner == "dr-lee"
    press(built, page["ok"], "22")
    assert "already with Dr Lee" in heard(built, "nia")[-1]


def test_a_press_counts_only_from_whom_it_was_shown_to():
    built = clinic()
    comes(built, "my chest hurts")
    taken = ids(built, "nia")["ok"]
    for chat in ("4711", "33", "999"):
        press(built, taken, chat)
    assert case(built).state is EscalationState.OPEN
    assert "does not count" in heard(built, "A-17")[-1]
    assert "does not count" in heard(built, "dr-lee")[-1]


@given(st.text(max_size=40))
def test_no_made_up_id_does_anything(data):
    built = clinic()
    comes(built, "my chest hurts")
    before = built.record.chart("A-17")
    press(built, data, "22")
    after = built.record.chart("A-17")
    assert (after.escalations, after.flags, after.person) == (before.escalations, before.flags, before.person)


def test_an_id_is_opaque_and_of_128_bits():
    built = clinic()
    comes(built, "my chest hurts")
    page = ids(built, "nia")
    assert all(len(data) == 22 for data in page.values())
    assert len(set(page.values())) == 3
    row = next(a.communication for c in built.carriers for a in c.accepted if a.communication.buttons)
    other = with_ids(b"x" * 32, row)
    assert not {b.data for b in other.buttons} & set(page.values())


def test_by_sms_there_are_no_buttons():
    built = house()
    says(built, "my chest hurts")
    row = next(a.communication for c in built.carriers for a in c.accepted if a.communication.text_key == "page")
    assert with_ids(built.record.secret("buttons"), row).buttons == ()


def test_a_page_older_than_its_code_is_answered_kindly():
    built = clinic()
    comes(built, "my chest hurts")
    old = ids(built, "nia")["ok"]
    secret = built.record.secret("buttons")
    message = RawMessage(id="telegram:x", channel=TELEGRAM, address="22", text=old, received_at=START,
                         kind=MessageKind.BUTTON)  # fmt: skip
    assert pressed(built.record, secret, message, built.now()).person.id == "nia"
    press(built, old, "22")
    comes(built, f"{code_of(built)} done phoned", address="22")
    later(built, days=31)
    assert pressed(built.record, secret, message, built.now()) is None


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "et"])
@pytest.mark.parametrize(("button", "agreed"), [("I agree", True), ("I do not agree", False)])
def test_consent_is_given_and_refused_by_a_button(language, button, agreed):
    assert read_consent(button, language).verb in ((Verb.GIVE,) if agreed else (Verb.REFUSE,))
    built = clinic(consents=(), language=language)
    comes(built, "hello")
    press(built, ids(built, "A-17")[button], "4711")
    assert built.record.chart("A-17").person.consents_to(Purpose.MONITORING) is agreed


def test_an_answered_question_has_no_buttons_any_more():
    built = clinic(consents=())
    comes(built, "hello")
    asked = ids(built, "A-17")
    press(built, asked["I do not agree"], "4711")
    press(built, asked["I agree"], "4711")
    assert not built.record.chart("A-17").person.consents_to(Purpose.MONITORING)
    assert "does not count" in heard(built, "A-17")[-1]


def test_on_a_shared_chat_it_is_the_consent_of_whoever_was_asked():
    built = clinic(replace(on_telegram(ben()), consents=()), consents=())
    comes(built, "A-17 hello")
    press(built, ids(built, "A-17")["I agree"], "4711")
    agreed = [built.record.chart(p).person.consents_to(Purpose.MONITORING) for p in ("A-17", "B-22")]
    assert agreed == [True, False]
    assert heard(built, "A-17")[-1].startswith("A-17: ")


def test_pages_name_their_buttons_by_kind_not_by_code():
    assert ChannelKind.TELEGRAM.has_buttons
    built = clinic()
    comes(built, "my chest hurts")
    row = next(a.communication for c in built.carriers for a in c.accepted if a.communication.buttons)
    assert [(b.label, b.says) for b in row.buttons] == [("OK", "ok"), ("NO", "no"), ("UP", "up")]


def test_a_press_that_was_answered_before_a_crash_is_not_called_old():
    built = clinic(replace(on_telegram(ben()), consents=()))
    comes(built, "B-22 hello")
    agree = ids(built, "B-22")["I agree"]
    comes(built, "A-17 pulse 70")
    pressed_then = Inbound(
        channel=TELEGRAM, address="4711", text=agree, kind=MessageKind.BUTTON, provider_message_id="pressed"
    )
    built.take_in((pressed_then,))
    message, _ = built.record.claim_message(built.now(), timedelta(seconds=1))
    built.front_desk.answer(message)
    later(built, minutes=1)
    assert built.record.chart("B-22").person.consents_to(Purpose.MONITORING)
    assert not any("not count any more" in text for who in ("A-17", "B-22") for text in heard(built, who))
