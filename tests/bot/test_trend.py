"""A patient asks how a vital sign went, and sees a picture where the channel shows one."""

from dataclasses import replace
from datetime import timedelta

from bot.serve.pictures import Pictures
from bot.serve.tokens import Tokens
from tests.acceptance.crashing import people
from tests.bot.clinic import heard, house, says

KEY = b"k" * 32


def readings(built, values, code="spo2", unit="%"):
    for value in values:
        says(built, f"{code} {value}{unit}")
        built.clock.move_to(built.now() + timedelta(hours=5))


def rows(built):
    return [a.communication for c in built.carriers for a in c.accepted if a.communication.recipient == "A-17"]


def test_the_numbers_are_said_and_the_picture_is_named():
    built = house()
    readings(built, (97, 95, 96))
    says(built, "/trend spo2 3d")
    assert "3 readings" in heard(built, "A-17")[-1]
    assert "latest 96%" in heard(built, "A-17")[-1] and "lowest 95%" in heard(built, "A-17")[-1]
    assert rows(built)[-1].picture == "trend oxygen-saturation 3d"


def test_without_a_name_it_is_what_was_measured_last_and_bp_is_its_upper_value():
    built = house()
    readings(built, (97,))
    says(built, "bp 128/82")
    says(built, "trend bp")
    assert "128 mmHg" in heard(built, "A-17")[-1]
    says(built, "trend")
    assert rows(built)[-1].picture.startswith("trend ")


def test_what_is_not_known_is_answered_with_an_example():
    built = house()
    says(built, "/trend")
    assert "/trend" in heard(built, "A-17")[-1]
    says(built, "/trend quux")
    assert "/trend" in heard(built, "A-17")[-1]
    says(built, "/trend weight 2d")
    assert "no reading" in heard(built, "A-17")[-1]


def test_an_emergency_is_no_question_about_a_trend():
    built = house()
    says(built, "trend of my chest pain")
    assert "112" in heard(built, "A-17")[0]


def test_a_picture_is_drawn_of_the_patients_own_values_and_is_the_same_again():
    built = house()
    readings(built, (97, 91, 96))
    says(built, "/trend spo2")
    pictures = Pictures(built, Tokens(KEY), "https://phms.example.org")
    row = rows(built)[-1]
    drawn = pictures.drawn(row)
    assert drawn is not None and drawn.startswith(b"\x89PNG") and drawn == pictures.drawn(row)
    assert pictures.link(row).startswith("https://phms.example.org/picture/")
    assert "A-17" not in pictures.link(row).lower()


def test_what_tells_something_is_no_question():
    built = house()
    says(built, "trend: dizzy since monday")
    assert "dizzy" in heard(built, "A-17")[-1]
    says(built, "trend spo2 93%")
    assert [o.value for o in built.record.chart("A-17").observations] == [93.0]
    says(built, "trend is my friend")
    assert "/trend" not in heard(built, "A-17")[-1]


def test_on_a_shared_phone_it_is_asked_whose():
    built = house(members=(*people(), replace(people()[0], id="B-22", code="B-22", name="Ben")))
    says(built, "A-17: spo2 91%")
    says(built, "trend spo2")
    assert not any("91%" in text for text in heard(built, "B-22"))
    assert "A-17" in heard(built, "B-22")[-1] and "B-22" in heard(built, "B-22")[-1]
    says(built, "A-17: trend spo2")
    assert "latest 91%" in heard(built, "A-17")[-1]
