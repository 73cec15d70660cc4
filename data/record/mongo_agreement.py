"""The agreement of a record in MongoDB: what is stored of each person at one moment, and its mending from the chart."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from data.errors import BadFile, NotFound
from data.model.audit import Entry
from data.model.chart import Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.people import Person
from data.model.plan import Due
from data.record.agreement import (
    CHART,
    DUE,
    INBOX,
    MENDED,
    OUTBOX,
    PERSON,
    Disagreement,
    PersonSeen,
    Seen,
    WorkSeen,
    compared,
    live_in,
    long_lease,
    person_anew,
    queued_anew,
    timer_anew,
)
from data.record.chain import FIRST
from data.record.coding import decode
from data.record.mongo_rows import NOTHING, due_values, open_entry, outbox_values, person_values
from data.record.mongo_schema import Document
from data.record.mongo_store import PAGE, MongoStore
from data.record.placing import at_revision

log = logging.getLogger("phms.record")

T = TypeVar("T")
RollForward = Callable[[str], Any]
_TOLD = {OUTBOX: ("late", "created_at", "not_before"), DUE: ("due_at",)}
_KINDS: dict[str, type[Communication] | type[Due]] = {OUTBOX: Communication, DUE: Due}
# A commit writes row by row, the chart last: what looks wrong is looked at again, rolled forward.
_AGAIN = 5


def of_people(store: MongoStore, roll_forward: RollForward) -> Iterator[Disagreement]:
    """What is wrong with each person; `roll_forward` writes what a commit has not yet written."""
    names = (row["_id"] for row in store.scan(store.chart, {}, ("_id",), ["_id"]))
    while page := list(islice(names, PAGE)):
        for found in seen(store, page):
            if _wrong(store, found):
                yield from _looked_at_again(store, roll_forward, found.name)


def _looked_at_again(store: MongoStore, roll_forward: RollForward, name: str) -> list[Disagreement]:
    found: list[Disagreement] = []
    for _ in range(_AGAIN):
        try:
            roll_forward(name)
        except (BadFile, NotFound):
            break
        found = _wrong(store, *seen(store, [name]))
        if not found:
            return []
    return found or _wrong(store, *seen(store, [name]))


def _wrong(store: MongoStore, found: Seen) -> list[Disagreement]:
    """Work that the chart does not know of stands in nobody's way: a late process may have left it, no claim takes it.

    What a later commit has put there is of a chart that is not written yet.
    """
    wrong = compared(store.sealing, found)
    return [each for each in wrong if each.table not in (OUTBOX, DUE) or not each.what.startswith("inserted")]


def seen(store: MongoStore, names: list[str]) -> Iterator[Seen]:
    """What is stored of these persons, as far as a few reads can tell of one moment."""
    charts = {row["_id"]: row for row in store.find(store.chart, {"_id": {"$in": names}})}
    # Of the journal, whether the chart's revision is there, and one after it.
    ids = [f"{name}/{int(row['revision']) + more}" for name, row in charts.items() for more in (0, 1)]
    last: dict[str, tuple[int, bytes, str]] = {}
    for row in store.find(store.journal, {"_id": {"$in": ids}}, ["s", "revision", "link", "kind"], [("revision", 1)]):
        last[row["s"]] = int(row["revision"]), row["link"], row["kind"]
    people = {row["s"]: _person(store, row) for row in store.find(store.person, {"_id": {"$in": names}, "gone": False})}
    work = {table: _work(store, table, names) for table in _TOLD}
    for name in names:
        chart = charts.get(name, {})
        revision, body = int(chart.get("revision", 0)), chart.get("body", b"")
        yield Seen(
            name=name,
            head=(revision, chart.get("link", FIRST)),
            erased=bool(chart.get("erased")),
            chart=_opened(store, "chart", name, at_revision("chart", revision), body, Chart) if body else None,
            last=last.get(name, (0, FIRST, "")),
            person=people.get(name),
            work={table: rows.get(name, {}) for table, rows in work.items()},
        )


def _person(store: MongoStore, row: Document) -> PersonSeen:
    revision = int(row["revision"])
    return PersonSeen(
        revision=revision,
        active=row["active"],
        role=row["role"],
        addresses=frozenset(row["addresses"]),
        person=_opened(store, "person", row["s"], at_revision("person", revision), row["body"], Person),
    )


def _work(store: MongoStore, table: str, names: list[str]) -> dict[str, dict[str, WorkSeen]]:
    found: dict[str, dict[str, WorkSeen]] = {}
    for row in store.find(store.work[table], {"s": {"$in": names}}):
        name, revision = row["s"], int(row["revision"])
        key = row["_id"].removeprefix(f"{name}/")
        found.setdefault(name, {})[key] = WorkSeen(
            revision=revision,
            told=tuple(int(row[column]) for column in _TOLD[table]),
            lease=(int(row["lease_from"]), int(row["lease_until"])),
            thing=_opened(store, table, name, at_revision(key, revision), row["body"], _KINDS[table]),
        )
    return found


def _opened(store: MongoStore, table: str, owner: str, row: str, body: bytes, kind: type[T]) -> T | None:
    try:
        return decode(store.unseal(table, owner, row, body), kind)
    except (BadFile, NotFound):
        return None


def without_chart(store: MongoStore) -> Iterator[Disagreement]:
    """Persons of whom there are entries and no chart. Their next message makes it anew."""
    names = (row["s"] for row in store.scan(store.journal, {"revision": 1}, ("_id",), ["s"]))
    while page := list(islice(names, PAGE)):
        there = {row["_id"] for row in store.find(store.chart, {"_id": {"$in": page}}, ["_id"])}
        for name in page:
            if name not in there:
                yield Disagreement(table=CHART, subject=name, what="missing: the journal tells of this person")


def answered(store: MongoStore) -> Iterator[Disagreement]:
    """Messages that count as answered, though no entry tells of them, or that are leased for ever."""
    open_ones: dict[str, tuple[str, str]] = {}
    for row in store.scan(store.inbox, {"body": {"$ne": b""}}, ("n", "_id")):
        owner, name = row["o"], row["_id"]
        if not row["done"]:
            what = long_lease(int(row["lease_from"]), int(row["lease_until"]))
            if what:
                yield Disagreement(table=INBOX, subject=owner, row=name, what=what)
            continue
        message = _opened(store, INBOX, owner, name, row["body"], RawMessage)
        if message is not None and message.text:
            event = store.sealing.name("event", message.id)
            if store.get(store.journal, {"s": owner, "event": event}, ["_id"]) is None:
                open_ones[event] = owner, name
    # Most messages are told of in the journal of whoever's queue they stood in; for the rest, once through all of it.
    for row in store.scan(store.journal, {}, ("seq", "s"), ["seq", "s", "event"]) if open_ones else ():
        open_ones.pop(row["event"], None)
    for owner, name in open_ones.values():
        what = "unanswered: it counts as done, but no entry tells of it"
        yield Disagreement(table=INBOX, subject=owner, row=name, what=what)


# Mending: each row by itself, and only as it was read.


def mend_all(store: MongoStore, roll_forward: RollForward) -> int:
    """Put right what follows from the charts where that can be done; of how many persons."""
    wrong: dict[str, list[Disagreement]] = {}
    for each in of_people(store, roll_forward):
        if each.table in MENDED:
            wrong.setdefault(each.subject, []).append(each)
    return sum(_mend(store, name, rows) for name, rows in wrong.items())


def _mend(store: MongoStore, name: str, wrong: Iterable[Disagreement]) -> bool:
    chart = next(seen(store, [name])).chart
    if chart is None:
        return False
    log.error("rows of %s were not what the chart says: written anew", name)
    try:
        for each in wrong:
            if each.table == PERSON:
                _mend_person(store, name, chart)
            else:
                _mend_work(store, each, chart)
    except (BadFile, NotFound) as problem:
        log.error("what is stored of %s could not be put right (%s)", name, type(problem).__name__)
        return False
    return True


def _mend_person(store: MongoStore, name: str, chart: Chart) -> None:
    if chart.person is None:
        return
    made = person_anew(chart.person, _entries(store, name), chart.revision)
    values = {**person_values(store, name, made), "revision": made.revision}
    _put(store, PERSON, {"_id": name, "s": name}, values, {"n": _seq(store, name, made.revision)})


def _mend_work(store: MongoStore, each: Disagreement, chart: Chart) -> None:
    said = live_in(store.sealing, each.table, chart).get(each.row)
    name, entries = each.subject, _entries(store, each.subject)
    row = {"_id": f"{name}/{each.row}", "s": name}
    if isinstance(said, Due) and (timer := timer_anew(said, entries, chart.revision)) is not None:
        values = {**due_values(store, name, said.id, timer), "revision": timer.revision}
    elif isinstance(said, Communication) and (queued := queued_anew(said, entries, chart.revision)) is not None:
        values = {**outbox_values(store, name, said.id, queued), "revision": queued.revision}
    else:
        return
    _put(store, each.table, row, values, {"token": values["seq"]})


def _put(store: MongoStore, table: str, key: Document, values: Document, first: Document) -> None:
    """In place of the row as it is now, unless somebody is faster."""
    rows = store.database[table]
    there = store.get(rows, key)
    if there is None:
        store.insert("mend", rows, {**key, **values, **first})
    else:
        as_read = {**key, "revision": there["revision"], "body": there["body"]}
        store.change("mend", rows, as_read, {"$set": values})


def _seq(store: MongoStore, name: str, revision: int) -> int:
    row = store.get(store.journal, {"_id": f"{name}/{revision}", "s": name}, ["seq"])
    return int(row["seq"]) if row else 0


def _entries(store: MongoStore, name: str) -> Iterator[tuple[int, Entry]]:
    """A person's entries, the newest first, but for those that do not open."""
    for row in store.find(store.journal, {"s": name, "kept": {"$ne": NOTHING}}, None, [("revision", -1)]):
        try:
            yield int(row["seq"]), open_entry(store, row)
        except (BadFile, NotFound):
            continue
