"""The front desk: who wrote a message, in which role, and which part of the core answers it."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from bot.core.access import Action, Asker, may
from bot.core.desk import Heading, told_once
from bot.core.heard import contact_at, heard, is_unverified
from bot.core.invite_codes import read_code
from bot.core.kinds import also_unseen, asked_for_help, in_private
from bot.core.kit import Team
from bot.core.last_resort import respond_plainly
from bot.core.respond import respond
from bot.core.shared_number import writers
from bot.core.who_saw import Looks, latest_looks, tell_who_saw
from bot.kinds import Kinds
from bot.known_elsewhere import recognize
from bot.linking import Linking
from bot.shared_desk import SharedDesk
from bot.staff_desk import StaffDesk
from bot.stops import is_stopped
from bot.strangers import stranger_id
from bot.unread import answer_unread
from data.errors import BadFile, Conflict, NotFound, Unavailable
from data.model.audit import Access
from data.model.chart import Changes, Chart
from data.model.conversation import MessageKind, Parse, RawMessage
from data.model.people import ContactPoint, ContactState, Person, Role
from nlu.carrier import carrier_word, command_word
from nlu.consent import read_consent
from nlu.safety import screen
from scheduler.orders import Verb
from scheduler.replies import read_reply

if TYPE_CHECKING:
    from bot.house import Decide, House

log = logging.getLogger("phms.front_desk")

# What is nobody's words: it needs no answer where thinking fails.
_NOBODYS = (MessageKind.DATA, MessageKind.GROUP, MessageKind.BLOCKED, MessageKind.UNBLOCKED, MessageKind.HELPED)
_PATIENTS = (Role.PATIENT, Role.PROXY, Role.STRANGER)


class FrontDesk:
    """Answers kept messages. Holds nothing but the house it stands in."""

    def __init__(self, house: "House") -> None:
        self._house = house
        self.staff = StaffDesk(house, self)
        self._shared = SharedDesk(house, self)
        self._linking = Linking(house, self)
        self._kinds = Kinds(house, self)

    def answer(self, message: RawMessage) -> None:
        """Think one message through and commit what it makes, on the chart it is about."""
        now = self._house.now()
        recognize(self._house, message, now)
        if self._kinds.answer(message, now) or self.answer_unread(message) or self._says_how_back(message, now):
            return
        message = self._heeding_commands(message, now)
        if not self._linking.answer(message, now):
            self.answer_words(message, now)

    def answer_words(self, message: RawMessage, now: datetime) -> None:
        """Answer plain words of whoever wrote them."""
        person = self.sender(message)
        sharing = self._sharing(message, person)
        if len(sharing) > 1:
            self._shared.answer(message, sharing, now)
        elif person.role in _PATIENTS:
            self.answer_patient(message, person, now)
        else:
            self.staff.answer(message, person, now)
        self._spread(message, person, now)

    def answer_danger(self, message: RawMessage, now: datetime, *, believed: bool) -> None:
        """Answer an emergency; of words that are not `believed`, for somebody else wrote them, nothing else counts."""
        people, kit = writers(self._house.record.holders(message.channel, message.address)), self._house.kit
        if people:
            self._shared.answer_danger(message, people, now, believed=believed)
        elif message.kind is not MessageKind.GROUP:
            person = self.sender(message)
            if person.role is Role.STRANGER:
                nothing = Parse(text="", language=person.language)
                self.commit(person.id, message, now, lambda c, t: respond(c, message, nothing, kit, t, now))
            else:
                self.staff.say(message, person, Heading(key="emergency-staff"), now)

    def _heeding_commands(self, message: RawMessage, now: datetime) -> RawMessage:
        """Where no carrier does it, /stop is STOP, and /start START: a chat that was stopped has a button for it.

        A code behind /start counts as well; an emergency behind it counts instead.
        """
        word = command_word(message.text) if message.kind is MessageKind.TEXT else None
        if message.channel.answers_stop or word not in ("stop", "start") or screen(message.text):
            return message
        said = replace(message, text=word.upper())
        if word == "stop":
            return said
        if not is_stopped(self._house.record, message.channel, message.address):
            return message
        if read_code(message.text) is None:
            return said
        self.answer_words(replace(said, id=f"{message.id}/start"), now)
        return message

    def _says_how_back(self, message: RawMessage, now: datetime) -> bool:
        """Whether it was HELP from a chat that was stopped, which no carrier answers."""
        asks = "help" in (command_word(message.text), carrier_word(message.text))
        if (
            message.channel.answers_stop
            or not asks
            or not is_stopped(self._house.record, message.channel, message.address)
        ):
            return False
        person, kit = self.sender(message), self._house.kit
        self.commit(person.id, message, now, lambda c, t: asked_for_help(c, message, kit, t, now))
        return True

    def answer_plainly(self, message: RawMessage, *, last_try: bool) -> bool:
        """The simplest answer that can work; False when not even that did and the message must stay."""
        try:
            if message.kind in _NOBODYS and not screen(message.text):
                return True
            person, now = self.sender(message), self._house.now()
            private = in_private(message)
            people = writers(self._house.record.holders(private.channel, private.address)) if private else ()
            if private and people:
                self._shared.answer_danger_plainly(private, people, now)
            if person.role in _PATIENTS:
                sharing, kit = self._sharing(message, person), self._house.kit
                if len(sharing) > 1 and screen(message.text):
                    self._shared.answer_danger_plainly(message, sharing, now)
                else:
                    self.commit(person.id, message, now, lambda c, t: respond_plainly(c, message, kit, t, now))
                return True
            if last_try:
                self.staff.say(message, person, Heading(key="reply-not-understood"), now)
        except Exception as problem:
            log.error("message %s could not even be answered plainly: %s", message.id, type(problem).__name__)
            return self._answer_past(message, problem)
        return last_try

    def _answer_past(self, message: RawMessage, problem: Exception) -> bool:
        """Answer past a record that cannot be read; an emergency whatever the problem is, but for a store at rest."""
        unreadable = isinstance(problem, BadFile | NotFound)
        if isinstance(problem, Conflict | Unavailable) or not (unreadable or screen(message.text)):
            return False
        try:
            answer_unread(self._house, message)
        except Exception as again:
            log.error("message %s could not be answered at all: %s", message.id, type(again).__name__)
            return False
        return True

    def answer_unread(self, message: RawMessage) -> bool:
        """Answer for those at this address who cannot be read; False when somebody who can be is to be answered."""
        record = self._house.record
        if not record.unread_at(message.channel, message.address):
            return False
        known = any(p.role is not Role.STRANGER for p in record.holders(message.channel, message.address))
        if not known or screen(message.text):
            answer_unread(self._house, message)
        return not known

    def _sharing(self, message: RawMessage, writer: Person) -> tuple[Person, ...]:
        """The patients and proxies of whom any may have written, where a patient or a proxy did."""
        if writer.role not in (Role.PATIENT, Role.PROXY):
            return ()
        return writers(self._house.record.holders(message.channel, message.address))

    def answer_patient(
        self, message: RawMessage, person: Person, now: datetime, shown: Callable[[Changes], Changes] = lambda c: c
    ) -> None:
        """Answer as if `person` wrote; `shown` is laid over what that makes."""
        parse = self.parse(message.text, person.language)
        if self._asks_who_saw(message, person, parse, now) and not is_unverified(person, message, now):
            self._answer_who_saw(message, person, now, shown)
        else:
            kit, relatives = self._house.kit, self._relatives(message, person)
            self.commit(person.id, message, now, lambda c, t: shown(respond(c, message, parse, kit, t, now, relatives)))

    def sender(self, message: RawMessage) -> Person:
        """Who wrote. On a phone that staff and patients share, staff speak by codes and commands, else a patient does.

        Someone unknown is put down as a stranger with nothing but the address; a group is nobody.
        """
        holders = self._house.record.holders(message.channel, message.address)
        staff = [p for p in holders if p.role not in _PATIENTS]
        patients = writers(holders)
        if not holders or message.kind is MessageKind.GROUP:
            return self.stranger(message)
        if staff and patients:
            return staff[0] if self._speaks_as_staff(message, staff[0]) else patients[0]
        return (patients or staff or holders)[0]

    def stranger(self, message: RawMessage) -> Person:
        """Whoever is at an address that is nobody's."""
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

    def _speaks_as_staff(self, message: RawMessage, who: Person) -> bool:
        """Whether a text from a phone shared with a patient is a colleague's.

        Words that raise an alarm are the patient's, whatever they begin with, but for what was done about a page: the
        code of one that went to this colleague, "done", and the outcome.
        """
        reply = read_reply(message.text)
        if not screen(message.text):
            return message.text.startswith("/") or reply is not None
        if reply is None or reply.code is None or reply.verb is not Verb.DONE:
            return False
        return self._house.record.code_use(who.id, reply.code, self._house.now()) is not None

    def _spread(self, message: RawMessage, writer: Person, now: datetime) -> None:
        """STOP and START belong to the number, so they hold for all who share it; so does that it lives."""
        word, kit = carrier_word(message.text), self._house.kit
        said = word if word in ("stop", "start") else ""
        for other in self._house.record.holders(message.channel, message.address):
            contact = contact_at(other, message.channel, message.address)
            silent = contact is not None and contact.state in (ContactState.BLOCKED, ContactState.DEAD)
            if other.id != writer.id and said:
                self.commit(other.id, message, now, lambda c, t: told_once(c, message, said, kit, t, now))
            elif silent:
                self.commit(other.id, message, now, lambda c, t: Changes())

    def parse(self, text: str, language: str) -> Parse:
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

    def note(self, accesses: Iterable[Access]) -> None:
        """Into the audit before any answer: what cannot be written down is not shown, and tried again later."""
        for access in accesses:
            self._house.record.note_access(access)

    def _asks_who_saw(self, message: RawMessage, person: Person, parse: Parse, now: datetime) -> bool:
        """Whether the message asks for nothing else: an emergency, a reading or a complaint in it comes first."""
        asks = parse.intent == "who-saw" and not parse.readings and not parse.entities
        return asks and may(person, Action.READ_ACCESS_LOG, person, now) and not screen(message.text)

    def _answer_who_saw(
        self, message: RawMessage, person: Person, now: datetime, shown: Callable[[Changes], Changes]
    ) -> None:
        """The looks at the data of whoever asks, or, for a proxy, of those who agreed that the proxy may know."""
        if self._house.record.committed(person.id, message.id):
            return
        asker, log, via = Asker(person, now), Action.READ_ACCESS_LOG, message.channel
        spoken_for = [p for p in map(self._house.person, person.represents) if p is not None]
        shared = [p for p in spoken_for if asker.may(log, p)]
        subjects = shared or [person]
        seen = tuple(self._looks_at(subject) for subject in subjects)
        if len(shared) < len(spoken_for):
            self.note([asker.look(log, person.id, via, permitted=False)])
        self.note(asker.look(log, p.id, via, reason=asker.why(p)) for p in subjects)
        kit = self._house.kit
        self.commit(person.id, message, now, lambda c, t: shown(tell_who_saw(c, message, seen, kit, t, now)))

    def _looks_at(self, patient: Person) -> Looks:
        accesses = latest_looks(self._house.record.accesses(patient.id), patient)
        known = (self._house.person(actor) for actor in {a.actor for a in accesses})
        return Looks(patient, accesses, {p.id: p for p in known if p is not None})

    def commit(self, subject: str, message: RawMessage, now: datetime, decide: "Decide") -> None:
        """Commit what a message makes on one chart, with what it shows by having come, and what of it was not seen."""
        kit = self._house.kit

        def decided(chart: Chart, team: Team) -> Changes:
            changes = heard(decide(chart, team), chart, message, now)
            return also_unseen(changes, chart, message, kit, now)

        self._house.commit(subject, message.id, "message", message.person_id or message.order, now, decided)
