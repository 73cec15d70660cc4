"""The path that words, vitals and timers share: assess, decide, escalate. One path to test."""

from dataclasses import dataclass, replace

from bot.core.draft import Draft
from bot.core.orders import carry_out, from_there, take_back_pages
from data.model.concern import Flag, FlagState
from data.model.escalation import EscalationState
from data.model.plan import Due, DueKind
from risk.assess import assess, look_again_at
from risk.decide import decide
from scheduler.escalation import Raised, advance, open_escalation


@dataclass(frozen=True, slots=True)
class Concern:
    """A flag that this event opened, reopened or raised."""

    flag: Flag
    before: Flag | None


def weigh(draft: Draft) -> tuple[Concern, ...]:
    """Assess the chart as drafted, move its flags, and start or raise what they escalate to."""
    chart = draft.current()
    assessment = assess(chart, draft.kit.rules, draft.now, event_id=draft.event_id)
    draft.assessment = replace(assessment, handbook=draft.kit.hash)
    before = {flag.id: flag for flag in chart.flags}
    concerns = []
    for flag in decide(chart, assessment, draft.kit.rules, draft.now, event_id=draft.event_id):
        draft.flags[flag.id] = flag
        if flag.state is FlagState.CLOSED:
            _stand_down(draft, flag)
        elif flag.state is FlagState.OPEN and _is_news(flag, before.get(flag.id)):
            _escalate(draft, flag)
            concerns.append(Concern(flag, before.get(flag.id)))
    _look_again(draft)
    return tuple(concerns)


def _look_again(draft: Draft) -> None:
    """A value that is bad but does not count yet is judged again even if nothing more arrives."""
    row_id = f"{draft.chart.subject}/look-again"
    at = look_again_at(draft.current(), draft.kit.rules, draft.now)
    if at is not None or any(due.id == row_id for due in draft.chart.dues):
        draft.dues[row_id] = Due(
            id=row_id,
            subject=draft.chart.subject,
            kind=DueKind.ASSESS,
            ref=draft.chart.subject,
            due_at=at or draft.now,
            done=at is None,
        )


def _is_news(flag: Flag, before: Flag | None) -> bool:
    return before is None or flag.episode > before.episode or flag.level.rank > before.level.rank


def _escalate(draft: Draft, flag: Flag) -> None:
    """Start the ladder for a new or reopened flag; restart the running one for a flag that got worse."""
    policy = draft.kit.policies.for_priority(flag.level.priority)
    ladder = draft.team.to_page()
    running = draft.chart.escalation(flag.escalation_id) if flag.escalation_id else None
    if running and running.state is not EscalationState.CLOSED:
        step = advance(running, Raised(policy), ladder, draft.now)
    else:
        escalation_id = f"{flag.id}/e{flag.episode}"
        step = open_escalation(
            id=escalation_id, subject=flag.subject, flag_id=flag.id, policy=policy, team=ladder, now=draft.now
        )
        draft.flags[flag.id] = replace(flag, escalation_id=escalation_id)
    carry_out(draft, from_there(draft, step))


def _stand_down(draft: Draft, flag: Flag) -> None:
    """A routine flag closed by itself: its escalation ends and pages that have not gone are taken back."""
    running = draft.chart.escalation(flag.escalation_id) if flag.escalation_id else None
    if running is None or running.state is EscalationState.CLOSED:
        return
    take_back_pages(draft, running, "cause closed")
    closed = replace(
        running, state=EscalationState.CLOSED, next_at=None, closed_at=draft.now, outcome=flag.outcome or "closed"
    )
    draft.escalations[closed.id] = closed
    for due in draft.chart.dues:
        if due.ref == closed.id:
            draft.dues[due.id] = replace(due, done=True)
