"""A timer whose time has come: a reminder, or an escalation that must look again."""

from dataclasses import replace
from datetime import datetime

from bot.core.concern import weigh
from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from bot.core.observe import tell_patient
from bot.core.orders import carry_out
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.event import DueFired
from data.model.plan import Activity, Due, DueKind
from scheduler.courtesy import activity_of
from scheduler.escalation import Tick, advance
from scheduler.recurrence import next_occurrence


def fire(chart: Chart, event: DueFired, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that a due timer makes. Pure; a timer that is no longer wanted ends itself."""
    draft = Draft(chart, kit, team, event_id=event.id, now=now)
    due = next((d for d in chart.dues if d.id == event.due.id), None)
    if due is None:
        draft.dues[event.due.id] = replace(event.due, done=True)
    elif due.kind is DueKind.ESCALATION:
        # Looks at its own deadlines, so a tick that comes early does no harm.
        _escalation(draft, due)
    elif due.kind is DueKind.ASSESS:
        draft.dues[due.id] = replace(due, done=True)
        tell_patient(draft, weigh(draft))
    elif due.due_at > now:
        # The clock was set back after the row was written: a reminder keeps its time, and the row is written anew.
        draft.dues[due.id] = due
    else:
        _nudge(draft, due)
    return draft.changes()


def _escalation(draft: Draft, due: Due) -> None:
    escalation = draft.chart.escalation(due.ref)
    if escalation is None:
        draft.dues[due.id] = replace(due, done=True)
        return
    carry_out(draft, advance(escalation, Tick(), draft.team.to_page(), draft.now))


def _nudge(draft: Draft, due: Due) -> None:
    activity = next((a for a in draft.chart.activities if a.id == due.ref), None)
    if activity is None or not activity.active:
        draft.dues[due.id] = replace(due, done=True)
        return
    schedule(draft, activity, after=max(due.due_at, draft.now))
    # The occurrence is a time on the patient's wall: moving to another zone does not remind of the same dose again.
    occurrence = f"{activity.id}@{due.due_at.astimezone(draft.subject.tz):%Y-%m-%dT%H:%M}"
    if any(row.id == occurrence for row in draft.chart.communications):
        draft.notes.append(f"{occurrence}: reminded before")
    elif draft.now > due.due_at + activity.expires_after:
        draft.notes.append(f"{activity.id}: missed at {due.due_at.isoformat()}, too late to remind")
    elif _already_done(draft, activity, due.due_at):
        draft.notes.append(f"{activity.id}: already done, no reminder")
    else:
        draft.say(
            draft.subject,
            "nudge",
            Category.NUDGE,
            communication_id=occurrence,
            text=activity.text,
            expires_at=due.due_at + activity.expires_after,
            params={"activity": activity.id},
        )


def _already_done(draft: Draft, activity: Activity, due_at: datetime) -> bool:
    latest = draft.chart.latest(activity.clears) if activity.clears else None
    return latest is not None and latest.effective_at > due_at - activity.grace


def schedule(draft: Draft, activity: Activity, *, after: datetime) -> datetime | None:
    """Set the activity's timer to its next occurrence after `after`; None when there is none.

    What is still queued of an activity that has ended is taken back.
    """
    if not activity.active:
        draft.cancel_queued(
            "activity ended", lambda row: row.category is Category.NUDGE and activity_of(row) == activity.id
        )
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
