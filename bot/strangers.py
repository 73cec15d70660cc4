"""The ids of whoever writes from an address that is nobody's: the same for the same address, until one is erased."""

from collections.abc import Iterator
from itertools import count

from bot.trace import traced
from data.model.people import ChannelKind
from data.ports import Record


def stranger_id(record: Record, channel: ChannelKind, address: str) -> str:
    """The id for a new stranger: the first of that address under which nobody was erased."""
    return next(name for name in _ids(channel, address) if not record.chart(name, observations=False).erased)


def strangers_of(record: Record, channel: ChannelKind, address: str) -> Iterator[str]:
    """The ids under which this address was ever a stranger's, those that were erased too."""
    for name in _ids(channel, address):
        if not record.chart(name, observations=False).revision:
            return
        yield name


def _ids(channel: ChannelKind, address: str) -> Iterator[str]:
    first = f"stranger-{traced(f'{channel}:{address.strip()}')}"
    yield first
    for number in count(2):
        yield f"{first}-{number}"
