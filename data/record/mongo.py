"""A record in MongoDB: the insert of a journal entry is the commit, and everything else follows from the journal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from hashlib import sha256

from data.errors import BadFile
from data.model.audit import Access, Entry
from data.model.chart import Changes, Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.observation import Observation
from data.model.people import ChannelKind, Person
from data.model.plan import Due
from data.ports import Claim, CodeUse, Hour, KeyStore, Spoilt, Tended
from data.record import mongo_dump
from data.record.agreement import Disagreement
from data.record.chain import Anchor, Head, Link
from data.record.mongo_chain import MongoTrail
from data.record.mongo_charts import MongoCharts
from data.record.mongo_inbox import MongoInbox
from data.record.mongo_keys import MongoKeys
from data.record.mongo_people import MongoCodes, MongoPeople
from data.record.mongo_schema import check_keys, check_meta, connect, lock_meta, make_indexes, mark_loading
from data.record.mongo_store import MongoStore
from data.record.mongo_tending import tend
from data.record.mongo_vitals import MongoVitals
from data.record.mongo_work import DUES, OUTBOX, URGENT, MongoWork
from data.record.spoilt import AT_START
from data.record.tables import load_tables
from data.sealing.keyring import check_value
from data.sealing.sealing import Sealing


def _silent(name: str) -> None:
    pass


class MongoRecord:
    """The `Record` port over one MongoDB database, safe for several threads and several processes.

    It needs unique ids and writes of single documents confirmed by a majority, nothing more: no transactions, change
    streams or code at the server. `keys`, the table of wrapped keys, is another database, "<name>_keys". Open it
    after a fork, never before. Every method may raise `Unavailable` (try the same again) or `BadFile` (rights are
    missing, or it was sealed with other keys); `probe` is called with a name before every single write and after the
    last ("answer"): raise from it to crash there.
    """

    def __init__(self, url: str, keys: KeyStore, probe: Callable[[str], None] = _silent) -> None:
        """Open or make the record at "mongodb://...". Its database is "phms" where the URL names none.

        Raises `BadFile` when it is not a record of this schema version, was sealed with other keys or has wrong
        indexes, and `Unavailable` when nobody answers; then nothing was written.
        """
        self._open(url, keys, probe, "")

    def _open(self, url: str, keys: KeyStore, probe: Callable[[str], None], loading: str) -> None:
        database, beside = connect(url)
        try:
            check_meta(database, beside)
            self.keys = MongoKeys(beside)
            self.sealing = Sealing(keys, self.keys)
            check = check_value(self.sealing.keyring.house)
            check_keys(database, check)
            make_indexes(database, beside)
            meta = lock_meta(database, check)
            if meta["loading"] not in ("", loading):
                raise BadFile(
                    f"MongoDB database {database.name!r}: a move into it was cut off; "
                    "run the same move again, or name another database"
                )
            self._store = MongoStore(database, self.sealing, probe)
        except BaseException:
            database.client.close()
            raise
        self._vitals = MongoVitals(self._store)
        self._charts = MongoCharts(self._store, self._vitals)
        self._inbox = MongoInbox(self._store, self._charts)
        self._work = MongoWork(self._store, self._charts, self._inbox)
        self._people, self._codes = MongoPeople(self._store, self._charts), MongoCodes(self._store, self._charts)
        self._trail = MongoTrail(self._store, self._charts)
        self._loading = meta["loading"]
        if len(self._store.find(self._store.chart, {}, ["_id"], limit=AT_START + 1)) <= AT_START:
            self._store.spoilt.tell_unkeyed(self.unkeyed())

    @classmethod
    def load(cls, data: bytes, url: str, keys: KeyStore, probe: Callable[[str], None] = _silent) -> "MongoRecord":
        """An empty database with the content of a dump of any store. The same call goes on where one was cut off.

        Raises `BadFile` for other bytes or a database that is in use.
        """
        tables, dump = load_tables(data), sha256(data).hexdigest()
        record = cls.__new__(cls)
        record._open(url, keys, probe, dump)
        store = record._store
        try:
            if not record._loading and not mongo_dump.is_empty(store):
                raise BadFile(f"{store.where}: holds a record already; name another database")
            mark_loading(store.database, dump)
            mongo_dump.write(store, record._vitals, tables)
            mark_loading(store.database, "")
            store.catch_up()
            record.recover()
        except BaseException:
            record.close()
            raise
        return record

    def dump(self) -> bytes:
        """All of it as bytes, opened; every store can load them. Call it when nobody writes."""
        return mongo_dump.read(self._store, self._vitals).dump()

    def digest(self) -> str:
        """SHA-256 of the content, leases left out: equal for equal histories in any store."""
        return mongo_dump.read(self._store, self._vitals).digest()

    def recover(self) -> int:
        """See `Record.recover`."""
        return self._charts.recover()

    def disagreements(self) -> Iterator[Disagreement]:
        """See `data.record.agreement.disagreements`."""
        return self._charts.disagreements()

    def close(self) -> None:
        """See `Record.close`."""
        self._store.database.client.close()

    # Inbound messages.

    def keep(self, message: RawMessage) -> bool:
        """See `Record.keep`."""
        return self._inbox.keep(message)

    def keep_all(self, messages: Sequence[RawMessage]) -> tuple[bool, ...]:
        """See `Record.keep_all`: one at a time, for each has its place in its queue."""
        return tuple(self._inbox.keep(message) for message in messages)

    def together(self) -> AbstractContextManager[None]:
        """See `Record.together`: the server syncs for many at once, so each write waits for it as ever."""
        return nullcontext()

    def claim_message(self, now: datetime, lease: timedelta) -> tuple[RawMessage, Claim] | None:
        """See `Record.claim_message`."""
        return self._inbox.claim(now, lease)

    def finish_message(self, claim: Claim, *, forget: bool = False) -> bool:
        """See `Record.finish_message`."""
        return self._inbox.finish(claim, forget=forget)

    def waiting(self, order: str) -> bool:
        """See `Record.waiting`."""
        return self._inbox.waiting(order)

    def messages(self, subject: str) -> Iterator[RawMessage]:
        """See `Record.messages`."""
        return self._inbox.of(subject)

    # The chart and its one write.

    def chart(self, subject: str, *, observations: bool = True) -> Chart:
        """See `Record.chart`."""
        return self._charts.full(subject) if observations else self._charts.bare(subject)

    def commit(self, chart: Chart, event_id: str, kind: str, actor: str, changes: Changes, now: datetime) -> bool:
        """See `Record.commit`."""
        return self._charts.commit(chart, event_id, kind, actor, changes, now)

    def committed(self, subject: str, event_id: str) -> bool:
        """See `Record.committed`."""
        return self._charts.committed(subject, event_id)

    def journal(self, subject: str | None = None) -> Iterator[Entry]:
        """See `Record.journal`."""
        return self._charts.journal(subject)

    # Vitals.

    def observations(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Observation, ...]:
        """See `Record.observations`."""
        name = self._rolled_forward(subject)
        return self._vitals.observations(name, code, since, until)

    def hours(self, subject: str, code: str, since: datetime, until: datetime) -> tuple[Hour, ...]:
        """See `Record.hours`."""
        name = self._rolled_forward(subject)
        return self._vitals.hours(name, code, since, until)

    def bands(self, code: str, since: datetime, until: datetime) -> dict[int, int]:
        """See `Record.bands`."""
        return self._vitals.bands(code, since, until)

    def tend(self, now: datetime, full: timedelta, keep: timedelta) -> Tended:
        """See `Record.tend`."""
        tended = tend(self._store, self._vitals, now, full, keep)
        self._charts.forget()
        return tended

    def _rolled_forward(self, subject: str) -> str:
        name = self._store.name(subject)
        self._charts.roll_forward(name)
        return name

    # Work that waits: timers and the outbox.

    def claim_due(self, now: datetime, lease: timedelta) -> tuple[Due, Claim] | None:
        """See `Record.claim_due`."""
        return self._work.claim(DUES, now, lease)

    def claim_outbox(
        self, now: datetime, lease: timedelta, *, urgent: bool = False
    ) -> tuple[Communication, Claim] | None:
        """See `Record.claim_outbox`."""
        return self._work.claim(URGENT if urgent else OUTBOX, now, lease)

    def next_at(self, now: datetime) -> datetime | None:
        """See `Record.next_at`."""
        return self._work.next_at(now)

    # People and reply codes.

    def person_at(self, system: ChannelKind, value: str) -> Person | None:
        """See `Record.person_at`."""
        return next(iter(self.holders(system, value)), None)

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """See `Record.holders`."""
        return self._people.holders(system, value)

    def people(self) -> tuple[Person, ...]:
        """See `Record.people`."""
        return self._people.everyone()

    def staff(self) -> tuple[Person, ...]:
        """See `Record.staff`."""
        return self._people.staff()

    def reserve_code(self, recipient: str, escalation_id: str, subject: str, now: datetime) -> str:
        """See `Record.reserve_code`."""
        return self._codes.reserve(recipient, escalation_id, subject, now)

    def code_use(self, recipient: str, code: str, now: datetime) -> CodeUse | None:
        """See `Record.code_use`."""
        return self._codes.use(recipient, code, now)

    def codes_of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """See `Record.codes_of`."""
        return self._codes.of(recipient, since)

    # The audit trail.

    def note_access(self, access: Access) -> None:
        """See `Record.note_access`."""
        self._trail.note(access)

    def accesses(self, subject: str) -> Iterator[Access]:
        """See `Record.accesses`."""
        return self._trail.of(subject)

    def links(self, stream: str, subject: str | None = None) -> Iterator[Link]:
        """See `Chained.links`."""
        return self._trail.links(stream, subject)

    def chart_heads(self) -> Iterator[Head]:
        """See `Chained.chart_heads`."""
        return self._trail.chart_heads()

    def heads_since(self, upto: str) -> tuple[tuple[Head, ...], str]:
        """See `Chained.heads_since`."""
        return self._trail.heads_since(upto)

    def anchors(self) -> Iterator[Anchor]:
        """See `Chained.anchors`."""
        return self._trail.anchors()

    def spoilt(self) -> tuple[Spoilt, ...]:
        """See `Record.spoilt`."""
        return self._store.spoilt.rows()

    def unread_at(self, system: ChannelKind, value: str) -> tuple[str, ...]:
        """See `Record.unread_at`."""
        return self._people.unread_at(system, value)

    def unkeyed(self) -> tuple[str, ...]:
        """See `Record.unkeyed`."""
        owners = {owner for owner, _ in self.keys.generations()}
        rows = self._store.scan(self._store.chart, {"erased": False, "revision": {"$gt": 0}}, ("_id",), ["_id"])
        return tuple(row["_id"] for row in rows if row["_id"] not in owners)

    def pseudonym(self, text: str) -> str:
        """See `Record.pseudonym`."""
        return self.sealing.name("pseudonym", text)[:12]

    def secret(self, purpose: str) -> bytes:
        """See `Record.secret`."""
        return self.sealing.keyring.derive(f"secret {purpose}")

    def last_anchor(self) -> Anchor | None:
        """See `Chained.last_anchor`."""
        return self._trail.last_anchor()

    def put_anchor(self, anchor: Anchor) -> bool:
        """See `Chained.put_anchor`."""
        return self._trail.put_anchor(anchor)
