"""The front desk: who wrote a message, in which role, and which part of the core answers it."""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.core.acknowledge import acknowledge
from bot.core.commands import obey, read_command
from bot.core.desk import Heading, OpenCode, answer_staff, head, open_code, staff_carrier_word
from bot.core.kit import Team
from bot.core.last_resort import respond_plainly
from bot.core.respond import respond
from bot.trace import traced
from data.errors import Unavailable
from data.model.chart import Changes, Chart
from data.model.conversation import Parse, RawMessage
from data.model.people import ContactPoint, Person, Role
from nlu.carrier import carrier_word
from nlu.safety import screen
from scheduler.replies import read_reply

if TYPE_CHECKING:
    from bot.house import Decide, House

log = logging.getLogger("phms.front_desk")

_PATIENTS = (Role.PATIENT, Role.PROXY, Role.STRANGER)


class FrontDesk:
    """Answers kept messages. Holds nothing but the house it stands in."""

    def __init__(self, house: "House") -> None:
        self._house = house

    def answer(self, message: RawMessage) -> None:
        """Think one message through and commit what it makes, on the one chart it is about."""
        person = self._sender(message)
        now = self._house.now()
        if person.role in _PATIENTS:
            parse = self._parse(message.text, person.language)
            self._commit(person.id, message, now, lambda c, t: respond(c, message, parse, self._house.kit, t, now))
        else:
            self._answer_staff(message, person, now)
        if carrier_word(message.text) in ("stop", "start"):
            self._spread_carrier_word(message, person, now)

    def answer_plainly(self, message: RawMessage, *, last_try: bool) -> bool:
        """The simplest answer that can work; False when not even that did and the message must stay."""
        try:
            person, now = self._sender(message), self._house.now()
            if person.role in _PATIENTS:
                self._commit(person.id, message, now, lambda c, t: respond_plainly(c, message, self._house.kit, t, now))
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
        holders = self._house.record.holders(message.channel, message.address)
        staff = [p for p in holders if p.role not in _PATIENTS]
        patients = [p for p in holders if p.role in (Role.PATIENT, Role.PROXY)]
        if staff and patients:
            reply = read_reply(message.text)
            speaks_as_staff = message.text.startswith("/") or (reply is not None and not screen(message.text))
            return staff[0] if speaks_as_staff else patients[0]
        if holders:
            return (patients or staff or list(holders))[0]
        stranger = Person(
            id=f"stranger-{traced(f'{message.channel}:{message.address}')}",
            code="unknown",
            name="unknown",
            role=Role.STRANGER,
            title="unknown",
            zone="UTC",
            contacts=(ContactPoint(system=message.channel, value=message.address),),
        )
        self._house.enrol(stranger, event_id=f"stranger:{message.channel}:{message.address}")
        return stranger

    def _spread_carrier_word(self, message: RawMessage, writer: Person, now: datetime) -> None:
        """STOP and START belong to the number, so they hold for everyone who shares it."""
        word = carrier_word(message.text) or ""

        def kept(chart: Chart, team: Team) -> Changes:
            return staff_carrier_word(chart, message, word, self._house.kit, team, now)

        for other in self._house.record.holders(message.channel, message.address):
            if other.id != writer.id:
                self._commit(other.id, message, now, kept)

    def _parse(self, text: str, language: str) -> Parse:
        """What the parser says; a parser that is down or broken blocks nothing: the patient hears that it is."""
        try:
            return self._house.parser.parse(text, language)
        except Unavailable:
            log.warning("the parser is down; messages are screened and answered without it")
        except Exception as problem:
            log.error("the parser failed (%s); the message is answered without it", type(problem).__name__)
        return Parse(text=text, language=language, intent="unavailable")

    def _answer_staff(self, message: RawMessage, who: Person, now: datetime) -> None:
        word = carrier_word(message.text)
        if word in ("stop", "start"):
            self._commit(
                who.id, message, now, lambda c, t: staff_carrier_word(c, message, word, self._house.kit, t, now)
            )
            return
        if not who.active:
            self._say_to_staff(message, who, Heading(key="not-on-staff"), now)
            return
        if message.text.startswith("/"):
            self._obey(message, who, now)
            return
        reply = read_reply(message.text)
        uses = self._house.record.codes_of(who.id, now - timedelta(days=30))
        if any(self._house.record.committed(use.subject, message.id) for use in uses):
            return
        if reply is None and screen(message.text):
            self._say_to_staff(message, who, Heading(key="emergency-staff"), now)
            return
        code = reply.code if reply and reply.code else ""
        opened = tuple(
            o for use in uses if (o := open_code(use, self._house.record.chart(use.subject, observations=False), who))
        )
        use = self._house.record.code_use(who.id, code, now) if code else None
        heading = head(reply, use, opened, who, message.received_at)
        if heading.use is None or reply is None:
            self._say_to_staff(message, who, heading, now, code, opened)
            return
        subject, escalation_id = heading.use.subject, heading.use.escalation_id
        self._commit(
            subject,
            message,
            now,
            lambda c, t: acknowledge(c, message, who, reply, escalation_id, self._house.kit, t, now),
        )

    def _obey(self, message: RawMessage, who: Person, now: datetime) -> None:
        patients = tuple(p for p in self._house.record.people() if p.active and p.role is Role.PATIENT)
        command = read_command(message.text, patients)
        if command is None:
            return
        target = command.patient.id if command.patient else who.id
        self._commit(
            target, message, now, lambda c, t: obey(c, message, who, command, patients, self._house.kit, t, now)
        )

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
            who.id, message, now, lambda c, t: answer_staff(c, message, heading, code, opened, self._house.kit, t, now)
        )

    def _commit(self, subject: str, message: RawMessage, now: datetime, decide: "Decide") -> None:
        self._house.commit(subject, message.id, "message", message.person_id or message.order, now, decide)
