"""A message from an address that may be somebody else's by now: an emergency counts, anything else waits for a code.

Nothing of the person is said there, and nothing said there is noted, until a code from the clinic has come back. What
would be an emergency is answered and escalated as theirs all the same: to wake somebody in vain is the smaller harm.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.concern import weigh
from bot.core.contact import doubt, say_safely, tell_care_managers, tell_of_contact
from bot.core.draft import Draft
from bot.core.facts import note_facts
from bot.core.heard import contact_at, lapsed, with_contact
from bot.core.kit import Kit, Team
from bot.core.orders import tell_owners
from data.model.chart import Changes, Chart
from data.model.communication import Category
from data.model.concern import FlagState
from data.model.conversation import Parse, RawMessage
from data.model.people import ContactState
from data.vocabulary import vital_signs
from scheduler.courtesy import IMPERSONAL

# Asked for the code once in so long; who writes several lines reads it once.
_ASKED_FOR = timedelta(minutes=10)
# The band of values that may be deadly.
_WORST = 3


def respond_unverified(draft: Draft, message: RawMessage, parse: Parse) -> None:
    """Answer words that are no emergency by themselves. A reading that may be deadly is one, whosever it is."""
    put_in_doubt(draft, message)
    if parse.intent == "wrong-number":
        doubt(draft, message)
        tell_care_managers(draft, "number-doubtful")
        _say(draft, message, "wrong-number")
        return
    if may_be_deadly(parse):
        note_facts(draft, message, replace(parse, entities=()))
        text = draft.kit.texts.say("vital-critical", draft.subject.language, **_number(draft))
        say_safely(draft, "vital-critical", text=text, channel=message.channel, address=message.address)
        if not weigh(draft):
            tell_owners(draft)
        return
    if parse.intent == "worse" and any(flag.state is not FlagState.CLOSED for flag in draft.chart.flags):
        tell_owners(draft)
    asked = (c for c in draft.chart.communications if c.text_key == "unverified" and c.address == message.address)
    if any(c.created_at > draft.now - _ASKED_FOR for c in asked):
        draft.notes.append("asked for a code already")
    else:
        _say(draft, message, "unverified")


def put_in_doubt(draft: Draft, message: RawMessage) -> None:
    """An address that fell silent for too long, found so before the daily look: as that would have done."""
    contact = contact_at(draft.subject, message.channel, message.address)
    if contact is not None and contact.state is ContactState.ACTIVE and lapsed(contact, draft.now):
        draft.person = with_contact(draft.subject, replace(contact, state=ContactState.UNVERIFIED))
        tell_of_contact(draft, "lapsed", contact.system)


def lapse(chart: Chart, event_id: str, kit: Kit, team: Team, now: datetime) -> Changes:
    """The daily look at one person's addresses: which fell silent for so long that they may be somebody else's."""
    draft = Draft(chart, kit, team, event_id=event_id, now=now)
    for contact in draft.subject.contacts:
        if contact.state is not ContactState.ACTIVE:
            continue
        if contact.heard_at is None:
            # Never looked at before: its silence is reckoned from today.
            draft.person = with_contact(draft.subject, replace(contact, heard_at=now))
        elif lapsed(contact, now):
            draft.person = with_contact(draft.subject, replace(contact, state=ContactState.UNVERIFIED))
            tell_of_contact(draft, "lapsed", contact.system)
    return draft.changes()


def may_be_deadly(parse: Parse) -> bool:
    """Whether a reading is in the worst band of its vital sign, or out of range in whatever unit it is."""
    signs = vital_signs()
    return any(r.alarming or (r.problem is None and signs[r.code].band(r.value) == _WORST) for r in parse.readings)


def _number(draft: Draft) -> dict[str, str]:
    return {"number": draft.kit.texts.emergency_number(draft.subject.zone)}


def _say(draft: Draft, message: RawMessage, key: str) -> None:
    text = draft.kit.texts.say(key, draft.subject.language, **_number(draft))
    draft.say(
        draft.subject,
        key,
        Category.REPLY,
        channel=message.channel,
        address=message.address,
        text=text,
        params=dict(IMPERSONAL),
    )
