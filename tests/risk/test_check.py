"""`check` finds what is wrong with rules that load; the packaged ones have nothing wrong."""

from dataclasses import replace

import pytest

from data.errors import BadInput
from data.model.concern import Level
from risk.check import check
from risk.example import read_example
from risk.rulebook import Rules, load_rules
from risk.schema import Bound, Symptom, Threshold
from risk.what_if import change

RULES = load_rules()


def with_rule(rule_id: str, **new: object) -> Rules:
    rows = tuple(replace(r, **new) if r.id == rule_id else r for r in RULES.thresholds)  # type: ignore[arg-type]
    return replace(RULES, thresholds=rows)


def oxygen(**limit: float) -> tuple[Bound, ...]:
    return (Bound(code="oxygen-saturation", unit="%", **limit),)


def test_the_packaged_rules_are_sound() -> None:
    assert check(RULES) == []


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (change(RULES, "low-oxygen below 91"), "low-oxygen: does not fire for the example 'oxygen-saturation 92'"),
        (change(RULES, "low-oxygen below 94"), "low-oxygen: fires for the example 'oxygen-saturation 93'"),
        (with_rule("low-oxygen", source=" "), "low-oxygen: has no source"),
        (with_rule("low-oxygen", must_fire=()), "low-oxygen: needs at least one example"),
        (with_rule("low-oxygen", must_fire=("spo2 low",)), "low-oxygen: example 'spo2 low': cannot read"),
        (with_rule("low-oxygen", any=oxygen(below=20)), "low-oxygen: no possible oxygen-saturation"),
        (with_rule("low-oxygen", any=oxygen(at_most=100)), "low-oxygen: every possible oxygen-saturation"),
        (with_rule("very-low-oxygen", level=Level.HIGH), "very-low-oxygen: below 88 is not graver than low-oxygen"),
        (with_rule("low-oxygen", any=oxygen(above=93)), "too low and too high at once"),
        (with_rule("fast-heart", any=(Bound(code="heart-rate", unit="/min", above=30),)), "too low and too high"),
        (with_rule("low-blood-pressure", family="high-blood-pressure"), "holds rules on both low and high"),
        (replace(RULES, conduct=replace(RULES.conduct, sums_up=("oxigen",))), "did you mean 'oxygen'"),
        (replace(RULES, words=(replace(RULES.words[0], level=Level.LOW),)), "plain-level high is above its level low"),
    ],
)
def test_a_fault_is_found(rules: Rules, wanted: str) -> None:
    assert any(wanted in line for line in check(rules)), check(rules)


def test_a_symptom_rule_cannot_rest_on_one_of_its_own_file() -> None:
    extra = Symptom(id="x", family="x", level=Level.HIGH, display="x", source="x", all=("heart-failure-signs",))
    assert any(
        "x: needs heart-failure-signs" in line for line in check(replace(RULES, symptoms=(*RULES.symptoms, extra)))
    )


def test_new_rules_need_examples_of_both_kinds() -> None:
    assert any(line.startswith("what-if: needs at least one example") for line in check(change(RULES, "spo2 < 97")))
    assert isinstance(change(RULES, "spo2 < 97").rule("what-if"), Threshold)


@pytest.mark.parametrize(
    "text", ["", "oxygen-saturation", "oxygen-saturation 90 91", "oxygen-saturation 90 every 1 min ago", "spo2 90",
             "oxygen-saturation 90 every soon", "limit spo2 from 90"],
)  # fmt: skip
def test_an_example_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_example(text)
