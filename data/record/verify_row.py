"""One row of the audit trail as verified: its kinds of column, the link it should have, and what its body says."""

from datetime import datetime

import msgspec

from data.errors import BadFile, NotFound
from data.record.chain import JOURNAL, RELIEVED, Link, next_link
from data.record.coding import decode, micros
from data.sealing.sealing import Sealing

# A body that is not there, or not to be opened any more, is right for a person who was erased.
GONE = "gone: its body is not there, and nobody erased this person"
CLOSED = "gone: the key of its body is not there, and nobody erased this person"
ALTERED = "edited: its body is not what was sealed here"


# What a store may stumble over in a row that somebody else wrote: a column is missing, or no number.
UNREADABLE = (KeyError, TypeError, ValueError)


class _Entry(msgspec.Struct):
    """What the clear columns of a journal row must agree with."""

    subject: str
    revision: int
    event_id: str
    kind: str
    actor: str
    at: datetime


class _Look(msgspec.Struct):
    """What the clear columns of an access must agree with."""

    subject: str
    actor: str
    action: str
    at: datetime
    permitted: bool = True


def is_row(row: Link) -> bool:
    """Whether every column is of its kind: a store without types may hold anything."""
    return (
        all(isinstance(text, str) for text in (row.stream, row.subject, row.event, row.kind, row.actor))
        and all(isinstance(count, int) for count in (row.number, row.at))
        and all(isinstance(data, bytes) for data in (row.digest, row.link, row.body))
    )


def link_after(sealing: Sealing, previous: bytes, row: Link) -> bytes:
    """The link that this row has when it follows the one whose link is `previous`."""
    return next_link(
        sealing,
        previous,
        stream=row.stream,
        subject=row.subject,
        number=row.number,
        event=row.event,
        kind=row.kind,
        actor=row.actor,
        at=row.at,
        digest=row.digest,
    )


def body_fault(sealing: Sealing, row: Link) -> str:
    """What is wrong with the body of a row, or between it and the clear columns; "" for nothing."""
    if not row.body:
        return GONE
    try:
        plain, relieved = _opened(sealing, row)
        told = _columns(sealing, row, plain)
    except NotFound:
        return CLOSED
    except BadFile:
        return ALTERED
    # A relieved body lacks samples that its digest is still of; that it opens in its place is its proof.
    if not relieved and sealing.digest(plain) != row.digest:
        return "edited: its digest is not the one of its body"
    shown = {"subject": row.subject, "number": row.number, "event": row.event}
    shown |= {"kind": row.kind, "actor": row.actor, "time": row.at}
    wrong = next((name for name, value in shown.items() if told[name] != value), None)
    return f"edited: its {wrong} is not the one that its body says" if wrong else ""


def _opened(sealing: Sealing, row: Link) -> tuple[bytes, bool]:
    place = row.subject, str(row.number), row.body
    try:
        return sealing.unseal(row.stream, *place), False
    except BadFile:
        if row.stream != JOURNAL:
            raise
        return sealing.unseal(RELIEVED, *place), True


def _columns(sealing: Sealing, row: Link, plain: bytes) -> dict[str, object]:
    """The clear columns as the body says them."""
    if row.stream == JOURNAL:
        entry = decode(plain, _Entry)
        told = {"number": entry.revision, "event": sealing.name("event", entry.event_id), "kind": entry.kind}
        who = entry.subject, entry.actor, entry.at
    else:
        look = decode(plain, _Look)
        told = {"number": row.number, "event": "", "kind": look.action if look.permitted else f"!{look.action}"}
        who = look.subject, look.actor, look.at
    subject, actor, at = who
    names = {"subject": sealing.name("person", subject), "actor": sealing.name("person", actor)}
    return {**told, **names, "time": micros(at)}
