"""The escalation: told step by step until a person has taken it. Pure: a happening in, an escalation and orders out."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from data.model.communication import SendState
from data.model.escalation import Escalation, EscalationState, PageState, Policy
from data.model.people import Person
from scheduler import ladder
from scheduler.answers import answered
from scheduler.orders import (
    Advance,
    Answer,
    AskOwner,
    Cancel,
    Confirm,
    Happening,
    Order,
    PageReceipt,
    Raised,
    TellClosed,
    TellOperations,
    TellPage,
    TellPatientNobody,
    TellPatientTaken,
    TellReopened,
    TellTaken,
    Tick,
    Verb,
)
from scheduler.walk import let_go, restart, settle

# A clock further behind what it has shown before than this has been set back.
JITTER = timedelta(seconds=2)

__all__ = [
    "Advance",
    "Answer",
    "AskOwner",
    "Cancel",
    "Confirm",
    "Happening",
    "Order",
    "PageReceipt",
    "Raised",
    "TellClosed",
    "TellOperations",
    "TellPage",
    "TellPatientNobody",
    "TellPatientTaken",
    "TellReopened",
    "TellTaken",
    "Tick",
    "Verb",
    "advance",
    "open_escalation",
]


def open_escalation(
    *,
    id: str,  # noqa: A002 - the field's name
    subject: str,
    flag_id: str,
    policy: Policy,
    team: tuple[Person, ...],
    now: datetime,
) -> Advance:
    """A new escalation and its first pages. `team`: the active people on the ladder, in order of their steps.

    After them it may name active clinicians without a step, who are paged when the ladder has been walked in vain.
    With nobody on the ladder it is EXHAUSTED from the start, which operations are told.
    """
    escalation = Escalation(
        id=id, subject=subject, flag_id=flag_id, policy=policy, state=EscalationState.OPEN, opened_at=now, looked_at=now
    )
    return settle(restart(Advance(replace(escalation, round=0)), team, now, first=[], wait=False), team, now)


def advance(escalation: Escalation, happening: Happening, team: tuple[Person, ...], now: datetime) -> Advance:
    """The escalation after `happening`, with what fell due by `now` done as well. Never raises.

    Ticks may come late, early or twice: at most one step is taken per deadline. `team` is looked up at each step.
    When the clock has been set back, everything pending moves with it: no timer waits for the hour to come again.
    """
    at = _seen(Advance(escalation), now)
    if isinstance(happening, PageReceipt):
        at = _received(at, happening)
    elif isinstance(happening, Answer):
        at = answered(at, happening, team, now)
    elif isinstance(happening, Raised):
        at = _raised(at, happening.policy, team, now)
    elif not isinstance(happening, Tick):
        assert_never(happening)
    return settle(at, team, now)


def _seen(at: Advance, now: datetime) -> Advance:
    """Note the instant, and where the clock has been set back, set what is measured by it back as far."""
    e = at.escalation
    if e.looked_at is None or now >= e.looked_at - JITTER:
        return at.plus(looked_at=now if e.looked_at is None else max(e.looked_at, now))
    back = now - e.looked_at

    def moved(instant: datetime | None) -> datetime | None:
        return None if instant is None else instant + back

    return at.plus(
        looked_at=now,
        pages=tuple(replace(page, sent_at=page.sent_at + back) for page in e.pages),
        answer_by=moved(e.answer_by),
        next_at=moved(e.next_at),
        acked_at=moved(e.acked_at),
        lease_until=moved(e.lease_until),
        asked_at=moved(e.asked_at),
        patient_told_at=moved(e.patient_told_at),
        exhausted_at=moved(e.exhausted_at),
        walk_began_at=moved(e.walk_began_at or e.opened_at),
    )


def _received(at: Advance, receipt: PageReceipt) -> Advance:
    """Only delivery is delivery; a late good receipt still counts, and nothing undoes an answer or a cancelling."""
    telling, unknown, bad = PageState.TELLING, PageState.UNKNOWN, PageState.BAD
    for page in at.escalation.pages:
        if page.communication_id != receipt.communication_id:
            continue
        state = page.state
        if receipt.state in (SendState.DELIVERED, SendState.READ) and state in (telling, unknown, bad):
            state = PageState.TOLD
        elif receipt.state is SendState.UNKNOWN:
            state = unknown if state is telling else state
        elif (receipt.state.bad or receipt.state is SendState.DROPPED) and state in (telling, unknown):
            state = bad
        if state is not page.state:
            pages = (replace(p, state=state) if p is page else p for p in at.escalation.pages)
            return at.plus(pages=tuple(pages))
    return at


def _raised(at: Advance, policy: Policy, team: tuple[Person, ...], now: datetime) -> Advance:
    """A worse level starts the ladder anew under its own policy; who owned it, or knew of it, hears first."""
    e = at.escalation
    if e.state is EscalationState.CLOSED:
        # The condition is back: the same escalation, under the policy of the level it came back with.
        at = let_go(at.plus(policy=policy, patient_told_at=None, acked_at=None), now)
        return restart(at, team, now, first=[e.owner] if e.owner else [], wait=True)
    if policy.priority >= e.policy.priority:
        return at
    at = at.plus(policy=policy)
    if e.state is EscalationState.ACKED and e.owner is not None:
        return restart(let_go(at, now), team, now, first=[e.owner], wait=True)
    return restart(at, team, now, first=ladder.told(e), wait=False)
