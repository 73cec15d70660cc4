"""A practitioner's message: which patient it is about, and what it asks for. Pure; the shell brings the codes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.access import Action, Asker, Relation
from bot.core.contact import carrier_word_said
from bot.core.draft import Draft
from bot.core.kit import Kit, Team
from data.model.audit import Access
from data.model.chart import Changes, Chart
from data.model.communication import Category, SendState
from data.model.conversation import RawMessage
from data.model.escalation import Escalation, EscalationState
from data.model.people import Person
from data.ports import CodeUse
from scheduler.courtesy import IMPERSONAL
from scheduler.orders import Verb
from scheduler.replies import Reply


@dataclass(frozen=True, slots=True)
class OpenCode:
    """A code that went to this practitioner, with the escalation it stands for as it is now.

    `heard_at` is when a page or question about it last left the house for this person, None when none did.
    """

    use: CodeUse
    escalation: Escalation
    patient_code: str
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """Where a reply goes: to an escalation on a patient's chart, or to a sentence in answer (`key`)."""

    use: CodeUse | None = None
    key: str = ""


# How long a bare "ok" can be about a page: "exactly one unacknowledged code went to this person in the last hour".
RECENT = timedelta(hours=1)
# From an address that may be somebody else's, a colleague is asked for a code once in so long.
_ASKED_FOR = timedelta(minutes=10)
# May go to somebody else than the colleague.
_TELLS_NOTHING = ("unverified-staff", "edit-staff", "not-on-staff")
# What a reply asks for; any other takes the case or moves it.
_ASKED = {Verb.DETAILS: Action.READ_PAGE, Verb.DONE: Action.RESOLVE}
# Sentences that ask for an answer; "taken by" and the like do not.
_ASKING = ("page", "page-again", "ask-owner", "reopened", "wrote-again")


def open_code(use: CodeUse, chart: Chart, who: Person) -> OpenCode | None:
    """What a code stands for on its patient's chart; None when that is closed or gone."""
    escalation = chart.escalation(use.escalation_id)
    if escalation is None or escalation.state is EscalationState.CLOSED or chart.person is None:
        return None
    times = [
        row.sent_at or row.created_at
        for row in chart.communications
        if row.recipient == who.id
        and row.text_key in _ASKING
        and row.escalation_id == escalation.id
        and row.state not in (SendState.QUEUED, SendState.DROPPED, SendState.FAILED, SendState.UNDELIVERED)
    ]
    return OpenCode(use, escalation, chart.person.code, max(times, default=None))


def head(reply: Reply | None, use: CodeUse | None, opened: tuple[OpenCode, ...], who: Person, at: datetime) -> Heading:
    """Decide what a reply that came in at `at` is about. `use` is what its code stands for.

    A bare "ok" counts only when exactly one of the person's codes waits for an answer and was heard in the hour
    before; a bare anything else names nothing that could be undone by mistake, so the list comes back.
    """
    if reply is None:
        return Heading(key="reply-not-understood")
    if reply.ambiguous:
        return Heading(key="reply-two-codes")
    if reply.verb is Verb.LIST:
        return Heading(key="list")
    if reply.code is not None:
        return Heading(use=use) if use else Heading(key="reply-unknown-code")
    waiting = [o for o in opened if _waits_for(o.escalation, who) and o.heard_at and at - RECENT <= o.heard_at <= at]
    if reply.verb is Verb.OK and len(waiting) == 1:
        return Heading(use=waiting[0].use)
    return Heading(key="list")


def permitted(heading: Heading, reply: Reply | None, asker: Asker, patient: Person | None) -> Heading:
    """The same heading where the policy lets the asker do so to `patient`, else "not one of your codes"."""
    if heading.use is None or reply is None:
        return heading
    holder = replace(asker, paged=asker.paged | {heading.use.subject})
    if patient is not None and holder.may(_ASKED.get(reply.verb, Action.ACKNOWLEDGE), patient):
        return heading
    return Heading(key="reply-unknown-code")


def page_looks(
    heading: Heading, reply: Reply | None, opened: tuple[OpenCode, ...], asker: Asker, via: str
) -> tuple[Access, ...]:
    """What must stand in the audit before a reply is answered: details of one page, or the list of all.

    Taking and closing a case are changes and stand in the journal.
    """
    if heading.key == "list":
        subjects = tuple(dict.fromkeys(o.use.subject for o in opened))
    else:
        subjects = (heading.use.subject,) if heading.use and reply and reply.verb is Verb.DETAILS else ()
    return tuple(asker.look(Action.READ_PAGE, subject, via, reason=Relation.ON_CALL.value) for subject in subjects)


def _waits_for(escalation: Escalation, who: Person) -> bool:
    """Nobody has taken it, or its owner is asked whether it is still theirs."""
    return escalation.owner is None or (escalation.owner == who.id and escalation.asked_at is not None)


def answer_staff(
    chart: Chart,
    message: RawMessage,
    heading: Heading,
    code: str,
    opened: tuple[OpenCode, ...],
    kit: Kit,
    team: Team,
    now: datetime,
) -> Changes:
    """A sentence back to the practitioner, on their own chart: the list, or what to write instead."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    key = heading.key
    items = ", ".join(f"{o.use.code} {o.escalation.policy.priority.value} {o.patient_code}" for o in opened)
    if key == "list" and not items:
        key = "list-empty"
    number = kit.texts.emergency_number(draft.subject.zone)
    category = Category.SAFETY if key == "emergency-staff" else Category.REPLY
    said = (c for c in chart.communications if c.text_key == key == "unverified-staff" and c.address == message.address)
    if any(c.created_at > now - _ASKED_FOR for c in said):
        draft.notes.append("asked for a code already")
        return draft.changes()
    text = kit.texts.say(key, draft.subject.language, items=items, code=code, number=number)
    params = dict(IMPERSONAL) if key in _TELLS_NOTHING else {}
    draft.say(draft.subject, key, category, channel=message.channel, address=message.address, text=text, params=params)
    return draft.changes()


def tell(draft: Draft, who: Person, message: RawMessage, key: str, **values: str) -> None:
    """One sentence in answer to a practitioner's message, on the channel it came by."""
    text = draft.kit.texts.say(key, who.language, **values)
    draft.say(who, key, Category.REPLY, channel=message.channel, text=text)


def staff_carrier_word(chart: Chart, message: RawMessage, word: str, kit: Kit, team: Team, now: datetime) -> Changes:
    """STOP and START of a colleague: kept like a patient's, and whoever runs the clinic hears of a STOP."""
    draft = Draft(chart, kit, team, event_id=message.id, now=now)
    carrier_word_said(draft, message, word)
    return draft.changes()


def told_once(chart: Chart, message: RawMessage, word: str, kit: Kit, team: Team, now: datetime) -> Changes:
    """The same for others at the address that STOP or START came from, whom one answer reaches as well."""
    changes = staff_carrier_word(chart, message, word, kit, team, now)
    rows = (c for c in changes.communications if not (c.category is Category.REPLY and c.recipient == chart.subject))
    return replace(changes, communications=tuple(rows))
