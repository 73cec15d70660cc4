"""Breaking the glass: a reason, an hour, a line in the audit, and others who hear of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from data.model.communication import SendState
from tests.acceptance.access_clinic import (
    ANNA,
    BEA,
    BEN,
    CLINIC,
    MIA,
    NIA,
    OUT,
    REASON,
    by_telegram,
    looks_of,
    with_worries,
    writes,
)
from tests.bot.clinic import heard, house


def test_breaking_the_glass_opens_the_chart_for_an_hour_and_tells_who_must_know():
    built = with_worries(house(members=CLINIC))
    assert "I know no patient" in writes(built, "dr-lee", "/chart A-17")
    told = writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    assert told.startswith("A-17 is open to you until 11:00")
    assert looks_of(built, "A-17") == [("dr-lee", "break-glass", True, REASON)]
    (grant,) = built.person("dr-lee").grants
    assert (grant.patient, grant.reason, grant.until - grant.given_at) == ("A-17", REASON, timedelta(hours=1))
    for manager in ("bea", "mia"):
        notice = heard(built, manager)[-1]
        assert notice == "Dr Lee has opened A-17 in an emergency until 11:00. The reason stands in the audit."
    assert "MODERATE" in writes(built, "dr-lee", "/chart A-17")
    assert looks_of(built, "A-17")[-1] == ("dr-lee", "read-chart", True, f"break-glass: {REASON}")
    assert "no reminders" in writes(built, "dr-lee", "/nudges A-17")
    assert "I do not know /nudge" in writes(built, "dr-lee", '/nudge A-17 "Walk" daily 09:00')

    built.clock.move_to(grant.until - timedelta(seconds=1))
    assert "MODERATE" in writes(built, "dr-lee", "/chart A-17")
    built.clock.move_to(grant.until)
    assert "I know no patient" in writes(built, "dr-lee", "/chart A-17")


@pytest.mark.parametrize("reason", ["", " please", " I need it", " 1 2 3 4", " ... ??? !!! ... ...", " very" * 100])
def test_the_glass_does_not_break_without_a_reason_whoever_the_patient_is(reason):
    built = house(members=CLINIC)
    for code in ("A-17", "B-22", "Q-99"):
        assert writes(built, "dr-lee", f"/breakglass {code}{reason}").startswith(
            "Please write it like this: /breakglass"
        )
    assert built.person("dr-lee").grants == ()
    assert heard(built, "bea") == []
    assert looks_of(built, "A-17") == []


def test_the_glass_is_not_broken_for_ones_own_patient_nor_for_one_who_is_not():
    built = house(members=CLINIC)
    assert "one of your patients already" in writes(built, "nia", f"/breakglass A-17 {REASON}")
    assert "I know no patient Q-99" in writes(built, "nia", f"/breakglass Q-99 {REASON}")
    assert built.person("nia").grants == ()
    assert looks_of(built, "A-17") == []


def test_breaking_it_twice_keeps_one_grant_and_tells_twice():
    built = house(members=CLINIC)
    writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    built.clock.move_to(built.now() + timedelta(minutes=50))
    writes(built, "dr-lee", "/breakglass A-17 still unconscious, the ambulance is late")
    (grant,) = built.person("dr-lee").grants
    assert grant.reason.startswith("still")
    assert len(heard(built, "bea")) == 2
    assert [a.reason for a in built.record.accesses("A-17")] == [REASON, grant.reason]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ((OUT, BEA, MIA), {"bea", "mia"}),
        ((OUT, BEA, replace(MIA, panel=("B-22",))), {"bea"}),
        ((OUT, replace(BEA, active=False), MIA), {"mia"}),
        ((OUT, by_telegram(NIA)), {"nia"}),
        ((OUT, replace(BEA, active=False), by_telegram(NIA)), {"nia"}),
        ((OUT,), set()),
    ],
)
def test_somebody_else_hears_of_it_as_long_as_there_is_anybody(members, told):
    built = house(members=(by_telegram(ANNA), BEN, *members))
    assert "is open to you" in writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    assert {p.id for p in members if any("has opened A-17" in text for text in heard(built, p.id))} == told
    assert not any("collapsed" in text for p in members for text in heard(built, p.id))


def test_nothing_was_dropped_on_the_way():
    """Every notice of a broken glass really leaves the house."""
    built = house(members=CLINIC)
    writes(built, "dr-lee", f"/breakglass A-17 {REASON}")
    rows = built.record.chart("dr-lee").communications
    assert {r.recipient for r in rows} == {"dr-lee", "bea", "mia"}
    assert all(r.state is not SendState.DROPPED for r in rows)
