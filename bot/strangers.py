"""The ids of whoever writes from an address that is nobody's: the same for the same address, until one is erased."""

from collections.abc import Iterator
from itertools import count

from data.model.people import ChannelKind, Role
from data.ports import Record


def stranger_id(record: Record, channel: ChannelKind, address: str) -> str:
    """The id for a new stranger: the first of that address under which nobody was erased."""
    return next(name for name in _ids(record, channel, address) if not record.chart(name, observations=False).erased)


def strangers_of(record: Record, channel: ChannelKind, address: str) -> Iterator[str]:
    """The ids under which this address was ever a stranger's, those that were erased too.

    Those of a record that was moved in from elsewhere have other ids: they are found by the address.
    """
    known = []
    for name in _ids(record, channel, address):
        if not record.chart(name, observations=False).revision:
            break
        known.append(name)
    yield from known
    holders = record.holders(channel, address)
    yield from (one.id for one in holders if one.role is Role.STRANGER and one.id not in known)


def _ids(record: Record, channel: ChannelKind, address: str) -> Iterator[str]:
    first = f"stranger-{record.pseudonym(f'{channel}:{address.strip()}')}"
    yield first
    for number in count(2):
        yield f"{first}-{number}"
