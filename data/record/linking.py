"""The next link of a chain, ready to be stored: the same columns for every store."""

from typing import Any

from data.model.audit import Access, Entry
from data.record.chain import ACCESS, JOURNAL, next_link
from data.record.coding import encode_input, micros
from data.sealing.sealing import Sealing

Columns = dict[str, Any]


def entry_columns(sealing: Sealing, owner: str, previous: bytes, entry: Entry, body: bytes) -> Columns:
    """What is stored of an entry (whose bytes `body` is) after the link `previous`, but for subject and revision."""
    told: Columns = {
        "event": sealing.name("event", entry.event_id),
        "kind": entry.kind,
        "actor": sealing.name("person", entry.actor),
        "at": micros(entry.at),
        "digest": sealing.digest(body),
    }
    link = next_link(sealing, previous, stream=JOURNAL, subject=owner, number=entry.revision, **told)
    return {**told, "link": link, "body": sealing.seal(JOURNAL, owner, str(entry.revision), body)}


def access_columns(sealing: Sealing, owner: str, previous: bytes, number: int, access: Access) -> Columns:
    """What is stored of a look after the link `previous`, but for subject and number."""
    body = encode_input(access)
    told: Columns = {
        "kind": access.action if access.permitted else f"!{access.action}",
        "actor": sealing.name("person", access.actor),
        "at": micros(access.at),
        "digest": sealing.digest(body),
    }
    link = next_link(sealing, previous, stream=ACCESS, subject=owner, number=number, event="", **told)
    return {**told, "link": link, "body": sealing.seal(ACCESS, owner, str(number), body)}


def gone_columns(sealing: Sealing, owner: str, previous: bytes, revision: int, event_id: str, kind: str) -> Columns:
    """What a dump tells of an erased person's entry: that it was there, and whether it was the one that erased them."""
    told: Columns = {"event": sealing.name("event", event_id), "kind": kind, "actor": "", "at": 0, "digest": b""}
    link = next_link(sealing, previous, stream=JOURNAL, subject=owner, number=revision, **told)
    return {**told, "link": link, "body": b""}
