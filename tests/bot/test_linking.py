"""Codes and links: whoever has one, and only they, makes an address theirs; a guess learns and changes nothing."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.invite_codes import genuine, invitation, read_code
from bot.core.kit import Kit
from bot.linking import LinkState, link_confirm, link_page
from data.model.communication import SendState
from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from data.model.people import ChannelKind, ContactPoint, ContactState, Role
from nlu.safety import screen
from tests.acceptance.crashing import World, people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import ben, later

TELEGRAM, SMS = ChannelKind.TELEGRAM, ChannelKind.SMS
ANNA, NIA, LEE, MIA = people()
BOSS = replace(MIA, id="boss", code="boss", name="Bo", role=Role.ADMINISTRATOR,
               contacts=(ContactPoint(system=TELEGRAM, value="@boss"),))  # fmt: skip
_IDS = count(1)


def clinic(*more, bot="clinicbot", url="https://phms.example"):
    built = house(members=(ANNA, NIA, LEE, MIA, BOSS, *more))
    built.kit = Kit(built.kit.rules, built.kit.policies, built.kit.texts, bot=bot, url=url)
    return built


def mia(built, text, address="@mia"):
    says(built, text, address, TELEGRAM)


def invited(built, who="A-17", by="@mia"):
    """The link's token and the code to type, as the care manager reads them."""
    mia(built, f"/invite {who}", by)
    text = heard(built, {"@mia": "mia", "@boss": "boss"}[by])[-1]
    return re.search(r"start=([\w-]+)", text)[1], re.search(r"code ([0-9A-Z]{4}-[0-9A-Z]{4})", text)[1]


def contacts(built, person="A-17"):
    return [(c.system, c.value, c.state) for c in built.record.chart(person).person.contacts]


def to_chat(built, chat):
    taken = (a.communication for c in built.carriers for a in c.accepted)
    return [c.text for c in taken if c.address == chat]


ACTIVE = ContactState.ACTIVE


def test_a_link_makes_a_chat_the_patients_once():
    built = clinic()
    token, code = invited(built)
    says(built, f"/start {token}", "777", TELEGRAM)
    assert contacts(built) == [(SMS, "+15550001", ACTIVE), (TELEGRAM, "777", ACTIVE)]
    assert "linked to your clinic" in to_chat(built, "777")[-1]
    assert "A-17 is linked on telegram" in heard(built, "mia")[-1]
    says(built, "spo2 97", "777", TELEGRAM)
    assert [o.value for o in built.record.chart("A-17").observations] == [97.0]
    for again in (f"/start {token}", f"link {code}"):
        says(built, again, "888", TELEGRAM)
        assert "does not work" in to_chat(built, "888")[-1]
    assert len(contacts(built)) == 2


@pytest.mark.parametrize("form", ["{}", "link {}", "LINK: {}", "/link {}", " link {}  "])
@pytest.mark.parametrize("dress", [str, str.lower, lambda c: c.replace("-", ""), lambda c: c.replace("-", " ")])
def test_a_typed_code_is_forgiven_its_form(form, dress):
    built = clinic()
    _, code = invited(built)
    says(built, form.format(dress(code)), "+15557777")
    assert (SMS, "+15557777", ACTIVE) in contacts(built)


def test_a_stranger_steps_back_once_linked_and_keeps_nothing():
    built = clinic()
    says(built, "/start", "777", TELEGRAM)
    assert "ask your care team for a code" in to_chat(built, "777")[-1]
    says(built, "hello?", "777", TELEGRAM)
    assert len(to_chat(built, "777")) == 1
    says(built, "my chest hurts", "777", TELEGRAM)
    says(built, "my chest hurts", "777", TELEGRAM)
    assert sum("Call 112" in t for t in to_chat(built, "777")) == 2
    says(built, f"/start {invited(built)[0]}", "777", TELEGRAM)
    assert built.record.person_at(TELEGRAM, "777").id == "A-17"


def test_a_code_dies_after_ten_minutes_and_with_the_next():
    built = clinic()
    _, old = invited(built)
    _, new = invited(built)
    says(built, f"link {old}", "777", TELEGRAM)
    assert "does not work" in to_chat(built, "777")[-1]
    later(built, minutes=10)
    says(built, f"link {new}", "777", TELEGRAM)
    assert len(contacts(built)) == 1


def test_wrong_used_and_old_codes_are_answered_alike_and_then_not_at_all():
    built = clinic()
    _, code = invited(built)
    for _ in range(7):
        says(built, "link 7KQ2M9XD", "777", TELEGRAM)
    assert len(set(to_chat(built, "777"))) == 1
    assert len(to_chat(built, "777")) == 5
    says(built, f"link {code}", "777", TELEGRAM)
    assert len(contacts(built)) == 1
    says(built, "my chest hurts", "777", TELEGRAM)
    assert "Call 112" in to_chat(built, "777")[-1]
    later(built, minutes=61)
    says(built, f"link {invited(built)[1]}", "777", TELEGRAM)
    assert len(contacts(built)) == 2


def test_words_of_a_patient_are_never_taken_for_a_code():
    built = clinic()
    for text in ("headache", "weight 82", "temp 385", "spo2 97", "pulse 72"):
        says(built, text)
    assert not any("does not work" in t for t in heard(built, "A-17"))
    says(built, "7KQ2M9XD")
    assert "did not understand" in heard(built, "A-17")[-1]


@given(st.text(max_size=60))
def test_only_what_looks_like_a_code_is_one(text):
    said = read_code(text)
    assert said is None or said.code.replace("_", "").replace("-", "").isalnum()
    if said is not None and said.bare:
        assert sum(char.isdigit() for char in said.code) >= 2
        assert not screen(text)


@given(st.binary(min_size=32, max_size=32), st.text(max_size=20))
def test_codes_are_the_same_for_the_same_event_and_long_enough(secret, cause):
    codes = invitation(secret, cause)
    assert codes == invitation(secret, cause)
    assert read_code(f"/start {codes.token}").code == codes.token
    assert read_code(codes.short).code == codes.short
    assert genuine(secret, codes.token)
    assert not genuine(bytes(32) if secret != bytes(32) else b"x" * 32, codes.token)
    assert len(codes.token) <= 64


def test_a_guessed_token_costs_no_look_at_anybody(monkeypatch):
    built = clinic()
    monkeypatch.setattr(built.record, "people", lambda: pytest.fail("looked"))
    assert link_page(built, "A" * 30) is LinkState.GONE
    assert link_page(built, "../etc") is LinkState.GONE
    assert link_confirm(built, "\u20ac" * 30) is LinkState.GONE


def test_who_may_invite_whom():
    built = clinic(ben(), replace(LEE, id="x", name="X", code="x", contacts=()))
    for text in ("/invite A-17", "/invite nia"):
        says(built, text, "+15550002")
        assert "do not know /invite" in heard(built, "nia")[-1]
    mia(built, "/invite nia")
    assert "no patient" in heard(built, "mia")[-1]
    mia(built, "/invite")
    assert "/invite A-17" in heard(built, "mia")[-1]
    mia(built, "/invite boss", "@boss")
    assert "no patient" in heard(built, "boss")[-1]
    says(built, f"/start {invited(built, 'nia', '@boss')[0]}", "222", TELEGRAM)
    assert (TELEGRAM, "222", ACTIVE) in contacts(built, "nia")
    assert "Nia is linked on telegram" in heard(built, "mia")[-1]


def test_a_panel_limits_whom_a_care_manager_invites():
    built = house(members=(ANNA, ben(), replace(MIA, panel=("B-22",))))
    mia(built, "/invite A-17")
    assert "no patient" in heard(built, "mia")[-1]
    assert built.record.chart("A-17").person.invites == ()


def test_only_digests_are_kept_and_the_code_of_a_retry_is_the_same():
    built = clinic(bot="")
    mia(built, "/invite A-17")
    text = heard(built, "mia")[-1]
    code = re.search(r"code ([0-9A-Z-]{9})", text)[1].replace("-", "")
    invites = built.record.chart("A-17").person.invites
    assert "t.me" not in text
    assert all(re.fullmatch("[0-9a-f]{64}", i.digest) and i.by == "mia" for i in invites)
    assert code not in repr(invites)


def test_a_second_account_alerts_the_first_and_the_care_manager():
    built = clinic()
    for chat in ("777", "888"):
        says(built, f"/start {invited(built)[0]}", chat, TELEGRAM)
    assert "was just linked to you" in to_chat(built, "777")[-1]
    assert [c[1] for c in contacts(built)] == ["+15550001", "888", "777"]


def test_every_other_address_hears_of_a_new_one_whatever_the_channel():
    built = clinic()
    says(built, f"/start {invited(built)[0]}", "777", TELEGRAM)
    assert [a.to.value for a in built.carriers[0].accepted if "just linked" in a.communication.text] == ["+15550001"]
    says(built, "STOP")
    says(built, f"/start {invited(built)[0]}", "888", TELEGRAM)
    said = [a.to.value for c in built.carriers for a in c.accepted if "just linked" in a.communication.text]
    assert said == ["+15550001", "777"]


@pytest.mark.parametrize(("address", "channel"), [("+15550002", SMS), ("@boss", TELEGRAM), ("@mia", TELEGRAM)])
def test_a_colleagues_address_never_becomes_a_patients_by_a_code(address, channel):
    built = clinic()
    code = invited(built)[1]
    says(built, f"link {code}", address, channel)
    assert [c[1] for c in contacts(built)] == ["+15550001"]
    who = built.record.person_at(channel, address)
    assert any("have it sent from the patient" in t for t in heard(built, who.id))
    assert any(f"address of {who.name}" in t for t in heard(built, "mia"))
    assert heard(built, "A-17") == []
    says(built, f"link {code}", "777", TELEGRAM)
    assert (TELEGRAM, "777", ACTIVE) in contacts(built)


@pytest.mark.parametrize(("address", "channel"), [("+15550002", SMS), ("+15550001", SMS), ("@mia", TELEGRAM)])
def test_a_colleagues_code_never_makes_somebody_elses_address_theirs(address, channel):
    """On a phone of two colleagues nobody could tell who takes a case; on a patient's, a patient would give orders."""
    built = clinic()
    code = invited(built, "Dr Lee", "@boss")[1]
    before = contacts(built, "dr-lee")
    says(built, f"link {code}", address, channel)
    assert contacts(built, "dr-lee") == before
    assert any("their own phone" in t for t in heard(built, built.record.person_at(channel, address).id))
    says(built, "my chest hurts")
    later(built, minutes=1)
    page = built.record.codes_of("nia", built.now() - timedelta(days=1))[-1].code
    says(built, f"{page} ok", "+15550002")
    assert "is yours" in heard(built, "nia")[-1]
    says(built, f"link {code}", "777", TELEGRAM)
    assert (TELEGRAM, "777", ACTIVE) in contacts(built, "dr-lee")


def test_an_address_of_a_colleague_who_has_left_may_become_a_patients():
    there = (ContactPoint(system=TELEGRAM, value="555"),)
    built = clinic(replace(LEE, id="gone", name="Gil", code="gone", active=False, contacts=there))
    says(built, f"link {invited(built)[1]}", "555", TELEGRAM)
    assert (TELEGRAM, "555", ACTIVE) in contacts(built)


@pytest.mark.parametrize("form", ["my code is {}", "{}.", "/start {}", "link: {}", "Hello, this is Anna: {} thanks!"])
@pytest.mark.parametrize("dress", [str, str.lower])
def test_a_code_is_found_among_other_words(form, dress):
    built = clinic()
    says(built, form.format(dress(invited(built)[1])), "777", TELEGRAM)
    assert (TELEGRAM, "777", ACTIVE) in contacts(built)


@pytest.mark.parametrize("text", ["{} or {}", "{} " + "x" * 80, "my chest hurts {}"])
def test_of_two_codes_in_long_texts_and_in_emergencies_none_is_one(text):
    built = clinic()
    says(built, text.format(invited(built)[1], "7KQ2-M9XD"), "777", TELEGRAM)
    assert len(contacts(built)) == 1


def test_guesses_among_words_are_counted_like_any():
    built = clinic()
    for _ in range(7):
        says(built, "my code is 7KQ2-M9XD", "777", TELEGRAM)
    assert len(to_chat(built, "777")) == 5
    says(built, f"my code is {invited(built)[1]}", "777", TELEGRAM)
    assert len(contacts(built)) == 1


def test_a_shared_phone_is_allowed_and_said():
    built = clinic(ben())
    says(built, f"link {invited(built)[1]}", "+15550009")
    assert (SMS, "+15550009", ACTIVE) in contacts(built)
    assert any("also that of B-22" in t for t in heard(built, "mia"))


def test_stop_at_an_address_is_not_undone_by_a_code():
    built = clinic()
    says(built, "STOP", "+15557777")
    says(built, f"link {invited(built)[1]}", "+15557777")
    assert (SMS, "+15557777", ContactState.STOPPED) in contacts(built)


def test_a_code_in_an_edit_or_a_group_is_none():
    built = clinic()
    token, _ = invited(built)
    for kind in (MessageKind.EDIT, MessageKind.GROUP, MessageKind.VOICE):
        built.take_in((Inbound(channel=TELEGRAM, address="777", text=f"/start {token}",
                               provider_message_id=f"L{next(_IDS)}", kind=kind, ref="1"),))  # fmt: skip
        built.settle()
    assert len(contacts(built)) == 1


def test_the_same_code_again_after_a_crash_is_not_called_wrong():
    built = clinic()
    token, _ = invited(built)
    built.hear(TELEGRAM, "777", f"/start {token}", "C1")
    message, _ = built.record.claim_message(built.now(), timedelta(seconds=1))
    built.front_desk.answer(message)
    built.clock.move_to(built.now() + timedelta(seconds=2))
    built.settle()
    assert len(to_chat(built, "777")) == 1
    assert "linked to your clinic" in to_chat(built, "777")[0]


# Links by SMS


def web_token(built):
    mia(built, "/invite A-17 sms")
    return re.search(r"/link/([\w-]+)", heard(built, "A-17")[-1])[1]


def test_a_link_by_sms_is_used_up_by_post_alone():
    built = clinic()
    token = web_token(built)
    assert [link_page(built, token) for _ in range(3)] == [LinkState.READY] * 3
    assert link_confirm(built, token) is LinkState.DONE
    assert (link_page(built, token), link_confirm(built, token)) == (LinkState.GONE, LinkState.GONE)


def test_a_link_by_sms_brings_back_the_number_it_went_to_and_no_other():
    built = clinic()
    says(built, "wrong number")
    assert contacts(built)[0][2] is ContactState.UNVERIFIED
    token = web_token(built)
    says(built, f"/start {token}", "777", TELEGRAM)
    assert len(contacts(built)) == 1
    assert link_confirm(built, token) is LinkState.DONE
    assert contacts(built) == [(SMS, "+15550001", ACTIVE)]


def test_a_chat_link_is_none_on_the_web_and_an_old_one_is_gone():
    built = clinic()
    assert link_confirm(built, invited(built)[0]) is LinkState.GONE
    token = web_token(built)
    later(built, minutes=11)
    assert link_page(built, token) is LinkState.GONE


def test_without_a_web_address_or_a_number_it_is_said():
    built = clinic(url="")
    mia(built, "/invite A-17 sms")
    assert "web address" in heard(built, "mia")[-1]
    says(built, "STOP")
    mia(built, "/invite A-17 sms")
    assert "no number" in heard(built, "mia")[-1]


# Crashes: whatever write is the last of a process, a code works once and an edit corrects once.


@pytest.mark.parametrize("at", range(1, 30))
def test_a_crash_while_a_code_is_redeemed_is_healed(at, tmp_path):
    world = World("memory", tmp_path)
    world.house.hear(TELEGRAM, "@mia", "/invite A-17", "C1")
    world.live(timedelta(seconds=5))
    code = re.search(r"code ([0-9A-Z-]{9})", world.providers[2].accepted[-1].communication.text)[1]
    world.arm(at)
    world.do(lambda w: w.house.hear(TELEGRAM, "777", f"link {code}", "C2"))
    world.live(timedelta(seconds=70))
    person = world.record.chart("A-17").person
    assert [c.value for c in person.contacts] == ["+15550001", "777"]
    assert person.invites == ()
    said = [a.communication.text_key for a in world.providers[2].accepted if a.communication.address == "777"]
    assert set(said) == {"linked"}


@pytest.mark.parametrize("at", range(1, 30))
def test_a_crash_while_a_providers_fault_is_kept_is_healed(at, tmp_path):
    world = World("memory", tmp_path)
    world.providers[0].loses_receipts = True
    world.house.hear(SMS, "+15550001", "spo2 97", "C1")
    world.live(timedelta(seconds=5))
    row = next(c for c in world.record.chart("A-17").communications if c.text_key == "reading-noted")
    world.arm(at)

    def reports(w):
        w.house.receipt(
            row.id, SendState.UNDELIVERED, provider="A", provider_id="x", event_id="fault", error="unreachable"
        )

    world.do(reports)
    world.live(timedelta(seconds=70))
    chart = world.record.chart("A-17")
    assert chart.person.contacts[0].state is ContactState.UNVERIFIED
    assert world.record.committed("A-17", "fault")
    told = [a.communication.text_key for a in world.providers[2].accepted]
    assert 1 <= told.count("doubtful") <= 2
