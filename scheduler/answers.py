"""What a clinician's reply does to an escalation, and the truthful word back."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from data.model.escalation import Escalation, EscalationState, PageState
from scheduler import ladder
from scheduler.orders import (
    Advance,
    Answer,
    Cancel,
    Confirm,
    TellClosed,
    TellPatientTaken,
    TellReopened,
    TellTaken,
    Verb,
)
from scheduler.walk import Team, let_go, next_step, put

LONGEST_LATER = timedelta(hours=4)
# Pages that may still wait in the house: one of unknown fate may be about to be sent once more.
_ON_ITS_WAY = (PageState.TELLING, PageState.UNKNOWN)


def answered(at: Advance, answer: Answer, team: Team, now: datetime) -> Advance:
    """The escalation after a reply. A stranger's reply, LIST and DETAILS change nothing and are not answered here."""
    e = at.escalation
    if answer.verb in (Verb.LIST, Verb.DETAILS) or not ladder.knows(e, team, answer.person_id):
        return at
    if e.state is EscalationState.CLOSED:
        who = {"owner": _name(team, e.owner), "time": _time(team, answer.person_id, e.closed_at or now, now)}
        return at.plus(Confirm(answer.person_id, "reply-too-late-closed", who))
    if e.state is EscalationState.ACKED and e.owner != answer.person_id:
        who = {"owner": _name(team, e.owner), "time": _time(team, answer.person_id, e.acked_at or now, now)}
        return at.plus(Confirm(answer.person_id, "reply-already-with", who))
    if answer.verb is Verb.DONE:
        return _close(at, answer, now)
    if answer.verb in (Verb.OK, Verb.LATER):
        return _hold(at, answer, team, now)
    return _pass_on(at, answer, team, now)


def _hold(at: Advance, answer: Answer, team: Team, now: datetime) -> Advance:
    """OK and LATER: take it, or hold it longer."""
    e, who = at.escalation, answer.person_id
    lease = e.policy.lease
    if answer.verb is Verb.LATER and answer.minutes is not None:
        lease = min(max(timedelta(minutes=min(answer.minutes, 1440)), timedelta(minutes=1)), LONGEST_LATER)
    key = "reply-later" if answer.verb is Verb.LATER else "reply-yours"
    until = now + lease
    confirm = Confirm(who, key, _until(team, who, until, now))
    if e.state is not EscalationState.ACKED:
        return _take(at.plus(confirm), who, until, now)
    if answer.verb is Verb.OK and e.asked_at is None and not _ends_soon(e, now):  # it is theirs as it was
        return at.plus(Confirm(who, key, _until(team, who, e.lease_until or now, now)))
    if e.renewals >= e.policy.renewals:
        return at.plus(Confirm(who, "reply-renewals-used", {"renewals": str(e.policy.renewals)}))
    return at.plus(confirm, lease_until=until, asked_at=None, renewals=e.renewals + 1)


def _ends_soon(e: Escalation, now: datetime) -> bool:
    """True in the last third of a lease: whoever says OK then means to keep it, not to hear what is left."""
    return e.lease_until is not None and (e.lease_until - now) * 3 <= e.policy.lease


def _take(at: Advance, owner: str, until: datetime, now: datetime) -> Advance:
    """A person has it: queued pages are dropped in the same step, the others and the patient are told."""
    at = _end_paging(at)
    others = _others(at, owner)
    if others:
        at = at.plus(TellTaken(others, owner))
    return _own(at, owner, until, now)


def _own(at: Advance, owner: str, until: datetime, now: datetime) -> Advance:
    """The patient hears it once, and again only after having heard that nobody answered."""
    e = at.escalation
    silence = e.patient_told_at is not None and (e.acked_at is None or e.patient_told_at > e.acked_at)
    if silence or e.acked_at is None:
        at = at.plus(TellPatientTaken(owner, silence))
    return at.plus(
        state=EscalationState.ACKED,
        owner=owner,
        acked_at=now,
        lease_until=until,
        asked_at=None,
        renewals=0,
        answer_by=None,
    )


def _end_paging(at: Advance) -> Advance:
    waiting = tuple(p.communication_id for p in at.escalation.pages if p.state in _ON_ITS_WAY)
    if not waiting:
        return at
    return at.plus(Cancel(waiting), pages=put(at.escalation.pages, waiting, PageState.CANCELLED))


def _others(at: Advance, person_id: str) -> tuple[str, ...]:
    return tuple(other for other in ladder.told(at.escalation) if other != person_id)


def _close(at: Advance, answer: Answer, now: datetime) -> Advance:
    """DONE and its outcome, from the owner, or from anyone told while nobody has it; then the others hear so."""
    e, who, outcome = at.escalation, answer.person_id, answer.text.strip()
    if not outcome:  # a chart that says "done" says nothing: they are asked what
        return at.plus(Confirm(who, "reply-what-was-done"))
    at = at.plus(Confirm(who, "reply-closed", {"outcome": outcome}))
    if e.state is not EscalationState.ACKED:
        at = _end_paging(at)
        concerned = _others(at, who)
        at = _own(at, who, now, now)
        if concerned:
            at = at.plus(TellClosed(concerned, who))
    return at.plus(
        state=EscalationState.CLOSED, closed_at=now, outcome=outcome, lease_until=now, asked_at=None, answer_by=None
    )


def _pass_on(at: Advance, answer: Answer, team: Team, now: datetime) -> Advance:
    """NO and UP: not mine; somebody further up."""
    e, up = at.escalation, answer.verb is Verb.UP
    at = at.plus(Confirm(answer.person_id, "reply-moved-up" if up else "reply-passed"))
    if e.state is EscalationState.ACKED:
        return _hand_back(at, answer.person_id, team, now)
    if not up:
        return _decline(at, answer.person_id)
    if e.state is EscalationState.EXHAUSTED:
        return at.plus(answer_by=now)
    return next_step(at, team, now)


def _decline(at: Advance, person_id: str) -> Advance:
    theirs = tuple(p for p in at.escalation.pages if p.person_id == person_id)
    waiting = tuple(p.communication_id for p in theirs if p.state in _ON_ITS_WAY)
    ids = tuple(p.communication_id for p in theirs)
    at = at.plus(pages=put(at.escalation.pages, ids, PageState.DECLINED))
    return at.plus(Cancel(waiting)) if waiting else at


def _hand_back(at: Advance, owner: str, team: Team, now: datetime) -> Advance:
    """The owner lets go: on with the step after theirs, told anew where it had already been told."""
    heard = [person_id for person_id in ladder.told(at.escalation) if person_id != owner]
    at = let_go(_decline(at, owner), now)
    e, person = at.escalation, ladder.member(team, owner)
    step = None if person is None else ladder.step_of(person)
    theirs = e.step if step is None else min(step, e.step)
    if theirs < e.step:
        at = at.plus(step=theirs, round=e.round + 1, pages=ladder.remembered(e))
    at = next_step(at, team, now)
    paged = {p.id for p in ladder.in_force(at.escalation, team, now)}
    reopened = tuple(person_id for person_id in heard if person_id not in paged)
    if reopened and at.escalation.state is EscalationState.OPEN:
        at = at.plus(TellReopened(reopened, owner))
    return at


def _until(team: Team, reader: str, until: datetime, now: datetime) -> dict[str, str]:
    minutes = max(round((until - now).total_seconds() / 60), 0)
    return {"minutes": str(minutes), "until": _time(team, reader, until, now)}


def _name(team: Team, person_id: str | None) -> str:
    person = ladder.member(team, person_id)
    return person.name if person is not None else person_id or ""


def _time(team: Team, reader: str, instant: datetime, now: datetime) -> str:
    """An instant on the reader's wall clock: "23:14", with the date where it is a day away or more."""
    person = ladder.member(team, reader)
    local = instant.astimezone(ZoneInfo(person.zone if person is not None else "UTC"))
    shown = local.strftime("%H:%M" if abs(now - instant) < timedelta(hours=24) else "%Y-%m-%d %H:%M")
    return shown if person is not None else f"{shown} UTC"
