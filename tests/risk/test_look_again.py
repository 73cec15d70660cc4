"""When time alone changes something: a stream that went bad and fell silent, and a routine flag that closes itself."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from data.model.chart import Changes, Chart
from data.model.concern import FlagState
from risk.assess import assess, look_again_at
from risk.decide import decide
from risk.example import NOW, read_example
from risk.rulebook import load_rules

RULES = load_rules()
GAP = RULES.conduct.stream_gap


def fired(chart: Chart, at: object) -> set[tuple[str, str]]:
    found = assess(chart, RULES, at, event_id="e").findings  # type: ignore[arg-type]
    return {(finding.rule, evidence.code) for finding in found for evidence in finding.evidence}


def test_a_stream_that_goes_bad_and_falls_silent_is_looked_at_again() -> None:
    chart = read_example("oxygen-saturation 97 97 80 80 every 1 min")
    assert not any(rule == "very-low-oxygen" for rule, _ in fired(chart, NOW))
    at = look_again_at(chart, RULES, NOW)
    assert at == NOW + GAP
    assert ("very-low-oxygen", "oxygen-saturation") in fired(chart, at)
    assert look_again_at(chart, RULES, at) is None


def test_nothing_is_pending_for_good_values_and_for_what_counts_already() -> None:
    for text in (
        "oxygen-saturation 97 97 97 every 1 min",
        "oxygen-saturation 80",
        "oxygen-saturation 80 80 80 80 80 80 80 80 80 80 80 80 80 every 1 min",
        "headache",
        "oxygen-saturation 97 80 80 97 every 1 min",
    ):
        assert look_again_at(read_example(text), RULES, NOW) is None, text
    assert look_again_at(Chart(subject="anna"), RULES, NOW) is None


def test_a_watch_that_runs_ahead_is_looked_at_when_its_own_silence_is_long_enough() -> None:
    chart = read_example("oxygen-saturation 97 97 80 80 every 1 min")
    rows = tuple(replace(o, effective_at=o.effective_at + timedelta(minutes=2)) for o in chart.observations)
    chart = replace(chart, observations=rows)
    at = look_again_at(chart, RULES, NOW)
    assert at == NOW + timedelta(minutes=2) + GAP
    assert ("very-low-oxygen", "oxygen-saturation") in fired(chart, at)


def routine() -> Chart:
    """A patient whose routine flag has fresh evidence of being over."""
    chart = read_example("systolic-blood-pressure 165", NOW - timedelta(minutes=30))
    for nth, text in enumerate(("", "systolic-blood-pressure 125")):
        at = NOW - timedelta(minutes=30) if nth == 0 else NOW
        brought = read_example(text, at).observations if text else ()
        chart = chart.apply(Changes(observations=brought), at)
        found = assess(chart, RULES, at, event_id=f"e{nth}")
        flags = decide(chart, found, RULES, at, event_id=f"e{nth}")
        chart = chart.apply(Changes(assessment=found, flags=flags), at)
    return chart


def test_a_routine_flag_that_is_normal_again_is_looked_at_when_it_closes() -> None:
    chart = routine()
    (flag,) = chart.flags
    assert (flag.state, flag.normal_since) == (FlagState.OPEN, NOW)
    at = look_again_at(chart, RULES, NOW)
    assert at == NOW + RULES.conduct.close_after
    (closed,) = decide(chart, assess(chart, RULES, at, event_id="x"), RULES, at, event_id="x")
    assert closed.state is FlagState.CLOSED
    gone = chart.apply(Changes(flags=(closed,)), at)
    assert look_again_at(gone, RULES, at) is None


SIGNS = {
    "oxygen-saturation": (76, 99),
    "heart-rate": (30, 150),
    "systolic-blood-pressure": (80, 200),
    "respiratory-rate": (6, 32),
}


@st.composite
def streams(draw: st.DrawFn) -> Chart:
    parts = []
    for sign in draw(st.lists(st.sampled_from(sorted(SIGNS)), min_size=1, unique=True)):
        values = draw(st.lists(st.integers(*SIGNS[sign]), min_size=2, max_size=8))
        ago = draw(st.integers(0, 20))
        parts.append(f"{sign} {' '.join(map(str, values))} every {draw(st.integers(1, 20))} min ({ago} min ago)")
    return read_example(", ".join(part.replace(" (0 min ago)", "") for part in parts))


@settings(max_examples=150, deadline=None)
@given(streams(), st.booleans())
def test_looking_again_finds_what_was_not_there_and_not_before(chart: Chart, with_flag: bool) -> None:
    if with_flag:
        extra = routine()
        chart = replace(chart, observations=chart.observations or extra.observations, flags=extra.flags)
    at = look_again_at(chart, RULES, NOW)
    if at is None:
        return
    assert at > NOW
    added = fired(chart, at) - fired(chart, at - timedelta(seconds=1))
    flags = decide(chart, assess(chart, RULES, at, event_id="x"), RULES, at, event_id="x")
    assert added or any(flag.state is FlagState.CLOSED for flag in flags)


@settings(max_examples=150, deadline=None)
@given(streams(), st.integers(1, 60 * 30))
def test_no_breach_begins_to_count_before_we_look_again(chart: Chart, seconds: int) -> None:
    at, later = look_again_at(chart, RULES, NOW), NOW + timedelta(seconds=seconds)
    if at is None or later < at:
        thresholds = {rule.id for rule in RULES.thresholds}
        new = {rule for rule, _ in fired(chart, later) - fired(chart, NOW)}
        assert not new & thresholds
