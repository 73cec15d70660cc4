"""Who saw my data: for the patient, for a proxy with consent, by SMS in one message, after any emergency."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.who_saw import fits_sms, latest_looks
from data.model.people import Role
from tests.acceptance.access_clinic import (
    ANNA,
    BEN,
    CLINIC,
    MIA,
    NIA,
    OUT,
    REASON,
    by_telegram,
    looks_of,
    shared,
    son,
    with_worries,
    writes,
)
from tests.bot.clinic import heard, house, says


def test_a_patient_hears_who_looked_when_at_what_and_why():
    built = with_worries(house(members=CLINIC))
    assert writes(built, "A-17", "who saw my data?") == "Nobody has looked at your data yet."
    writes(built, "nia", "/chart A-17")
    writes(built, "nia", "/chart A-17")
    writes(built, "dr-lee", "/chart A-17")
    writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    writes(built, "dr-lee", "/chart A-17")
    assert writes(built, "A-17", "Who has seen my data") == (
        "Who saw your data: "
        f"Dr Lee (doctor), 2026-03-04: your chart, in an emergency ({REASON}); "
        f"Dr Lee (doctor), 2026-03-04: opened in an emergency, {REASON}; "
        "Nia (nurse), 2026-03-04: your chart, looks after you. Your team has the whole list."
    )
    assert looks_of(built, "A-17")[-1] == ("A-17", "read-access-log", True, "self")


@pytest.mark.parametrize(
    ("language", "question", "says_who"),
    [
        ("en", "who saw my data", "Who saw your data"),
        ("es", "¿Quién ha visto mis datos?", "Han visto sus datos"),
        ("de", "Wer hat meine Daten gesehen?", "Ihre Daten haben zuletzt gesehen"),
        ("fr", "Qui a vu mes données ?", "Ont vu vos données"),
        ("et", "Kes on mu andmeid vaadanud?", "Teie andmeid vaatasid"),
    ],
)
@pytest.mark.parametrize("name", ["Dr Lee", "Dr Jõgi-Šestakova", "Prof Dr Maximiliane Zweifelhofer-Oberammergau"])
def test_by_sms_it_is_one_message_without_words_of_the_reason(language, question, says_who, name):
    lee = replace(OUT, name=name, title="senior consultant cardiologist")
    built = house(members=(replace(ANNA, language=language), BEN, by_telegram(NIA), lee, MIA))
    writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    for minute in range(6):
        built.clock.move_to(built.now() + timedelta(minutes=minute))
        for who, text in (("dr-lee", "/chart A-17"), ("nia", "/chart A-17"), ("mia", "/nudges Anna")):
            writes(built, who, text)
    says(built, question)
    told = heard(built, "A-17")[-1]
    assert told.startswith(says_who)
    assert "2026-03-04" in told
    assert "collapsed" not in told
    assert fits_sms(told), len(told)


@pytest.mark.parametrize("cry", ["i cant breathe", "i want to die", "i took all my pills", "call 112"])
def test_an_emergency_in_the_question_comes_first(cry):
    built = house(members=CLINIC)
    assert "112" in writes(built, "A-17", f"who saw my data? {cry}")
    assert heard(built, "nia")[0].startswith("P1 A-17")


def test_of_the_reason_an_sms_tells_only_that_it_was_an_emergency():
    built = house(members=(ANNA, BEN, OUT, MIA))
    writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    says(built, "who saw my data")
    assert "Dr Lee (doctor), 2026-03-04: opened in an emergency." in heard(built, "A-17")[-1]
    writes(built, "dr-lee", "/chart A-17")
    says(built, "who saw my data")
    assert "Dr Lee (doctor), 2026-03-04: your chart, in an emergency; Dr Lee" in heard(built, "A-17")[-1]
    assert "collapsed" not in heard(built, "A-17")[-1]


def test_the_latest_look_is_told_first_and_once_a_day():
    built = house(members=CLINIC)
    for who in ("nia", "mia", "nia"):
        writes(built, who, "/chart A-17")
        built.clock.move_to(built.now() + timedelta(minutes=1))
    told = writes(built, "A-17", "who saw my data")
    assert told.startswith("Who saw your data: Nia (nurse), 2026-03-04: your chart, looks after you; Mia")
    assert told.count("Nia") == 1
    built.clock.move_to(built.now() + timedelta(days=1))
    writes(built, "nia", "/chart A-17")
    told = writes(built, "A-17", "who saw my data")
    assert told.count("Nia") == 2
    refused = next(iter(built.record.accesses("A-17")))
    assert latest_looks([replace(refused, permitted=False)], ANNA) == ()


def test_a_proxy_hears_it_with_the_patients_consent_and_that_is_told_too():
    built = house(members=(shared(), *CLINIC[1:], son()))
    writes(built, "nia", "/chart A-17")
    assert "Nia (nurse), 2026-03-04: your chart" in writes(built, "son", "who saw my data")
    assert looks_of(built, "A-17")[-1] == ("son", "read-access-log", True, "represents")
    assert "Sam (son), 2026-03-04: who saw your data, speaks for you" in writes(built, "A-17", "who saw my data")


@pytest.mark.parametrize("anna", [by_telegram(ANNA), shared(given=False), shared(recipient="another")])
def test_without_it_a_proxy_hears_what_one_who_speaks_for_nobody_hears(anna):
    built = house(members=(anna, *CLINIC[1:], son()))
    writes(built, "nia", "/chart A-17")
    nobodys = house(members=(*CLINIC[1:], replace(son(), represents=())))
    assert writes(built, "son", "who saw my data") == writes(nobodys, "son", "who saw my data")
    assert [a.actor for a in built.record.accesses("A-17")] == ["nia"]
    assert ("son", "read-access-log", False, "") in looks_of(built, "son")


def test_a_stranger_learns_nothing():
    built = house(members=CLINIC)
    says(built, "who saw my data", "+19990000")
    (stranger,) = [p.id for p in built.record.people() if p.role is Role.STRANGER]
    assert "I do not know this number" in heard(built, stranger)[0]
    assert looks_of(built, stranger) == []
