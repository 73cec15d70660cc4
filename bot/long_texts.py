"""Messages that are too long for their channel, as several: each a row of its own, numbered, with its own receipt."""

from collections.abc import Iterator
from dataclasses import replace

from data.model.chart import Changes
from data.model.communication import Communication, SendState
from data.model.people import ChannelKind
from data.text_parts import LIMITS, parts, units

# Telegram's channel cuts by itself; of these every part is a message that is paid for and may fail alone.
_CUT = (ChannelKind.SMS, ChannelKind.WHATSAPP)
# "(123/456) " in front of a part.
_NUMBERED = 10


def in_parts(changes: Changes) -> Changes:
    """The same with long messages cut at sentences; a message that is short enough stays the row it is."""
    if not any(_is_long(row) for row in changes.communications):
        return changes
    return replace(changes, communications=tuple(p for row in changes.communications for p in _parts(row)))


def _is_long(row: Communication) -> bool:
    return row.state is SendState.QUEUED and row.channel in _CUT and units(row.text) > LIMITS[row.channel]


def _parts(row: Communication) -> Iterator[Communication]:
    if not _is_long(row):
        yield row
        return
    texts = parts(row.text, LIMITS[row.channel] - _NUMBERED)
    for number, text in enumerate(texts, 1):
        last = number == len(texts)
        yield replace(
            row,
            id=row.id if number == 1 else f"{row.id}/{number}",
            text=f"({number}/{len(texts)}) {text}",
            # What can be pressed or looked at belongs under the end.
            buttons=row.buttons if last else (),
            picture=row.picture if last else "",
        )
