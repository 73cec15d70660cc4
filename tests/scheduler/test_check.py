"""The pre-flight finds what would keep a page from arriving."""

from dataclasses import replace

import pytest

from data.model.people import ContactState, Role
from scheduler.check import check
from tests.scheduler.clinic import KIM, LEE, NIA, P1, POLICIES, START, without_contacts

STOPPED = replace(NIA, contacts=(replace(NIA.contacts[0], state=ContactState.STOPPED),))
DEAD = replace(NIA, contacts=(replace(NIA.contacts[0], state=ContactState.DEAD),))


def test_a_sound_clinic_has_nothing_to_mend():
    patient = replace(KIM, id="anna", role=Role.PATIENT, step=None, contacts=())
    assert check(POLICIES, (NIA, LEE, patient), START) == []


@pytest.mark.parametrize(
    ("people", "says"),
    [
        ((), "nobody is on the escalation ladder"),
        ((replace(NIA, step=None),), "nobody is on the escalation ladder"),
        ((replace(NIA, active=False),), "nobody is on the escalation ladder"),
        ((replace(NIA, active=False), LEE), "nia is on step 1 of the ladder but not active"),
        ((without_contacts(NIA), LEE), "nia is on step 1 of the ladder without a working contact"),
        ((without_contacts(NIA), LEE), "step 1 of the ladder reaches nobody"),
        ((LEE,), "step 1 of the ladder is empty"),
        ((NIA, replace(KIM, step=4)), "step 3 of the ladder is empty"),
        ((STOPPED, LEE), "nia has sent STOP on sms"),
        ((DEAD, LEE), "the sms contact of nia is dead"),
        ((replace(NIA, role=Role.PATIENT),), "nia is on the ladder but is a patient"),
        ((replace(NIA, step=0),), "nia is on step 0, which is not a step"),
    ],
)
def test_each_weakness_is_named(people, says):
    assert any(says in problem for problem in check(POLICIES, people, START))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"receipt_timer": P1.ack_timer}, "P1: receipt-timer must be shorter than ack-timer"),
        ({"tell_patient_after": None}, "P1: lacks tell-patient-after"),
        ({"repeat_every": None}, "P1: lacks repeat-every"),
        ({"lease_grace": P1.lease}, "P1: lease-grace must be shorter than lease"),
        ({"ack_timer": P1.ack_timer * 4}, "P1: ack-timer is longer than that of P2"),
    ],
)
def test_timers_that_contradict_each_other_are_named(changes, says):
    policies = replace(POLICIES, policies=(replace(P1, **changes), *POLICIES.policies[1:]))
    assert any(says in problem for problem in check(policies, (NIA, LEE), START))
