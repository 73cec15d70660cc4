"""One send attempt: claim, check at send time, hand to the first provider that takes it, record what became of it."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.core.patience import LONGEST_WAIT, OUR_FAULT, is_urgent, least_wait, usual_wait
from bot.core.receive import NO_PROVIDER_LEFT, SENDER_LOST
from bot.faults import tell_of_provider
from bot.trace import traced
from data.model.communication import Category, Communication, SendState
from data.model.event import ReceiptArrived
from data.model.people import ContactPoint, ContactState, Person
from data.ports import Channel, Claim, Finds, Outcome, Paces
from scheduler.courtesy import Action, open_to, verdict

if TYPE_CHECKING:
    from bot.house import House

log = logging.getLogger("phms.delivery")

# What we send unasked waits so long at a time while the person's own words are not yet answered; a notice, which may
# be of an emergency, so long in all: an inbox that is stuck must not silence it.
HEARING, LONGEST_HEARING = timedelta(seconds=5), timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is this sender's until its lease lapses."""

    row: Communication
    claim: Claim
    at: datetime


def deliver_next(house: "House", lease: timedelta) -> bool:
    """Send the most urgent message that may go now; False when there is none, or none could be claimed."""
    claimed = claim_next(house, lease)
    if claimed is None:
        return False
    record_outcome(house, claimed, attempt(house, claimed, house.now()))
    return True


def claim_next(house: "House", lease: timedelta, *, urgent: bool = False) -> Claimed | None:
    """The most urgent message that may go now; with `urgent`, only P1 and safety texts."""
    now = house.now()
    claimed = house.claimed("message to send", lambda: house.record.claim_outbox(now, lease, urgent=urgent))
    return None if claimed is None else Claimed(*claimed, now)


def attempt(house: "House", claimed: Claimed, now: datetime) -> Outcome | None:
    """Hand it over, unless something speaks against it; None when it was taken back meanwhile."""
    if claimed.claim.attempt > 1:
        # An earlier sender died before it recorded: the message may or may not have gone.
        return _found_again(house, claimed.row) or Outcome(SendState.UNKNOWN, error=SENDER_LOST)
    if _was_unclear(claimed.row) and (found := _found_again(house, claimed.row)):
        return found
    return _attempt(house, claimed.row, now)


def put_back(claimed: Claimed, now: datetime) -> Outcome:
    """It waited behind others for so long that its lease might lapse: it is claimed anew."""
    return Outcome(SendState.QUEUED, retry_at=now)


def record_outcome(house: "House", claimed: Claimed, outcome: Outcome | None) -> None:
    """Commit what became of it; safe to repeat."""
    if outcome is None:
        return
    row, claim = claimed.row, claimed.claim
    event = ReceiptArrived(
        id=f"sent:{row.id}#{row.attempts}{_mark(outcome, claim.token)}",
        communication_id=row.id,
        state=outcome.state,
        provider=outcome.provider,
        provider_id=outcome.provider_id,
        error=outcome.error,
        retry_at=outcome.retry_at,
    )
    house.receive(row.subject, event, house.now())


def _was_unclear(row: Communication) -> bool:
    """Whether the try before this one may have gone: a provider was given it and has said nothing."""
    return row.attempts > 0 and bool(row.provider) and not row.provider_id and row.provider not in row.tried


def _found_again(house: "House", row: Communication) -> Outcome | None:
    """What a provider that can be asked has of a message that may have gone; a page is rather sent twice than late."""
    person = house.person(row.recipient)
    address = _address(person, row) if person else None
    if address is None or row.category in (Category.SAFETY, Category.PAGE):
        return None
    carriers = [c for c in house.carriers if c.kind is row.channel and c.name not in row.tried and isinstance(c, Finds)]
    for carrier in carriers:
        # A message that waits for its second try may have gone long before that.
        since = row.created_at if row.attempts else row.not_before or row.created_at
        found = carrier.find(address, house.worded(row), since)
        if found is not None and found.state is not SendState.QUEUED:
            return found
    return None


def _mark(outcome: Outcome, token: int) -> str:
    """A hold is no attempt: its event is told apart by the claim that found it, for it may be found held twice."""
    return f"~{token}" if outcome.state is SendState.QUEUED and not outcome.error else ""


def _attempt(house: "House", row: Communication, now: datetime) -> Outcome | None:
    """One try; None when the message was taken back between its claim and now."""
    chart = house.record.chart(row.subject, observations=False)
    known = next((c for c in chart.communications if c.id == row.id), None)
    if known is not None and known.state is not SendState.QUEUED:
        return None
    person = house.person(row.recipient)
    if person is None:
        return Outcome(SendState.DROPPED, error="no such person")
    if row.category is not Category.NUDGE and row.expires_at is not None and now >= row.expires_at:
        return Outcome(SendState.DROPPED, error="expired")
    decided = verdict(row, person, chart.communications, house.kit.policies.courtesy, now)
    if decided.action is Action.HOLD:
        return Outcome(SendState.QUEUED, retry_at=decided.until)
    if decided.action is Action.DROP:
        return Outcome(SendState.DROPPED, error=decided.reason)
    address = _address(person, row)
    if address is None:
        return Outcome(SendState.DROPPED, error="no such address")
    if not open_to(address.state, row):
        return Outcome(SendState.DROPPED, error=address.state.value)
    if _can_wait(row, now) and _has_written(house, person):
        # What they wrote may be STOP or a withdrawal, and that counts from when it came in.
        return Outcome(SendState.QUEUED, retry_at=now + HEARING)
    heard = list[Outcome]()
    outcome = _through(house.carriers, address, house.worded(row), now, heard)
    for provider in {said.provider for said in heard if said.error in OUR_FAULT and said.provider}:
        # Told whatever became of this message: the next provider may have taken it.
        tell_of_provider(house, provider, now)
    return outcome


def _can_wait(row: Communication, now: datetime) -> bool:
    """A reminder waits as long as it is worth sending; what became of an emergency not longer than minutes."""
    if row.category is Category.NOTICE:
        return now < row.created_at + LONGEST_HEARING
    return row.category is Category.NUDGE


def _has_written(house: "House", person: Person) -> bool:
    """Whether a message of theirs, or of whoever shares an address with them, is kept and not yet answered."""
    queues = {person.id}
    for contact in person.contacts:
        queues.add(f"{contact.system}:{contact.value.strip()}")
        queues.update(holder.id for holder in house.record.holders(contact.system, contact.value))
    return any(house.record.waiting(queue) for queue in sorted(queues))


def _address(person: Person, row: Communication) -> ContactPoint | None:
    """Where it goes: an answer to where the question came from, anything else to the first address in use."""
    of_kind = [c for c in person.contacts if c.system is row.channel]
    if row.address:
        return next((c for c in of_kind if c.value.strip() == row.address.strip()), None)
    known = (c for c in of_kind if c.state is ContactState.ACTIVE)
    return next(known, next((c for c in of_kind if open_to(c.state, row)), of_kind[0] if of_kind else None))


def _through(
    carriers: tuple[Channel, ...],
    to: ContactPoint,
    row: Communication,
    now: datetime,
    heard: list[Outcome] | None = None,
) -> Outcome:
    """The first provider of the kind that takes the message; one that is known not to have taken it is passed over.

    A page that repeats an earlier one starts with the provider that the earlier one did not need. What each said is
    put into `heard`.
    """
    fitting = [c for c in carriers if c.kind is row.channel and c.name not in row.tried]
    if not fitting:
        return Outcome(SendState.UNDELIVERED, error=NO_PROVIDER_LEFT)
    if row.text_key == "page-again":
        fitting.reverse()
    if is_urgent(row):
        # It does not wait for a provider that asks for patience while another has time.
        fitting = sorted(fitting, key=lambda carrier: max(_place(carrier, to, row, now), now))
    place = _place(fitting[0], to, row, now)
    if place > now:
        # A hold: its place in the row, no attempt. What is urgent counts it as a refusal, and takes another channel.
        return Outcome(SendState.QUEUED, error="busy" if is_urgent(row) else "", retry_at=place)
    outcome = Outcome(SendState.QUEUED)
    for carrier in fitting:
        outcome = _hand_over(carrier, to, row, now)
        if heard is not None:
            heard.append(outcome)
        may_double = outcome.state is SendState.UNKNOWN and row.category in (Category.SAFETY, Category.PAGE)
        if outcome.state is not SendState.QUEUED and not (may_double and carrier is not fitting[-1]):
            return outcome
    if outcome.state is not SendState.QUEUED:
        return outcome
    # A provider may ask for patience, within what a message can bear.
    wished = outcome.retry_at or now + usual_wait(row)
    later = max(now + least_wait(row), min(now + LONGEST_WAIT, wished))
    if row.expires_at is not None and later > row.expires_at:
        return Outcome(SendState.DROPPED, error="expired")
    return Outcome(SendState.QUEUED, error=outcome.error or "refused", retry_at=later)


def _place(carrier: Channel, to: ContactPoint, row: Communication, now: datetime) -> datetime:
    """When the provider has time for it."""
    return carrier.ready_at(to, row, now) if isinstance(carrier, Paces) else now


def _hand_over(carrier: Channel, to: ContactPoint, row: Communication, now: datetime) -> Outcome:
    """One provider's answer; one that breaks its promise and raises may have sent the message or not."""
    try:
        outcome = carrier.send(to, row, now)
    except Exception as problem:
        # Its text may quote the message, so only its kind is logged.
        log.error("provider %s raised %s on %s", carrier.name, type(problem).__name__, traced(row.id))
        return Outcome(SendState.UNKNOWN, provider=carrier.name, error="provider raised")
    # Refused for our account's sake it has surely not gone, whatever the provider calls it.
    ours = outcome.state is SendState.FAILED and outcome.error in OUR_FAULT
    return replace(outcome, state=SendState.QUEUED) if ours else outcome
