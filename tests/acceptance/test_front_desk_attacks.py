"""What attackers of the door and the front desk found, each kept from coming back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.door import kept_id, kept_text
from data.errors import BadFile, NotFound, Unavailable
from data.model.people import ChannelKind, Person, Purpose, Role
from data.record.coding import encode_input
from data.record.sqlite import SqliteRecord
from nlu.safety import screen
from tests.acceptance.access_clinic import CLINIC, REASON, writes
from tests.acceptance.crashing import people
from tests.bot.clinic import heard, house, says
from tests.record.keys import FixedKeys

ANNA, NIA, LEE, MIA = people()
BEN = replace(ANNA, id="B-22", code="B-22", name="Ben")
OLGA = Person(id="olga", code="X-1", name="Olga", role=Role.PROXY, title="mother", zone="Europe/Tallinn",
              contacts=ANNA.contacts, represents=("A-17",), consents=ANNA.consents)  # fmt: skip
PHONE = "+15550001"


# 3. The door refuses no words.


@pytest.mark.parametrize(
    "words",
    [
        "my chest hurts badly \ud83d",
        "\udcff my chest hurts",
        "my chest hurts \x00\x01\x02",
        "my chest hurts " + "\ufdfa" * 50_000,
        "x " * 400_000 + " my chest hurts",
        "my chest hurts " + "\ud83d" * 9_000_000,
    ],
    ids=["half at the end", "half at the start", "control", "long forms", "endless, at its end", "endless halves"],
)
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_words_of_any_kind_are_kept_and_answered(words, store, tmp_path):
    built = house()
    if store == "sqlite":
        built.record = SqliteRecord(tmp_path / "record.sqlite", FixedKeys())
        for person in people():
            built.enrol(person, event_id=f"enrol:{person.id}")
    says(built, words)
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1 A-17")
    built.record.close()


@given(st.text(st.characters(), max_size=300))
@settings(max_examples=200)
def test_what_is_kept_can_be_stored_and_raises_the_same_alarms(text):
    kept = kept_text(text)
    encode_input(kept)
    assert [a.rule for a in screen(kept)] == [a.rule for a in screen(text)]
    assert kept_text(kept) == kept


@given(st.text(st.characters(), max_size=400), st.text(st.characters(), max_size=400))
def test_ids_that_differ_are_kept_apart(one, other):
    assert (kept_id(one) == kept_id(other)) == (one == other)


def test_halves_of_a_character_that_belong_together_are_joined():
    assert kept_text("\ud83d\ude00") == "\U0001f600"


@pytest.mark.parametrize("problem", [BadFile("spoilt"), NotFound("no key"), Unavailable("locked")])
def test_a_message_is_kept_though_nobody_can_be_looked_up(monkeypatch, problem):
    built = house()

    def raises(*args):
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr(built.record, "holders", raises)
        assert built.hear(ChannelKind.SMS, PHONE, "my chest hurts", "M")
    assert built.record.waiting(f"sms:{PHONE}")
    assert not built.hear(ChannelKind.SMS, PHONE, "my chest hurts", "M")
    built.settle()
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1 A-17")


def test_only_a_store_that_cannot_keep_the_words_says_so(monkeypatch):
    built = house()
    monkeypatch.setattr(built.record, "keep", lambda message: (_ for _ in ()).throw(Unavailable("full")))
    with pytest.raises(Unavailable):
        built.hear(ChannelKind.SMS, PHONE, "my chest hurts", "M")


# 4. A phone shared by a colleague and a patient.


@pytest.mark.parametrize(
    "words",
    [
        "/ my chest hurts, i cant breathe",
        "/help my chest hurts i cant breathe",
        "/chart my chest hurts",
        " /my chest hurts",
        "427 ok my chest hurts",
        "427 done my chest hurts",
        "ok my chest hurts",
    ],
)
def test_alarming_words_on_a_shared_phone_are_the_patients(words):
    nia = replace(NIA, contacts=ANNA.contacts)
    built = house(members=(ANNA, nia, LEE, MIA))
    says(built, words)
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1 A-17")


def test_on_a_shared_phone_a_colleague_still_closes_a_case():
    built = house(members=(ANNA, replace(NIA, contacts=ANNA.contacts), LEE, MIA))
    says(built, "my chest hurts")
    (use,) = built.record.codes_of("nia", built.now() - timedelta(days=1))
    says(built, f"{use.code} ok")
    says(built, f"{use.code} done chest pain, an ambulance took her")
    assert [e.state for e in built.record.chart("A-17").escalations] == ["closed"]


@pytest.mark.parametrize(
    "words", ["/ my chest hurts", "/help my chest hurts", "/halp i cant breathe", "/help\ni cant breathe"]
)
def test_a_colleague_in_need_is_answered_whatever_the_text_begins_with(words):
    built = house()
    says(built, words, "+15550002")
    assert "call 112 now" in heard(built, "nia")[0]


def test_a_command_that_names_a_complaint_stays_a_command():
    built = house()
    says(built, '/nudge A-17 "call 112 when your chest hurts" daily 09:00', "@mia", ChannelKind.TELEGRAM)
    assert "will be reminded" in heard(built, "mia")[0]


# 7. A number that several patients, or a patient and a proxy, write from.


def shared(*members):
    return house(members=(*members, NIA, LEE, MIA))


def rules(built, person_id):
    return [flag.rule for flag in built.record.chart(person_id).flags]


def agrees(built, person_id, purpose=Purpose.MONITORING):
    return built.record.chart(person_id).person.consents_to(purpose)


@pytest.mark.parametrize("members", [(ANNA, BEN), (BEN, ANNA)])
@pytest.mark.parametrize(
    ("words", "whose"),
    [
        ("my chest hurts", {"A-17", "B-22"}),
        ("this is anna, my chest hurts", {"A-17"}),
        ("B-22 my chest hurts", {"B-22"}),
        ("b22: my chest hurts", {"B-22"}),
        ("Anna here, my chest hurts and so does Ben's", {"A-17", "B-22"}),
    ],
)
def test_an_emergency_is_opened_for_whoever_may_be_meant(members, words, whose):
    built = shared(*members)
    says(built, words)
    assert {p for p in ("A-17", "B-22") if "chest-pain" in rules(built, p)} == whose
    assert len([text for p in ("A-17", "B-22") for text in heard(built, p) if "Call 112" in text]) == 1
    assert {text.split()[1].rstrip(",:.") for text in heard(built, "nia") if text.startswith("P1")} == whose


@pytest.mark.parametrize("members", [(ANNA, OLGA), (OLGA, ANNA)])
@pytest.mark.parametrize("words", ["my chest hurts", "Olga here, her chest hurts", "X-1: chest pain"])
def test_an_emergency_on_a_phone_shared_with_a_proxy_is_the_patients(members, words):
    built = shared(*members)
    says(built, words)
    assert rules(built, "A-17") == ["chest-pain"]
    assert rules(built, "olga") == []
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "olga") == []


def test_an_emergency_is_opened_for_all_when_thinking_fails(monkeypatch):
    built = shared(ANNA, BEN)
    monkeypatch.setattr("bot.core.concern.assess", lambda *args, **more: {}["x"])
    says(built, "my chest hurts")
    assert (rules(built, "A-17"), rules(built, "B-22")) == (["chest-pain"], ["chest-pain"])
    assert len([t for p in ("A-17", "B-22") for t in heard(built, p)]) == 1


def test_readings_beside_an_emergency_are_noted_for_nobody_unless_one_is_named():
    built = shared(ANNA, BEN)
    says(built, "my chest hurts and bp 150/95")
    assert built.record.chart("A-17").observations == built.record.chart("B-22").observations == ()
    says(built, "A-17 my chest hurts and bp 150/95")
    assert len(built.record.chart("A-17").observations) == 2
    assert built.record.chart("B-22").observations == ()


@pytest.mark.parametrize("members", [(ANNA, BEN), (BEN, ANNA), (ANNA, replace(OLGA, id="B-22", code="B-22"))])
def test_consent_is_recorded_for_whose_code_stands_first(members):
    built = shared(*(replace(p, consents=()) for p in members))
    says(built, "hello")
    says(built, "I agree")
    said = [t for p in ("A-17", "B-22") for t in heard(built, p) if "Who writes" in t]
    assert len(said) == 1
    assert "A-17" in said[0]
    assert "B-22" in said[0]
    assert not agrees(built, "A-17")
    assert not agrees(built, "B-22")
    for _ in range(2):
        # Whoever was not shown the text yet sees it first.
        says(built, "A-17 I agree")
    assert agrees(built, "A-17")
    assert agrees(built, "A-17", Purpose.MESSAGING)
    assert not agrees(built, "B-22")
    assert all(t.startswith("A-17: ") for t in heard(built, "A-17") if "Who writes" not in t)


def test_a_withdrawal_without_a_name_holds_for_all_and_with_a_code_for_one():
    built = shared(ANNA, BEN)
    says(built, "B-22 withdraw all")
    assert (agrees(built, "A-17"), agrees(built, "B-22")) == (True, False)
    says(built, "withdraw messages")
    assert (agrees(built, "A-17", Purpose.MESSAGING), agrees(built, "A-17")) == (False, True)


@pytest.mark.parametrize("words", ["pause", "please stop texting me", "wrong number"])
def test_silence_without_a_name_holds_for_all(words):
    built = shared(ANNA, BEN)
    says(built, words)
    people = [built.record.chart(p).person for p in ("A-17", "B-22")]
    assert all(p.paused_until or p.contacts[0].state == "unverified" for p in people)


@pytest.mark.parametrize("words", ["who saw my data?", "consent", "agree to research", "resume"])
def test_what_shows_or_gives_something_asks_who_writes(words):
    built = shared(ANNA, BEN)
    says(built, words)
    (said,) = heard(built, "A-17") + heard(built, "B-22")
    assert "Who writes: A-17 / B-22?" in said
    assert "112" in said
    says(built, f"A-17 {words}")
    assert heard(built, "A-17")[-1].startswith("A-17: ")
    assert "Who writes" not in heard(built, "A-17")[-1]


def test_stop_with_a_code_is_for_one_and_without_for_all():
    built = shared(ANNA, BEN)
    says(built, "A-17 stop")
    assert [built.record.chart(p).person.contacts[0].state for p in ("A-17", "B-22")] == ["stopped", "active"]
    says(built, "stop")
    assert [built.record.chart(p).person.contacts[0].state for p in ("A-17", "B-22")] == ["stopped", "stopped"]


def test_the_likeliest_of_several_is_a_patient_and_is_named_before_the_answer():
    built = shared(ANNA, OLGA)
    says(built, "bp 120/80")
    assert heard(built, "A-17")[0].startswith("A-17: ")
    assert built.record.chart("olga").observations == ()
    assert len(built.record.chart("A-17").observations) == 2


def test_words_of_several_stay_only_where_each_agreed():
    built = shared(ANNA, replace(BEN, consents=()))
    says(built, "hello there")
    assert [m for p in ("A-17", "B-22") for m in built.record.messages(p)] == []


def test_a_number_with_one_patient_is_as_it_was():
    built = house()
    says(built, "bp 120/80")
    assert not heard(built, "A-17")[0].startswith("A-17")


# 12. The clock that is set back.


def broken():
    built = house(members=CLINIC)
    writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    return built


def later(built, **more):
    built.clock.move_to(built.now() + timedelta(**more))


def set_back(built, **more):
    built.clock.jump(-timedelta(**more))


@pytest.mark.parametrize("seen", ["/chart A-17", "/patients"])
def test_a_lapsed_emergency_access_does_not_come_back_with_the_clock(seen):
    built = broken()
    later(built, minutes=61)
    writes(built, "dr-lee", seen)
    set_back(built, minutes=30)
    assert "I know no patient" in writes(built, "dr-lee", "/chart A-17")


def test_a_clock_set_back_within_the_hour_ends_it_and_it_can_be_opened_again():
    built = broken()
    later(built, minutes=50)
    assert "A-17" in writes(built, "dr-lee", "/chart A-17")
    set_back(built, minutes=45)
    assert "I know no patient" in writes(built, "dr-lee", "/chart A-17")
    assert "is open to you" in writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    assert "I know no patient" not in writes(built, "dr-lee", "/chart A-17")


def test_a_clock_put_right_by_seconds_leaves_it_open():
    built = broken()
    later(built, minutes=5)
    writes(built, "dr-lee", "/chart A-17")
    set_back(built, seconds=20)
    assert "I know no patient" not in writes(built, "dr-lee", "/chart A-17")
