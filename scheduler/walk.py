"""Time passes: steps, rounds, the loud loop after the last one, leases, and when to look again."""

from dataclasses import replace
from datetime import datetime, timedelta

from data.model.concern import Priority
from data.model.escalation import Escalation, EscalationState, Page, PageState
from data.model.people import ChannelKind, Person, Role
from scheduler import ladder
from scheduler.orders import Advance, AskOwner, TellOperations, TellPage, TellPatientNobody

Team = tuple[Person, ...]

# Of the loud rounds after the last one: from which on clinicians off the ladder are paged, and operations told again.
WIDER_FROM, OPERATIONS_FROM = 2, 3


def settle(at: Advance, team: Team, now: datetime) -> Advance:
    """Do what has fallen due by `now`, at most one step per deadline, and note when to look again.

    A late call makes up for nothing it slept through: whoever is told now has their whole time from now.
    """
    if at.escalation.state is EscalationState.ACKED:
        at = _mind_the_lease(at, team, now)
    if at.escalation.state is EscalationState.OPEN:
        at = _walk(at, team, now)
    if at.escalation.state is EscalationState.EXHAUSTED:
        at = _go_on(at, team, now)
    at = _tell_patient(at, now)
    looked = _next_look(at.escalation, team, now)
    return at if looked == at.escalation.next_at else at.plus(next_at=looked)


def restart(at: Advance, team: Team, now: datetime, *, first: list[str], wait: bool) -> Advance:
    """Begin a new walk of the ladder: `first` are told ahead of it; with `wait` they get a step of their own."""
    e = at.escalation
    at = at.plus(
        state=EscalationState.OPEN,
        step=ladder.AHEAD,
        round=e.round + 1,
        walk_from=e.round + 1,
        walk_began_at=now,
        pages=ladder.remembered(e),
        answer_by=now + e.policy.ack_timer,
        exhausted_at=None,
        repeats=0,
        closed_at=None,
        outcome=None,
    )
    lowest = min(ladder.steps(team), default=ladder.AHEAD)
    for person in (p for p in team if p.id in first and p.active and (wait or ladder.step_of(p) != lowest)):
        for channel in ladder.channels(person)[:1]:
            at = page(at, person, channel, ladder.AHEAD, now)
    return at if wait else next_step(at, team, now)


def let_go(at: Advance, now: datetime) -> Advance:
    """Nobody owns it any more."""
    return at.plus(state=EscalationState.OPEN, owner=None, lease_until=now, asked_at=None, renewals=0)


def next_step(at: Advance, team: Team, now: datetime) -> Advance:
    """Put the next step in force; `settle` pages its people. After the last one of the last round: EXHAUSTED."""
    e, steps = at.escalation, ladder.steps(team)
    answer_by = now + e.policy.ack_timer
    later = [step for step in steps if step > e.step]
    if later:
        return at.plus(step=later[0], answer_by=answer_by)
    if steps and _rounds_left(e):
        return at.plus(step=steps[0], round=e.round + 1, pages=ladder.remembered(e), answer_by=answer_by)
    return _exhaust(at, team, now)


def page(at: Advance, person: Person, channel: ChannelKind, step: int, now: datetime) -> Advance:
    """Page a person. A round pages nobody twice on one channel in one step, which makes the id unique."""
    e = at.escalation
    row = Page(
        communication_id=f"{e.id}/r{e.round}.s{step}/{person.id}/{channel}",
        person_id=person.id,
        channel=channel,
        step=step,
        round=e.round,
        sent_at=now,
    )
    again = any(earlier.person_id == person.id for earlier in e.pages)
    order = TellPage(row.communication_id, person.id, channel, step, e.round, again)
    return at.plus(order, pages=(*e.pages, row))


def put(pages: tuple[Page, ...], ids: tuple[str, ...], state: PageState) -> tuple[Page, ...]:
    """The pages, those of `ids` put into `state`."""
    return tuple(replace(p, state=state) if p.communication_id in ids else p for p in pages)


def _walk(at: Advance, team: Team, now: datetime) -> Advance:
    at = _reach(at, team, now)
    while at.escalation.state is EscalationState.OPEN and _over(at.escalation, team, now):
        if _round_waits(at.escalation, team, now):
            break
        at = _reach(next_step(at, team, now), team, now)
    return at


def _rounds_left(escalation: Escalation) -> bool:
    return escalation.round - escalation.walk_from + 1 < escalation.policy.rounds


def _round_waits(escalation: Escalation, team: Team, now: datetime) -> bool:
    """True when only a new round could follow, and it is too early: a bad second must not use up every round."""
    steps = ladder.steps(team)
    last = bool(steps) and steps[-1] <= escalation.step
    by = ladder.round_by(escalation)
    return last and _rounds_left(escalation) and by is not None and now < by


def _over(escalation: Escalation, team: Team, now: datetime) -> bool:
    """True when the step in force has had its time, or has nobody left who could answer."""
    if escalation.answer_by is None or now >= escalation.answer_by:
        return True
    return not any(ladder.may_answer(escalation, p, now) for p in ladder.in_force(escalation, team, now))


def _reach(at: Advance, team: Team, now: datetime) -> Advance:
    """Page whoever of the step in force has not been: at its start all of them, later newcomers and next channels."""
    if at.escalation.state is not EscalationState.OPEN:
        return at
    for person in ladder.in_force(at.escalation, team, now):
        channel = ladder.next_channel(at.escalation, person, now)
        if channel is not None:
            at = page(at, person, channel, at.escalation.step, now)
    return at


def _exhaust(at: Advance, team: Team, now: datetime) -> Advance:
    """The ladder has been walked in vain. What is urgent, or exhausted for a second time, gets loud without a pause."""
    e, repeat = at.escalation, _repeat_every(at.escalation)
    unreachable = _unreachable(team)
    at_once = bool(_everyone(e, team)) and (_urgent(e) or e.exhausted_at is not None)
    early = max(now, ladder.round_by(e) or now)
    return at.plus(
        TellOperations(unreachable or "nobody-answered"),
        state=EscalationState.EXHAUSTED,
        exhausted_at=e.exhausted_at or now,
        answer_by=early if at_once else None if repeat is None else now + repeat,
    )


def _go_on(at: Advance, team: Team, now: datetime) -> Advance:
    """After the last round: everyone on the ladder, on every channel they have, again and again, wider each time."""
    e, repeat = at.escalation, _repeat_every(at.escalation)
    if e.answer_by is None or now < e.answer_by:
        return at
    following = None if repeat is None else now + repeat
    at = at.plus(round=e.round + 1, pages=ladder.remembered(e), answer_by=following, repeats=e.repeats + 1)
    for person in _everyone(at.escalation, team):
        for channel in ladder.channels(person):
            at = page(at, person, channel, ladder.step_of(person) or ladder.AHEAD, now)
    still = "nobody-answered" if _urgent(e) and at.escalation.repeats >= OPERATIONS_FROM else ""
    reason = _unreachable(team) or still
    just_told = any(isinstance(order, TellOperations) for order in at.orders)
    return at.plus(TellOperations(reason)) if reason and not just_told else at


def _everyone(escalation: Escalation, team: Team) -> list[Person]:
    """Whom a loud round pages: the ladder; what is urgent, from the second on or with nobody there, all clinicians."""
    on_ladder = [p for p in team if ladder.step_of(p) is not None and ladder.channels(p)]
    if not _urgent(escalation) or (on_ladder and escalation.repeats < WIDER_FROM):
        return on_ladder
    return [p for p in team if p.active and ladder.channels(p) and (p in on_ladder or p.role is Role.CLINICIAN)]


def _repeat_every(escalation: Escalation) -> timedelta | None:
    """How often the loop after the last round comes round; the urgent ones have one whatever the policy says."""
    policy = escalation.policy
    return policy.repeat_every or (policy.ack_timer if _urgent(escalation) else None)


def _urgent(escalation: Escalation) -> bool:
    return escalation.policy.priority in (Priority.P1, Priority.P2)


def _unreachable(team: Team) -> str:
    """Why nobody on the ladder can be paged, or nothing."""
    if not ladder.steps(team):
        return "no-ladder"
    reachable = any(ladder.channels(person) for person in team if ladder.step_of(person) is not None)
    return "" if reachable else "nobody-reachable"


def _mind_the_lease(at: Advance, team: Team, now: datetime) -> Advance:
    e = at.escalation
    if e.owner is None or e.lease_until is None:
        return at
    if e.asked_at is not None:
        if now < e.asked_at + e.policy.ask_silence:
            return at
        return restart(let_go(at, now), team, now, first=[e.owner], wait=True)
    if now < e.lease_until + e.policy.lease_grace:
        return at
    n = e.questions + 1
    return at.plus(AskOwner(f"{e.id}/ask/{n}/{e.owner}", e.owner, e.renewals + 1), asked_at=now, questions=n)


def _tell_patient(at: Advance, now: datetime) -> Advance:
    due = _patient_told_by(at.escalation)
    return at if due is None or now < due else at.plus(TellPatientNobody(), patient_told_at=now)


def _patient_told_by(e: Escalation) -> datetime | None:
    """When the patient is to hear that nobody has answered: once, counted from when this walk of the ladder began.

    A new walk begins with a worse level or when an owner lets go, and the patient hears of either by itself.
    """
    unowned = e.state in (EscalationState.OPEN, EscalationState.EXHAUSTED)
    if not unowned or e.patient_told_at is not None or e.policy.tell_patient_after is None:
        return None
    return (e.walk_began_at or e.opened_at) + e.policy.tell_patient_after


def _next_look(e: Escalation, team: Team, now: datetime) -> datetime | None:
    """The earliest of all pending deadlines."""
    if e.state is EscalationState.CLOSED:
        return None
    if e.state is EscalationState.ACKED:
        asked = None if e.asked_at is None else e.asked_at + e.policy.ask_silence
        return asked or (None if e.lease_until is None else e.lease_until + e.policy.lease_grace)
    deadlines = [e.answer_by, _patient_told_by(e)]
    if e.state is EscalationState.OPEN:
        deadlines += [ladder.receipt_by(e, p) for p in ladder.pages_in_force(e)]
        deadlines.append(ladder.round_by(e) if _over(e, team, now) else None)
    return min((deadline for deadline in deadlines if deadline is not None and deadline > now), default=None)
