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
    """Who has the number at its other door, where nobody who is known has it at this one."""
    other = _OTHER_DOOR.get(channel)
    if other is None or _known(record.holders(channel, address)):
        return ()
    return _known(record.holders(other, address))


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
