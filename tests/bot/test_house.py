"""The house when things go wrong: broken parsers, strangers, consent, providers that all refuse."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadInput, Unavailable
from data.model.observation import Observation
from data.model.people import ChannelKind, Purpose
from tests.acceptance.crashing import START, people
from tests.bot.clinic import heard, house, says


class Broken:
    """A parser that fails in its own way."""

    def __init__(self, problem):
        self.problem = problem

    def parse(self, text, language):
        raise self.problem


@pytest.mark.parametrize("problem", [Unavailable("down"), RuntimeError("bug"), ValueError("odd")])
def test_a_broken_parser_blocks_neither_the_screen_nor_an_answer(problem):
    built = house(Broken(problem))
    says(built, "my chest hurts")
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1 A-17")
    says(built, "bp 120/80")
    assert "cannot read messages" in heard(built, "A-17")[1]


def test_an_error_while_thinking_still_answers_an_emergency(monkeypatch):
    built = house()
    monkeypatch.setattr("bot.front_desk.respond", lambda *args: 1 / 0)
    says(built, "my chest hurts")
    assert "Call 112" in heard(built, "A-17")[0]
    assert heard(built, "nia")[0].startswith("P1 A-17")


def test_a_stranger_hears_once_and_is_always_answered_in_an_emergency():
    built = house()
    for text in ("hello", "hello again", "who are you"):
        says(built, text, "+19990000")
    (stranger,) = [p.id for p in built.record.people() if p.role == "stranger"]
    assert len(heard(built, stranger)) == 1
    says(built, "i cant breathe", "+19990000")
    assert "Call 112" in heard(built, stranger)[1]
    assert heard(built, "nia") == []


def test_without_consent_nothing_is_kept_but_an_emergency_is_answered():
    anna = people()[0]
    refused = tuple(replace(c, given=False) for c in anna.consents)
    built = house(members=(replace(anna, consents=refused), *people()[1:]))
    says(built, "bp 150/95 and a headache")
    chart = built.record.chart("A-17")
    assert (chart.observations, chart.symptoms) == ((), ())
    says(built, "my chest hurts")
    assert "Call 112" in heard(built, "A-17")[-1]
    assert heard(built, "nia")[0].startswith("P1 A-17")


def test_readings_are_refused_without_consent_and_with_impossible_values():
    built = house()
    at = built.now()

    def sample(value, minutes=0, unit="%"):
        when = at + timedelta(minutes=minutes)
        return Observation(id=f"A-17/w/{value}/{minutes}", code="oxygen-saturation", value=value, unit=unit,
                           effective_at=when, received_at=at, source="watch")  # fmt: skip

    built.stream(
        "A-17", (sample(900.0), sample(float("inf")), sample(96.0, 30), sample(95.0, 0, "mm[Hg]")), batch_id="1"
    )
    assert built.record.chart("A-17").observations == ()
    notes = [note for entry in built.record.journal("A-17") for note in entry.changes.notes]
    assert sum("reading refused" in note for note in notes) == 4
    built.stream("A-17", (sample(96.0),), batch_id="2")
    assert [o.value for o in built.record.chart("A-17").observations] == [96.0]


def test_when_every_provider_refuses_the_message_waits_and_goes_later():
    built = house()
    for carrier in built.carriers:
        carrier.down = True
    says(built, "hello")
    assert heard(built, "A-17") == []
    for carrier in built.carriers:
        carrier.down = False
    built.clock.move_to(built.next_at())
    built.settle()
    assert len(heard(built, "A-17")) == 1


def test_the_same_message_again_has_no_effect():
    built = house()
    for _ in range(3):
        built.hear(ChannelKind.SMS, "+15550001", "my chest hurts", "SM1")
        built.settle()
    assert len(heard(built, "A-17")) == 1
    assert len(heard(built, "nia")) == 1


def test_no_clinician_text_carries_name_or_words():
    built = house()
    says(built, "my chest hurts and im sweating")
    says(built, "list", "+15550002")
    words = " ".join(heard(built, "nia")).casefold()
    assert not any(word in words for word in ("anna", "chest", "sweat"))


def test_consent_to_messaging_withdrawn_stops_reminders_only():
    anna = people()[0]
    only_monitoring = tuple(c for c in anna.consents if c.purpose is Purpose.MONITORING)
    built = house(members=(replace(anna, consents=only_monitoring), *people()[1:]))
    says(built, '/nudge Anna "Weigh yourself" daily 12:00', "@mia", ChannelKind.TELEGRAM)
    built.clock.move_to(START + timedelta(hours=3))
    built.settle()
    assert heard(built, "A-17") == []
    says(built, "hello")
    assert len(heard(built, "A-17")) == 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["+15550001", "+15550002", "@mia", "+1999"]))
def test_no_text_breaks_the_house_and_patients_are_never_met_with_silence(text, address):
    built = house()
    kind = ChannelKind.TELEGRAM if address == "@mia" else ChannelKind.SMS
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    built.hear(kind, address, text, "M1")
    built.settle()
    stopped = built.record.chart("A-17").person.contacts[0].state != "active"
    if address == "+15550001" and not stopped and text.strip():
        assert len(heard(built, "A-17")) >= 1 or "start" in text.casefold()


def test_nobody_gets_the_id_under_which_the_house_keeps_its_certificates():
    built = house()
    with pytest.raises(BadInput, match="the house's own"):
        built.enrol(replace(people()[0], id="clinic"), event_id="enrol:clinic")
