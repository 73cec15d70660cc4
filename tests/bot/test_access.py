"""The policy, all of it: every role, action and relation against what is written here by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.access import LONGEST_GRANT, Action, Asker, Relation, could, grant, may, relations
from data.model.people import Consent, Grant, Person, Purpose, Role

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

# Role, how they stand to the patient, and everything they may then do. What has no line here may do nothing at all.
# "on call", "granted" and "expired" are about a patient of somebody else's panel.
EXPECTED = """
patient         self        report change-contact give-consent withdraw-consent read-access-log
patient         self        read-chart read-vitals read-messages read-nudges

proxy           self        report change-contact give-consent withdraw-consent read-access-log
proxy           self        read-chart read-vitals read-messages read-nudges
proxy           represents  report read-access-log read-chart read-vitals read-nudges

clinician       panel       list-patients read-chart read-vitals read-messages read-nudges set-limits withdraw-consent
clinician       panel       read-page acknowledge resolve break-glass correct
clinician       on-call     read-chart read-vitals read-page acknowledge resolve break-glass
clinician       granted     read-chart read-vitals read-messages read-nudges break-glass
clinician       expired     break-glass
clinician       other       break-glass

care-manager    panel       list-patients read-chart read-vitals read-messages read-nudges set-nudge
care-manager    panel       change-profile change-contact give-consent withdraw-consent
care-manager    panel       read-page acknowledge resolve break-glass correct
care-manager    on-call     read-chart read-vitals read-page acknowledge resolve break-glass
care-manager    granted     read-chart read-vitals read-messages read-nudges break-glass
care-manager    expired     break-glass
care-manager    other       break-glass
care-manager    clinic      enrol read-status

administrator   panel       list-patients change-profile change-contact give-consent withdraw-consent
administrator   panel       read-access-log read-audit export erase
administrator   on-call     list-patients change-profile change-contact give-consent withdraw-consent
administrator   on-call     read-access-log read-audit export erase read-page acknowledge resolve
administrator   granted     list-patients change-profile change-contact give-consent withdraw-consent
administrator   granted     read-access-log read-audit export erase
administrator   expired     list-patients change-profile change-contact give-consent withdraw-consent
administrator   expired     read-access-log read-audit export erase
administrator   other       list-patients change-profile change-contact give-consent withdraw-consent
administrator   other       read-access-log read-audit export erase
administrator   clinic      list-people enrol assign-panel change-role read-status

operations      on-call     read-page acknowledge resolve
operations      clinic      read-status replay

tester          clinic      replay
"""
ROLES = "patient proxy clinician care-manager administrator operations tester stranger".split()
SITUATIONS = "self represents unshared panel on-call granted expired other clinic".split()
ACTIONS = """
    list-patients read-chart read-vitals read-messages read-nudges set-nudge report correct read-page acknowledge
    resolve set-limits change-profile change-contact give-consent withdraw-consent read-access-log read-audit export
    erase break-glass list-people enrol assign-panel change-role read-status replay
""".split()
PHI = {"read-chart", "read-vitals", "read-messages", "read-nudges"}


def expected():
    """The lines above as (role, situation, action)."""
    found = set()
    for line in EXPECTED.strip().splitlines():
        if line:
            role, situation, *actions = line.split()
            found |= {(role, situation, action) for action in actions}
    return found


def person(role, person_id="actor", **changes):
    return Person(id=person_id, code=person_id, name=person_id, role=role, title="", zone="UTC", **changes)


def patient(**changes):
    return person(Role.PATIENT, "A-17", **changes)


def sharing(given=True, recipient="actor", at=NOW):
    return Consent(purpose=Purpose.SHARING, given=given, recorded_at=at, recipient=recipient)


def opened(since=timedelta(minutes=10), lasts=HOUR, whose="A-17"):
    at = NOW - since
    return Grant(patient=whose, reason="collapsed at home, nobody else", given_at=at, until=at + lasts)


def situation(role, name):
    """An actor of that role and a patient (or none), who stand so to each other; and whether the actor was paged."""
    other = person(role, panel=("B-22",))
    match name:
        case "self":
            return patient(), replace(patient(), role=role), False
        case "represents":
            return patient(consents=(sharing(),)), person(role, represents=("A-17",), panel=("B-22",)), False
        case "unshared":
            return patient(), person(role, represents=("A-17",), panel=("B-22",)), False
        case "panel":
            return patient(), person(role, panel=("B-22", "A-17")), False
        case "on-call":
            return patient(), other, True
        case "granted":
            return patient(), replace(other, grants=(opened(),)), False
        case "expired":
            return patient(), replace(other, grants=(opened(since=HOUR),)), False
        case "other":
            return patient(), other, False
    return None, other, False


def permitted(role, name, action, active=True):
    whom, actor, on_call = situation(Role(role.replace("-", " ")), name)
    return may(replace(actor, active=active), Action(action), whom, NOW, on_call=on_call)


def test_the_words_above_are_all_there_are():
    assert [role.value.replace(" ", "-") for role in Role] == ROLES
    assert sorted(ACTIONS) == sorted(Action)
    written = expected()
    assert {role for role, _, _ in written} <= set(ROLES)
    assert {name for _, name, _ in written} <= set(SITUATIONS)
    assert {action for _, _, action in written} == set(ACTIONS)


@pytest.mark.parametrize(("role", "name"), list(product(ROLES, SITUATIONS)))
def test_every_role_action_and_relation(role, name):
    # Whom somebody who works here "represents" says nothing: they stand to that patient as to any other.
    works_here = role not in ("patient", "proxy", "stranger")
    line = "other" if works_here and name in ("represents", "unshared") else name
    written = {action for r, s, action in expected() if (r, s) == (role, line)}
    assert {action for action in ACTIONS if permitted(role, name, action)} == written


@pytest.mark.parametrize(("role", "name"), list(product(ROLES, SITUATIONS)))
def test_whoever_is_not_active_may_nothing(role, name):
    assert [action for action in ACTIONS if permitted(role, name, action, active=False)] == []


def test_could_is_may_for_any_patient_there_might_be():
    for role, action in product(ROLES, ACTIONS):
        anywhere = any(permitted(role, name, action) for name in SITUATIONS)
        assert could(person(Role(role.replace("-", " "))), Action(action)) == anywhere


def test_testers_and_operations_never_see_a_patients_data():
    for role in ("tester", "operations", "administrator", "stranger"):
        assert not any(permitted(role, name, action) for name, action in product(SITUATIONS, PHI))
    about_somebody = product([name for name in SITUATIONS if name != "clinic"], ACTIONS)
    assert not any(permitted("tester", name, action) for name, action in about_somebody)


def test_no_panel_means_every_patient_and_an_empty_one_none():
    nurse = person(Role.CLINICIAN)
    assert may(nurse, Action.READ_CHART, patient(), NOW)
    assert not may(replace(nurse, panel=()), Action.READ_CHART, patient(), NOW)


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.PATIENT])
def test_a_panel_is_of_patients_only(role):
    """Nobody reads a colleague's record, or a relative's, by looking after everyone."""
    for nurse in (person(Role.CLINICIAN), person(Role.CARE_MANAGER)):
        assert not may(nurse, Action.READ_CHART, person(role, "x"), NOW)


def test_a_proxy_needs_the_patients_consent_to_that_very_proxy_and_to_be_one():
    son = person(Role.PROXY, represents=("A-17",))
    for consents, told in (
        ((), False),
        ((sharing(),), True),
        ((sharing(recipient="another"),), False),
        ((sharing(recipient=""),), False),
        ((sharing(at=NOW - HOUR), sharing(given=False)), False),
        ((sharing(given=False, at=NOW - HOUR), sharing()), True),
    ):
        assert may(son, Action.READ_CHART, patient(consents=consents), NOW) is told
    assert not may(replace(son, represents=()), Action.READ_CHART, patient(consents=(sharing(),)), NOW)
    assert not may(replace(son, role=Role.PATIENT), Action.READ_CHART, patient(consents=(sharing(),)), NOW)


STAFF = st.sampled_from([r for r in Role if r not in (Role.PATIENT, Role.PROXY, Role.STRANGER)])
MINUTES = st.integers(min_value=-3000, max_value=3000).map(lambda n: timedelta(minutes=n))
GRANTS = st.builds(
    lambda whose, since, lasts: opened(since, lasts, whose), st.sampled_from(["A-17", "B-22"]), MINUTES, MINUTES
)
ACTORS = st.builds(
    lambda role, panel, grants, active, represents: person(
        role, panel=panel, grants=tuple(grants), active=active, represents=represents
    ),
    st.sampled_from(list(Role)),
    st.sampled_from([None, (), ("A-17",), ("B-22",)]),
    st.lists(GRANTS, max_size=3),
    st.booleans(),
    st.sampled_from([(), ("A-17",)]),
)
PATIENTS = st.sampled_from([None, patient(), patient(consents=(sharing(),)), person(Role.PROXY, "A-17")])
ALL_ACTIONS = st.sampled_from(list(Action))


@given(STAFF, ALL_ACTIONS, MINUTES.filter(lambda since: since >= LONGEST_GRANT), MINUTES)
def test_a_grant_of_an_hour_ago_permits_nothing_however_long_it_says(role, action, since, lasts):
    without = person(role, panel=())
    late = replace(without, grants=(opened(since, lasts),))
    assert may(late, action, patient(), NOW) == may(without, action, patient(), NOW)
    assert grant(late, patient(), NOW) is None


@given(STAFF, ALL_ACTIONS, MINUTES, MINUTES)
def test_a_grant_that_has_ended_or_not_begun_permits_nothing(role, action, since, lasts):
    given = opened(since, lasts)
    without = person(role, panel=())
    if not given.given_at <= NOW < given.until:
        assert may(replace(without, grants=(given,)), action, patient(), NOW) == may(without, action, patient(), NOW)


@given(ACTORS, PATIENTS, ALL_ACTIONS, GRANTS, st.booleans())
def test_another_grant_or_a_page_never_takes_a_right_away(actor, whom, action, another, on_call):
    if may(actor, action, whom, NOW):
        assert may(replace(actor, grants=(*actor.grants, another)), action, whom, NOW)
        assert may(actor, action, whom, NOW, on_call=on_call)


@given(ACTORS, PATIENTS, ALL_ACTIONS, GRANTS)
def test_a_grant_opens_its_own_patient_only_and_only_to_those_who_treat(actor, whom, action, another):
    after = replace(actor, grants=(*actor.grants, another))
    if may(after, action, whom, NOW) and not may(actor, action, whom, NOW):
        assert whom.id == another.patient
        assert actor.role in (Role.CLINICIAN, Role.CARE_MANAGER)
        assert action in PHI | {Action.BREAK_GLASS}


@given(ACTORS, PATIENTS, st.booleans())
def test_everybody_stands_somehow_to_everybody(actor, whom, on_call):
    assert relations(actor, whom, NOW, on_call=on_call)


@given(ACTORS, PATIENTS.filter(bool))
def test_the_audit_names_what_entitles_to_a_look(actor, whom):
    asker = Asker(actor, NOW)
    if asker.may(Action.READ_CHART, whom):
        assert asker.why(whom)
        if Relation.PANEL not in relations(actor, whom, NOW) and actor.role is Role.CLINICIAN:
            assert asker.why(whom).startswith("break-glass: collapsed")
