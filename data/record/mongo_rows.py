"""Rows as documents of MongoDB and back: in clear only what the queries need, everything else sealed in one body."""

from data.model.audit import Access, Entry
from data.model.people import Person
from data.ports import CodeUse
from data.record.buckets import key_of
from data.record.chain import JOURNAL, RELIEVED
from data.record.coding import decode, encode, micros
from data.record.linking import access_columns, entry_columns
from data.record.mongo_schema import Document
from data.record.mongo_store import MongoStore
from data.record.placing import at_revision
from data.record.projection import address_key
from data.record.tables import DueRow, OutboxRow, PersonRow, Projected

# What is left of a journal entry: all of it, all but its old samples, or nothing once the person was erased.
WHOLE, LESS, NOTHING = "whole", "less", "nothing"
FREE: Document = {"lease_from": 0, "lease_until": 0, "attempt": 0}


def entry_document(store: MongoStore, name: str, previous: bytes, seq: int, entry: Entry, body: bytes) -> Document:
    """An entry as the next link of its person's chain. `oldest` is the hour of its oldest sample."""
    return {
        "_id": f"{name}/{entry.revision}",
        "s": name,
        "revision": entry.revision,
        "seq": seq,
        "kept": WHOLE,
        **oldest(entry),
        **entry_columns(store.sealing, name, previous, entry, body),
    }


def oldest(entry: Entry) -> Document:
    """The hour of an entry's oldest sample, if it has any: by it a sweep finds what it may take out."""
    hours = [key_of(row)[1] for row in entry.changes.observations]
    return {"oldest": min(hours)} if hours else {}


def entry_body(store: MongoStore, document: Document) -> bytes:
    """What an entry says. Raises `NotFound` when the person was erased."""
    table = RELIEVED if document["kept"] == LESS else JOURNAL
    return store.unseal(table, document["s"], str(document["revision"]), document["body"])


def open_entry(store: MongoStore, document: Document) -> Entry:
    """The entry. Raises `NotFound` when the person was erased."""
    return decode(entry_body(store, document), Entry)


def access_document(store: MongoStore, name: str, previous: bytes, number: int, seq: int, access: Access) -> Document:
    """A look as the next link of that person's chain of looks."""
    linked = access_columns(store.sealing, name, previous, number, access)
    return {"_id": f"{name}/{number}", "s": name, "number": number, "seq": seq, **linked}


def outbox_values(store: MongoStore, name: str, key: str, row: OutboxRow) -> Document:
    """A queued message, free to be claimed."""
    told = {"late": row.late, "created_at": row.created_at, "not_before": row.not_before}
    return {**told, **_work_values(store, "outbox", name, key, row)}


def due_values(store: MongoStore, name: str, key: str, row: DueRow) -> Document:
    """A timer, free to be claimed."""
    return {"due_at": row.due_at, **_work_values(store, "due", name, key, row)}


def _work_values(store: MongoStore, table: str, name: str, key: str, row: Projected) -> Document:
    body = store.seal(table, name, at_revision(store.sealing.name("row", key), row.revision), row.body)
    return {"seq": row.seq, "place": row.place, "set_at": row.set_at, "body": body, **FREE}


def person_values(store: MongoStore, name: str, row: PersonRow) -> Document:
    """A person with the `addresses` they are found by, and the queues in which messages from these stand (`orders`)."""
    naming = store.sealing.name
    return {
        "gone": False,
        "active": row.active,
        "role": row.role,
        "addresses": [naming("address", address) for address in row.addresses],
        "orders": [naming("person", address) for address in row.addresses],
        "body": store.seal("person", name, at_revision("person", row.revision), row.body),
    }


def person_row(store: MongoStore, document: Document) -> tuple[str, PersonRow]:
    """A person's id and row as every store has it. Raises `NotFound` when they were erased."""
    name, revision = document["s"], int(document["revision"])
    body = store.unseal("person", name, at_revision("person", revision), document["body"])
    person = decode(body, Person)
    addresses = dict.fromkeys(address_key(point.system, point.value) for point in person.contacts)
    return person.id, PersonRow(revision, document["active"], document["role"], tuple(addresses), body)


def code_values(store: MongoStore, use: CodeUse) -> Document:
    """A reply code in use."""
    recipient = store.name(use.recipient)
    return {
        "escalation": store.sealing.name("escalation", use.escalation_id),
        "about": store.name(use.subject),
        "given_at": micros(use.given_at),
        "body": store.seal("code", recipient, use.code, encode(use)),
    }


def code_use(store: MongoStore, document: Document) -> CodeUse:
    """What a reply code stands for. Raises `NotFound` when the recipient was erased."""
    return decode(store.unseal("code", document["s"], document["code"], document["body"]), CodeUse)
