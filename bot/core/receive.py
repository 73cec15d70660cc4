"""What became of a message: receipts raise its rank, and what did not arrive goes another way."""

from dataclasses import replace
from datetime import datetime

from bot.core.contact import tell_care_managers
from bot.core.draft import Draft
from bot.core.kit import Kit, Team, usable
from bot.core.orders import carry_out
from data.model.chart import Changes, Chart
from data.model.communication import Category, Communication, SendState
from data.model.event import ReceiptArrived
from data.model.people import ChannelKind, Role
from scheduler.escalation import PageReceipt, advance

# How often a message whose outcome is unknown is handed over once more: a doubled page or safety text is harmless,
# a doubled answer is tolerable once, a doubled reminder could mean a doubled dose.
_RESENDS = {
    Category.SAFETY: 3,
    Category.PAGE: 3,
    Category.OPERATIONS: 3,
    Category.REPLY: 1,
    Category.NOTICE: 0,
    Category.NUDGE: 0,
}
# Said of a message whose sender died before it could say what became of it. Such a page is simply sent again;
# after a provider's silence a page takes the next channel at once instead.
SENDER_LOST = "sender lost"
_KINDS = frozenset(kind.value for kind in ChannelKind)


def receive(chart: Chart, event: ReceiptArrived, kit: Kit, team: Team, now: datetime) -> Changes:
    """The changes that a receipt makes. Pure; receipts may come doubled, late and in any order."""
    draft = Draft(chart, kit, team, event_id=event.id, now=now)
    row = next((c for c in chart.communications if c.id == event.communication_id), None)
    if row is None:
        draft.notes.append(f"receipt {event.state} for a message no longer on the chart")
    elif event.state is SendState.QUEUED:
        draft.communications[row.id] = _once_more(row, event)
    elif event.state.rank > row.state.rank:
        _settle(draft, row, event)
    else:
        draft.notes.append(f"receipt {event.state} after {row.state}: nothing to learn")
    return draft.changes()


def _once_more(row: Communication, event: ReceiptArrived) -> Communication:
    attempts = row.attempts + (1 if event.error else 0)
    return replace(row, not_before=event.retry_at, attempts=attempts, reason=row.reason)


def _settle(draft: Draft, row: Communication, event: ReceiptArrived) -> None:
    settled = replace(
        row,
        state=event.state,
        provider=event.provider or row.provider,
        provider_id=event.provider_id or row.provider_id,
        attempts=row.attempts + (1 if event.state in (SendState.ACCEPTED, SendState.UNKNOWN) else 0),
        sent_at=row.sent_at or (draft.now if event.state is SendState.ACCEPTED else None),
    )
    draft.communications[row.id] = settled
    if event.error:
        draft.notes.append(f"{row.id}: {event.state}: {event.error}")
    page = _page_of(draft.chart, row)
    may_resend = event.error == SENDER_LOST or not page
    if event.state is SendState.UNKNOWN and may_resend and row.attempts < _RESENDS[row.category]:
        draft.communications[row.id] = replace(settled, state=SendState.QUEUED)
    elif page:
        escalation = draft.chart.escalation(row.escalation_id or "")
        if escalation:
            step = advance(escalation, PageReceipt(row.id, event.state), draft.team.ladder(), draft.now)
            carry_out(draft, step)
    elif event.state.bad or (event.state is SendState.DROPPED and event.error == "stopped"):
        _another_way(draft, settled, event.error)


def _page_of(chart: Chart, row: Communication) -> bool:
    escalation = chart.escalation(row.escalation_id) if row.escalation_id else None
    return escalation is not None and any(p.communication_id == row.id for p in escalation.pages)


def _another_way(draft: Draft, row: Communication, why: str) -> None:
    """What must be known goes to the recipient's next address; a patient with none left must be phoned."""
    to_patient = row.recipient == draft.chart.subject and draft.subject.role is Role.PATIENT
    recipient = draft.subject if to_patient else draft.team.person(row.recipient)
    if row.category in (Category.SAFETY, Category.OPERATIONS) and recipient is not None:
        left = [c for c in usable(recipient) if c.system not in _tried(draft, row)]
        if left:
            _copy(draft, row, left[0].system)
        elif to_patient:
            tell_care_managers(draft, "unreachable", why=why or str(row.state))
    elif row.category is Category.REPLY and to_patient:
        tell_care_managers(draft, "not-delivered", why=why or str(row.state))


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
        not_before=None,
        sent_at=None,
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
