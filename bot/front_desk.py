"""The front desk: who wrote a message, in which role, and which part of the core answers it."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.core.access import Action, Asker, may
from bot.core.acknowledge import acknowledge
from bot.core.commands import looks, obey, read_command
from bot.core.desk import (
    Heading,
    OpenCode,
    answer_staff,
    head,
    open_code,
    page_looks,
    permitted,
    staff_carrier_word,
)
from bot.core.kit import Team
from bot.core.last_resort import respond_plainly
from bot.core.respond import respond
from bot.core.who_saw import Looks, latest_looks, tell_who_saw
from bot.strangers import stranger_id
from data.errors import Unavailable
from data.model.audit import Access
from data.model.chart import Changes, Chart
from data.model.conversation import Parse, RawMessage
from data.model.people import ContactPoint, Person, Role
from nlu.carrier import carrier_word
from nlu.consent import read_consent
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
            if self._asks_who_saw(message, person, parse, now):
                self._answer_who_saw(message, person, now)
            else:
                kit, relatives = self._house.kit, self._relatives(message, person)
                self._commit(person.id, message, now, lambda c, t: respond(c, message, parse, kit, t, now, relatives))
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
            id=stranger_id(self._house.record, message.channel, message.address),
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

    def _relatives(self, message: RawMessage, patient: Person) -> tuple[Person, ...]:
        """The proxies who speak for the patient, looked for only when the message is a word on consent."""
        if read_consent(message.text, patient.language) is None:
            return ()
        return tuple(p for p in self._house.record.people() if p.role is Role.PROXY and patient.id in p.represents)

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
        if any(self._house.record.committed(subject, message.id) for subject in {who.id, *(u.subject for u in uses)}):
            return
        if reply is None and screen(message.text):
            self._say_to_staff(message, who, Heading(key="emergency-staff"), now)
            return
        asker, opened = self._asker(who, now)
        code = reply.code if reply and reply.code else ""
        use = self._house.record.code_use(who.id, code, now) if code else None
        heading = head(reply, use, opened, who, message.received_at)
        patient = self._house.person(heading.use.subject) if heading.use else None
        heading = permitted(heading, reply, asker, patient)
        self._note(page_looks(heading, reply, opened, asker, message.channel))
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

    def _asker(self, who: Person, now: datetime) -> tuple[Asker, tuple[OpenCode, ...]]:
        """The sender for the policy, with the pages they hold an open code of and may read."""
        opened, paged = [], set[str]()
        for use in self._house.record.codes_of(who.id, now - timedelta(days=30)):
            chart = self._house.record.chart(use.subject, observations=False)
            found = open_code(use, chart, who)
            if found and Asker(who, now, frozenset((use.subject,))).may(Action.READ_PAGE, chart.person):
                opened.append(found)
                paged.add(use.subject)
        return Asker(who, now, frozenset(paged)), tuple(opened)

    def _obey(self, message: RawMessage, who: Person, now: datetime) -> None:
        people = self._house.record.people()
        asker, _ = self._asker(who, now)
        command = read_command(message.text, asker, people)
        if command is None:
            return
        chart_of = command.chart_of(asker)
        if self._house.record.committed(chart_of, message.id):
            return
        self._note(looks(command, asker, message.channel))
        self._commit(
            chart_of, message, now, lambda c, t: obey(c, message, asker, command, people, self._house.kit, t, now)
        )

    def _note(self, accesses: Iterable[Access]) -> None:
        """Into the audit before any answer: what cannot be written down is not shown, and tried again later."""
        for access in accesses:
            self._house.record.note_access(access)

    def _asks_who_saw(self, message: RawMessage, person: Person, parse: Parse, now: datetime) -> bool:
        """Whether the message asks for nothing else: an emergency, a reading or a complaint in it comes first."""
        asks = parse.intent == "who-saw" and not parse.readings and not parse.entities
        return asks and may(person, Action.READ_ACCESS_LOG, person, now) and not screen(message.text)

    def _answer_who_saw(self, message: RawMessage, person: Person, now: datetime) -> None:
        """The looks at the data of whoever asks, or, for a proxy, of those who agreed that the proxy may know."""
        if self._house.record.committed(person.id, message.id):
            return
        asker, log, via = Asker(person, now), Action.READ_ACCESS_LOG, message.channel
        spoken_for = [p for p in map(self._house.person, person.represents) if p is not None]
        shared = [p for p in spoken_for if asker.may(log, p)]
        subjects = shared or [person]
        seen = tuple(self._looks_at(subject) for subject in subjects)
        if len(shared) < len(spoken_for):
            self._note([asker.look(log, person.id, via, permitted=False)])
        self._note(asker.look(log, p.id, via, reason=asker.why(p)) for p in subjects)
        self._commit(person.id, message, now, lambda c, t: tell_who_saw(c, message, seen, self._house.kit, t, now))

    def _looks_at(self, patient: Person) -> Looks:
        accesses = latest_looks(self._house.record.accesses(patient.id), patient)
        known = (self._house.person(actor) for actor in {a.actor for a in accesses})
        return Looks(patient, accesses, {p.id: p for p in known if p is not None})

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
