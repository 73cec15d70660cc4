"""A timer whose time has come: a reminder, or an escalation that must look again."""

from dataclasses import replace
from datetime import datetime

from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from bot.core.orders import carry_out
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.event import DueFired
from data.model.plan import Activity, Due, DueKind
from scheduler.escalation import Tick, advance
from scheduler.recurrence import next_occurrence


def fire(chart: Chart, event: DueFired, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that a due timer makes. Pure; a timer that is no longer wanted ends itself."""
    draft = Draft(chart, kit, team, event_id=event.id, now=now)
    due = next((d for d in chart.dues if d.id == event.due.id), None)
    if due is None or due.due_at > now:
        # Moved or gone since it was claimed: nothing to do, and the row says so.
        draft.dues[event.due.id] = due or replace(event.due, done=True)
    elif due.kind is DueKind.ESCALATION:
        _escalation(draft, due)
    else:
        _nudge(draft, due)
    return draft.changes()


def _escalation(draft: Draft, due: Due) -> None:
    escalation = draft.chart.escalation(due.ref)
    if escalation is None:
        draft.dues[due.id] = replace(due, done=True)
        return
    carry_out(draft, advance(escalation, Tick(), draft.team.ladder(), draft.now))


def _nudge(draft: Draft, due: Due) -> None:
    activity = next((a for a in draft.chart.activities if a.id == due.ref), None)
    if activity is None or not activity.active:
        draft.dues[due.id] = replace(due, done=True)
        return
    schedule(draft, activity, after=max(due.due_at, draft.now))
    if draft.now > due.due_at + activity.expires_after:
        draft.notes.append(f"{activity.id}: missed at {due.due_at.isoformat()}, too late to remind")
    elif _already_done(draft, activity, due.due_at):
        draft.notes.append(f"{activity.id}: already done, no reminder")
    else:
        draft.say(
            draft.subject,
            "nudge",
            Category.NUDGE,
            communication_id=f"{activity.id}@{due.due_at.isoformat()}",
            text=activity.text,
            expires_at=due.due_at + activity.expires_after,
            params={"activity": activity.id},
        )


def _already_done(draft: Draft, activity: Activity, due_at: datetime) -> bool:
    latest = draft.chart.latest(activity.clears) if activity.clears else None
    return latest is not None and latest.effective_at > due_at - activity.grace


def schedule(draft: Draft, activity: Activity, *, after: datetime) -> datetime | None:
    """Set the activity's timer to its next occurrence after `after`; None when there is none."""
    row_id = f"{activity.id}/due"
    at = next_occurrence(activity.recurrence, draft.subject.zone, after, activity.until) if activity.active else None
    draft.dues[row_id] = Due(
        id=row_id,
        subject=draft.chart.subject,
        kind=DueKind.NUDGE,
        ref=activity.id,
        due_at=at or after,
        done=at is None,
    )
    return at
