"""STOP belongs to the number: whoever is given it later is not written to there either."""

from data.model.people import ChannelKind, ContactState
from data.ports import Record


def is_stopped(record: Record, system: ChannelKind, value: str) -> bool:
    """Whether STOP was sent from an address, whoever has it now."""
    held = (c for person in record.holders(system, value) for c in person.contacts if c.at(system, value))
    return any(contact.state is ContactState.STOPPED for contact in held)
