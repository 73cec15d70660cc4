"""The house at work: keeps what comes in, asks the core, commits in one step, delivers; holds no state of its own."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.acknowledge import acknowledge
from bot.core.commands import obey, read_command
from bot.core.desk import Heading, OpenCode, answer_staff, head
from bot.core.enrol import enrol
from bot.core.fire import fire
from bot.core.kit import Kit, Team
from bot.core.observe import observe
from bot.core.receive import receive
from bot.core.respond import respond, respond_plainly
from bot.delivery import deliver_next
from data.errors import Conflict, Unavailable
from data.model.chart import Changes, Chart
from data.model.communication import SendState
from data.model.conversation import Parse, RawMessage
from data.model.escalation import EscalationState
from data.model.event import DueFired, PersonChanged, ReadingsArrived, ReceiptArrived
from data.model.observation import Observation
from data.model.people import ChannelKind, ContactPoint, Person, Role
from data.model.plan import Activity
from data.ports import Channel, Clock, Parser, Record
from scheduler.replies import Reply, read_reply

log = logging.getLogger("phms.house")

LEASE = timedelta(seconds=30)
# A revision conflict means that another worker was quicker; deciding again is cheap, endless losing is a fault.
TRIES = 20

Decide = Callable[[Chart], Changes]


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

    # Doors: what comes in is kept or committed before the caller is answered.

    def enrol(self, person: Person, activities: tuple[Activity, ...] = (), *, event_id: str) -> None:
        """Record a new or changed person, with their care plan."""
        event = PersonChanged(id=event_id, person=person, activities=activities)
        self.commit(
            person.id, event_id, "enrol", "clinic", lambda c: enrol(c, event, self.kit, self.team(), self.now())
        )

    def hear(self, channel: ChannelKind, address: str, text: str, provider_message_id: str) -> bool:
        """Keep an inbound message for ever; False when the provider sent it before. Thinking comes later."""
        person = self.record.person_at(channel, address)
        message = RawMessage(
            id=f"{channel}:{provider_message_id}",
            channel=channel,
            address=address,
            text=text,
            received_at=self.now(),
            person_id=person.id if person else None,
        )
        return self.record.keep(message)

    def stream(self, subject: str, observations: tuple[Observation, ...], *, batch_id: str) -> None:
        """Take in a batch of readings of one patient; the same batch again changes nothing."""
        event = ReadingsArrived(id=f"batch:{batch_id}", observations=observations)
        source = observations[0].source if observations else "device"
        self.commit(
            subject, event.id, "readings", source, lambda c: observe(c, event, self.kit, self.team(), self.now())
        )

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
        """Take in what a provider says of a message it was given."""
        event = ReceiptArrived(
            id=event_id,
            communication_id=communication_id,
            state=state,
            provider=provider,
            provider_id=provider_id,
            error=error,
        )
        self.receive(communication_id.split("/")[0], event)

    def receive(self, subject: str, event: ReceiptArrived) -> None:
        """Commit a receipt on the chart its message belongs to."""
        self.commit(
            subject,
            event.id,
            "receipt",
            event.provider or "delivery",
            lambda c: receive(c, event, self.kit, self.team(), self.now()),
        )

    # Work: each step does one thing that is due, and says whether there was one.

    def settle(self, most: int = 10_000) -> int:
        """Do everything that is due now, at most `most` steps; how many were done."""
        for done in range(most):
            if not (self.work_message() or self.work_due() or self.work_delivery()):
                return done
        return most

    def next_at(self) -> datetime | None:
        """When there will be something to do again, if nothing comes in."""
        return self.record.next_at(self.now())

    def work_message(self) -> bool:
        """Answer the next message: per person strictly in order."""
        claimed = self.record.claim_message(self.now(), LEASE)
        if claimed is None:
            return False
        message, claim = claimed
        try:
            self._answer(message)
        except (Conflict, Unavailable):
            raise
        except Exception:
            # Kept and loud: the operator sees the id, the patient still gets the screen and an answer.
            log.exception("message %s could not be thought through; answering plainly", message.id)
            self._answer_plainly(message)
        self.record.finish_message(claim)
        return True

    def work_due(self) -> bool:
        """Fire the next timer."""
        claimed = self.record.claim_due(self.now(), LEASE)
        if claimed is None:
            return False
        due, _ = claimed
        event = DueFired(id=f"due:{due.id}@{due.due_at.isoformat()}", due=due)
        self.commit(
            due.subject, event.id, "timer", "clock", lambda c: fire(c, event, self.kit, self.team(), self.now())
        )
        return True

    def work_delivery(self) -> bool:
        """Hand over the next message of the outbox."""
        return deliver_next(self, LEASE)

    def commit(self, subject: str, event_id: str, kind: str, actor: str, decide: Decide) -> None:
        """Load, decide, commit; again from the start when someone else was quicker. Once committed, never twice."""
        for _ in range(TRIES):
            if self.record.committed(subject, event_id):
                return
            chart = self.record.chart(subject)
            changes = self._with_codes(decide(chart))
            try:
                self.record.commit(chart, event_id, kind, actor, changes, self.now())
            except Conflict:
                continue
            return
        raise Conflict(f"event {event_id} lost {TRIES} races; try again")

    def now(self) -> datetime:
        """The clock's instant."""
        return self.clock.now()

    def team(self) -> Team:
        """Everyone the clinic knows, as recorded."""
        return Team(self.record.people())

    # Messages by who wrote them.

    def _answer(self, message: RawMessage) -> None:
        person = self._sender(message)
        if person.role in (Role.PATIENT, Role.STRANGER, Role.PROXY):
            parse = self._parse(message.text, person.language)
            self._commit_message(
                person.id, message, lambda c: respond(c, message, parse, self.kit, self.team(), self.now())
            )
        else:
            self._answer_staff(message, person)

    def _answer_plainly(self, message: RawMessage) -> None:
        person = self._sender(message)
        if person.role in (Role.PATIENT, Role.STRANGER, Role.PROXY):
            self._commit_message(
                person.id, message, lambda c: respond_plainly(c, message, self.kit, self.team(), self.now())
            )

    def _sender(self, message: RawMessage) -> Person:
        """Who wrote; someone unknown is put down as a stranger with nothing but the address."""
        person = self.record.person_at(message.channel, message.address)
        if person is not None:
            return person
        stranger = Person(
            id=f"stranger-{message.channel}-{message.address}".replace("/", "_"),
            code="unknown",
            name="unknown",
            role=Role.STRANGER,
            title="unknown",
            zone="UTC",
            contacts=(ContactPoint(system=message.channel, value=message.address),),
        )
        self.enrol(stranger, event_id=f"stranger:{message.channel}:{message.address}")
        return stranger

    def _parse(self, text: str, language: str) -> Parse:
        """What the parser says; a parser that is down or broken yields "not understood" and blocks nothing."""
        try:
            return self.parser.parse(text, language)
        except Unavailable:
            log.warning("the parser is down; messages are screened and answered without it")
        except Exception:
            log.exception("the parser failed; the message is screened and answered without it")
        return Parse(text=text, language=language)

    def _answer_staff(self, message: RawMessage, who: Person) -> None:
        command = read_command(message.text, self.team())
        if command is not None:
            target = command.patient.id if command.patient else who.id
            self._commit_message(
                target, message, lambda c: obey(c, message, who, command, self.kit, self.team(), self.now())
            )
            return
        reply = read_reply(message.text)
        code = reply.code if reply and reply.code else ""
        opened = self._open_codes(who)
        recent = tuple(o for o in opened if o.use.given_at >= self.now() - timedelta(hours=1))
        use = self.record.code_use(who.id, code, self.now()) if code else None
        heading = head(reply, use, recent, who)
        if heading.use and reply:
            self._commit_reply(message, who, reply, heading)
        else:
            self._commit_message(
                who.id,
                message,
                lambda c: answer_staff(c, message, heading, code, opened, self.kit, self.team(), self.now()),
            )

    def _commit_reply(self, message: RawMessage, who: Person, reply: Reply, heading: Heading) -> None:
        use = heading.use
        if use is None:
            return
        self._commit_message(
            use.subject,
            message,
            lambda c: acknowledge(c, message, who, reply, use.escalation_id, self.kit, self.team(), self.now()),
        )

    def _open_codes(self, who: Person) -> tuple[OpenCode, ...]:
        """This person's codes of the last 30 days whose escalation is not closed, as the charts have them now."""
        found = []
        for use in self.record.codes_of(who.id, self.now() - timedelta(days=30)):
            chart = self.record.chart(use.subject)
            escalation = chart.escalation(use.escalation_id)
            if escalation and escalation.state is not EscalationState.CLOSED and chart.person:
                found.append(OpenCode(use, escalation, chart.person.code))
        return tuple(found)

    def _commit_message(self, subject: str, message: RawMessage, decide: Decide) -> None:
        self.commit(subject, message.id, "message", message.person_id or message.order, decide)

    def _with_codes(self, changes: Changes) -> Changes:
        """Reply codes filled in: reserved before the commit, the same again for the same escalation after a crash."""
        if not any("{code}" in c.text for c in changes.communications):
            return changes
        rows = []
        for row in changes.communications:
            if "{code}" in row.text and row.escalation_id and row.state is SendState.QUEUED:
                code = self.record.reserve_code(row.recipient, row.escalation_id, row.subject, self.now())
                row = replace(row, text=row.text.replace("{code}", code), params={**row.params, "code": code})
            rows.append(row)
        return replace(changes, communications=tuple(rows))
