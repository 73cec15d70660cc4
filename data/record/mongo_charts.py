"""Charts in MongoDB and their one write: the insert of a journal entry is the commit, the chart follows last."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Lock

from data.errors import BadFile, Conflict, NotFound, Unavailable
from data.model.audit import Entry
from data.model.chart import Changes, Chart
from data.model.observation import Observation
from data.record.agreement import Disagreement
from data.record.chain import ERASE, FIRST
from data.record.coding import decode, encode_checked, micros
from data.record.known import KnownCharts
from data.record.mongo_agreement import answered, mend_all, of_people, without_chart
from data.record.mongo_erasing import sweep, wipe
from data.record.mongo_rows import (
    NOTHING,
    due_values,
    entry_document,
    open_entry,
    outbox_values,
    person_values,
)
from data.record.mongo_schema import Document
from data.record.mongo_store import ROUNDS, MongoStore, check_size
from data.record.mongo_vitals import MongoVitals, Move
from data.record.placing import at_revision
from data.record.projection import Projection, check, project
from data.sealing.keyring import ERASED

_HEAD = ["revision", "seq", "link", "erased"]


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chart's document has got. `made` is False as long as there is none."""

    revision: int = 0
    seq: int = 0
    link: bytes = FIRST
    erased: bool = False
    made: bool = False


class MongoCharts:
    """The charts. Whoever reads one first writes what a crash (or another process, not yet ready) left unwritten."""

    def __init__(self, store: MongoStore, vitals: MongoVitals) -> None:
        self._store, self._vitals = store, vitals
        self._lock = Lock()
        self._known = KnownCharts()
        store.on_erased(self._forget)

    def _forget(self, name: str) -> None:
        with self._lock:
            for subject in self._known.subjects():
                if self._store.name(subject) == name:
                    self._known.forget(subject)

    def bare(self, subject: str) -> Chart:
        """The chart without its observations, rolled forward."""
        name = self._store.name(subject)
        for _ in range(ROUNDS):
            chart = self._chart_at(self.roll_forward(name)[0], name, subject)
            if chart is not None:
                return chart
        raise _busy(self._store)

    def named(self, name: str) -> Chart | None:
        """The chart that a row belongs to, for making the row anew; None where there is none that opens."""
        try:
            head = self.roll_forward(name)[0]
            return self._chart_at(head, name, "") if head.revision else None
        except (BadFile, NotFound):
            return None

    def full(self, subject: str) -> Chart:
        """The chart with its observations, rolled forward."""
        for _ in range(ROUNDS):
            chart = self.bare(subject)
            with self._lock:
                full = self._known.full(subject, chart.revision)
            if full is not None:
                return full
            rows, revision = self._held(chart)
            # A later commit may have written some of these hours already: then its entry is there to be read.
            if revision <= chart.revision:
                full = chart.with_observations(rows) if rows else chart
                with self._lock:
                    self._known.read_full(full)
                return full
        raise _busy(self._store)

    def commit(self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime) -> bool:
        """See `Record.commit`."""
        subject, revision = chart.subject, chart.revision + 1
        check(subject, kind, changes)
        store, name = self._store, self._store.name(subject)
        head = self._head(name)
        if head.revision < chart.revision:
            # Whoever asks has seen a later one: somebody put this one back.
            head, _ = self.roll_forward(name)
        before = self._chart_at(head, name, subject)
        if before is None or before.erased or head.revision != chart.revision:
            return self._not_written(chart, event_id)
        body, entry = encode_checked(
            Entry(
                subject=subject,
                revision=revision,
                event_id=event_id,
                kind=kind,
                actor=actor,
                at=now,
                changes=changes,
            )
        )
        # Before anything is written: what cannot be projected must not enter the journal.
        seq = store.tick(micros(now), head.seq)
        rows = project(entry, before, seq)
        moves = self._moves(name, before, rows)
        _check_sizes(body, rows)
        try:
            document = entry_document(store, name, head.link, seq, entry, body)
        except NotFound:
            # The keys are gone: an erasure was cut off before its chart said so.
            return self._not_written(chart, event_id)
        if not head.made:
            # So that `recover`, which goes through the charts, finds everybody.
            store.insert("chart", store.chart, {"_id": name, "s": name, **_values(0, 0, FIRST), "body": b""})
        if not store.insert("journal", store.journal, document):
            return self._not_written(chart, event_id)
        self._write(name, entry, rows, moves, document)
        store.probe("answer")
        return True

    def committed(self, subject: str, event_id: str) -> bool:
        """See `Record.committed`."""
        wanted = {"s": self._store.name(subject), "event": self._store.sealing.name("event", event_id)}
        return self._store.get(self._store.journal, wanted, ["_id"]) is not None

    def _not_written(self, chart: Chart, event_id: str) -> bool:
        """Why: False when this event is in the journal. Raises what is to be done otherwise."""
        head, _ = self.roll_forward(self._store.name(chart.subject))
        if self.committed(chart.subject, event_id):
            self._store.probe("answer")
            return False
        if head.erased:
            raise NotFound(ERASED)
        if head.revision == chart.revision:
            # What got ahead of us is not yet confirmed by a majority.
            raise _busy(self._store)
        raise Conflict(f"the chart is at revision {head.revision}, not {chart.revision}: reload, decide again")

    def journal(self, subject: str | None = None) -> Iterator[Entry]:
        """See `Record.journal`."""
        store = self._store
        mine: Document = {"kept": {"$ne": NOTHING}}
        if subject is not None:
            mine["s"] = store.name(subject)
        for document in store.scan(store.journal, mine, ("seq", "s") if subject is None else ("revision",)):
            try:
                yield open_entry(store, document)
            except NotFound:
                # Erased while we read, or the entry that erased them: there is nothing to tell.
                continue

    def recover(self) -> int:
        """See `Record.recover`. Finds who is behind without reading everybody's journal."""
        store, count = self._store, 0
        for batch in store.batches(store.chart, {}, ["revision"]):
            ahead = [f"{row['_id']}/{int(row['revision']) + 1}" for row in batch]
            for row in store.find(store.journal, {"_id": {"$in": ahead}}, ["s"]):
                count += store.tried("journal", row["s"], "", partial(self._recovered, row["s"])) or 0
        sweep(store)
        return count + mend_all(store, self.roll_forward)

    def disagreements(self) -> Iterator[Disagreement]:
        """See `data.record.agreement.disagreements`."""
        yield from of_people(self._store, self.roll_forward)
        yield from without_chart(self._store)
        yield from answered(self._store)

    def _recovered(self, name: str) -> int:
        return self.roll_forward(name)[1]

    def forget(self) -> None:
        """Remember no chart: hours were thinned out."""
        with self._lock:
            self._known = KnownCharts()

    def must_live(self, name: str) -> None:
        """Raises `NotFound` when the person of that name was erased; an erasure that was cut off is completed first."""
        if self.roll_forward(name)[0].erased:
            self._store.forget(name)
            raise NotFound(ERASED)

    def roll_forward(self, name: str) -> tuple[Head, int]:
        """Write what the journal has and the chart lacks; where the chart is then, and how many entries it took."""
        store, count = self._store, 0
        for _ in range(ROUNDS):
            head = self._head(name)
            row = store.get(store.journal, {"_id": f"{name}/{head.revision + 1}", "s": name}) if head.made else None
            if row is None:
                return head, count
            count += self._replay(name, head, row)
        raise _busy(store)

    def _replay(self, name: str, head: Head, row: Document) -> bool:
        """One entry again; False when the chart is beyond it by now."""
        if row["kind"] == ERASE:
            # Not even this entry may open any more, so its kind says it all.
            self._erase(name, row)
            return True
        if row["kept"] == NOTHING:
            return self._erased_since(name, head)
        try:
            entry = open_entry(self._store, row)
        except NotFound:
            return False
        before = self._chart_at(head, name, entry.subject)
        if before is None:
            return False
        rows = project(entry, before, int(row["seq"]))
        self._write(name, entry, rows, self._moves(name, before, rows), row)
        return True

    def _erased_since(self, name: str, head: Head) -> bool:
        """A chart from before an erasure, which somebody put back: nothing leads up to it any more."""
        store = self._store
        rows = store.find(store.journal, {"s": name, "kind": ERASE}, ["revision", "seq", "link"], [("revision", -1)], 1)
        for row in rows:
            revision = int(row["revision"])
            wipe(store, name, revision)
            values = {**_values(revision, int(row["seq"]), row["link"], erased=True), "body": b""}
            as_read = {"_id": name, "s": name, "revision": head.revision}
            return store.change("chart", store.chart, as_read, {"$set": values})
        return False

    def _head(self, name: str) -> Head:
        row = self._store.get(self._store.chart, {"_id": name, "s": name}, _HEAD)
        if row is None:
            return Head()
        return Head(int(row["revision"]), int(row["seq"]), row["link"], row["erased"], made=True)

    def _chart_at(self, head: Head, name: str, subject: str) -> Chart | None:
        """The stored chart without its observations; None when it has moved on."""
        if head.erased:
            self._store.forget(name)
        if head.revision == 0 or head.erased:
            return Chart(subject=subject, revision=head.revision, erased=head.erased)
        with self._lock:
            known = self._known.bare(subject, head.revision)
        if known is not None:
            return known
        row = self._store.get(self._store.chart, {"_id": name, "s": name, "revision": head.revision}, ["body"])
        if row is None:
            return None
        try:
            place = at_revision("chart", head.revision)
            chart = decode(self._store.unseal("chart", name, place, row["body"]), Chart)
            self._store.spoilt.opened("chart", name, "chart")
        except (BadFile, NotFound) as problem:
            if self._store.is_destroyed(name):
                return None
            self._store.note("chart", name, "chart", problem)
            chart = self._rebuilt(name, head.revision, problem)
        with self._lock:
            self._known.read(chart)
        return chart

    def _rebuilt(self, name: str, revision: int, problem: BadFile | NotFound) -> Chart:
        """A chart as its journal makes it, where it does not open itself. Raises `problem` where that is not whole."""
        chart = None
        mine = {"s": name, "revision": {"$lte": revision}}
        for document in self._store.scan(self._store.journal, mine, ("revision",)):
            entry = open_entry(self._store, document)
            chart = chart or Chart(subject=entry.subject)
            if entry.revision != chart.revision + 1:
                raise problem
            chart = chart.apply(entry.changes, entry.at).with_observations(())
        if chart is None or chart.revision != revision:
            raise problem
        return chart

    def _held(self, chart: Chart) -> tuple[tuple[Observation, ...], int]:
        if chart.observed_from is None:
            return (), 0
        return self._vitals.since(self._store.name(chart.subject), micros(chart.observed_from))

    def _moves(self, name: str, before: Chart, rows: Projection) -> tuple[Move, ...]:
        if not rows.observations:
            return ()
        with self._lock:
            full = self._known.full(rows.subject, before.revision)
        held = full.observations if full is not None else self._held(before)[0]
        return self._vitals.moves(name, rows.observations, held, rows.revision)

    # The projections: each row is left alone when it has this revision already, for it may have been claimed since.

    def _write(self, name: str, entry: Entry, rows: Projection, moves: tuple[Move, ...], row: Document) -> None:
        if rows.erased:
            self._erase(name, row)
            self._store.forget(name)
            return
        try:
            self._write_rows(name, rows, moves, row)
        except NotFound:
            # Erased meanwhile, by a later entry: nothing of this one is to be kept.
            return
        with self._lock:
            self._known.moved(rows.after, entry)

    def _write_rows(self, name: str, rows: Projection, moves: tuple[Move, ...], row: Document) -> None:
        store, revision = self._store, rows.revision
        self._vitals.write(name, moves, revision)
        for key, message in rows.outbox.items():
            values = outbox_values(store, name, key, message) if message else None
            self._put_work("outbox", name, key, revision, values)
        for key, due in rows.dues.items():
            values = due_values(store, name, key, due) if due else None
            self._put_work("due", name, key, revision, values)
        if rows.person is not None:
            first = {"n": int(row["seq"])}
            person = person_values(store, name, rows.person)
            store.put("person", store.person, {"_id": name, "s": name}, revision, person, first)
        body = store.seal("chart", name, at_revision("chart", revision), rows.chart.body)
        self._put_chart(name, revision, {**_values(revision, int(row["seq"]), row["link"]), "body": body})

    def _put_work(self, table: str, name: str, key: str, revision: int, values: Document | None) -> None:
        store = self._store
        rows, row = store.work[table], {"_id": f"{name}/{store.sealing.name('row', key)}", "s": name}
        if values is None:
            store.remove(table, rows, {**row, "revision": {"$lt": revision}})
        else:
            # The token stays: it only ever grows, so that an earlier claim is never taken for a later one. That of a
            # new row is its commit's number, which is beyond any claim whose outcome this chart knows.
            store.put(table, rows, row, revision, values, {"token": values["seq"]})

    def _erase(self, name: str, row: Document) -> None:
        revision = int(row["revision"])
        wipe(self._store, name, revision)
        gone = {**_values(revision, int(row["seq"]), row["link"], erased=True), "body": b""}
        self._put_chart(name, revision, gone)

    def _put_chart(self, name: str, revision: int, values: Document) -> None:
        wanted = {"_id": name, "s": name, "revision": revision - 1}
        self._store.change("chart", self._store.chart, wanted, {"$set": values})


def _values(revision: int, seq: int, link: bytes, *, erased: bool = False) -> Document:
    return {"revision": revision, "seq": seq, "link": link, "erased": erased}


def _check_sizes(body: bytes, rows: Projection) -> None:
    work = [row.body for row in (*rows.outbox.values(), *rows.dues.values()) if row is not None]
    person = [rows.person.body] if rows.person else []
    for each in (body, rows.chart.body, *work, *person):
        check_size(each)


def _busy(store: MongoStore) -> Unavailable:
    return Unavailable(f"{store.where}: others write the same chart all the time; try again")
