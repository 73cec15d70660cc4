"""One send attempt: claim, check at send time, hand to the first provider that takes it, record what became of it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.core.receive import SENDER_LOST
from data.model.communication import Communication, SendState
from data.model.event import ReceiptArrived
from data.model.people import ContactPoint, Person
from data.ports import Channel, Outcome
from scheduler.courtesy import Action, verdict

if TYPE_CHECKING:
    from bot.house import House

# Waits after a refusal by every provider of the kind: doubling, at most a minute, for as long as the message lives.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(seconds=60)


def deliver_next(house: "House", lease: timedelta) -> bool:
    """Send the most urgent message that may go now; False when there is none."""
    claimed = house.record.claim_outbox(house.now(), lease)
    if claimed is None:
        return False
    row, claim = claimed
    # A second claim means that an earlier sender died before it recorded: the message may or may not have gone.
    lost = claim.attempt > 1
    outcome = Outcome(SendState.UNKNOWN, error=SENDER_LOST) if lost else _attempt(house, row)
    event = ReceiptArrived(
        id=f"sent:{row.id}#{row.attempts}{_mark(outcome)}",
        communication_id=row.id,
        state=outcome.state,
        provider=outcome.provider,
        provider_id=outcome.provider_id,
        error=outcome.error,
        retry_at=outcome.retry_at,
    )
    house.receive(row.subject, event)
    return True


def _mark(outcome: Outcome) -> str:
    """A hold is no attempt: its event is told apart by the time it holds until."""
    held = outcome.state is SendState.QUEUED and outcome.retry_at is not None and not outcome.error
    return f"@{outcome.retry_at.isoformat()}" if held and outcome.retry_at else ""


def _attempt(house: "House", row: Communication) -> Outcome:
    now = house.now()
    person = next((p for p in house.record.people() if p.id == row.recipient), None)
    if person is None:
        return Outcome(SendState.DROPPED, error="no such person")
    recent = house.record.chart(row.subject).communications
    decided = verdict(row, person, recent, house.kit.policies.courtesy, now)
    if decided.action is Action.HOLD:
        return Outcome(SendState.QUEUED, retry_at=decided.until)
    if decided.action is Action.DROP:
        return Outcome(SendState.DROPPED, error=decided.reason)
    address = _address(person, row)
    if address is None:
        return Outcome(SendState.FAILED, error="no such address")
    return _through(house.carriers, address, row, now)


def _address(person: Person, row: Communication) -> ContactPoint | None:
    return next((c for c in person.contacts if c.system is row.channel), None)


def _through(carriers: tuple[Channel, ...], to: ContactPoint, row: Communication, now: datetime) -> Outcome:
    """The first provider of the kind that takes the message; one that is known not to have taken it is passed over."""
    outcome = Outcome(SendState.FAILED, error=f"no provider for {row.channel}")
    for carrier in carriers:
        if carrier.kind is row.channel:
            outcome = carrier.send(to, row, now)
            if outcome.state is not SendState.QUEUED:
                return outcome
    if outcome.state is SendState.QUEUED:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts, 6))
        later = now + wait
        if row.expires_at is not None and later > row.expires_at:
            return Outcome(SendState.DROPPED, error="expired")
        return Outcome(SendState.QUEUED, error=outcome.error or "refused", retry_at=outcome.retry_at or later)
    return outcome
