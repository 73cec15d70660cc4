"""What-if sentences: what they change, and kind refusals."""

import pytest

from data.errors import BadInput
from risk.assess import assess
from risk.example import NOW, read_example
from risk.rulebook import Rules, load_rules
from risk.what_if import change

RULES = load_rules()


def fired(rules: Rules, text: str) -> dict[str, str]:
    return {f.rule: f.level.value for f in assess(read_example(text), rules, NOW, event_id="e").findings}


@pytest.mark.parametrize(
    ("sentence", "example", "rule", "level"),
    [
        ("low-oxygen below 95", "oxygen-saturation 94", "low-oxygen", "high"),
        ("low-oxygen <= 94", "oxygen-saturation 94", "low-oxygen", "high"),
        ("LOW-OXYGEN is CRITICAL", "oxygen-saturation 90", "low-oxygen", "critical"),
        ("low-oxygen below 95 is moderate", "oxygen-saturation 94", "low-oxygen", "moderate"),
        ("low-oxygen below 95 for 1m", "oxygen-saturation 97 94 94 every 1 min", "low-oxygen", "high"),
        ("oxygen below 97 is HIGH", "oxygen-saturation 96", "what-if", "high"),
        ("spo2 < 97", "oxygen-saturation 96", "what-if", "high"),
        ("spo2<97% for 1 min is CRITICAL", "oxygen-saturation 98 96 96 every 1 min", "what-if", "critical"),
        ("bp above 130 is MODERATE", "systolic-blood-pressure 131", "what-if", "moderate"),
        ("heart rate at least 100", "heart-rate 100", "what-if", "high"),
        ("temp over 37.4 °C is MODERATE", "body-temperature 37.5", "what-if", "moderate"),
        ("weight-gain above 0.4", "body-weight 80.0 80.5 every 1 d", "weight-gain", "moderate"),
        ("chest-pain is moderate", "alarm chest-pain", "chest-pain", "moderate"),
        ("fainting is critical", "fainting", "fainting", "critical"),
        ("personal-limit is critical", "limit heart-rate to 100, heart-rate 101", "personal-limit", "critical"),
    ],
)
def test_a_sentence_makes_it_so(sentence: str, example: str, rule: str, level: str) -> None:
    assert fired(RULES, example).get(rule) != level
    changed = change(RULES, sentence)
    assert fired(changed, example)[rule] == level
    assert changed.hash != RULES.hash


@pytest.mark.parametrize(
    ("sentence", "example", "rule"),
    [
        ("without low-oxygen", "oxygen-saturation 90", "low-oxygen"),
        ("low-oxygen off", "oxygen-saturation 90", "low-oxygen"),
        ("low-oxygen below 85", "oxygen-saturation 90", "low-oxygen"),
        ("low-oxygen for 1h", "oxygen-saturation 97 90 90 90 90 90 90 90 every 1 min", "low-oxygen"),
        ("without chest-pain", "alarm chest-pain", "chest-pain"),
        ("fainting off", "fainting", "fainting"),
        ("weight-gain off", "body-weight 80 82 every 1 d", "weight-gain"),
        ("early-warning-score off", "heart-rate 135, respiratory-rate 28", "early-warning-score"),
    ],
)
def test_a_sentence_makes_it_not_so(sentence: str, example: str, rule: str) -> None:
    assert rule in fired(RULES, example)
    assert rule not in fired(change(RULES, sentence), example)


def test_sentences_can_follow_one_another() -> None:
    rules = change(change(RULES, "spo2 < 97"), "hr > 90 is MODERATE")
    assert fired(rules, "oxygen-saturation 96, heart-rate 95") == {"what-if": "high", "what-if-2": "moderate"}
    assert "what-if" not in change(rules, "without what-if").ids()


@pytest.mark.parametrize(
    ("sentence", "hint"),
    [
        ("low-oxigen below 95", "did you mean 'low-oxygen'"),
        ("without low-oxigen", "did you mean 'low-oxygen'"),
        ("oxygn below 95", "did you mean 'oxygen'"),
        ("low-oxygen above 95", "about low values"),
        ("low-oxygen is GRAVE", "allowed: LOW, MODERATE, HIGH, CRITICAL"),
        ("low-oxygen is unknown", "allowed: LOW"),
        ("low-oxygen below 90 for 5 parsecs", "is not a duration"),
        ("chest-pain below 5", "has no limit"),
        ("early-warning-score is high", "off"),
        ("personal-limit off", "the patient's own limits"),
        ("the moon is HIGH", "write for example"),
        ("low-oxygen", "write for example"),
        ("", "write for example"),
    ],
)
def test_what_it_cannot_read_is_refused_kindly(sentence: str, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        change(RULES, sentence)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)
