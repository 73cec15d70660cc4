"""What a correction is about: the one reading it can mean, or a question; and what it never touches."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.kit import Team
from bot.core.respond import respond
from data.model.chart import Changes, Chart
from data.model.concern import FlagState, Level
from data.model.conversation import Parse, RawMessage
from data.model.observation import Observation
from data.model.people import ChannelKind
from nlu.parse import parse
from tests.acceptance.crashing import KIT, START, people

ANNA, *STAFF = people()
MINUTE = timedelta(minutes=1)
SYSTOLIC, DIASTOLIC = "systolic-blood-pressure", "diastolic-blood-pressure"
O2, PULSE = "oxygen-saturation", "heart-rate"


class Story:
    """Anna's chart, one message a minute."""

    def __init__(self, *texts: str, language: str = "en") -> None:
        self.now = START
        self.chart = Chart(subject="A-17", revision=1, person=replace(ANNA, language=language))
        self.count, self.language = 0, language
        for text in texts:
            self.writes(text)

    def writes(self, text: str, *, understood: bool = True, after: timedelta = MINUTE) -> str:
        """The key of the answer; the last where there are several."""
        self.now += after
        self.count += 1
        message = RawMessage(
            id=f"sms:{self.count}", channel=ChannelKind.SMS, address="+15550001", text=text, received_at=self.now
        )
        said = parse(text, self.language) if understood else Parse(text=text, language="en", intent="unavailable")
        self.changes = respond(self.chart, message, said, KIT, Team(tuple(STAFF)), self.now)
        self.chart = self.chart.apply(self.changes, self.now)
        answers = [c for c in self.changes.communications if c.recipient == "A-17"]
        self.text = answers[-1].text
        return answers[-1].text_key

    def streams(self, value: float, code: str = O2) -> "Story":
        at = self.now
        row = Observation(id=f"A-17/watch/{at}", code=code, value=value, unit="%", effective_at=at, received_at=at,
                          source="watch")  # fmt: skip
        self.chart = self.chart.apply(Changes(observations=(row,)), self.now)
        return self

    def values(self) -> dict[str, float]:
        return {row.code: row.value for row in self.chart.observations}


def test_the_row_keeps_its_id_and_its_time():
    story = Story("spo2 79")
    (before,) = story.chart.observations
    assert story.writes("sorry, i meant 97") == "correction-done"
    assert story.chart.observations == (replace(before, value=97.0, received_at=story.now),)
    assert story.changes.notes == (f"corrected by A-17: {before.id}",)


@pytest.mark.parametrize(
    ("before", "text", "key", "values"),
    [
        (["spo2 79"], "97 not 79", "correction-done", {O2: 97.0}),
        (["spo2 79", "pulse 80"], "97 not 79", "correction-done", {O2: 97.0, PULSE: 80.0}),
        (["spo2 79", "pulse 79"], "97 not 79", "correction-which", {O2: 79.0, PULSE: 79.0}),
        (["spo2 79"], "97 not 78", "correction-which", {O2: 79.0}),
        (["spo2 79"], "i meant 970", "correction-which", {O2: 79.0}),
        (["spo2 79"], "i meant 97%", "correction-done", {O2: 97.0}),
        (["pulse 79"], "i meant 97%", "correction-which", {PULSE: 79.0}),
        (["temp 39.5"], "i meant 37.5", "correction-done", {"body-temperature": 37.5}),
        (["temp 103.1 F"], "99.5 not 103.1", "correction-done", {"body-temperature": 37.5}),
        (["bp 150/95"], "correction: bp 130/85", "correction-done", {SYSTOLIC: 130.0, DIASTOLIC: 85.0}),
        (["bp 150/95"], "130/85 not 150/95", "correction-done", {SYSTOLIC: 130.0, DIASTOLIC: 85.0}),
        (["bp 150/95"], "i meant 130", "correction-which", {SYSTOLIC: 150.0, DIASTOLIC: 95.0}),
        (["bp 150/95"], "130 not 150", "correction-done", {SYSTOLIC: 130.0, DIASTOLIC: 95.0}),
        (["bp 150/95"], "90 not 150", "correction-which", {SYSTOLIC: 150.0, DIASTOLIC: 95.0}),
        (["spo2 96 pulse 80"], "i meant 97", "correction-which", {O2: 96.0, PULSE: 80.0}),
        (["spo2 96 pulse 80"], "correction: pulse 97", "correction-done", {O2: 96.0, PULSE: 97.0}),
        (["spo2 96"], "correction: pulse 80", "reading-noted", {O2: 96.0, PULSE: 80.0}),
        (["spo2 96", "sugar 35"], "i meant 53", "correction-which", {O2: 96.0}),
        (["spo2 96"], "i meant 96", "reading-noted", {O2: 96.0}),
        (["spo2 96"], "that was wrong", "correction-which", {O2: 96.0}),
        ([], "i meant 97", "correction-none", {}),
        ([], "that was not me", "correction-none", {}),
        (["spo2 96"], "that was not me", "correction-withdrawn", {}),
        (["spo2 96", "hello"], "that was not me", "correction-which", {O2: 96.0}),
        (["spo2 96", "hello"], "delete my last reading", "correction-withdrawn", {}),
        (["spo2 96", "pulse 80"], "delete my last reading", "correction-withdrawn", {O2: 96.0}),
        (["spo2 96", "pulse 80"], "delete my spo2", "correction-withdrawn", {PULSE: 80.0}),
        (["spo2 96", "pulse 80"], "delete spo2 96", "correction-withdrawn", {PULSE: 80.0}),
        (["spo2 96", "pulse 80", "ignore that"], "ignore that", "correction-which", {O2: 96.0}),
        (["spo2 96", "pulse 80", "ignore that"], "delete my last reading", "correction-which", {O2: 96.0}),
        (["spo2 79", "i meant 97"], "sorry, i meant 96", "correction-done", {O2: 96.0}),
        (["spo2 79", "i meant 97"], "ignore that", "correction-withdrawn", {}),
        (["bp 150/95"], "that was my husband", "correction-withdrawn", {}),
    ],
)  # fmt: skip
def test_what_it_is_about(before, text, key, values):
    story = Story(*before)
    assert (story.writes(text), story.values()) == (key, values)


def test_both_values_are_said():
    story = Story("spo2 79")
    story.writes("sorry, i meant 97")
    assert "oxygen 97% instead of 79%" in story.text
    assert Story("bp 120/80").writes("correction: bp 121/81") == "correction-done"


def test_the_question_is_answered_by_the_next_reading_for_a_while():
    story = Story("spo2 96 pulse 80", "i meant 97")
    assert (story.writes("spo2 97"), story.values()[O2]) == ("correction-done", 97.0)
    assert len(story.chart.observations) == 2
    story = Story("spo2 96 pulse 80", "i meant 97")
    assert story.writes("spo2 97", after=16 * MINUTE) == "reading-noted"
    assert len(story.chart.observations) == 3
    story = Story("spo2 96 pulse 80", "i meant 97", "hello")
    assert story.writes("spo2 97") == "reading-noted"


def test_among_other_words_it_is_asked_about_and_those_are_noted():
    story = Story("spo2 97")
    assert story.writes("sorry i meant 79 and i feel dizzy") == "correction-which"
    assert [c.text_key for c in story.changes.communications] == ["symptom-noted", "correction-which"]
    assert [s.symptom for s in story.chart.symptoms] == ["dizziness"]
    assert story.values() == {O2: 97.0}


def test_a_symptom_in_a_clear_correction_is_noted():
    story = Story("temp 39.5")
    assert story.writes("correction: fever 38.5") == "correction-done"
    assert [s.symptom for s in story.chart.symptoms] == ["fever"]


def test_without_a_parser_it_is_understood_all_the_same():
    story = Story("spo2 79")
    assert story.writes("sorry, i meant 97", understood=False) == "correction-done"
    assert story.values() == {O2: 97.0}


def test_a_reading_of_yesterday_is_left_alone():
    story = Story("spo2 79")
    assert story.writes("i meant 97", after=timedelta(hours=24)) == "correction-none"
    assert story.values() == {O2: 79.0}
    story = Story("spo2 79")
    assert story.writes("i meant 97", after=timedelta(hours=24) - MINUTE) == "correction-done"


@pytest.mark.parametrize(
    "text", ["i meant 97", "97 not 79", "that was not me", "delete my last reading", "delete my spo2"]
)
def test_a_device_is_never_corrected(text):
    story = Story().streams(79.0)
    assert (story.writes(text), story.values()) == ("correction-none", {O2: 79.0})
    story = Story("pulse 70").streams(79.0)
    story.writes(text)
    assert story.values()[O2] == 79.0


def test_before_consent_nothing_is_corrected():
    story = Story("spo2 79")
    story.chart = replace(story.chart, person=replace(ANNA, consents=()))
    assert story.writes("i meant 97") == "consent-ask"
    assert story.values() == {O2: 79.0}


@pytest.mark.parametrize("cry", ["my chest hurts", "i cant breathe", "i want to die"])
@pytest.mark.parametrize("text", ["sorry, i meant 97, {}", "{}. that was not me", "97 not 79. {}", "ignore that, {}"])
def test_an_emergency_in_the_same_words_wins(text, cry):
    story = Story("spo2 79")
    before = {flag.id for flag in story.chart.flags}
    assert story.writes(text.format(cry)).startswith("emergency")
    assert story.values()[O2] == 79.0
    assert {f.id for f in story.chart.flags if f.state is not FlagState.CLOSED} > before


def test_a_correction_does_not_take_back_a_reminder_of_today():
    story = Story("spo2 96")
    story.writes("i meant 97", after=timedelta(hours=20))
    assert not [c for c in story.changes.communications if c.reason == "reading arrived"]


VALUES = st.integers(70, 100)


def level(chart: Chart) -> int:
    return max((f.level.rank for f in chart.flags if f.state is not FlagState.CLOSED), default=Level.UNKNOWN.rank)


@settings(deadline=None, max_examples=60)
@given(VALUES, st.lists(VALUES, min_size=1, max_size=3), st.booleans())
def test_whatever_is_corrected_no_concern_gets_less_and_a_worse_one_is_raised(first, others, gone):
    story = Story(f"spo2 {first}")
    for value in others:
        before = level(story.chart)
        story.writes(f"sorry, i meant {value}")
        assert story.values() == {O2: float(value)}
        assert level(story.chart) >= max(before, level(Story(f"spo2 {value}").chart))
    before = level(story.chart)
    if gone:
        story.writes("delete my last reading")
        assert (story.values(), level(story.chart)) == ({}, before)
