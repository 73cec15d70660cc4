"""What people call a vital sign."""

import pytest

from data.errors import BadInput
from data.signals import signal_code, signal_names
from data.vocabulary import vital_signs


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("spo2", "oxygen-saturation"),
        ("SpO2", "oxygen-saturation"),
        ("oxygen", "oxygen-saturation"),
        ("o2", "oxygen-saturation"),
        ("hr", "heart-rate"),
        ("heart rate", "heart-rate"),
        ("Heart-Rate", "heart-rate"),
        ("pulse", "heart-rate"),
        ("bp systolic", "systolic-blood-pressure"),
        ("systolic", "systolic-blood-pressure"),
        ("diastolic", "diastolic-blood-pressure"),
        ("temp", "body-temperature"),
        ("sugar", "blood-glucose"),
        ("weight", "body-weight"),
        ("rr", "respiratory-rate"),
        ("  breathing ", "respiratory-rate"),
    ],
)
def test_names_people_use(name: str, code: str) -> None:
    assert signal_code(name) == code


def test_every_vital_sign_is_known_by_its_key_and_its_display() -> None:
    for key, sign in vital_signs().items():
        assert signal_code(key) == key
        assert signal_code(sign.display) == key
    assert set(signal_names().values()) == set(vital_signs())


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'oxygen'"):
        signal_code("oxigen")
    with pytest.raises(BadInput, match="known: blood-glucose"):
        signal_code("")
