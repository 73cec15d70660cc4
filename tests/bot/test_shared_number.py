"""A phone of several patients: what names its writer is theirs; a reading that names nobody waits, or pages for all."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.shared_number import answers_who, said_first
from data.errors import Unavailable
from data.model.concern import FlagState
from data.model.people import ChannelKind
from tests.acceptance.crashing import people
from tests.bot.clinic import heard, house, says
from tests.bot.test_attacks import later

ANNA, NIA, LEE, MIA = people()
FRED = replace(ANNA, id="A-22", code="A-22", name="Fred Orav")
BOTH = (ANNA, FRED)


def shared(*members, **changes):
    return house(members=(*(members or (ANNA, replace(FRED, **changes))), NIA, LEE, MIA))


def values(built, person):
    return sorted((o.value for o in built.record.chart(person).observations), reverse=True)


def asked(built):
    return [t for p in ("A-17", "A-22") for t in heard(built, p) if "Who writes: " in t]


@pytest.mark.parametrize(
    "words",
    [
        "Fred: bp 120/80",
        "fred bp 120/80",
        "FRED, bp 120/80",
        "this is Fred, bp 120/80",
        "It's Fred. bp 120/80",
        "Fred's bp 120/80",
        "bp 120/80 Fred",
        "A-22: bp 120/80",
        "A-22 bp 120/80",
        "a22, bp 120/80",
        "A-22: Anna says bp 120/80",
    ],
)
@pytest.mark.parametrize("members", [BOTH, BOTH[::-1]])
def test_a_reading_goes_to_whoever_it_names(words, members):
    built = shared(*members)
    says(built, words)
    assert (values(built, "A-17"), values(built, "A-22")) == ([], [120.0, 80.0])
    assert heard(built, "A-22")[0].startswith("A-22: ")


@pytest.mark.parametrize("words", ["Fred: spo2 80", "Fred: bp 230/130", "A-22 spo2 80"])
def test_a_dangerous_reading_that_names_its_person_pages_for_that_person_alone(words):
    built = shared()
    says(built, words)
    assert values(built, "A-17") == []
    assert {t.split()[1].rstrip(",:.") for t in heard(built, "nia") if t.startswith("P")} == {"A-22"}
    assert asked(built) == []


@pytest.mark.parametrize(
    "words", ["bp 120/80", "Fred and Anna: bp 120/80", "I fred it is bp 120/80", "bp 120/80 freddy"]
)
def test_a_reading_that_names_nobody_or_both_is_asked_about(words):
    built = shared()
    says(built, words)
    assert values(built, "A-17") == values(built, "A-22") == []
    (question,) = asked(built)
    assert "A-17 / A-22" in question
    assert '"A-17: bp 120/80"' in question
    assert "112" in question


@pytest.mark.parametrize("answer", ["A-22", "a22", "fred", "Fred.", "A-22:"])
@pytest.mark.parametrize("members", [BOTH, BOTH[::-1]])
def test_the_answer_alone_is_enough_and_counts_once(answer, members):
    built = shared(*members)
    says(built, "bp 120/80")
    at = built.now()
    later(built, minutes=20)
    says(built, answer)
    assert (values(built, "A-17"), values(built, "A-22")) == ([], [120.0, 80.0])
    assert {o.effective_at for o in built.record.chart("A-22").observations} == {at}
    says(built, "A-17")
    says(built, answer)
    assert (values(built, "A-17"), values(built, "A-22")) == ([], [120.0, 80.0])


def test_words_of_several_messages_wait_together_and_an_hour_at_most():
    built = shared()
    says(built, "bp 120/80")
    says(built, "pulse 72")
    says(built, "Fred")
    assert values(built, "A-22") == [120.0, 80.0, 72.0]
    says(built, "spo2 97")
    later(built, minutes=61)
    says(built, "Fred")
    assert 97.0 not in values(built, "A-22")


def test_where_somebody_has_not_agreed_no_words_wait_and_that_is_said():
    built = shared(consents=())
    says(built, "bp 120/80")
    (question,) = asked(built)
    assert "same again" in question
    assert all("120" not in repr(built.record.chart(p).dialogue) for p in ("A-17", "A-22"))


@pytest.mark.parametrize("words", ["spo2 80", "bp 230/130", "my sugar is 35"])
def test_a_reading_that_may_be_deadly_pages_for_each_at_once(words):
    built = shared()
    says(built, words)
    assert values(built, "A-17") == values(built, "A-22") == []
    assert {t.split()[1].rstrip(",:.") for t in heard(built, "nia") if t.startswith("P1")} == {"A-17", "A-22"}
    said = heard(built, "A-17") + heard(built, "A-22")
    assert len([t for t in said if "can be dangerous" in t]) == 1
    assert len(asked(built)) == 1
    says(built, "Fred")
    if "sugar" not in words:
        assert values(built, "A-17") == []
        assert values(built, "A-22") != []
    flags = [f for p in ("A-17", "A-22") for f in built.record.chart(p).flags if f.family == "unknown-writer"]
    assert [f.state for f in flags] == [FlagState.OPEN] * 2


def test_a_unit_is_of_whoever_was_asked_for_it():
    built = shared()
    says(built, "Fred: my sugar is 20")
    says(built, "mmol/l")
    assert [round(v) for v in values(built, "A-22")] == [360]
    assert values(built, "A-17") == []


def test_an_emergency_that_names_both_is_of_both_and_a_name_first_is_of_one():
    built = shared()
    says(built, "Fred: my chest hurts")
    assert [f.rule for f in built.record.chart("A-22").flags] == ["chest-pain"]
    assert built.record.chart("A-17").flags == ()


@given(st.text(max_size=60))
def test_any_text_names_one_or_nobody(text):
    first = said_first(text, BOTH)
    assert first is None or (first[0] in BOTH and first[1] in text)
    assert answers_who(text, BOTH) in (None, *BOTH)


def test_two_of_one_name_are_told_apart_by_code_alone():
    built = shared(ANNA, replace(FRED, name="Anna Orav"))
    says(built, "Anna: bp 120/80")
    assert len(asked(built)) == 1
    says(built, "anna")
    assert values(built, "A-17") == values(built, "A-22") == []
    says(built, "A-22")
    assert values(built, "A-22") == [120.0, 80.0]


@pytest.mark.parametrize("members", [BOTH, BOTH[::-1]])
@pytest.mark.parametrize("dies", ["before it is answered", "before the words are let go", "before it is finished"])
def test_a_crash_while_the_answer_is_worked_loses_and_doubles_nothing(monkeypatch, members, dies):
    built = shared(*members)
    says(built, "bp 120/80")
    built.hear(ChannelKind.SMS, "+15550001", "Fred", "crash")
    message, _ = built.record.claim_message(built.now(), timedelta(seconds=1))
    commit, last = built.commit, {"before it is answered": "sms:crash", "before the words are let go": "sms:crash/who"}

    def dying(subject, event_id, *more, **said):
        if event_id == last.get(dies):
            raise Unavailable("died")
        commit(subject, event_id, *more, **said)

    with monkeypatch.context() as patched, suppress(Unavailable):
        patched.setattr(built, "commit", dying)
        built.front_desk.answer(message)
    built.clock.move_to(built.now() + timedelta(seconds=2))
    built.settle()
    assert (values(built, "A-17"), values(built, "A-22")) == ([], [120.0, 80.0])
    says(built, "Fred")
    assert values(built, "A-22") == [120.0, 80.0]
