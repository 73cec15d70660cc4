"""The house at work: keeps what comes in, asks the core, commits in one step, delivers; holds no state of its own."""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.acknowledge import acknowledge
from bot.core.commands import obey, read_command
from bot.core.desk import Heading, OpenCode, answer_staff, head, open_code, staff_carrier_word
from bot.core.enrol import enrol
from bot.core.fire import fire
from bot.core.kit import Kit, Team
from bot.core.last_resort import respond_plainly
from bot.core.observe import observe
from bot.core.receive import receive
from bot.core.respond import respond
from bot.delivery import deliver_next
from data.errors import Conflict, Unavailable
from data.model.chart import Changes, Chart
from data.model.communication import SendState
from data.model.conversation import Parse, RawMessage
from data.model.event import DueFired, PersonChanged, ReadingsArrived, ReceiptArrived
from data.model.observation import Observation
from data.model.people import ChannelKind, ContactPoint, Person, Role
from data.model.plan import Activity
from data.ports import Channel, Clock, Parser, Record
from nlu.carrier import carrier_word
from nlu.safety import screen
from scheduler.replies import read_reply

log = logging.getLogger("phms.house")

LEASE = timedelta(seconds=30)
# A revision conflict means that another worker was quicker; deciding again is cheap, endless losing is a fault.
TRIES = 20
# A colleague's message that cannot be worked is tried so often before they are asked to write it again.
MOST_ATTEMPTS = 3

_PATIENTS = (Role.PATIENT, Role.PROXY, Role.STRANGER)

Decide = Callable[[Chart, Team], Changes]


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
        """Record a new or changed person, with their care plan. Raises `BadInput` for what cannot be worked with."""
        event, now = PersonChanged(id=event_id, person=person, activities=activities), self.now()
        self.commit(person.id, event_id, "enrol", "clinic", now, lambda c, t: enrol(c, event, self.kit, t, now))

    def hear(self, channel: ChannelKind, address: str, text: str, provider_message_id: str) -> bool:
        """Keep an inbound message for ever; False when the provider sent it before. Thinking comes later."""
        person = self.record.person_at(channel, address)
        message = RawMessage(
            id=f"{channel}:{provider_message_id}",
            channel=channel,
            address=address.strip(),
            text=text,
            received_at=self.now(),
            person_id=person.id if person else None,
        )
        return self.record.keep(message)

    def stream(self, subject: str, observations: tuple[Observation, ...], *, batch_id: str) -> None:
        """Take in a batch of readings of one patient; the same batch of the same source again changes nothing."""
        source, now = observations[0].source if observations else "device", self.now()
        event = ReadingsArrived(id=f"batch:{source}:{batch_id}", observations=observations)
        self.commit(subject, event.id, "readings", source, now, lambda c, t: observe(c, event, self.kit, t, now))

    def receipt(
        self, communication_id: str, state: SendState, *, provider: str, provider_id: str, event_id: str
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
        )
        self.receive(communication_id.split("/")[0], event, self.now())

    def receive(self, subject: str, event: ReceiptArrived, now: datetime) -> None:
        """Commit what became of a message on the chart it belongs to."""
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
            if not (self.work_delivery() or self.work_due() or self.work_message()):
                return done
        return most

    def next_at(self) -> datetime | None:
        """When there will be something to do again, if nothing comes in."""
        return self.record.next_at(self.now())

    def work_message(self) -> bool:
        """Answer the next message: per person strictly in order. One that breaks is kept and tried again."""
        claimed = self.record.claim_message(self.now(), LEASE)
        if claimed is None:
            return False
        message, claim = claimed
        try:
            self._answer(message)
        except (Conflict, Unavailable):
            raise
        except Exception as problem:
            # Kept and loud: the operator sees the id and the kind of fault, never the words.
            log.error("message %s could not be thought through: %s", message.id, type(problem).__name__)
            if not self._answer_plainly(message, last_try=claim.attempt >= MOST_ATTEMPTS):
                return True
        self.record.finish_message(claim)
        return True

    def work_due(self) -> bool:
        """Fire the next timer. One that breaks is tried again when its lease has lapsed, and holds up nobody else."""
        now = self.now()
        claimed = self.record.claim_due(now, LEASE)
        if claimed is None:
            return False
        due, claim = claimed
        # A row that is claimed before its time (the clock was set back) is an event of its own.
        again = f"~{claim.token}" if due.due_at > now else ""
        event = DueFired(id=f"due:{due.id}@{due.due_at.isoformat()}{again}", due=due)
        try:
            self.commit(due.subject, event.id, "timer", "clock", now, lambda c, t: fire(c, event, self.kit, t, now))
        except (Conflict, Unavailable):
            raise
        except Exception as problem:
            log.error("timer %s could not be fired: %s", due.id, type(problem).__name__)
        return True

    def work_delivery(self) -> bool:
        """Hand over the next message of the outbox."""
        return deliver_next(self, LEASE)

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
            changes = self._with_codes(decide(chart, self.team()), now)
            try:
                self.record.commit(chart, event_id, kind, actor, changes, now)
            except Conflict:
                continue
            return
        raise Conflict(f"event {event_id} lost {TRIES} races; try again")

    def now(self) -> datetime:
        """The clock's instant."""
        return self.clock.now()

    def team(self) -> Team:
        """Everyone who works here, as recorded."""
        return Team(self.record.staff())

    def person(self, person_id: str) -> Person | None:
        """Who has this id."""
        return self.team().person(person_id) or self.record.chart(person_id, observations=False).person

    # Messages by who wrote them.

    def _answer(self, message: RawMessage) -> None:
        person = self._sender(message)
        now = self.now()
        if person.role in _PATIENTS:
            parse = self._parse(message.text, person.language)
            self._commit(person.id, message, now, lambda c, t: respond(c, message, parse, self.kit, t, now))
        else:
            self._answer_staff(message, person, now)
        if carrier_word(message.text) in ("stop", "start"):
            self._spread_carrier_word(message, person, now)

    def _answer_plainly(self, message: RawMessage, *, last_try: bool) -> bool:
        """The simplest answer that can work; False when not even that did and the message must stay."""
        try:
            person, now = self._sender(message), self.now()
            if person.role in _PATIENTS:
                self._commit(person.id, message, now, lambda c, t: respond_plainly(c, message, self.kit, t, now))
                return True
            if last_try:
                self._say_to_staff(message, person, Heading(key="reply-not-understood"), now)
        except Exception as problem:
            log.error("message %s could not even be answered plainly: %s", message.id, type(problem).__name__)
            return False
        return last_try

    def _sender(self, message: RawMessage) -> Person:
        """Who wrote. On a phone that several share, staff speak by codes and commands, and patients otherwise.

        Someone unknown is put down as a stranger with nothing but the address.
        """
        holders = self.record.holders(message.channel, message.address)
        staff = [p for p in holders if p.role not in _PATIENTS]
        patients = [p for p in holders if p.role in (Role.PATIENT, Role.PROXY)]
        if staff and patients:
            reply = read_reply(message.text)
            speaks_as_staff = message.text.startswith("/") or (reply is not None and not screen(message.text))
            return staff[0] if speaks_as_staff else patients[0]
        if holders:
            return (patients or staff or list(holders))[0]
        stranger = Person(
            id="stranger-" + re.sub(r"[^0-9A-Za-z@-]", "_", f"{message.channel}-{message.address}"),
            code="unknown",
            name="unknown",
            role=Role.STRANGER,
            title="unknown",
            zone="UTC",
            contacts=(ContactPoint(system=message.channel, value=message.address),),
        )
        self.enrol(stranger, event_id=f"stranger:{message.channel}:{message.address}")
        return stranger

    def _spread_carrier_word(self, message: RawMessage, writer: Person, now: datetime) -> None:
        """STOP and START belong to the number, so they hold for everyone who shares it."""
        word = carrier_word(message.text) or ""

        def kept(chart: Chart, team: Team) -> Changes:
            return staff_carrier_word(chart, message, word, self.kit, team, now)

        for other in self.record.holders(message.channel, message.address):
            if other.id != writer.id and other.role is not Role.STRANGER:
                self._commit(other.id, message, now, kept)

    def _parse(self, text: str, language: str) -> Parse:
        """What the parser says; a parser that is down or broken blocks nothing: the patient hears that it is."""
        try:
            return self.parser.parse(text, language)
        except Unavailable:
            log.warning("the parser is down; messages are screened and answered without it")
        except Exception as problem:
            log.error("the parser failed (%s); the message is answered without it", type(problem).__name__)
        return Parse(text=text, language=language, intent="unavailable")

    def _answer_staff(self, message: RawMessage, who: Person, now: datetime) -> None:
        word = carrier_word(message.text)
        if word in ("stop", "start"):
            self._commit(who.id, message, now, lambda c, t: staff_carrier_word(c, message, word, self.kit, t, now))
            return
        if not who.active:
            self._say_to_staff(message, who, Heading(key="not-on-staff"), now)
            return
        if message.text.startswith("/"):
            self._obey(message, who, now)
            return
        reply = read_reply(message.text)
        uses = self.record.codes_of(who.id, now - timedelta(days=30))
        if any(self.record.committed(use.subject, message.id) for use in uses):
            return
        if reply is None and screen(message.text):
            self._say_to_staff(message, who, Heading(key="emergency-staff"), now)
            return
        code = reply.code if reply and reply.code else ""
        opened = tuple(
            o for use in uses if (o := open_code(use, self.record.chart(use.subject, observations=False), who))
        )
        use = self.record.code_use(who.id, code, now) if code else None
        heading = head(reply, use, opened, who, message.received_at)
        if heading.use is None or reply is None:
            self._say_to_staff(message, who, heading, now, code, opened)
            return
        subject, escalation_id = heading.use.subject, heading.use.escalation_id
        self._commit(
            subject,
            message,
            now,
            lambda c, t: acknowledge(c, message, who, reply, escalation_id, self.kit, t, now),
        )

    def _obey(self, message: RawMessage, who: Person, now: datetime) -> None:
        patients = tuple(p for p in self.record.people() if p.active and p.role is Role.PATIENT)
        command = read_command(message.text, patients)
        if command is None:
            return
        target = command.patient.id if command.patient else who.id
        self._commit(target, message, now, lambda c, t: obey(c, message, who, command, patients, self.kit, t, now))

    def _say_to_staff(
        self,
        message: RawMessage,
        who: Person,
        heading: Heading,
        now: datetime,
        code: str = "",
        opened: tuple[OpenCode, ...] = (),
    ) -> None:
        self._commit(
            who.id, message, now, lambda c, t: answer_staff(c, message, heading, code, opened, self.kit, t, now)
        )

    def _commit(self, subject: str, message: RawMessage, now: datetime, decide: Decide) -> None:
        self.commit(subject, message.id, "message", message.person_id or message.order, now, decide)

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
