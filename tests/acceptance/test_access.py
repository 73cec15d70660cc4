"""Roles and panels as people live through them by chat; unknown and forbidden answer alike."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from data.model.people import ContactPoint, Role
from data.record.memory import MemoryRecord
from tests.acceptance.access_clinic import (
    ANNA,
    BEA,
    BEN,
    CLINIC,
    LEE,
    MIA,
    NIA,
    OUT,
    REASON,
    TELEGRAM,
    by_telegram,
    looks_of,
    son,
    with_worries,
    writes,
)
from tests.acceptance.crashing import START
from tests.bot.clinic import heard, house, says

# Roles and panels


def test_patients_lists_only_the_actors_panel_and_a_name_never_leaves_by_sms():
    built = house(members=CLINIC)
    assert writes(built, "nia", "/patients") == "Patients: A-17 Anna, B-22 Ben."
    assert writes(built, "dr-lee", "/patients") == "Patients: B-22 Ben."
    by_sms = house(members=(ANNA, BEN, replace(NIA, panel=("A-17",))))
    says(by_sms, "/patients", "+15550002")
    assert heard(by_sms, "nia") == ["Patients: A-17."]


def test_an_administrator_sees_and_sets_panels():
    built = house(members=CLINIC)
    everybody = "Who looks after how many: Nia (every patient), Dr Lee (1), Mia (every patient)."
    assert writes(built, "bea", "/panel") == everybody
    assert writes(built, "bea", "/panel Dr Lee") == "Dr Lee looks after B-22."
    assert writes(built, "bea", "/panel dr lee a-17 B-22") == "From now on Dr Lee looks after A-17, B-22."
    assert writes(built, "dr-lee", "/patients") == "Patients: A-17 Anna, B-22 Ben."
    assert writes(built, "bea", "/panel Nia none") == "From now on Nia looks after nobody."
    assert writes(built, "nia", "/patients") == "There are no patients yet."
    assert writes(built, "bea", "/panel nia all") == "From now on Nia looks after every patient."
    assert built.person("nia").panel is None
    (entry,) = [e for e in built.record.journal("dr-lee") if e.changes.person and e.actor == "bea"]
    assert entry.changes.person.panel == ("A-17", "B-22")


def test_lists_are_of_patients_and_of_those_who_work_here_now():
    former = by_telegram(LEE, id="former", code="former", name="Former", active=False)
    left = replace(BEN, id="C-33", code="C-33", name="Cleo", active=False)
    built = house(members=(*CLINIC, son(), former, left))
    assert writes(built, "bea", "/patients") == "Patients: A-17 Anna, B-22 Ben."
    assert "Former" not in writes(built, "bea", "/panel")
    assert "no clinician or care manager Former" in writes(built, "bea", "/panel Former all")
    assert "no patient C-33" in writes(built, "bea", "/panel Dr Lee C-33")


def test_a_panel_with_an_unknown_code_or_name_is_not_set():
    built = house(members=CLINIC)
    assert "no patient Q-1" in writes(built, "bea", "/panel Dr Lee A-17 Q-1")
    assert "no clinician or care manager Zoe" in writes(built, "bea", "/panel Zoe A-17")
    assert "no clinician or care manager Anna" in writes(built, "bea", "/panel Anna B-22")
    assert built.person("dr-lee").panel == ("B-22",)


@pytest.mark.parametrize("who", ["nia", "mia"])
def test_only_an_administrator_sets_panels(who):
    built = house(members=CLINIC)
    answer = writes(built, who, "/panel Dr Lee all")
    assert answer.replace("/panel", "/xyzzy") == writes(built, who, "/xyzzy Dr Lee all")
    assert built.person("dr-lee").panel == ("B-22",)
    assert looks_of(built, who) == [(who, "assign-panel", False, "")]


def test_an_administrator_reads_no_chart_and_sets_no_reminder():
    built = with_worries(house(members=CLINIC))
    for text in ("/chart A-17", "/nudges A-17", '/nudge A-17 "Walk" daily 09:00', f"/breakglass A-17 {REASON}"):
        assert "I do not know /" in writes(built, "bea", text)
    assert all(not permitted for _, _, permitted, _ in looks_of(built, "bea"))


@pytest.mark.parametrize("role", [Role.OPERATIONS, Role.TESTER])
def test_operations_and_testers_see_nothing_by_any_command(role):
    tom = replace(BEA, id="tom", code="tom", role=role, contacts=(ContactPoint(system=TELEGRAM, value="@tom"),))
    built = with_worries(house(members=(*CLINIC, tom)))
    for text in ("/patients", "/chart A-17", "/nudges A-17", f"/breakglass A-17 {REASON}", "/panel"):
        assert writes(built, "tom", text).startswith("I do not know /")
    assert not any(word in " ".join(heard(built, "tom")) for word in ("Anna", "165", "fever"))


def test_a_tester_who_was_paged_all_the_same_cannot_take_a_real_patients_case():
    tom = replace(NIA, id="tom", code="tom", role=Role.TESTER)
    built = house(members=(by_telegram(ANNA), tom, OUT))
    writes(built, "A-17", "my chest hurts")
    code = built.record.codes_of("tom", START)[0].code
    for text in (f"{code} ok", f"{code} ?", f"{code} done", "ok"):
        says(built, text, "+15550002")
    assert (
        heard(built, "tom")[1:4]
        == [f"Code {code} is closed, or not one of yours. Reply LIST to see what is open for you."] * 3
    )
    assert heard(built, "tom")[4] == "Nothing is open for you."
    assert built.record.chart("A-17").escalations[0].owner is None


# The chart


def test_a_chart_tells_level_reasons_readings_with_age_and_what_is_open():
    built = with_worries(house(members=CLINIC))
    built.clock.move_to(built.now() + timedelta(minutes=12))
    told = writes(built, "nia", "/chart A-17")
    for part in ("A-17: MODERATE, 12 min ago", "systolic blood pressure 165 mmHg, 12 min ago", "with Nia"):
        assert part in told
    assert "no rule" not in told
    assert looks_of(built, "A-17")[-1] == ("nia", "read-chart", True, "panel")
    code = built.record.codes_of("nia", START)[-1].code
    writes(built, "nia", f"{code} done new pills")
    assert writes(built, "nia", "/chart A-17").endswith("Open: none.")


def test_a_chart_by_sms_has_level_and_age_only():
    built = house(members=(by_telegram(ANNA), NIA))
    says(built, "/chart A-17", "+15550002")
    assert heard(built, "nia") == ["A-17: nothing is known yet."]
    writes(built, "A-17", "bp 165/100 and a fever")
    says(built, "/chart Anna", "+15550002")
    told = heard(built, "nia")[-1]
    assert told.startswith("A-17: MODERATE, 0 min ago.")
    assert not any(word in told.casefold() for word in ("165", "100", "fever", "anna", "blood"))


def test_whoever_was_paged_about_anothers_patient_may_look_until_it_is_closed():
    built = house(members=(by_telegram(ANNA), BEN, by_telegram(LEE, panel=("B-22",), step=1)))
    assert "I know no patient A-17" in writes(built, "dr-lee", "/chart A-17")
    writes(built, "A-17", "my chest hurts")
    code = built.record.codes_of("dr-lee", START)[0].code
    writes(built, "dr-lee", f"{code} ok")
    assert "A-17: CRITICAL" in writes(built, "dr-lee", "/chart A-17")
    assert looks_of(built, "A-17") == [("dr-lee", "read-chart", True, "on call")]
    assert "I know no patient A-17" in writes(built, "dr-lee", "/nudges A-17")
    writes(built, "dr-lee", f"{code} done ambulance")
    assert "I know no patient A-17" in writes(built, "dr-lee", "/chart A-17")


# Unknown and forbidden answer alike


class Watched(MemoryRecord):
    """Remembers in which order it was asked for what."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if callable(found) and not name.startswith("_"):
            super().__getattribute__("asked").append(name)
        return found


ABOUT_A_PATIENT = (
    "/chart {}", "/nudges {}", '/nudge {} "Walk" daily 09:00', "/unnudge {} 1", "/nudge {} tomorrow", "/chart  {} ",
    "/CHART@phms_bot {}", "/breakglass {} because", "/patients {}", "/panel {}", "/panel Nia {}",
)  # fmt: skip


def asked(members, who, text, caplog, name):
    """The answer of one clinic, with everything it leaves behind: audit, log, calls of the record, journal lengths."""
    built = house(members=())
    built.record = Watched()
    for person in members:
        built.enrol(person, event_id=f"enrol:{person.id}")
    built.record.asked.clear()
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        answer = writes(built, who, text)
    journal = {p.id: sum(1 for _ in built.record.journal(p.id)) for p in members if p.id not in name}
    logged = [record.getMessage() for record in caplog.records]
    return answer, looks_of(built, who), logged, list(built.record.asked), journal


@pytest.mark.parametrize("who", ["dr-lee", "mia"])
@pytest.mark.parametrize("command", ABOUT_A_PATIENT)
@pytest.mark.parametrize("name", ["A-17", "Anna", "anna"])
def test_anothers_patient_and_no_patient_at_all_are_answered_byte_for_byte_alike(command, name, who, caplog):
    """One clinic has an Anna whom the asker does not look after, the other has nobody of that name at all."""
    others = (BEN, by_telegram(NIA), OUT, replace(MIA, panel=("B-22",)))
    text = command.format(name)
    forbidden = asked((*others, by_telegram(ANNA)), who, text, caplog, ("A-17", "C-33"))
    cleo = replace(by_telegram(ANNA), id="C-33", code="C-33", name="Cleo")
    unknown = asked((*others, cleo), who, text, caplog, ("A-17", "C-33"))
    assert forbidden == unknown
    assert forbidden[0]


def test_a_refused_look_stands_with_the_one_who_tried_and_not_with_the_patient():
    built = house(members=CLINIC)
    for text in ("/chart A-17", "/nudges Anna", "/chart Q-99"):
        writes(built, "dr-lee", text)
    assert looks_of(built, "dr-lee") == [
        ("dr-lee", "read-chart", False, ""),
        ("dr-lee", "read-nudges", False, ""),
        ("dr-lee", "read-chart", False, ""),
    ]
    assert looks_of(built, "A-17") == []
