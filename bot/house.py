"""The house at work: keeps what comes in, asks the core, commits in one step, delivers; holds no state of its own."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TypeVar

from bot.buttons import with_ids
from bot.core.enrol import enrol
from bot.core.fire import fire
from bot.core.kit import Kit, Team
from bot.core.observe import observe
from bot.core.receive import receive
from bot.core.shared_number import writers
from bot.delivery import deliver_next
from bot.door import kept_address, kept_id, kept_text
from bot.faults import heed
from bot.front_desk import FrontDesk
from bot.known_elsewhere import known_elsewhere
from bot.long_texts import in_parts
from bot.named import named
from bot.stops import is_stopped
from bot.trace import traced
from bot.unread import tell_of
from data.errors import BadFile, BadInput, Conflict, NotFound, Unavailable
from data.model.chart import Changes, Chart
from data.model.communication import Communication, SendState
from data.model.conversation import MessageKind, RawMessage
from data.model.event import DueFired, PersonChanged, ReadingsArrived, ReceiptArrived
from data.model.inbound import Inbound
from data.model.observation import Observation
from data.model.people import ChannelKind, ContactState, Person, Purpose, Role
from data.model.plan import Activity
from data.ports import Channel, Claim, Clock, Parser, Record, Spoilt
from nlu.safety import screen

log = logging.getLogger("phms.house")

LEASE = timedelta(seconds=30)
# Thinking takes milliseconds: what a worker that died had taken is free again soon, for it may be an emergency.
THINKING = timedelta(seconds=10)
# A revision conflict means that another worker was quicker; deciding again is cheap, endless losing is a fault.
TRIES = 20
# A colleague's message that cannot be worked is tried so often before they are asked to write it again.
MOST_ATTEMPTS = 3

_TAKEN = "this id belonged to somebody who was erased; choose another"

Decide = Callable[[Chart, Team], Changes]
T = TypeVar("T")


class House:
    """One running system over one record. Everything it does can be stopped at any line and done again.

    `carriers` are the providers in order of preference within each channel kind.
    """

    def __init__(self, record: Record, clock: Clock, carriers: tuple[Channel, ...], kit: Kit, parser: Parser) -> None:
        self.record = record
        self.clock = clock
        self.carriers = carriers
        self.kit = kit
        self.parser = parser
        self.front_desk = FrontDesk(self)
        # Spoilt rows that the clinic was told of: safe to lose, for the record knows it too.
        self._told: set[Spoilt] = set()

    # Doors: what comes in is kept or committed before the caller is answered.

    def enrol(self, person: Person, activities: tuple[Activity, ...] = (), *, event_id: str) -> None:
        """Record a new or changed person, with their care plan. Raises `BadInput` for what cannot be worked with."""
        if self.record.chart(person.id, observations=False).erased:
            raise BadInput(_TAKEN)
        event = PersonChanged(id=event_id, person=self._heeding_stop(person), activities=activities)
        now = self.now()
        self.commit(person.id, event_id, "enrol", "clinic", now, lambda c, t: enrol(c, event, self.kit, t, now))

    def _heeding_stop(self, person: Person) -> Person:
        contacts = (
            replace(c, state=ContactState.STOPPED) if is_stopped(self.record, c.system, c.value) else c
            for c in person.contacts
        )
        return replace(person, contacts=tuple(contacts))

    def hear(self, channel: ChannelKind, address: str, text: str, provider_message_id: str) -> bool:
        """Keep the words of somebody for ever; False when the provider sent them before. See `take_in`."""
        inbound = Inbound(channel=channel, address=address, text=text, provider_message_id=provider_message_id)
        return self.take_in((inbound,))[0]

    def take_in(self, inbound: Sequence[Inbound]) -> tuple[bool, ...]:
        """Keep messages for ever, in order; False for each that the provider sent before. Thinking comes later.

        No words are refused (see `bot.door`). Only a store that cannot keep them raises (`Unavailable`): send again.
        """
        messages, now = [], self.now()
        for one in inbound:
            address, ref, group = kept_address(one.address), kept_id(one.ref), one.kind is MessageKind.GROUP
            in_danger = self._in_danger(one) if group else None
            messages.append(
                RawMessage(
                    id=f"{one.channel}:{kept_id(one.provider_message_id)}",
                    channel=one.channel,
                    address=address,
                    text=kept_text(one.text),
                    received_at=one.received_at or now,
                    person_id=in_danger or self._writer(one.channel, address),
                    kind=one.kind,
                    ref=ref if in_danger or not group else "",
                )
            )
        try:
            return self.record.keep_all(messages)
        except (NotFound, BadFile):
            return tuple(self._keep(message) for message in messages)

    def _keep(self, message: RawMessage) -> bool:
        try:
            return self.record.keep(message)
        except (NotFound, BadFile):
            # Erased at this very moment, or without a key that opens: it waits in the queue of the address.
            return self.record.keep(replace(message, person_id=None))

    def _writer(self, channel: ChannelKind, address: str) -> str | None:
        """In whose queue a message stands; None where nobody has the address, or nobody there can be read."""
        try:
            person = self.record.person_at(channel, address)
            if person is None or person.role is Role.STRANGER:
                person = next(iter(known_elsewhere(self.record, channel, address)), person)
        except (BadFile, NotFound, Unavailable) as problem:
            log.error("nobody could be looked up at an address (%s); the message is kept", type(problem).__name__)
            return None
        return person.id if person else None

    def _in_danger(self, inbound: Inbound) -> str | None:
        """The patient who cries for help in a group; who else is there, or what else they write, is not kept."""
        if not inbound.ref or not screen(inbound.text):
            return None
        try:
            patients = writers(self.record.holders(inbound.channel, kept_address(inbound.ref)))
        except (BadFile, NotFound, Unavailable) as problem:
            log.error("who wrote in a group could not be looked up (%s); the message is kept", type(problem).__name__)
            return None
        return patients[0].id if patients else None

    def stream(self, subject: str, observations: tuple[Observation, ...], *, batch_id: str) -> None:
        """Take in a batch of readings of one patient; the same batch of the same source again changes nothing."""
        source, now = observations[0].source if observations else "device", self.now()
        event = ReadingsArrived(id=f"batch:{source}:{batch_id}", observations=observations)
        self.commit(subject, event.id, "readings", source, now, lambda c, t: observe(c, event, self.kit, t, now))

    def receipt(
        self,
        communication_id: str,
        state: SendState,
        *,
        provider: str,
        provider_id: str,
        event_id: str,
        error: str = "",
    ) -> None:
        """Take in what a provider says of a message it was given. Only our own sender may queue one again."""
        if state in (SendState.QUEUED, SendState.DROPPED):
            return
        event = ReceiptArrived(
            id=event_id,
            communication_id=communication_id,
            state=state,
            provider=provider,
            provider_id=provider_id,
            error=error,
        )
        self.receive(communication_id.split("/")[0], event, self.now())

    def receive(self, subject: str, event: ReceiptArrived, now: datetime) -> None:
        """Commit what became of a message on the chart it belongs to."""
        heed(self, subject, event, now)
        actor = event.provider or "delivery"
        self.commit(
            subject,
            event.id,
            "receipt",
            actor,
            now,
            lambda c, t: receive(c, event, self.kit, t, now),
            observations=False,
        )

    # Work: each step does one thing that is due, and says whether there was one.

    def settle(self, most: int = 10_000) -> int:
        """Do everything that is due now, at most `most` steps; how many were done.

        What is ready to leave goes first: an emergency's text never waits for a queue of other people's messages.
        """
        for done in range(most):
            if not (self.work_delivery() or self.work_due() or self.work_message() or self.work_spoilt()):
                return done
        return most

    def next_at(self) -> datetime | None:
        """When there will be something to do again, if nothing comes in."""
        return self.record.next_at(self.now())

    def work_messages(self, most: int = 8) -> bool:
        """Answer up to `most` messages, synced once; False when there was none.

        An answer may leave as soon as it is committed: its claim is synced, and with it all that was written before.
        """
        with self.record.together():
            worked = self.work_message()
            for _ in range(most - 1):
                if not (worked and self.work_message()):
                    break
        return worked

    def work_message(self) -> bool:
        """Answer the next message: per person strictly in order. One that breaks is kept and tried again."""
        claimed = self.claimed("message", lambda: self.record.claim_message(self.now(), THINKING))
        if claimed is None:
            return False
        message, claim = claimed
        keep = self._keeps_words(message, claim)
        try:
            self.front_desk.answer(message)
        except (Conflict, Unavailable):
            raise
        except Exception as problem:
            # Kept and loud: the operator sees the id and the kind of fault, never the words.
            log.error("message %s could not be thought through: %s", message.id, type(problem).__name__)
            if not self.front_desk.answer_plainly(message, last_try=claim.attempt >= MOST_ATTEMPTS):
                return True
        self._finish(message, claim, forget=not keep)
        return True

    def _finish(self, message: RawMessage, claim: Claim, *, forget: bool) -> None:
        try:
            self.record.finish_message(claim, forget=forget)
        except (BadFile, NotFound) as problem:
            # Answered it is; that its words could not be taken out must not make it come again for ever.
            log.error("the words of message %s could not be forgotten: %s", message.id, type(problem).__name__)
            self.record.finish_message(claim)

    def claimed(self, what: str, claim: Callable[[], T | None]) -> T | None:
        """What a queue gives; None also where it could not be asked, so that the other queues are worked."""
        try:
            return claim()
        except (Conflict, Unavailable):
            raise
        except Exception as problem:
            log.error("no %s could be claimed: %s", what, type(problem).__name__)
            return None

    def work_spoilt(self) -> bool:
        """Tell the clinic of rows that were met and do not open; each is told once."""
        new = [row for row in self.record.spoilt() if row not in self._told]
        for row in new:
            try:
                tell_of(self, row)
            except (Conflict, Unavailable):
                raise
            except Exception as problem:
                log.error("nobody could be told of a spoilt row in %s: %s", row.table, type(problem).__name__)
            self._told.add(row)
        return bool(new)

    def _keeps_words(self, message: RawMessage, claim: Claim) -> bool:
        """Whether what was written may stay: of staff, and of patients who had agreed to monitoring when they wrote.

        Asked before the answer, which may itself be that somebody agrees. Of a stranger only the address stays. Of
        several who share the number each must have agreed: whose words they are is not known.
        """
        holders = self.record.holders(message.channel, message.address)
        patients = writers(holders)
        if not patients:
            return any(p.role is not Role.STRANGER for p in holders)
        asked = [p for p in patients if p.role is Role.PATIENT] or patients
        return all(self._had_agreed(p, message, claim) for p in asked)

    def _had_agreed(self, patient: Person, message: RawMessage, claim: Claim) -> bool:
        if claim.attempt > 1 and self.record.committed(patient.id, message.id):
            # An earlier worker died after the answer: what counts is how it was before.
            entries = takewhile(lambda entry: entry.event_id != message.id, self.record.journal(patient.id))
            try:
                patient = [entry.changes.person for entry in entries if entry.changes.person][-1]
            except BadFile:
                log.error("what %s had agreed to cannot be read; the words of a message go", traced(patient.id))
                return False
        return patient.consents_to(Purpose.MONITORING)

    def work_due(self) -> bool:
        """Fire the next timer. One that breaks is tried again when its lease has lapsed, and holds up nobody else."""
        now = self.now()
        claimed = self.claimed("timer", lambda: self.record.claim_due(now, THINKING))
        if claimed is None:
            return False
        due, _ = claimed
        event = DueFired(id=f"due:{due.id}@{due.due_at.isoformat()}#{due.written}", due=due)
        try:
            self.commit(due.subject, event.id, "timer", "clock", now, lambda c, t: fire(c, event, self.kit, t, now))
        except (Conflict, Unavailable):
            raise
        except Exception as problem:
            log.error("timer %s could not be fired: %s", traced(due.id), type(problem).__name__)
        return True

    def work_delivery(self) -> bool:
        """Hand over the next message of the outbox. One that breaks is tried again when its lease has lapsed."""
        try:
            return deliver_next(self, LEASE)
        except (Conflict, Unavailable):
            raise
        except Exception as problem:
            log.error("a delivery could not be worked: %s", type(problem).__name__)
            return True

    def commit(
        self,
        subject: str,
        event_id: str,
        kind: str,
        actor: str,
        now: datetime,
        decide: Decide,
        *,
        observations: bool = True,
    ) -> None:
        """Load, decide, commit; again from the start when someone else was quicker. Once committed, never twice."""
        for _ in range(TRIES):
            if self.record.committed(subject, event_id):
                return
            chart = self.record.chart(subject, observations=observations)
            if chart.erased:
                # A late receipt, a device that still sends: there is nobody any more whom it could be about.
                self._nobody_left(subject, kind)
                return
            changes = in_parts(self._with_codes(decide(chart, self.team()), now))
            try:
                self.record.commit(chart, event_id, kind, actor, changes, now)
            except Conflict:
                continue
            return
        raise Conflict(f"event {traced(event_id)} lost {TRIES} races; try again")

    def _nobody_left(self, subject: str, kind: str) -> None:
        if kind == "enrol":
            raise BadInput(_TAKEN)
        if kind == "message":
            # It may be an emergency, so somebody must hear it: the address is nobody's now.
            raise NotFound("the message is of somebody who was erased at the same moment")
        log.info("a %s for %s, who was erased, is left alone", kind, traced(subject))

    def now(self) -> datetime:
        """The clock's instant."""
        return self.clock.now()

    def team(self) -> Team:
        """Everyone who works here, as recorded."""
        return Team(self.record.staff())

    def person(self, person_id: str) -> Person | None:
        """Who has this id."""
        return self.team().person(person_id) or self.record.chart(person_id, observations=False).person

    def worded(self, row: Communication) -> Communication:
        """A message as it leaves: with names as they are now, and ids for its buttons."""
        return with_ids(self.record.secret("buttons"), named(row, self.person))

    def _with_codes(self, changes: Changes, now: datetime) -> Changes:
        """Reply codes filled in: reserved before the commit, the same again for the same escalation after a crash."""
        if not any("{code}" in c.text for c in changes.communications):
            return changes
        rows = []
        for row in changes.communications:
            if "{code}" in row.text and row.escalation_id and row.state is SendState.QUEUED:
                code = self.record.reserve_code(row.recipient, row.escalation_id, row.subject, now)
                row = replace(row, text=row.text.replace("{code}", code), params={**row.params, "code": code})
            rows.append(row)
        return replace(changes, communications=tuple(rows))
