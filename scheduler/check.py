"""Ladder pre-flight: what would keep an escalation from reaching anyone, found before the night it matters."""

from datetime import datetime, timedelta
from itertools import pairwise

from data.model.concern import Priority
from data.model.escalation import Policy
from data.model.people import ContactState, Person, Role
from scheduler import ladder
from scheduler.policies import Policies


def check(policies: Policies, people: tuple[Person, ...], now: datetime) -> list[str]:
    """Sentences for the operator, people by id; empty when all is well.

    `now` is the instant the ladder is walked at; without a rota the ladder is the same at every instant.
    """
    del now
    on_ladder = tuple(person for person in people if person.step is not None)
    problems = _ladder(on_ladder)
    for person in on_ladder:
        problems += _person(person)
    for policy in policies.policies:
        problems += _policy(policy)
    return problems + _order(policies)


def _ladder(on_ladder: tuple[Person, ...]) -> list[str]:
    steps = ladder.steps(on_ladder)
    if not steps:
        return ["nobody is on the escalation ladder: give at least one clinician step 1"]
    missing = [step for step in range(1, max(steps)) if step not in steps]
    problems = [f"step {step} of the ladder is empty; it is skipped" for step in missing]
    for step in steps:
        working = [p for p in on_ladder if ladder.step_of(p) == step and ladder.channels(p)]
        if not working:
            problems.append(f"step {step} of the ladder reaches nobody: no contact there works")
    return problems


def _person(person: Person) -> list[str]:
    if not person.active:
        return [f"{person.id} is on step {person.step} of the ladder but not active"]
    problems = []
    if person.step is not None and person.step < 1:
        problems.append(f"{person.id} is on step {person.step}, which is not a step; it counts as 1")
    if person.role in (Role.PATIENT, Role.PROXY):
        problems.append(f"{person.id} is on the ladder but is a {person.role}")
    if not ladder.channels(person):
        problems.append(f"{person.id} is on step {person.step} of the ladder without a working contact")
    for contact in person.contacts:
        if contact.state is ContactState.STOPPED:
            problems.append(f"{person.id} has sent STOP on {contact.system}; ask them to send START")
        elif contact.state is ContactState.BLOCKED:
            problems.append(f"{person.id} has blocked the bot on {contact.system}; ask them to write to it again")
        elif contact.state is ContactState.UNVERIFIED:
            problems.append(f"the {contact.system} contact of {person.id} may be somebody else's; link it anew")
        elif contact.state is ContactState.DEAD:
            problems.append(f"the {contact.system} contact of {person.id} is dead; correct or remove it")
    return problems


def _policy(policy: Policy) -> list[str]:
    """Timers that contradict each other."""
    name, problems = policy.priority, []
    if policy.receipt_timer is not None and policy.receipt_timer >= policy.ack_timer:
        problems.append(f"{name}: receipt-timer must be shorter than ack-timer, or no second channel is ever tried")
    if policy.tell_patient_after is None and name in (Priority.P1, Priority.P2):
        problems.append(f"{name}: lacks tell-patient-after; the patient would never hear that nobody answered")
    if policy.lease_grace >= policy.lease:
        problems.append(f"{name}: lease-grace must be shorter than lease")
    if policy.repeat_every is None and name in (Priority.P1, Priority.P2):
        problems.append(f"{name}: lacks repeat-every; an urgent concern never falls silent")
    return problems


def _order(policies: Policies) -> list[str]:
    """A more urgent priority must not wait longer than a less urgent one."""
    problems = []
    rows = [policies.for_priority(priority) for priority in sorted(Priority)]
    for urgent, calm in pairwise(rows):
        for key in ("receipt_timer", "ack_timer", "repeat_every", "lease", "ask_silence", "tell_patient_after"):
            fast, slow = getattr(urgent, key) or timedelta.max, getattr(calm, key) or timedelta.max
            if fast > slow:
                dashed = key.replace("_", "-")
                problems.append(f"{urgent.priority}: {dashed} is longer than that of {calm.priority}")
    return problems
