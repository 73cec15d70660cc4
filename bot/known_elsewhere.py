"""One number, two doors: whoever is known by SMS is no stranger by WhatsApp, nor the other way round."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from data.model.chart import Changes, Chart
from data.model.conversation import RawMessage
from data.model.people import ChannelKind, ContactPoint, ContactState, Person, Role
from data.ports import Record

if TYPE_CHECKING:
    from bot.house import House

# Both are reached by the same E.164 numbers.
_OTHER_DOOR = {ChannelKind.SMS: ChannelKind.WHATSAPP, ChannelKind.WHATSAPP: ChannelKind.SMS}


def known_elsewhere(record: Record, channel: ChannelKind, address: str) -> tuple[Person, ...]:
    """Who has the number at its other door and not at this one, where it was proved to be nobody's.

    Those who were put down here already, as of several on one phone the first before a crash, keep out nobody else.
    """
    other = _OTHER_DOOR.get(channel)
    if other is None:
        return ()
    here = _known(record.holders(channel, address))
    if any(not _is_put_down(person, channel, address) for person in here):
        return ()
    return tuple(person for person in _known(record.holders(other, address)) if person not in here)


def _is_put_down(person: Person, channel: ChannelKind, address: str) -> bool:
    """Whether the address is theirs only because the same number is, at the other door."""
    contacts = [c for c in person.contacts if c.at(channel, address)]
    return all(contact.state is ContactState.UNVERIFIED for contact in contacts)


def recognize(house: "House", message: RawMessage, now: datetime) -> None:
    """Put the address down with them as one that may be somebody else's, until a code has come from it."""
    for person in known_elsewhere(house.record, message.channel, message.address):
        event_id = f"{message.id}/seen"
        house.commit(person.id, event_id, "message", person.id, now, lambda c, t: _seen(c, message), observations=False)


def _known(holders: tuple[Person, ...]) -> tuple[Person, ...]:
    return tuple(person for person in holders if person.role is not Role.STRANGER)


def _seen(chart: Chart, message: RawMessage) -> Changes:
    person = chart.person
    if person is None or any(c.at(message.channel, message.address) for c in person.contacts):
        return Changes()
    contact = ContactPoint(system=message.channel, value=message.address, state=ContactState.UNVERIFIED)
    note = f"wrote on {message.channel} from a number of theirs"
    return Changes(person=replace(person, contacts=(*person.contacts, contact)), notes=(note,))
