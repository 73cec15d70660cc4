"""Typed readings: what becomes a value, what is asked back, and what is no reading at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.vocabulary import vital_signs
from nlu.files import PARSED, lexicon
from nlu.readings import PRESSURE, complete_reading, find_readings
from nlu.tokens import tokenise
from nlu.units import read_unit
from nlu.vitals import VitalWords


def read(text: str, language: str = "en") -> list[tuple[str, float, str | None]]:
    return [(r.code, r.value, r.problem) for r in find_readings(tokenise(text), language)]


SYS, DIA, HR, O2, TEMP = (
    "systolic-blood-pressure",
    "diastolic-blood-pressure",
    "heart-rate",
    "oxygen-saturation",
    "body-temperature",
)
RR, SUGAR, KG = "respiratory-rate", "blood-glucose", "body-weight"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("bp 150/95", [(SYS, 150), (DIA, 95)]),
        ("150/95", [(SYS, 150), (DIA, 95)]),
        ("150 / 95", [(SYS, 150), (DIA, 95)]),
        ("blood pressure is 150 over 95 and pulse 88", [(SYS, 150), (DIA, 95), (HR, 88)]),
        ("BP:150/95 HR:88", [(SYS, 150), (DIA, 95), (HR, 88)]),
        ("blood pressure 150 95", [(SYS, 150), (DIA, 95)]),
        ("bp 150/95mmHg", [(SYS, 150), (DIA, 95)]),
        ("systolic 150 diastolic 95", [(SYS, 150), (DIA, 95)]),
        ("hr 88", [(HR, 88)]),
        ("pulse 110 bpm", [(HR, 110)]),
        ("88 bpm", [(HR, 88)]),
        ("88 pulse", [(HR, 88)]),
        ("pulse at 8 was 90", [(HR, 90)]),
        ("pulse 88 oxygen 91", [(HR, 88), (O2, 91)]),
        ("spo2 91%", [(O2, 91)]),
        ("oxygen 91", [(O2, 91)]),
        ("o2 sat 91", [(O2, 91)]),
        ("91% oxygen", [(O2, 91)]),
        ("temp 38.5", [(TEMP, 38.5)]),
        ("temp 38,5", [(TEMP, 38.5)]),
        ("38.5°C", [(TEMP, 38.5)]),
        ("temp 101.3 F", [(TEMP, 38.5)]),
        ("fever of 103", [(TEMP, 39.44)]),
        ("sugar 250", [(SUGAR, 250)]),
        ("glucose 5.4 mmol/l", [(SUGAR, 97.29)]),
        ("sugar 2.1", [(SUGAR, 37.83)]),
        ("my sugar is 9.5", [(SUGAR, 171.15)]),
        ("glucose 1.2 g/l", [(SUGAR, 120)]),
        ("spo2 0.91", [(O2, 91)]),
        ("my weight is 82.5 kg", [(KG, 82.5)]),
        ("182 lb", [(KG, 82.55)]),
        ("breathing rate 22", [(RR, 22)]),
        ("８８ bpm", [(HR, 88)]),
        ("at 8:30 bp 140/90", [(SYS, 140), (DIA, 90)]),
    ],
)
def test_english(text: str, values: list[tuple[str, float]]) -> None:
    assert read(text) == [(code, value, None) for code, value in values]


@pytest.mark.parametrize(
    ("language", "text", "values"),
    [
        ("es", "tengo la tensión en 150/95 y el pulso 88", [(SYS, 150), (DIA, 95), (HR, 88)]),
        ("es", "temperatura 38,5", [(TEMP, 38.5)]),
        ("es", "azúcar 250", [(SUGAR, 250)]),
        ("de", "Blutdruck 150 zu 95, Puls 88", [(SYS, 150), (DIA, 95), (HR, 88)]),
        ("de", "Fieber 38,5", [(TEMP, 38.5)]),
        ("de", "Sauerstoffsättigung 91 %", [(O2, 91)]),
        ("fr", "tension 150/95 pouls 80", [(SYS, 150), (DIA, 95), (HR, 80)]),
        ("fr", "température 38,5", [(TEMP, 38.5)]),
        ("fr", "glycémie 250 mg/dl", [(SUGAR, 250)]),
        ("et", "vererõhk 150/95 pulss 88", [(SYS, 150), (DIA, 95), (HR, 88)]),
        ("et", "palavik 38,5", [(TEMP, 38.5)]),
        ("et", "kaal 82,5 kg", [(KG, 82.5)]),
        ("de", "bp 150/95", [(SYS, 150), (DIA, 95)]),
    ],
)
def test_other_languages(language: str, text: str, values: list[tuple[str, float]]) -> None:
    assert read(text, language) == [(code, value, None) for code, value in values]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sugar 12", "reading-unit"),
        ("glucose 33", "reading-unit"),
        ("weight 182", "reading-weight-unit"),
        ("i weigh 300", "reading-weight-unit"),
        ("bp 20/12 kpa", "reading-bp-unit"),
        ("bp 14/9", "reading-bp-unit"),
        ("tension 15/9", "reading-bp-unit"),
        ("sugar 0.2", "reading-impossible"),
        ("spo2 104", "reading-impossible"),
        ("temp 385", "reading-impossible"),
        ("temp 60", "reading-impossible"),
        ("pulse 400", "reading-impossible"),
        ("bp 95/150", "reading-impossible"),
        ("bp 150/950", "reading-impossible"),
    ],
)
def test_doubtful_values_are_asked_about(text: str, problem: str) -> None:
    found = read(text)
    assert found
    assert {p for _, _, p in found} == {problem}


@pytest.mark.parametrize(
    "text",
    [
        "took 2 pills at 8",
        "call me at 555-123-4567",
        "+372 5123 4567",
        "12/05/2024",
        "room 120/80",
        "24/7",
        "fever for 3 days",
        "fever 3 days",
        "I lost 3 kg",
        "2 sugars in my coffee",
        "took 500 mg paracetamol",
        "target bp 130/80",
        "at 8:30",
        "I am 72 years old",
        "oxygen 2 liters",
        "20/20 vision",
        "walked 5 km",
        "",
        "no numbers",
    ],
)
def test_numbers_that_are_no_readings(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "language", "alarming"),
    [
        ("my sugar is 35", "en", True),
        ("sugar 20", "en", True),
        ("sugar 13", "en", False),
        ("azúcar 38", "es", True),
        ("glycémie 1,2", "fr", False),
        ("weight 182", "en", False),
        ("sugar 2.1", "en", False),
        ("sugar 900", "en", False),
    ],
)
def test_a_doubtful_value_dangerous_in_either_unit_is_alarming(text: str, language: str, alarming: bool) -> None:
    assert [r.alarming for r in find_readings(tokenise(text), language)] == [alarming]


@given(st.integers(10, 39))
def test_alarming_is_true_exactly_where_both_units_are_outside(value: int) -> None:
    (reading,) = find_readings(tokenise(f"sugar {value}"), "en")
    (low,), (high,) = (complete_reading(reading.words, unit) for unit in ("mg/dL", "mmol/L"))
    assert reading.problem == "reading-unit"
    assert reading.alarming == all(not 54 <= r.value <= 250 for r in (low, high))


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("mmol", "mmol/L"),
        ("MMOL/L!", "mmol/L"),
        ("its in mmol/l please", "mmol/L"),
        ("mg/dl", "mg/dL"),
        ("mg", "mg/dL"),
        ("kg", "kg"),
        ("en kilos por favor", "kg"),
        ("lb", "[lb_av]"),
        ("pounds, thanks", "[lb_av]"),
        ("bpm", None),
        ("80 kg", None),
        ("mmol or mg/dl", None),
        ("please", None),
        ("", None),
        ("kg " * 40, None),
    ],
)
def test_a_text_that_is_only_a_unit(text: str, unit: str | None) -> None:
    assert read_unit(text) == unit


@pytest.mark.parametrize(
    ("words", "unit", "values"),
    [
        ("sugar is 35", "mmol/L", [(SUGAR, 630.56)]),
        ("sugar is 35", "mg/dL", [(SUGAR, 35)]),
        ("weigh 300", "[lb_av]", [(KG, 136.08)]),
        ("weight 82", "kg", [(KG, 82)]),
        ("sugar is 35", "kg", []),
        ("weight 82", "mmol/L", []),
        ("weight", "kg", []),
        ("", "kg", []),
    ],
)
def test_earlier_words_are_completed_by_a_unit(words: str, unit: str, values: list[tuple[str, float]]) -> None:
    assert [(r.code, r.value) for r in complete_reading(words, unit) if r.problem is None] == values


def test_words_are_as_written() -> None:
    assert [r.words for r in find_readings(tokenise("My SpO2 is 91 % now"), "en")] == ["SpO2 is 91 %"]


@given(st.integers(70, 250), st.integers(40, 65), st.integers(30, 200))
def test_any_pressure_and_pulse_come_through(systolic: int, diastolic: int, pulse: int) -> None:
    expected = [(SYS, systolic, None), (DIA, diastolic, None), (HR, pulse, None)]
    assert read(f"bp {systolic}/{diastolic} pulse {pulse}") == expected
    assert read(f"my blood pressure was {systolic} over {diastolic}, heart rate {pulse} bpm") == expected


@given(st.text(st.sampled_from("0123456789/.,: %-bpsugarteKkg°\u0660"), max_size=60), st.sampled_from(PARSED))
def test_never_raises_and_every_value_is_in_the_vocabulary(text: str, language: str) -> None:
    for reading in find_readings(tokenise(text), language):
        vital = vital_signs()[reading.code]
        assert reading.unit == vital.unit
        assert reading.problem or vital.possible[0] <= reading.value <= vital.possible[1]


@pytest.mark.parametrize("language", PARSED)
def test_every_language_names_every_vital_sign(language: str) -> None:
    named = {name.code for name in lexicon(f"vitals_{language}", VitalWords).name}
    assert named == {*vital_signs(), PRESSURE}
