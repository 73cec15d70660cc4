"""What became of a message: receipts raise its rank, and what did not arrive goes another way."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.contact import tell_care_managers
from bot.core.draft import Draft
from bot.core.kit import Kit, Team, usable
from bot.core.orders import carry_out
from bot.core.patience import OUR_FAULT, resend_after, usual_wait
from data.model.chart import Changes, Chart
from data.model.communication import Category, Communication, SendState
from data.model.escalation import EscalationState, PageState
from data.model.event import ReceiptArrived
from data.model.people import ChannelKind, Role
from scheduler.escalation import Advance, PageReceipt, TellPage, advance

# Said of a message whose sender died before it could say what became of it. Such a page is simply sent again;
# after a provider's silence a page takes the next channel at once instead.
SENDER_LOST = "sender lost"
# Said by the sender when every provider of the kind is known to have failed this message.
NO_PROVIDER_LEFT = "no provider left"
# Another provider of the kind must not, or cannot, do better: nothing is wanted there, or nobody has the address.
_FOR_ALL_PROVIDERS = ("stopped", "blocked", "invalid")
_KINDS = frozenset(kind.value for kind in ChannelKind)


# What the clinic reads of a failure: our own words, never a provider's, which may quote the message.
_WHY = {
    "stopped": "STOP was sent from there",
    "dead": "the number is dead",
    "invalid": "the address takes no messages",
    "blocked": "the assistant was blocked there",
    "unverified": "the address may be somebody else's",
    "unreachable": "the phone could not be reached",
    "template": "free text is not possible there now",
    "no contact": "no address",
    "no such address": "no address",
    "expired": "it could not be sent in time",
}
# These go on to another channel when one fails; an answer stays where it was asked for, a reminder is not worth it.
_MUST_ARRIVE = (Category.SAFETY, Category.PAGE, Category.OPERATIONS, Category.NOTICE)


def receive(chart: Chart, event: ReceiptArrived, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that a receipt makes. Pure; receipts may come doubled, late and in any order."""
    draft = Draft(chart, kit, team, event_id=event.id, now=now)
    row = next((c for c in chart.communications if c.id == event.communication_id), None)
    if row is None:
        draft.notes.append(f"receipt {event.state} for a message no longer on the chart")
    elif _of_another_try(row, event):
        draft.notes.append(f"receipt {event.state} of an earlier try: nothing to learn")
    elif event.state is SendState.QUEUED:
        _refused(draft, row, event)
    elif event.state.rank > row.state.rank:
        if event.error in OUR_FAULT and event.state.bad and _still_wanted(draft, row):
            _refused(draft, row, replace(event, retry_at=now + usual_wait(row)))
        else:
            _settle(draft, row, event)
    else:
        draft.notes.append(f"receipt {event.state} after {row.state}: nothing to learn")
    return draft.changes()


def _of_another_try(row: Communication, event: ReceiptArrived) -> bool:
    """A late word of a provider that has failed this message says nothing about the try that is under way.

    Only that it was delivered after all is news, whoever says it.
    """
    return bool(event.provider_id) and event.provider in row.tried and event.state.rank < SendState.DELIVERED.rank


def _refused(draft: Draft, row: Communication, event: ReceiptArrived) -> None:
    """Known not to have gone: another channel at once where it must arrive, else the same again a little later.

    A hold (no error) waits for its time and is no attempt.
    """
    if event.error and row.category in _MUST_ARRIVE and _channels_left(draft, row):
        _settle(draft, row, replace(event, state=SendState.FAILED))
        return
    attempts = row.attempts + (1 if event.error else 0)
    if row.state is not SendState.QUEUED:
        # It was accepted, and only then said not to have gone.
        row = replace(row, state=SendState.QUEUED, provider="", provider_id="", sent_at=None)
    draft.communications[row.id] = replace(row, not_before=event.retry_at, attempts=attempts)


def _settle(draft: Draft, row: Communication, event: ReceiptArrived) -> None:
    settled = replace(
        row,
        state=event.state,
        provider=event.provider or row.provider,
        provider_id=event.provider_id or row.provider_id,
        attempts=row.attempts + (1 if row.state is SendState.QUEUED else 0),
        sent_at=row.sent_at or (None if event.state.bad or event.state is SendState.DROPPED else draft.now),
    )
    draft.communications[row.id] = settled
    if event.error:
        draft.notes.append(f"{row.id}: {event.state}")
    if _again(draft, settled, row, event):
        return
    if _page_of(draft.chart, row):
        escalation = draft.chart.escalation(row.escalation_id or "")
        if escalation:
            step = advance(escalation, PageReceipt(row.id, event.state), draft.team.to_page(), draft.now)
            carry_out(draft, step)
            if event.state is SendState.UNKNOWN and _only_way(step, row):
                _once_more(draft, settled, row)
    elif event.state.bad or event.state is SendState.DROPPED:
        _another_way(draft, settled, event.error)


def _again(draft: Draft, settled: Communication, row: Communication, event: ReceiptArrived) -> bool:
    """Whether the same message goes once more on the same channel: of unknown fate, or by another provider.

    A page goes on by its ladder first, but for one whose sender was lost.
    """
    page, lost = _page_of(draft.chart, row), event.error == SENDER_LOST
    if event.state is SendState.UNKNOWN:
        if page and not lost:
            return False
        if row.category is Category.SAFETY and not lost and (left := _channels_left(draft, row)):
            _copy(draft, settled, left[0])
        return _once_more(draft, settled, row, lost=lost)
    failed_by = settled.provider
    if not event.state.bad or row.category is Category.NUDGE or not failed_by or (page and not _waiting(draft, row)):
        return False
    if row.category in _MUST_ARRIVE and _channels_left(draft, row):
        return False
    if failed_by in row.tried or event.error in (NO_PROVIDER_LEFT, *_FOR_ALL_PROVIDERS):
        return False
    draft.communications[row.id] = replace(
        settled, state=SendState.QUEUED, provider="", provider_id="", tried=(*row.tried, failed_by), not_before=None
    )
    return True


def _once_more(draft: Draft, settled: Communication, row: Communication, *, lost: bool = False) -> bool:
    """Queue a message of unknown fate again, a little later each time; False when that was done often enough.

    After a lost sender time enough has passed.
    """
    wait = resend_after(row)
    if wait is None:
        return False
    wait = timedelta() if lost and not row.unclear else wait
    draft.communications[row.id] = replace(
        settled, state=SendState.QUEUED, not_before=draft.now + wait, unclear=row.unclear + 1
    )
    return True


def _only_way(step: Advance, row: Communication) -> bool:
    """Whether a page of unknown fate is still wanted, and no other way to its reader was taken instead."""
    if step.escalation.state not in (EscalationState.OPEN, EscalationState.EXHAUSTED):
        return False
    if any(isinstance(order, TellPage) and order.person_id == row.recipient for order in step.orders):
        return False
    pages = [p for p in step.escalation.pages if p.person_id == row.recipient and p.round == step.escalation.round]
    mine = any(p.communication_id == row.id and p.state is PageState.UNKNOWN for p in pages)
    return mine and not any(p.state is PageState.TOLD for p in pages)


def _still_wanted(draft: Draft, row: Communication) -> bool:
    return not _page_of(draft.chart, row) or _waiting(draft, row)


def _waiting(draft: Draft, row: Communication) -> bool:
    """Whether a page is still wanted: nobody has taken its case, and its reader has not declined."""
    escalation = draft.chart.escalation(row.escalation_id or "")
    if escalation is None or escalation.state not in (EscalationState.OPEN, EscalationState.EXHAUSTED):
        return False
    states = {page.state for page in escalation.pages if page.communication_id == row.id}
    return bool(states & {PageState.TELLING, PageState.UNKNOWN})


def _channels_left(draft: Draft, row: Communication) -> list[ChannelKind]:
    """Usable channels of the recipient on which this message, or an earlier copy or page of the walk, has not gone."""
    person = draft.subject if row.recipient == draft.chart.subject else draft.team.person(row.recipient)
    if person is None:
        return []
    tried = _tried(draft, row)
    escalation = draft.chart.escalation(row.escalation_id) if row.escalation_id else None
    if escalation and row.category is Category.PAGE:
        tried |= {p.channel for p in escalation.pages if p.person_id == person.id and p.round == escalation.round}
    return [c.system for c in usable(person) if c.system not in tried]


def _page_of(chart: Chart, row: Communication) -> bool:
    escalation = chart.escalation(row.escalation_id) if row.escalation_id else None
    return escalation is not None and any(p.communication_id == row.id for p in escalation.pages)


def _another_way(draft: Draft, row: Communication, why: str) -> None:
    """What must be known goes to the recipient's next address; a patient with none left must be phoned."""
    to_patient = row.recipient == draft.chart.subject and draft.subject.role in (Role.PATIENT, Role.PROXY)
    told = _WHY.get(why, "not delivered")
    if row.category in _MUST_ARRIVE:
        left = _channels_left(draft, row)
        if left:
            _copy(draft, row, left[0])
        elif _by_another_provider(draft, row):
            return
        elif to_patient and row.category is Category.SAFETY and not (_on_its_way(draft, row) or _phoning(draft)):
            tell_care_managers(draft, "unreachable", why=told)
    elif row.category is Category.REPLY and to_patient and why != "stopped":
        tell_care_managers(draft, "not-delivered", why=told)


def _by_another_provider(draft: Draft, row: Communication) -> bool:
    """When every channel has failed once, the copy that has a provider to try left goes again through that one."""
    rows = {c.id: c for c in draft.chart.communications} | draft.communications
    for copy in rows.values():
        same = _original(copy.id) == _original(row.id)
        if same and copy.state.bad and copy.provider and copy.provider not in copy.tried:
            draft.communications[copy.id] = replace(
                copy,
                state=SendState.QUEUED,
                provider="",
                provider_id="",
                tried=(*copy.tried, copy.provider),
                not_before=None,
            )
            return True
    return False


def _on_its_way(draft: Draft, row: Communication) -> bool:
    """Whether a copy on another channel has arrived, or may."""
    rows = ({c.id: c for c in draft.chart.communications} | draft.communications).values()
    copies = (c for c in rows if c.id != row.id and _original(c.id) == _original(row.id))
    return any(not c.state.bad and c.state is not SendState.DROPPED for c in copies)


def _phoning(draft: Draft) -> bool:
    """Somebody was asked to phone this patient within the last hour: once is enough."""
    since = draft.now - timedelta(hours=1)
    return any(c.text_key == "unreachable" and c.created_at > since for c in draft.chart.communications)


def _copy(draft: Draft, row: Communication, channel: ChannelKind) -> None:
    """The same message again on another channel, as a row of its own."""
    copy_id = f"{row.id}+{channel}"
    draft.communications[copy_id] = replace(
        row,
        id=copy_id,
        channel=channel,
        state=SendState.QUEUED,
        provider="",
        provider_id="",
        attempts=0,
        unclear=0,
        not_before=None,
        sent_at=None,
        address="",
        tried=(),
        created_at=draft.now,
    )


def _tried(draft: Draft, row: Communication) -> set[ChannelKind]:
    """Channels that this message, or an earlier copy of it, was sent on."""
    first = _original(row.id)
    return {row.channel} | {c.channel for c in draft.chart.communications if _original(c.id) == first}


def _original(row_id: str) -> str:
    """The id of the first copy: what stands before the channels that were put on."""
    while row_id.rpartition("+")[2] in _KINDS:
        row_id = row_id.rpartition("+")[0]
    return row_id
