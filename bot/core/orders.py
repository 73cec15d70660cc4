"""What an escalation asks for, turned into messages, timers and the state of its flag."""

from dataclasses import replace

from bot.core.clocktime import at_clock
from bot.core.contact import say_safely
from bot.core.draft import Draft
from bot.core.kit import usable
from data.model.communication import Button, Category, SendState
from data.model.concern import FlagState, Priority
from data.model.escalation import Escalation, EscalationState, PageState
from data.model.people import ChannelKind
from data.model.plan import Due, DueKind
from scheduler.courtesy import ANSWERS
from scheduler.escalation import (
    Advance,
    AskOwner,
    Cancel,
    Confirm,
    Order,
    TellClosed,
    TellOperations,
    TellPage,
    TellPatientNobody,
    TellPatientTaken,
    TellReopened,
    TellTaken,
)

QUEUED = SendState.QUEUED
# The sentences that ask somebody to take a case; other staff texts share their category but are never taken back.
_PAGES = ("page", "page-again")
# What a page's buttons say, in the grammar of replies.
PAGE_ANSWERS = ("ok", "no", "up")
# Whose page may have arrived, and who has not passed it on.
_HEARD = (PageState.TELLING, PageState.TOLD, PageState.UNKNOWN)


def carry_out(draft: Draft, step: Advance, *, channel: ChannelKind | None = None) -> None:
    """Put an escalation's new state and its orders into the draft. Confirmations go out on `channel`."""
    escalation = step.escalation
    draft.escalations[escalation.id] = escalation
    if escalation.state in (EscalationState.ACKED, EscalationState.CLOSED):
        # An acknowledgement takes back, in the same commit, every page that has not gone, forgotten ones too.
        # What colleagues and the owner are told besides ("taken by", "still with you?") stays and goes out.
        take_back_pages(draft, escalation, "acknowledged")
    tick = Due(
        id=f"{escalation.id}/tick",
        subject=escalation.subject,
        kind=DueKind.ESCALATION,
        ref=escalation.id,
        due_at=escalation.next_at or draft.now,
        done=escalation.next_at is None,
    )
    draft.dues[tick.id] = tick
    _mark_flag(draft, escalation)
    for order in step.orders:
        _carry_out_one(draft, escalation, order, channel)


def from_there(draft: Draft, step: Advance) -> Advance:
    """The same, noting where the words came from that opened or raised it: there the patient waits for news."""
    origin = draft.heard_from
    if origin is None:
        return step
    return replace(step, escalation=replace(step.escalation, channel=origin.system, address=origin.value))


def take_back_pages(draft: Draft, escalation: Escalation, why: str) -> None:
    """Drop every page of an escalation that has not left the house."""
    draft.cancel_queued(why, lambda row: row.text_key in _PAGES and row.escalation_id == escalation.id)


def tell_owners(draft: Draft) -> None:
    """Whoever has taken something of this patient hears that there is news."""
    for escalation in draft.chart.escalations:
        if escalation.state is EscalationState.ACKED and escalation.owner:
            _to_staff(draft, escalation, escalation.owner, "wrote-again", Category.PAGE)


def tell_holders(draft: Draft, escalation: Escalation, key: str, *, by: str | None = None) -> bool:
    """Whoever has taken a case, or was told of one that nobody has, hears the sentence `key`; False when nobody did.

    `by`: the colleague whose doing it is, and who knows.
    """
    if escalation.state is EscalationState.ACKED and escalation.owner:
        told: tuple[str, ...] = (escalation.owner,)
    else:
        rung = (page.person_id for page in escalation.pages if page.state in _HEARD)
        told = _who_heard(draft, escalation, tuple(dict.fromkeys(rung)))
    told = tuple(person_id for person_id in told if person_id != by)
    for person_id in told:
        _to_staff(draft, escalation, person_id, key, Category.PAGE, owner=by)
    return bool(told)


def _mark_flag(draft: Draft, escalation: Escalation) -> None:
    """The flag says what the escalation says: whose it is, or how it ended."""
    flag = draft.flags.get(escalation.flag_id) or draft.chart.flag(escalation.flag_id)
    if flag is None or flag.escalation_id not in (None, escalation.id):
        # A late word about an earlier episode changes nothing about the one that is open.
        return
    state = {
        EscalationState.ACKED: FlagState.ACKNOWLEDGED,
        EscalationState.CLOSED: FlagState.CLOSED,
    }.get(escalation.state, FlagState.OPEN)
    draft.flags[flag.id] = replace(
        flag,
        state=state,
        escalation_id=escalation.id,
        owner=escalation.owner or (flag.owner if state is FlagState.CLOSED else None),
        outcome=escalation.outcome,
        closed_at=draft.now if state is FlagState.CLOSED and flag.closed_at is None else flag.closed_at,
    )


def _carry_out_one(draft: Draft, escalation: Escalation, order: Order, channel: ChannelKind | None) -> None:
    match order:
        case TellPatientTaken() | TellPatientNobody():
            _to_patient(draft, escalation, order)
        case TellPage():
            _page(draft, escalation, order)
        case AskOwner(communication_id=row_id, person_id=person_id):
            _to_staff(draft, escalation, person_id, "ask-owner", Category.PAGE, row_id=row_id)
        case TellTaken() | TellReopened() | TellClosed():
            _to_others(draft, escalation, order)
        case Confirm(person_id=person_id, key=key):
            _to_staff(draft, escalation, person_id, key, Category.REPLY, channel=channel)
        case TellOperations():
            _to_operations(draft, escalation)
        case Cancel(communication_ids=ids):
            for communication_id in ids:
                draft.cancel(communication_id, "acknowledged")


def _to_others(draft: Draft, escalation: Escalation, order: TellTaken | TellReopened | TellClosed) -> None:
    """Colleagues hear what became of what they were told."""
    match order:
        case TellTaken(person_ids=person_ids, owner=owner):
            key, person_ids = "taken-by", _who_heard(draft, escalation, person_ids)
        case TellReopened(person_ids=person_ids, owner=owner):
            key = "reopened"
        case TellClosed(person_ids=person_ids, by=owner):
            key = "closed-by"
    for person_id in person_ids:
        _to_staff(draft, escalation, person_id, key, Category.PAGE, owner=owner)


def _to_patient(draft: Draft, escalation: Escalation, order: TellPatientTaken | TellPatientNobody) -> None:
    """Whose it is, or that nobody has answered.

    The first is a notice, unless the patient was told before that nobody answers; the second is a safety text at P1
    and a notice below, for nobody is woken for a routine matter. Both go where the patient wrote of it, while that
    address is theirs and in use; below P2, or where no words of theirs are answered, quiet hours hold the notice.
    """
    channel, address = _where_they_wrote(draft, escalation)
    params = dict(ANSWERS) if escalation.channel else {}
    priority, texts = escalation.policy.priority, draft.kit.texts
    if isinstance(order, TellPatientTaken):
        text = texts.say("taken", draft.subject.language, owner=draft.team.name(order.owner))
        key, urgent = "taken", order.after_silence and priority is Priority.P1
    else:
        number = texts.emergency_number(draft.subject.zone)
        text = texts.say("nobody", draft.subject.language, number=number)
        key, urgent = "nobody", priority is Priority.P1
    if urgent:
        say_safely(
            draft, key, text=text, priority=priority, channel=channel, address=address, escalation_id=escalation.id
        )
    else:
        expiry = draft.now + draft.kit.policies.courtesy.taken_expires_after
        draft.say(
            draft.subject,
            key,
            Category.NOTICE,
            priority=priority,
            channel=channel,
            address=address,
            expires_at=expiry,
            text=text,
            params=params,
        )


def _where_they_wrote(draft: Draft, escalation: Escalation) -> tuple[ChannelKind | None, str]:
    """The address that the emergency came from, if it may still be used; else nothing, and the first one is."""
    channel, address = escalation.channel, escalation.address
    if channel and any(contact.at(channel, address) for contact in usable(draft.subject)):
        return channel, address
    return None, ""


def _to_operations(draft: Draft, escalation: Escalation) -> None:
    key = "exhausted" if draft.team.ladder() else "exhausted-no-ladder"
    for person in draft.team.operations():
        _to_staff(draft, escalation, person.id, key, Category.OPERATIONS)
    if not draft.team.operations():
        draft.notes.append(f"{escalation.id} exhausted and nobody runs operations")


def _page(draft: Draft, escalation: Escalation, order: TellPage) -> None:
    person = draft.team.person(order.person_id)
    if person is None:
        return
    draft.cancel_queued(
        "newer page",
        lambda row: (
            row.text_key in _PAGES
            and (row.escalation_id, row.recipient, row.channel) == (escalation.id, person.id, order.channel)
        ),
    )
    key = "page-again" if order.again else "page"
    draft.say(
        person,
        key,
        Category.PAGE,
        channel=order.channel,
        priority=escalation.policy.priority,
        communication_id=order.communication_id,
        escalation_id=escalation.id,
        level=escalation.policy.priority.value,
        patient=draft.subject.code,
        code="{code}",
        buttons=page_buttons(draft, person.language),
    )


def page_buttons(draft: Draft, language: str) -> tuple[Button, ...]:
    """What can be pressed in answer to a page, where its channel has buttons. The code is put before it when it is."""
    return tuple(Button(label=draft.kit.texts.say(f"button-{says}", language), says=says) for says in PAGE_ANSWERS)


def _who_heard(draft: Draft, escalation: Escalation, person_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Of those paged, the ones whose page has left the house: a page still queued is dropped, not taken back.

    One that is queued again because nobody knows whether it went may have been read.
    """
    rows = draft.chart.communications + tuple(draft.communications.values())
    queued = {c.id for c in rows if c.state is QUEUED and not c.unclear}
    heard = {page.person_id for page in escalation.pages if page.communication_id not in queued}
    return tuple(person_id for person_id in person_ids if person_id in heard)


def _to_staff(
    draft: Draft,
    escalation: Escalation,
    person_id: str,
    key: str,
    category: Category,
    *,
    channel: ChannelKind | None = None,
    row_id: str | None = None,
    owner: str | None = None,
) -> None:
    """One sentence about this escalation to a practitioner: codes, levels, colleagues and times, nothing else."""
    person = draft.team.person(person_id)
    if person is None:
        return
    told = draft.chart.escalation(escalation.id) or escalation
    values = {
        "level": escalation.policy.priority.value,
        "patient": draft.subject.code,
        "code": "{code}",
        "owner": draft.team.name(owner or told.owner or escalation.owner),
        "until": at_clock(escalation.lease_until or draft.now, person.zone, draft.now),
        "since": at_clock(escalation.acked_at or draft.now, person.zone, draft.now),
        "closed": at_clock(escalation.closed_at or draft.now, person.zone, draft.now),
    }
    draft.say(
        person,
        key,
        category,
        channel=channel,
        priority=escalation.policy.priority,
        communication_id=row_id,
        escalation_id=escalation.id,
        text=draft.kit.texts.say(key, person.language, **values),
    )
