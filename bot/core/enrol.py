"""A new or changed person: profile, addresses, consent, care plan."""

from datetime import datetime

from bot.core.draft import Draft
from bot.core.fire import schedule
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category, SendState
from data.model.event import PersonChanged
from data.model.people import Purpose


def enrol(chart: Chart, event: PersonChanged, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that enrolment or a new profile makes. Pure and idempotent; timers follow the new zone and plan."""
    draft = Draft(chart, kit, team, event_id=event.id, now=now)
    draft.person = event.person
    known = {activity.id: activity for activity in chart.activities}
    moved = chart.person is not None and chart.person.zone != event.person.zone
    for activity in event.activities:
        draft.activities[activity.id] = activity
    for activity in (known | draft.activities).values():
        if moved or known.get(activity.id) != activity:
            schedule(draft, activity, after=now)
    if not (event.person.active and event.person.consents_to(Purpose.MESSAGING)):
        for row in chart.communications:
            if row.state is SendState.QUEUED and row.category in (Category.NUDGE, Category.NOTICE):
                draft.cancel(row.id, "no longer wanted")
    return draft.changes()
