"""What a provider's word on a message shows about the address it went to, on the chart of whoever has it. Pure."""

from dataclasses import replace
from datetime import datetime

from bot.core.contact import tell_of_contact
from bot.core.draft import Draft
from bot.core.heard import with_contact
from bot.core.kit import Kit, Team
from data.model.chart import Changes, Chart
from data.model.communication import Category, Communication
from data.model.people import ContactPoint, ContactState, Person, Role

# Our own words for faults (see `Outcome.error`), what the address is after one, and the task that it makes.
_STATES = {
    "stopped": (ContactState.STOPPED, "stopped"),
    "blocked": (ContactState.BLOCKED, "blocked"),
    "invalid": (ContactState.DEAD, "dead"),
    "unreachable": (ContactState.UNVERIFIED, "doubtful"),
}
# From which states each can follow: what is known already, or is worse, stays, and makes no task again.
_FROM = {
    ContactState.STOPPED: (ContactState.ACTIVE, ContactState.UNVERIFIED, ContactState.BLOCKED),
    ContactState.BLOCKED: (ContactState.ACTIVE,),
    ContactState.DEAD: (ContactState.ACTIVE, ContactState.UNVERIFIED, ContactState.BLOCKED),
    ContactState.UNVERIFIED: (ContactState.ACTIVE,),
}
FILTERED, REFUSED_US = "filtered", "account-refused"
TELLING = (*_STATES, FILTERED)


def address_failed(
    chart: Chart, row: Communication, error: str, event_id: str, kit: Kit, team: Team, now: datetime
) -> Changes:
    """The changes on the chart of `row.recipient` when a provider says that their address is `error`."""
    draft = Draft(chart, kit, team, event_id=event_id, now=now)
    contact = _sent_to(draft.subject, row)
    state, task = _STATES[error]
    if contact is None:
        draft.notes.append(f"{row.channel} is {error}, and which address was meant is not known")
        if not any(c.text_key in (task, f"staff-{task}") for c in chart.communications):
            tell_of_contact(draft, task, row.channel)
    elif contact.state in _FROM[state]:
        draft.person = with_contact(draft.subject, replace(contact, state=state))
        draft.notes.append(f"the address on {row.channel} is {error}")
        if contact.state is ContactState.ACTIVE or draft.subject.role not in (Role.PATIENT, Role.PROXY):
            # Of a patient's address that was doubtful before, the care manager knows that it is.
            tell_of_contact(draft, task, row.channel)
    return draft.changes()


def _sent_to(person: Person, row: Communication) -> ContactPoint | None:
    """The address that a message went to: the one it names, or the only one of the kind that it can have been."""
    of_kind = [c for c in person.contacts if c.system is row.channel]
    if row.address:
        return next((c for c in of_kind if c.at(row.channel, row.address)), None)
    return of_kind[0] if len(of_kind) == 1 else None


def provider_fails(
    chart: Chart, provider: str, key: str, event_id: str, kit: Kit, team: Team, now: datetime
) -> Changes:
    """The changes when a provider fails for all: whoever runs the clinic hears the sentence `key`; it has no person."""
    draft = Draft(chart, kit, team, event_id=event_id, now=now)
    if not team.operations():
        draft.notes.append(f"nobody works here who could be told: {key}")
    for person in team.operations():
        draft.say(person, key, Category.OPERATIONS, name=provider)
    return draft.changes()
