"""One fault must not silence: a clock set back, a scale that does not exist, a zone that nobody knows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from data.model.chart import Changes, Chart
from data.model.concern import Flag, FlagState, Level
from data.model.observation import Assertion, SymptomReport
from risk.assess import assess
from risk.decide import decide
from risk.example import NOW, read_example
from risk.rulebook import load_rules

RULES = load_rules()
BACK = NOW - timedelta(hours=1)


def said(chart: Chart, symptom: str, event_id: str, at: object, assertion: Assertion = Assertion.PRESENT) -> Chart:
    report = SymptomReport(
        id=f"{event_id}/{symptom}", symptom=symptom, assertion=assertion, words="my chest hurts",
        reported_at=at, message_id=event_id,  # type: ignore[arg-type]
    )  # fmt: skip
    return chart.apply(Changes(symptoms=(report,)), at)  # type: ignore[arg-type]


def flags_of(chart: Chart, event_id: str, at: object) -> tuple[Flag, ...]:
    found = assess(chart, RULES, at, event_id=event_id)  # type: ignore[arg-type]
    return decide(chart, found, RULES, at, event_id=event_id)  # type: ignore[arg-type]


@pytest.fixture
def closed() -> Chart:
    """Somebody whose chest pain was closed just now, before the clock is set back."""
    chart = said(read_example("headache"), "alarm:chest-pain", "one", NOW)
    (flag,) = flags_of(chart, "one", NOW)
    return chart.apply(Changes(flags=(replace(flag, state=FlagState.CLOSED, closed_at=NOW, outcome="seen"),)), NOW)


def test_an_alarm_after_the_clock_was_set_back_opens_the_flag_again(closed: Chart) -> None:
    (flag,) = flags_of(said(closed, "alarm:chest-pain", "two", BACK), "two", BACK)
    assert (flag.family, flag.level, flag.state, flag.episode) == ("chest-pain", Level.CRITICAL, FlagState.OPEN, 2)


def test_a_denial_of_the_future_does_not_hide_an_alarm_of_now(closed: Chart) -> None:
    denied = said(closed, "alarm:chest-pain", "no", NOW, Assertion.ABSENT)
    assert flags_of(said(denied, "alarm:chest-pain", "two", BACK), "two", BACK)


def test_what_was_said_before_the_closing_stays_closed(closed: Chart) -> None:
    assert flags_of(closed, "three", NOW + timedelta(minutes=1)) == ()


def test_an_alarm_opens_the_flag_once(closed: Chart) -> None:
    chart = said(closed, "alarm:chest-pain", "two", BACK)
    chart = chart.apply(Changes(flags=flags_of(chart, "two", BACK)), BACK)
    assert flags_of(chart, "two", BACK) == ()


@pytest.mark.parametrize("scale", [0, 3, -1, 99])
def test_a_scale_that_does_not_exist_counts_as_the_first(scale: int) -> None:
    chart = read_example("oxygen-saturation 86, heart-rate 135, limit heart-rate to 130")
    assert chart.person
    odd = replace(chart, person=replace(chart.person, spo2_scale=scale))
    assert assess(odd, RULES, NOW, event_id="e") == assess(chart, RULES, NOW, event_id="e")
    assert decide(odd, assess(odd, RULES, NOW, event_id="e"), RULES, NOW, event_id="e")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc", "/etc/passwd", "a\0b"])
def test_an_unknown_zone_only_changes_how_times_are_said(zone: str) -> None:
    chart = read_example("oxygen-saturation 86")
    assert chart.person
    odd = replace(chart, person=replace(chart.person, zone=zone))
    findings = assess(odd, RULES, NOW, event_id="e").findings
    assert [f.rule for f in findings] == [f.rule for f in assess(chart, RULES, NOW, event_id="e").findings]
    assert any("12:00 UTC" in f.reason for f in findings)


def test_a_reading_after_the_clock_was_set_back_opens_the_flag_again() -> None:
    chart = read_example("oxygen-saturation 85")
    (flag,) = flags_of(chart, "one", NOW)
    chart = chart.apply(Changes(flags=(replace(flag, state=FlagState.CLOSED, closed_at=NOW, outcome="seen"),)), NOW)
    assert flags_of(chart, "two", NOW + timedelta(minutes=1)) == ()
    assert flags_of(chart, "two", BACK) == ()
    again = chart.apply(Changes(observations=read_example("oxygen-saturation 85", BACK).observations), BACK)
    (flag,) = flags_of(again, "three", BACK)
    assert (flag.family, flag.level, flag.state) == ("oxygen", Level.CRITICAL, FlagState.OPEN)


def test_what_was_said_before_the_clock_was_set_back_does_not_open_its_flag_twice() -> None:
    chart = said(read_example("headache"), "alarm:chest-pain", "one", NOW)
    (flag,) = flags_of(chart, "one", NOW)
    chart = chart.apply(Changes(flags=(flag,)), NOW)
    assert flags_of(chart, "two", BACK) == ()
    assert assess(chart, RULES, BACK, event_id="two").level is Level.CRITICAL
    done = replace(flag, state=FlagState.CLOSED, closed_at=BACK, outcome="seen")
    chart = chart.apply(Changes(flags=(done,)), BACK)
    later = BACK + timedelta(minutes=1)
    assert flags_of(chart, "three", later) == ()
    (again,) = flags_of(said(chart, "alarm:chest-pain", "four", later), "four", later)
    assert (again.state, again.episode) == (FlagState.OPEN, 2)
