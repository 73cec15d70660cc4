"""Assessment: every rule's own examples, honest levels, reasons that can be checked, and what never counts."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Unavailable
from data.model.chart import Chart
from data.model.concern import Level, RiskAssessment
from risk.assess import assess
from risk.example import NOW, read_example
from risk.rulebook import Rules, load_rules

RULES = load_rules()
CALM = "heart-rate 70, respiratory-rate 14, oxygen-saturation 98, systolic-blood-pressure 120, body-temperature 36.8"


def of(text: str, rules: Rules = RULES) -> RiskAssessment:
    return assess(read_example(text), rules, NOW, event_id="e")


def fired(text: str) -> list[str]:
    return [finding.rule for finding in of(text).findings]


EXAMPLES = [
    (rule.id, text, wanted)
    for rule in (*RULES.thresholds, *RULES.trends, *RULES.words, *RULES.symptoms)
    for texts, wanted in ((rule.must_fire, True), (rule.must_not_fire, False))
    for text in texts
]


@pytest.mark.parametrize(("rule", "text", "wanted"), EXAMPLES)
def test_the_rules_own_examples(rule: str, text: str, wanted: bool) -> None:
    assert (rule in fired(text)) == wanted


# --- Levels -----------------------------------------------------------------------------------------------------------


def test_low_needs_a_complete_score() -> None:
    assert of(CALM).level is Level.LOW
    for part in CALM.split(", "):
        rest = ", ".join(p for p in CALM.split(", ") if p != part)
        assert of(rest).level is Level.UNKNOWN


def test_a_stream_alone_does_not_tell_that_someone_is_alert() -> None:
    streamed = ", ".join(f"{sign} {value} {value} every 1 min" for sign, value in (p.split() for p in CALM.split(", ")))
    result = of(streamed)
    assert result.level is Level.UNKNOWN
    assert result.score is not None
    assert result.score.missing == ("consciousness",)


def test_a_finding_that_only_informs_does_not_make_up_for_what_is_missing() -> None:
    result = of("oxygen-saturation 94")
    assert [f.level for f in result.findings] == [Level.LOW]
    assert result.level is Level.UNKNOWN


def test_nothing_known_is_unknown() -> None:
    result = assess(Chart(subject="anna"), RULES, NOW, event_id="e")
    assert result.level is Level.UNKNOWN
    assert result.findings == ()
    assert result.id == "anna/assessment/e"
    assert result.handbook == RULES.hash


def test_a_dip_that_is_not_settled_yet_is_never_called_low() -> None:
    rest = CALM.removeprefix("heart-rate 70, ")
    assert of(f"{rest}, heart-rate 70 70 70 70 every 1 min").level is Level.LOW
    assert of(f"{rest}, heart-rate 70 70 70 140 every 1 min").level is Level.UNKNOWN


def test_a_child_has_no_score_and_no_low() -> None:
    chart = read_example(CALM)
    assert chart.person is not None
    child = replace(chart, person=replace(chart.person, born_on=date(2012, 3, 4)))
    result = assess(child, RULES, NOW, event_id="e")
    assert result.score is None
    assert result.level is Level.UNKNOWN


# --- Reasons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("oxygen-saturation 96 88 88 88 every 5 min", "oxygen 88% for 10 min, limit 92%"),
        ("oxygen-saturation 90", "oxygen 90% at 12:00, limit 92%"),
        ("oxygen-saturation 90 (1 h ago)", "oxygen 90% at 11:00, limit 92%"),
        ("body-temperature 39.4", "temperature 39.4 °C at 12:00, limit 39.4 °C"),
        (
            "systolic-blood-pressure 190, diastolic-blood-pressure 125",
            "systolic blood pressure 190 mmHg at 12:00, limit 180 mmHg; "
            "diastolic blood pressure 125 mmHg at 12:00, limit 120 mmHg",
        ),
        ("body-weight 80.0 81.2 every 1 d", "weight 81.2 kg at 12:00, up 1.2 kg in 1 d, limit 0.9 kg"),
        ("alarm chest-pain", 'chest pain: says "chest pain"'),
        (
            "fever, confusion (2 h ago)",
            'fever with confusion: says "fever", "confusion"',
        ),
        ("limit oxygen-saturation from 95, oxygen-saturation 93", "oxygen 93% at 12:00, personal limit 95%"),
    ],
)
def test_the_reason_states_value_limit_and_time(text: str, reason: str) -> None:
    assert reason in [finding.reason for finding in of(text).findings]


def test_times_are_on_the_patients_wall() -> None:
    chart = read_example("oxygen-saturation 90")
    assert chart.person is not None
    abroad = replace(chart, person=replace(chart.person, zone="Europe/Tallinn"))
    assert "at 14:00" in assess(abroad, RULES, NOW, event_id="e").findings[0].reason


def test_the_patients_words_are_evidence() -> None:
    finding = of("alarm chest-pain").findings[0]
    assert finding.level is Level.CRITICAL
    assert [e.words for e in finding.evidence] == ["chest pain"]


def test_a_symptom_that_only_the_parser_found_is_high() -> None:
    findings = of("chest-pain").findings
    assert [(f.rule, f.level) for f in findings] == [("chest-pain", Level.HIGH)]
    assert [f.level for f in of("chest-pain, alarm chest-pain").findings] == [Level.CRITICAL]


def test_a_later_denial_takes_back_a_symptom_but_never_an_alarm() -> None:
    assert "breathlessness" not in fired("breathlessness (1 h ago), no breathlessness")
    assert "breathlessness" in fired("breathlessness, no breathlessness (1 h ago)")
    assert "chest-pain" in fired("alarm chest-pain (1 h ago), no chest-pain")


# --- What never counts ------------------------------------------------------------------------------------------------


def with_oxygen(**change: object) -> list[str]:
    chart = read_example("oxygen-saturation 80")
    changed = replace(chart.observations[0], **change)  # type: ignore[arg-type]
    return [f.rule for f in assess(replace(chart, observations=(changed,)), RULES, NOW, event_id="e").findings]


def test_what_cannot_be_used_does_not_count() -> None:
    assert "very-low-oxygen" in with_oxygen()
    assert with_oxygen(unit="mmHg") == []
    assert with_oxygen(value=float("nan")) == []
    assert with_oxygen(value=0.0) == []
    assert with_oxygen(effective_at=NOW - timedelta(hours=3)) == []
    assert with_oxygen(effective_at=NOW + timedelta(minutes=30)) == []
    assert "very-low-oxygen" in with_oxygen(effective_at=NOW + timedelta(minutes=2))
    assert with_oxygen(code="unheard-of") == []


def test_a_newer_normal_value_ends_it_whatever_the_order_of_rows() -> None:
    chart = read_example("oxygen-saturation 80 (10 min ago), oxygen-saturation 97")
    for rows in (chart.observations, chart.observations[::-1]):
        assert assess(replace(chart, observations=rows), RULES, NOW, event_id="e").findings == ()


# --- Streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("oxygen-saturation 97 90 every 1 min", False),
        ("oxygen-saturation 97 90 90 90 90 90 every 1 min", False),
        ("oxygen-saturation 97 90 90 90 90 90 90 every 1 min", True),
        ("oxygen-saturation 97 90 90 97 90 90 90 every 1 min", False),
        ("oxygen-saturation 90 90 every 1 min", True),  # nothing ever contradicted it
        ("oxygen-saturation 97 90 every 1 h", True),  # too far apart to be a stream
        ("oxygen-saturation 97 90 every 1 min (20 min ago)", True),  # then silence
        ("oxygen-saturation 97 97 every 1 min (1 min ago), oxygen-saturation 90", True),  # the patient's own
    ],
)
def test_a_stream_must_last_but_a_reading_counts_at_once(text: str, fires: bool) -> None:
    assert ("low-oxygen" in fired(text)) == fires


# --- Personal limits --------------------------------------------------------------------------------------------------


def test_a_wider_personal_limit_replaces_the_default_but_not_a_hard_rule() -> None:
    assert fired("limit oxygen-saturation from 88, oxygen-saturation 90") == []
    assert "personal-limit" in fired("limit oxygen-saturation from 89, oxygen-saturation 88")
    assert "very-low-oxygen" in fired("limit oxygen-saturation from 80, oxygen-saturation 82")


def test_a_narrower_personal_limit_stands_beside_the_default() -> None:
    assert fired("limit heart-rate to 110, heart-rate 115") == ["personal-limit"]
    assert fired("limit heart-rate to 110, heart-rate 140") == ["fast-heart", "personal-limit"]
    assert fired("limit oxygen-saturation from 94, oxygen-saturation 90")[:2] == ["low-oxygen", "personal-limit"]


def test_a_personal_limit_on_one_side_leaves_the_other_side_alone() -> None:
    assert "low-blood-pressure" in fired("limit systolic-blood-pressure to 170, systolic-blood-pressure 85")
    assert fired("limit systolic-blood-pressure to 170, systolic-blood-pressure 165") == []
    assert "high-blood-pressure" in fired("limit systolic-blood-pressure to 170, diastolic-blood-pressure 105")


# --- A learned model --------------------------------------------------------------------------------------------------


class Estimate:
    def __init__(self, value: float | Exception | None) -> None:
        self.value = value

    def score(self, chart: Chart, now: object) -> float | None:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def test_a_model_adds_concern_and_never_takes_any_away() -> None:
    chart = read_example(CALM)
    plain = assess(chart, RULES, NOW, event_id="e")
    assert assess(chart, RULES, NOW, event_id="e", model=Estimate(0.0)) == plain
    assert assess(chart, RULES, NOW, event_id="e", model=Estimate(None)) == plain
    assert assess(chart, RULES, NOW, event_id="e", model=Estimate(Unavailable("down"))) == plain
    assert assess(chart, RULES, NOW, event_id="e", model=Estimate(float("nan"))) == plain
    assert assess(chart, RULES, NOW, event_id="e", model=Estimate(0.9)).level is Level.MODERATE


# --- Invariants -------------------------------------------------------------------------------------------------------

VALUES = {
    "heart-rate": [38, 70, 100, 135, 160],
    "respiratory-rate": [7, 14, 23, 30],
    "oxygen-saturation": [80, 90, 93, 98],
    "systolic-blood-pressure": [80, 95, 120, 150, 190],
    "diastolic-blood-pressure": [70, 95, 130],
    "body-temperature": [34.0, 37.0, 38.4, 40.0],
    "blood-glucose": [45, 65, 110, 260, 620],
}
ABNORMAL = [
    f"{code} {value}"
    for code, values in VALUES.items()
    for value in values
    if f"{code} {value}" not in (*CALM.split(", "), "body-temperature 37.0", "blood-glucose 110", "heart-rate 100")
]
SIGNS = ["breathlessness", "fever", "confusion", "dizziness", "ankle-swelling", "vomiting", "palpitations", "headache"]
ALARMS = [f"alarm {word.id}" for word in RULES.words]
readings = st.fixed_dictionaries({}, optional={code: st.sampled_from(values) for code, values in VALUES.items()})
signs = st.lists(st.sampled_from(SIGNS + ALARMS), unique=True, max_size=3)


@settings(max_examples=150)
@given(readings=readings, signs=signs, extra=st.sampled_from(ABNORMAL + SIGNS + ALARMS))
def test_another_abnormal_sign_never_lowers_the_level(readings: dict[str, float], signs: list[str], extra: str) -> None:
    readings.pop(extra.split()[0], None)
    parts = [f"{code} {value}" for code, value in readings.items()] + signs or ["headache"]
    before, after = of(", ".join(parts)), of(", ".join([*parts, extra]))
    assert after.level.rank >= before.level.rank


@settings(max_examples=50)
@given(readings=readings, signs=signs)
def test_assessment_is_the_same_each_time_and_low_only_when_complete(
    readings: dict[str, float], signs: list[str]
) -> None:
    text = ", ".join([f"{code} {value}" for code, value in readings.items()] + signs or ["headache"])
    chart = read_example(text)
    result = assess(chart, RULES, NOW, event_id="e")
    assert assess(chart, RULES, NOW, event_id="e") == result
    assert assess(replace(chart, observations=chart.observations[::-1]), RULES, NOW, event_id="e") == result
    if result.level is Level.LOW:
        assert result.score is not None
        assert result.score.complete
    assert list(result.findings) == sorted(result.findings, key=lambda f: -f.level.rank)
    assert all(f.reason and f.source and f.evidence for f in result.findings)
