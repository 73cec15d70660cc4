"""A MongoDB record as the logical tables that every store has, and back: for digests and for moving house.

Of erased persons only that they were is told, under their names.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from pymongo.errors import BulkWriteError

from data.errors import NotFound
from data.model.audit import Access, Entry
from data.model.chart import Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.plan import Due
from data.ports import CodeUse
from data.record.chain import ERASE, FIRST
from data.record.coding import decode, decode_known, instant, micros
from data.record.linking import gone_columns
from data.record.mongo_errors import translated
from data.record.mongo_rows import (
    NOTHING,
    access_document,
    code_use,
    code_values,
    due_values,
    entry_body,
    entry_document,
    outbox_values,
    person_row,
    person_values,
)
from data.record.mongo_schema import INDEXES, Document
from data.record.mongo_store import MongoStore, Rows
from data.record.mongo_vitals import MongoVitals
from data.record.mongo_work import DUES, OUTBOX, Queue
from data.record.placing import at_revision
from data.record.tables import (
    ChartRow,
    CodeRow,
    DueRow,
    JournalRow,
    MessageRow,
    OutboxRow,
    Tables,
    Work,
)

_BATCH = 500
_LEASE = ("lease_from", "lease_until", "token", "attempt")


def read(store: MongoStore, vitals: MongoVitals) -> Tables:
    """The whole record, opened. Meant for when nobody writes: it is read table by table."""
    tables = Tables()
    subjects: dict[str, str] = {}
    _read_charts(store, tables, subjects)
    places = _read_journal(store, tables, subjects)
    for row in store.scan(store.inbox, {"body": {"$ne": b""}}, ("n", "_id")):
        body = _opened(store, "inbox", row["o"], row["_id"], row["body"])
        if body:
            message = decode(body, RawMessage)
            kept = MessageRow(order=message.order, body=body, done=row["done"], **_lease(row))
            tables.inbox[message.id] = kept
    for row in store.scan(store.vitals, {"n": {"$gt": 0}}):
        hour = vitals.row_of(row) if subjects[row["s"]] != row["s"] else None
        if hour is not None:
            tables.vitals.setdefault(subjects[row["s"]], {})[row["code"], int(row["hour"])] = hour
    _read_work(store, tables, subjects, places)
    _read_people(store, tables)
    work: list[Work] = [*tables.inbox.values(), *tables.outbox.values(), *tables.dues.values()]
    tables.token = max((row.token for row in work), default=0)
    return tables


def _read_charts(store: MongoStore, tables: Tables, subjects: dict[str, str]) -> None:
    for row in store.scan(store.chart, {"revision": {"$gt": 0}}):
        body = _opened(store, "chart", row["_id"], at_revision("chart", int(row["revision"])), row["body"])
        subject = decode(body, Chart).subject if body else row["_id"]
        subjects[row["_id"]] = subject
        tables.charts[subject] = ChartRow(int(row["revision"]), body)


def _read_journal(store: MongoStore, tables: Tables, subjects: dict[str, str]) -> dict[tuple[str, int], int]:
    """The journal, numbered from 1 as a store with a counter would; and the number of each entry."""
    places: dict[tuple[str, int], int] = {}
    for place, row in enumerate(store.scan(store.journal, {}, ("seq", "s")), start=1):
        name, revision = row["s"], int(row["revision"])
        body, event_id = b"", row["event"]
        if row["kept"] != NOTHING and subjects.get(name) != name:
            body = entry_body(store, row)
            entry = decode(body, Entry)
            event_id = entry.event_id
            # A chart that a crash left at revision 0 does not tell whose it is.
            subjects.setdefault(name, entry.subject)
        tables.journal.setdefault(subjects[name], []).append(JournalRow(place, event_id, body))
        places[name, revision] = place
    return places


def _read_work(store: MongoStore, tables: Tables, subjects: dict[str, str], places: dict[tuple[str, int], int]) -> None:
    charts = {subject: row for subject, row in tables.charts.items() if row.body}
    for queue in (DUES, OUTBOX):
        for row in store.scan(store.work[queue.table], {}, ("s", "_id")):
            subject, revision = subjects[row["s"]], int(row["revision"])
            place = at_revision(row["_id"].removeprefix(f"{row['s']}/"), revision)
            body = _opened(store, queue.table, row["s"], place, row["body"])
            chart = charts.get(subject)
            if not body or subject == row["s"]:
                continue
            # One that a late process left has no place in its chart, or another.
            live = chart is None or chart.revision < revision or decode(body, queue.kind) in _live(queue, chart.body)
            if live:
                _read_one(tables, queue.table, subject, places[row["s"], revision], row, body)


def _live(queue: Queue[Any], chart: bytes) -> tuple[object, ...]:
    return queue.live(decode_known(chart, Chart))


def _read_one(tables: Tables, table: str, subject: str, place: int, row: Document, body: bytes) -> None:
    told: dict[str, Any] = {field: int(row[field]) for field in ("place", "set_at", "revision")}
    told |= {"seq": place, "body": body, **_lease(row)}
    if table == "due":
        timer = DueRow(due_at=int(row["due_at"]), **told)
        tables.dues[subject, decode(body, Due).id] = timer
    else:
        told |= {field: int(row[field]) for field in ("late", "created_at", "not_before")}
        tables.outbox[subject, decode(body, Communication).id] = OutboxRow(**told)


def _read_people(store: MongoStore, tables: Tables) -> None:
    for row in store.scan(store.person, {"gone": False}, ("n", "s")):
        person_id, person = person_row(store, row)
        tables.people[person_id] = person
    for row in store.scan(store.code, {}):
        use = code_use(store, row)
        known = CodeRow(use.escalation_id, use.subject, micros(use.given_at))
        tables.codes.setdefault(use.recipient, {})[use.code] = known
    for row in store.scan(store.access, {"body": {"$ne": b""}}, ("s", "number")):
        body = _opened(store, "access", row["s"], str(row["number"]), row["body"])
        if body:
            tables.accesses.setdefault(decode(body, Access).subject, []).append(body)


def _opened(store: MongoStore, table: str, owner: str, row: str, body: bytes) -> bytes:
    """What was sealed; nothing when it was emptied, or left by a process that was late for an erasure."""
    try:
        return store.unseal(table, owner, row, body) if body else b""
    except NotFound:
        return b""


def _lease(row: Document) -> dict[str, int]:
    return {field: int(row[field]) for field in _LEASE}


# The other way.


def is_empty(store: MongoStore) -> bool:
    """Whether nothing was ever kept here."""
    return all(store.get(store.database[name], {}, ["_id"]) is None for name in INDEXES)


def write(store: MongoStore, vitals: MongoVitals, tables: Tables) -> None:
    """Fill an empty database. May be cut off anywhere and called again with the same; the chain is forged anew."""
    erased = {subject for subject, row in tables.charts.items() if not row.body}
    for subject in erased:
        store.sealing.shred(store.name(subject))
    links = _put(store, store.journal, _entries(store, tables, erased))
    _put(store, store.inbox, _messages(store, tables))
    _put(store, store.vitals, _hours(store, vitals, tables))
    _put(store, store.outbox, _outbox(store, tables))
    _put(store, store.due, _dues(store, tables))
    _put(store, store.person, _people(store, tables))
    _put(store, store.code, _codes(store, tables))
    _put(store, store.access, _accesses(store, tables))
    _put(store, store.chart, _charts(store, tables, links))


def _put(store: MongoStore, rows: Rows, documents: Iterable[Document]) -> dict[str, tuple[int, bytes]]:
    """Insert what is not there yet; the last number and link of each person, if they have any."""
    last: dict[str, tuple[int, bytes]] = {}
    left = iter(documents)
    while batch := list(islice(left, _BATCH)):
        last.update((row["s"], (row["seq"], row["link"])) for row in batch if "link" in row)
        store.probe("load")
        with translated(store.where):
            try:
                rows.insert_many(batch, ordered=False)
            except BulkWriteError as problem:
                errors = problem.details.get("writeErrors", [])
                if problem.details.get("writeConcernErrors") or any(error["code"] != 11000 for error in errors):
                    raise
    return last


def _entries(store: MongoStore, tables: Tables, erased: set[str]) -> Iterator[Document]:
    for subject, rows in tables.journal.items():
        name, previous = store.name(subject), FIRST
        for revision, row in enumerate(rows, start=1):
            if subject in erased:
                document = _gone(store, name, previous, revision, row, ERASE if revision == len(rows) else "")
            else:
                document = entry_document(store, name, previous, row.seq, decode(row.body, Entry), row.body)
            previous = document["link"]
            yield document


def _gone(store: MongoStore, name: str, previous: bytes, revision: int, row: JournalRow, kind: str) -> Document:
    head = {"_id": f"{name}/{revision}", "s": name, "revision": revision, "seq": row.seq, "kept": NOTHING}
    return {**head, **gone_columns(store.sealing, name, previous, revision, row.event_id, kind)}


def _charts(store: MongoStore, tables: Tables, links: dict[str, tuple[int, bytes]]) -> Iterator[Document]:
    """Every chart, the last of all: one that a crash left behind is rolled forward by whoever reads it."""
    for subject, rows in tables.journal.items():
        name = store.name(subject)
        row = tables.charts.get(subject) or ChartRow(0, b"")
        seq, link = links[name]
        if row.revision < len(rows):
            seq, link = _link_at(store, name, row.revision)
        body = store.seal("chart", name, at_revision("chart", row.revision), row.body) if row.body else b""
        erased = row.revision > 0 and not row.body
        told = {"revision": row.revision, "seq": seq, "link": link, "erased": erased}
        yield {"_id": name, "s": name, **told, "body": body}


def _link_at(store: MongoStore, name: str, revision: int) -> tuple[int, bytes]:
    row = store.get(store.journal, {"_id": f"{name}/{revision}", "s": name}, ["seq", "link"])
    return (int(row["seq"]), row["link"]) if row else (0, FIRST)


def _messages(store: MongoStore, tables: Tables) -> Iterator[Document]:
    for place, (key, row) in enumerate(tables.inbox.items(), start=1):
        name, order = store.sealing.name("message", key), store.name(row.order)
        body = store.seal("inbox", order, name, row.body) if row.body else b""
        yield {"_id": name, "o": order, "n": place, "done": row.done, **_leased(row), "body": body}


def _hours(store: MongoStore, vitals: MongoVitals, tables: Tables) -> Iterator[Document]:
    for subject, hours in tables.vitals.items():
        for key, row in hours.items():
            yield vitals.document_of(store.name(subject), key, row)


def _outbox(store: MongoStore, tables: Tables) -> Iterator[Document]:
    for (subject, key), row in tables.outbox.items():
        name = store.name(subject)
        yield _work(store, name, key, row.revision, {**outbox_values(store, name, key, row), **_leased(row)})


def _dues(store: MongoStore, tables: Tables) -> Iterator[Document]:
    for (subject, key), row in tables.dues.items():
        name = store.name(subject)
        yield _work(store, name, key, row.revision, {**due_values(store, name, key, row), **_leased(row)})


def _work(store: MongoStore, name: str, key: str, revision: int, values: Document) -> Document:
    return {"_id": f"{name}/{store.sealing.name('row', key)}", "s": name, "revision": revision, **values}


def _people(store: MongoStore, tables: Tables) -> Iterator[Document]:
    for place, (person_id, row) in enumerate(tables.people.items(), start=1):
        name = store.name(person_id)
        yield {"_id": name, "s": name, "n": place, "revision": row.revision, **person_values(store, name, row)}


def _codes(store: MongoStore, tables: Tables) -> Iterator[Document]:
    for recipient, given in tables.codes.items():
        name = store.name(recipient)
        for code, row in given.items():
            use = CodeUse(recipient, code, row.escalation_id, row.subject, instant(row.given_at))
            yield {"_id": f"{name}/{code}", "s": name, "code": code, **code_values(store, use)}


def _accesses(store: MongoStore, tables: Tables) -> Iterator[Document]:
    place = 0
    for subject, looks in tables.accesses.items():
        name, previous = store.name(subject), FIRST
        for number, look in enumerate(looks, start=1):
            place += 1
            document = access_document(store, name, previous, number, place, decode(look, Access))
            previous = document["link"]
            yield document


def _leased(row: Work) -> dict[str, int]:
    return {field: getattr(row, field) for field in _LEASE}
