"""NEWS2 against the published chart, band edge by band edge, and bounds against every completion."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.assess import assess
from risk.example import NOW, read_example
from risk.news2 import score
from risk.rulebook import load_rules
from risk.what_if import change

RULES = load_rules()
NEWS2 = RULES.news2
CALM = {
    "respiratory-rate": 16.0,
    "oxygen-saturation": 97.0,
    "systolic-blood-pressure": 120.0,
    "heart-rate": 70.0,
    "body-temperature": 37.0,
}


def chart_points(code: str, value: float, scale: int, on_oxygen: bool) -> int:
    """The printed NEWS2 chart (RCP 2017), written a second time and in another way than the rule file."""
    columns = {
        "respiratory-rate": [(25, 3), (21, 2), (12, 0), (9, 1), (0, 3)],
        "oxygen-saturation": [(96, 0), (94, 1), (92, 2), (0, 3)],
        "systolic-blood-pressure": [(220, 3), (111, 0), (101, 1), (91, 2), (0, 3)],
        "heart-rate": [(131, 3), (111, 2), (91, 1), (51, 0), (41, 1), (0, 3)],
        "body-temperature": [(39.1, 2), (38.1, 1), (36.1, 0), (35.1, 1), (0, 3)],
    }
    column = columns[code]
    if code == "oxygen-saturation" and scale == 2:
        column = [(88, 0), (86, 1), (84, 2), (0, 3)]
        if on_oxygen:
            column = [(97, 3), (95, 2), (93, 1), *column]
    return next(points for floor, points in column if value >= floor)


def everything(code: str) -> list[float]:
    """Every value that can be shown: whole numbers, tenths of a degree."""
    spans = {
        "respiratory-rate": (1, 60),
        "oxygen-saturation": (60, 100),
        "systolic-blood-pressure": (50, 260),
        "heart-rate": (20, 200),
    }
    if code == "body-temperature":
        return [n / 10 for n in range(300, 430)]
    low, high = spans[code]
    return [float(n) for n in range(low, high + 1)]


@pytest.mark.parametrize(("scale", "on_oxygen"), [(1, False), (1, True), (2, False), (2, True)])
@pytest.mark.parametrize("code", list(CALM))
def test_every_value_of_every_sign_scores_as_printed(code: str, scale: int, on_oxygen: bool) -> None:
    for value in everything(code):
        scored = score(NEWS2, CALM | {code: value}, scale=scale, on_oxygen=on_oxygen, alert=True)
        wanted = chart_points(code, value, scale, on_oxygen)
        others = sum(chart_points(c, v, scale, on_oxygen) for c, v in CALM.items() if c != code)
        assert scored.points[code] == wanted, (code, value)
        assert scored.bounds.complete
        assert scored.bounds.low == scored.bounds.high == wanted + others + (2 if on_oxygen else 0)


def test_not_being_alert_scores_three() -> None:
    assert score(NEWS2, CALM, on_oxygen=False, alert=False).bounds.low == 3


def test_three_grave_signs_alone_bound_the_score_at_nine_or_more() -> None:
    three = {"heart-rate": 135.0, "respiratory-rate": 28.0, "oxygen-saturation": 90.0}
    bounds = score(NEWS2, three, on_oxygen=None, alert=None).bounds
    assert (bounds.low, bounds.high) == (9, 9 + 3 + 3 + 2 + 3)
    assert bounds.missing == (
        "systolic-blood-pressure",
        "body-temperature",
        "supplemental-oxygen",
        "consciousness",
    )


def test_nothing_known_spans_the_whole_score() -> None:
    bounds = score(NEWS2, {}, on_oxygen=None, alert=None).bounds
    assert (bounds.low, bounds.high) == (0, 20)
    assert len(bounds.missing) == 7


# One value for each number of points that a sign can score, so that a product over them is every completion.
EACH = {
    "respiratory-rate": [16.0, 10.0, 22.0, 30.0],
    "oxygen-saturation": [98.0, 96.0, 94.0, 92.0, 90.0, 86.0, 84.0, 80.0],
    "systolic-blood-pressure": [120.0, 105.0, 95.0, 80.0],
    "heart-rate": [70.0, 100.0, 120.0, 140.0],
    "body-temperature": [37.0, 38.5, 39.5, 34.0],
}


@given(
    known=st.fixed_dictionaries({}, optional={code: st.sampled_from(values) for code, values in EACH.items()}),
    scale=st.sampled_from([1, 2]),
    on_oxygen=st.sampled_from([None, False, True]),
    alert=st.sampled_from([None, False, True]),
)
def test_bounds_are_exactly_the_extremes_of_all_completions(
    known: dict[str, float], scale: int, on_oxygen: bool | None, alert: bool | None
) -> None:
    bounds = score(NEWS2, known, scale=scale, on_oxygen=on_oxygen, alert=alert).bounds
    totals = []
    for oxygen in [False, True] if on_oxygen is None else [on_oxygen]:
        columns = [
            {chart_points(code, v, scale, oxygen) for v in ([known[code]] if code in known else values)}
            for code, values in EACH.items()
        ]
        minds = [0, 3] if alert is None else [0 if alert else 3]
        for points in product(*columns, minds):
            totals.append(sum(points) + (2 if oxygen else 0))
    assert (bounds.low, bounds.high) == (min(totals), max(totals))
    assert bounds.complete == (len(known) == len(EACH) and on_oxygen is not None and alert is not None)


@pytest.mark.parametrize(
    ("text", "level", "rule"),
    [
        ("heart-rate 135, respiratory-rate 28, oxygen-saturation 90", "critical", "early-warning-score"),
        ("heart-rate 112, respiratory-rate 22, body-temperature 38.5", "high", "early-warning-score"),
        ("systolic-blood-pressure 85", "high", "low-blood-pressure"),
    ],
)
def test_the_lower_bound_decides(text: str, level: str, rule: str) -> None:
    result = assess(read_example(text), RULES, NOW, event_id="e")
    assert result.level == level
    assert result.findings[0].rule == rule


def test_one_grave_sign_that_no_other_rule_speaks_of_asks_for_urgent_review() -> None:
    chart = read_example("systolic-blood-pressure 85")
    without = change(RULES, "without low-blood-pressure")
    (finding,) = assess(chart, without, NOW, event_id="e").findings
    assert (finding.rule, finding.level, finding.family) == ("early-warning-sign", "moderate", "early-warning")
    assert "systolic blood pressure 85 mmHg at 12:00 scores 3" in finding.reason
    assert [f.rule for f in assess(chart, RULES, NOW, event_id="e").findings] == ["low-blood-pressure"]
    governed = read_example("limit systolic-blood-pressure from 80, systolic-blood-pressure 85")
    assert assess(governed, RULES, NOW, event_id="e").findings == ()


def test_too_much_oxygen_on_scale_2_scores() -> None:
    result = assess(read_example("oxygen-saturation 97, scale 2, on oxygen"), RULES, NOW, event_id="e")
    assert [f.rule for f in result.findings] == ["early-warning-score"]
    assert "on oxygen scores 2" in result.findings[0].reason


def test_one_noisy_sample_of_a_stream_scores_nothing() -> None:
    result = assess(read_example("oxygen-saturation 97 97 97 70 every 1 min"), RULES, NOW, event_id="e")
    assert result.score is not None
    assert result.score.low == 0
    result = assess(read_example("oxygen-saturation 97 90 90 90 every 1 min"), RULES, NOW, event_id="e")
    assert result.score is not None
    assert result.score.low == 3  # what most samples say


def test_old_inputs_are_missing() -> None:
    fresh = assess(read_example("heart-rate 135 (1 h ago)"), RULES, NOW, event_id="e").score
    old = assess(read_example("heart-rate 135 (3 h ago)"), RULES, NOW, event_id="e").score
    assert fresh is not None
    assert old is not None
    assert "heart-rate" not in fresh.missing
    assert "heart-rate" in old.missing
    assert old.low == 0
