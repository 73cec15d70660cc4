"""The front desk for what is not plain words: what each kind of message becomes before, or instead of, being read."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from bot.buttons import pressed
from bot.core.desk import Heading
from bot.core.edit import readings_of, respond_edit, says_the_same
from bot.core.heard import is_unverified
from bot.core.kinds import (
    UNSEEN,
    answered_by_carrier,
    button_old,
    cannot_open,
    forwarded,
    in_group,
    in_private,
    nothing_new,
    was_blocked,
)
from bot.core.kit import Team
from bot.core.shared_number import coded, said_first, writers
from data.model.chart import Changes, Chart
from data.model.conversation import MessageKind, Parse, RawMessage
from data.model.people import Person, Purpose, Role
from nlu.carrier import carrier_word
from nlu.safety import screen

if TYPE_CHECKING:
    from bot.front_desk import FrontDesk
    from bot.house import House


# What a carrier has carried out, in a word that counts.
_CARRIED_OUT = {MessageKind.STOPPED: "STOP", MessageKind.STARTED: "START"}


class Kinds:
    """Answers messages by their kind. Holds nothing but the house and the desk it stands at."""

    def __init__(self, house: "House", desk: "FrontDesk") -> None:
        self._house, self._desk = house, desk

    def answer(self, message: RawMessage, now: datetime) -> bool:
        """Answer a message by its kind; False where its text is to be read as any other."""
        match message.kind:
            case MessageKind.DATA:
                # Nobody's words. A feed that is set up asks the vendor; none is yet.
                pass
            case MessageKind.GROUP:
                self._group(message, now)
            case MessageKind.FORWARDED:
                self._forwarded(message, now)
            case MessageKind.STOPPED | MessageKind.STARTED | MessageKind.HELPED:
                self._carried_out(message, now)
            case MessageKind.BLOCKED | MessageKind.UNBLOCKED:
                self._blocked(message, now)
            case _ if self._desk.answer_unread(message):
                pass
            case MessageKind.BUTTON:
                self._press(message, now)
            case MessageKind.EDIT:
                return self._edit(message, now)
            case kind if kind in UNSEEN and not message.text.strip():
                return self._unseen(message, now)
            case _:
                return False
        return True

    def _blocked(self, message: RawMessage, now: datetime) -> None:
        """For everybody who has the address; that it is unblocked, the commit itself notes (see `bot.core.heard`)."""
        kit, gone = self._house.kit, message.kind is MessageKind.BLOCKED
        for person in self._house.record.holders(message.channel, message.address):
            self._desk.commit(
                person.id, message, now, lambda c, t: was_blocked(c, message, kit, t, now) if gone else Changes()
            )

    def _group(self, message: RawMessage, now: datetime) -> None:
        """To the group the same whoever writes; the team of a patient in danger is paged."""
        kit, group = self._house.kit, self._desk.stranger(message)
        self._desk.commit(group.id, message, now, lambda c, t: in_group(c, message, kit, t, now))
        private = in_private(message)
        if private is not None:
            self._desk.answer_danger(private, now, believed=True)

    def _forwarded(self, message: RawMessage, now: datetime) -> None:
        if screen(message.text):
            if not self._desk.answer_unread(message):
                self._desk.answer_danger(message, now, believed=False)
            return
        # Of what somebody else wrote nothing is carried out, wherever it goes from here.
        message = replace(message, text="")
        if self._desk.answer_unread(message):
            return
        person, kit = self._desk.sender(message), self._house.kit
        if person.role is Role.STRANGER:
            self._desk.answer_patient(message, person, now)
        else:
            self._desk.commit(person.id, message, now, lambda c, t: forwarded(c, message, kit, t, now))

    def _carried_out(self, message: RawMessage, now: datetime) -> None:
        """As if STOP or START had been written; the words themselves count as well when they are an emergency."""
        danger, kit = bool(screen(message.text)), self._house.kit
        if danger and not self._desk.answer_unread(message):
            self._desk.answer_words(replace(message, kind=MessageKind.TEXT), now)
        word = _CARRIED_OUT.get(message.kind)
        if word is not None:
            event_id = f"{message.id}/{word.lower()}" if danger else message.id
            said = replace(message, id=event_id, text=word)
            if not self._desk.answer_unread(said):
                self._desk.answer_words(said, now)
        elif not danger and self._house.record.holders(message.channel, message.address):
            person = self._desk.sender(message)
            self._desk.commit(person.id, message, now, lambda c, t: answered_by_carrier(c, message, kit, t, now))

    def _unseen(self, message: RawMessage, now: datetime) -> bool:
        person, kit = self._desk.sender(message), self._house.kit
        if person.role is Role.STRANGER:
            return False
        self._desk.commit(person.id, message, now, lambda c, t: cannot_open(c, message, kit, t, now))
        return True

    def _press(self, message: RawMessage, now: datetime) -> None:
        """As if its words had been written by whoever it was shown to."""
        record = self._house.record
        if any(record.committed(p.id, message.id) for p in record.holders(message.channel, message.address)):
            # Answered before a crash; the question that it answered is over now.
            return
        press = pressed(record, record.secret("buttons"), message, now)
        if press is None:
            person, kit = self._desk.sender(message), self._house.kit
            self._desk.commit(person.id, message, now, lambda c, t: button_old(c, message, kit, t, now))
            return
        said = replace(message, kind=MessageKind.TEXT, text=press.text, person_id=press.person.id)
        if press.person.role not in (Role.PATIENT, Role.PROXY):
            self._desk.staff.answer(said, press.person, now)
            return
        shared = len(writers(record.holders(message.channel, message.address))) > 1
        as_shown = (lambda changes: coded(changes, press.person)) if shared else (lambda changes: changes)
        self._desk.answer_patient(said, press.person, now, as_shown)

    # What was edited

    def _edit(self, message: RawMessage, now: datetime) -> bool:
        """Words that may save a life, or that end messages, count however they come; orders of staff do not."""
        person = self._desk.sender(message)
        patient = person.role in (Role.PATIENT, Role.PROXY)
        if screen(message.text) or person.role is Role.STRANGER:
            return False
        if not patient:
            self._desk.staff.say(message, person, Heading(key="edit-staff"), now)
            return True
        earlier = self._earlier(message)
        if carrier_word(message.text) in ("stop", "start") or not earlier:
            return False
        people = writers(self._house.record.holders(message.channel, message.address))
        owner = next((p for p in people if self._has_readings(p, earlier)), None)
        if owner is None:
            return self._is_no_news(message, person, people, earlier, now)
        return self._put_right(message, owner, people, earlier, now)

    def _earlier(self, message: RawMessage) -> tuple[RawMessage, ...]:
        """The message that was edited, in its earlier forms, oldest first."""
        record, found = self._house.record, {}
        for holder in record.holders(message.channel, message.address) if message.ref else ():
            for kept in record.messages(holder.id):
                same = (kept.channel, kept.address, kept.ref) == (message.channel, message.address, message.ref)
                if same and kept.id != message.id and kept.kind is not MessageKind.BUTTON:
                    found[kept.id] = kept
        return tuple(sorted(found.values(), key=lambda kept: kept.received_at))

    def _has_readings(self, person: Person, earlier: tuple[RawMessage, ...]) -> bool:
        return bool(readings_of(self._house.record.chart(person.id), earlier))

    def _is_no_news(
        self,
        message: RawMessage,
        person: Person,
        people: tuple[Person, ...],
        earlier: tuple[RawMessage, ...],
        now: datetime,
    ) -> bool:
        """Whether an edit says what was said before; on a shared phone it may say whose words they are now."""
        if _whose(message, people) != _whose(earlier[-1], people):
            return False
        parse, before = (self._desk.parse(m.text, person.language) for m in (message, earlier[-1]))
        if not says_the_same(parse, before) or parse.intent == "unavailable":
            return False
        kit = self._house.kit
        self._desk.commit(person.id, message, now, lambda c, t: nothing_new(c, message, kit, t, now))
        return True

    def _put_right(
        self,
        message: RawMessage,
        owner: Person,
        people: tuple[Person, ...],
        earlier: tuple[RawMessage, ...],
        now: datetime,
    ) -> bool:
        """The readings of the message, on the chart that has them. With another's code before it, they were not its."""
        shared = len(people) > 1
        first = said_first(message.text, people) if shared else None
        text = first[1] if first else message.text
        parse, before = self._desk.parse(text, owner.language), self._before(earlier[-1], owner, people)
        if parse.intent == "unavailable" or not owner.consents_to(Purpose.MONITORING):
            return False
        if is_unverified(owner, message, now):
            return False
        anothers = first is not None and first[0].id != owner.id
        if anothers:
            parse = Parse(text=text, language=owner.language)
        kit, own = self._house.kit, replace(message, text=text, person_id=owner.id)

        def decided(chart: Chart, team: Team) -> Changes:
            changes = respond_edit(chart, own, parse, before, earlier, kit, team, now)
            return coded(changes, owner) if shared else changes

        self._desk.commit(owner.id, own, now, decided)
        return not anothers

    def _before(self, earlier: RawMessage, owner: Person, people: tuple[Person, ...]) -> Parse:
        first = said_first(earlier.text, people)
        return self._desk.parse(first[1] if first else earlier.text, owner.language)


def _whose(message: RawMessage, people: tuple[Person, ...]) -> str:
    """Whom of several on one phone a message names; "" for nobody, or where one person alone writes."""
    first = said_first(message.text, people) if len(people) > 1 else None
    return first[0].id if first else ""
