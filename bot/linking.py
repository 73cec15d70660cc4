"""Codes and links given back: found whose they are, carried out on that person's chart. See `bot.core.invite`."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.core.heard import contact_at, lapsed
from bot.core.invite import (
    MOST_WRONG,
    anothers_address,
    code_refused,
    confirm,
    open_invite,
    redeem,
    wrong_lately,
)
from bot.core.invite_codes import Said, digest, genuine, invitation, read_code
from bot.core.unverified import lapse as lapse_one
from data.model.conversation import MessageKind, RawMessage
from data.model.people import ContactState, Person, Role
from nlu.safety import screen

if TYPE_CHECKING:
    from bot.core.invite_codes import Invitation
    from bot.front_desk import FrontDesk
    from bot.house import House
    from data.ports import Record


class LinkState(StrEnum):
    """What a page for a link shows: READY to be confirmed, DONE, or GONE: unknown, used and too old are alike."""

    READY = "ready"
    DONE = "done"
    GONE = "gone"


def codes_of(record: "Record", cause: str) -> "Invitation":
    """The codes that an event gives out."""
    return invitation(record.secret("invite"), cause)


class Linking:
    """The front desk for codes. Holds nothing but the house and the desk it stands at."""

    def __init__(self, house: "House", desk: "FrontDesk") -> None:
        self._house, self._desk = house, desk

    def answer(self, message: RawMessage, now: datetime) -> bool:
        """Answer a message that is a code; False when it is words. An emergency is never a code."""
        said = read_code(message.text) if message.kind is MessageKind.TEXT else None
        if said is None or screen(message.text):
            return False
        record = self._house.record
        holders = record.holders(message.channel, message.address)
        if any(record.committed(person.id, message.id) for person in holders):
            # Thought through before a crash; a code that was used then would look wrong now.
            return True
        sender = self._desk.sender(message)
        known = sender.role is not Role.STRANGER
        wrong = wrong_lately(record.chart(sender.id, observations=False), message, now)
        found = _invited(record, said, now) if wrong < MOST_WRONG else None
        if found is None and said.bare and known:
            return False
        if found is not None and (other := _anothers(holders, found, message)):
            kit, whose = self._house.kit, other
            self._desk.commit(found.id, message, now, lambda c, t: anothers_address(c, message, whose, kit, t, now))
            return True
        if found is None or not self._redeem(found, message, said, now):
            self._refuse(sender, message, now)
        return True

    def _redeem(self, invited: Person, message: RawMessage, said: Said, now: datetime) -> bool:
        """Whether the address is theirs now; a code that somebody else used at the same moment is a wrong one."""
        record, kit = self._house.record, self._house.kit
        holders = record.holders(message.channel, message.address)
        others = tuple(p for p in holders if p.id != invited.id)
        self._desk.commit(invited.id, message, now, lambda c, t: redeem(c, message, said, others, kit, t, now))
        person = record.chart(invited.id, observations=False).person
        return person is not None and contact_at(person, message.channel, message.address) is not None

    def _refuse(self, sender: Person, message: RawMessage, now: datetime) -> None:
        kit = self._house.kit
        self._desk.commit(sender.id, message, now, lambda c, t: code_refused(c, message, kit, t, now))


def _anothers(holders: tuple[Person, ...], invited: Person, message: RawMessage) -> Person | None:
    """Who is reached at the address that a code came from, where nobody could tell any more who writes.

    For a patient's code that is a colleague, for a colleague's anybody: patients alone may share a phone.
    """
    patients = (Role.PATIENT, Role.PROXY)
    apart = (Role.STRANGER, *patients) if invited.role in patients else (Role.STRANGER,)
    gone = (ContactState.UNVERIFIED, ContactState.DEAD)
    for person in holders:
        contact = contact_at(person, message.channel, message.address)
        in_use = person.active and contact is not None and contact.state not in gone
        if in_use and person.id != invited.id and person.role not in apart:
            return person
    return None


def _invited(record: "Record", said: Said, now: datetime, *, by_web: bool = False) -> Person | None:
    """Whose open invite this code is. A token that was not made here is refused without a look at anybody."""
    if len(said.code) != 8 and not genuine(record.secret("invite"), said.code):
        return None
    wanted = digest(said.code)
    return next((p for p in record.people() if open_invite(p, wanted, now, by_web=by_web)), None)


def link_page(house: "House", token: str) -> LinkState:
    """What a link that was sent by SMS shows. Nothing is used up: previews and scanners follow links too."""
    return LinkState.READY if _invited(house.record, Said(token), house.now(), by_web=True) else LinkState.GONE


def link_confirm(house: "House", token: str) -> LinkState:
    """Whoever had the link at the address it was sent to has confirmed it."""
    now, event_id = house.now(), f"link:{digest(token)[:32]}"
    invited = _invited(house.record, Said(token), now, by_web=True)
    if invited is None:
        return LinkState.GONE
    house.commit(
        invited.id,
        event_id,
        "link",
        invited.id,
        now,
        lambda c, t: confirm(c, event_id, token, house.kit, t, now),
        observations=False,
    )
    return LinkState.DONE


def lapse(house: "House") -> None:
    """The daily look at everybody's addresses; the same day again changes nothing."""
    now = house.now()
    event_id = f"lapse:{now:%Y-%m-%d}"
    for person in house.record.people():
        if person.role is Role.STRANGER or not _wants_look(person, now):
            continue
        house.commit(
            person.id,
            event_id,
            "lapse",
            "clock",
            now,
            lambda c, t: lapse_one(c, event_id, house.kit, t, now),
            observations=False,
        )


def _wants_look(person: Person, now: datetime) -> bool:
    active = (c for c in person.contacts if c.state is ContactState.ACTIVE)
    return any(c.heard_at is None or lapsed(c, now) for c in active)
