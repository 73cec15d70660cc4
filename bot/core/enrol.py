"""A new or changed person: profile, addresses, consent, care plan."""

from dataclasses import replace
from datetime import datetime
from functools import cache
from zoneinfo import available_timezones as read_timezones

from bot.core.consent import merged, take_back
from bot.core.draft import Draft
from bot.core.fire import schedule
from bot.core.heard import contact_at
from bot.core.kit import Kit, Team
from data.errors import BadInput
from data.model.chart import Changes, Chart
from data.model.event import PersonChanged
from data.model.people import ContactPoint, ContactState, Person


def enrol(chart: Chart, event: PersonChanged, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that enrolment or a new profile makes. Pure; timers follow the new zone and plan.

    Raises `BadInput` for an id, a zone, a scale or an activity that later steps could not work with.
    """
    _check(event)
    draft = Draft(chart, kit, team, event_id=event.id, now=now)
    draft.person = _kept(event.person, chart.person)
    known = {activity.id: activity for activity in chart.activities}
    moved = chart.person is not None and chart.person.zone != event.person.zone
    for activity in event.activities:
        draft.activities[activity.id] = activity
    for activity in (known | draft.activities).values():
        # A reminder that is due already fires first and sets its next time itself.
        overdue = activity.active and any(d.ref == activity.id and d.due_at <= now for d in chart.dues)
        if (moved or known.get(activity.id) != activity) and not overdue:
            schedule(draft, activity, after=now)
    take_back(draft)
    return draft.changes()


# The stream of what concerns nobody's chart: certificates of erasure, rows that cannot be read.
_RESERVED = ("clinic",)


def _check(event: PersonChanged) -> None:
    person = event.person
    if not person.id or set(person.id) & set("/+#"):
        raise BadInput(f"a person's id must not be empty or contain / + #: {person.id!r}")
    if person.id in _RESERVED:
        raise BadInput(f"the id {person.id!r} is the house's own; choose another")
    if person.zone not in available_timezones():
        raise BadInput(f"{person.id}: {person.zone!r} is no time zone; write for example Europe/Tallinn")
    if person.spo2_scale not in (1, 2):
        raise BadInput(f"{person.id}: the oxygen scale is 1 or 2 (NEWS2, RCP 2017)")
    for activity in event.activities:
        if not activity.id.startswith(f"{person.id}/"):
            raise BadInput(f"the activity {activity.id!r} does not belong to {person.id}")


def _kept(person: Person, before: Person | None) -> Person:
    """A new profile does not undo what the person told us themselves: STOP, PAUSE and the last word on consent stay.

    Nor does it give or take rights: who looks after whom is changed by name (`phms people`, /panel).
    """
    if before is None:
        return person
    contacts = tuple(_as_known(c, contact_at(before, c.system, c.value)) for c in person.contacts)
    consents = merged(person.consents, before.consents)
    paused_until = person.paused_until or before.paused_until
    return replace(
        person,
        contacts=contacts,
        consents=consents,
        paused_until=paused_until,
        panel=person.panel if person.panel is not None else before.panel,
        represents=person.represents or before.represents,
        grants=person.grants or before.grants,
        invites=person.invites or before.invites,
    )


def _as_known(contact: ContactPoint, before: ContactPoint | None) -> ContactPoint:
    """An address with what is known of it: that it is stopped, that it may be somebody else's, when it was heard."""
    if before is None:
        return contact
    state = before.state if contact.state is ContactState.ACTIVE else contact.state
    return replace(contact, state=state, heard_at=contact.heard_at or before.heard_at)


@cache
def available_timezones() -> frozenset[str]:
    """Every time zone of this machine; listing them takes a while, so once is enough."""
    return frozenset(read_timezones())
