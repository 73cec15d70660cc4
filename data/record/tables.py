"""The logical tables of a record, the same for every store: what dump, load and digest mean."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TypeVar

import msgspec

from data.errors import BadFile
from data.model.people import Role

# Bump with every change to what a row means; a store of another version is refused, never guessed at.
VERSION = 3

# How far back the clock may go, in microseconds, before it counts as set back: less is ordinary correction.
BACK = 60_000_000

# Who is no member of the clinic's team: thousands, found by their address or their own stream only.
NOT_STAFF = (Role.PATIENT.value, Role.PROXY.value, Role.STRANGER.value)
STRANGER = Role.STRANGER.value

Key = tuple[str, str]
# A vital sign's code and an hour since 1970.
BucketKey = tuple[str, int]


class Work(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """A row that workers lease. Instants are microseconds; a lease runs while `lease_from` <= now < `lease_until`.

    `lease_from` is one lease before the claim: when the clock has jumped back by more than that, the lease
    lies implausibly far ahead and counts as lapsed, so nothing waits for an hour that will come twice.
    """

    lease_from: int = 0
    lease_until: int = 0
    token: int = 0
    attempt: int = 0

    def leased(self, now: int) -> bool:
        """Whether somebody is at work on it."""
        return self.lease_from <= now < self.lease_until

    def wake(self, ready: int, now: int) -> int:
        """When it wants attention: once `ready`, and not while somebody is at work on it."""
        return max(ready, self.lease_until) if self.leased(now) else ready

    def take(self, now: int, lease: int, token: int) -> None:
        """Lease it."""
        self.lease_from, self.lease_until = now - lease, now + lease
        self.token = token
        self.attempt += 1


class MessageRow(Work):
    """An inbound message, kept for ever."""

    order: str
    body: bytes
    done: bool = False


class Projected(Work):
    """Work that a commit put here, marked with the commit's revision and with `set_at`, the commit's now.

    `seq` (the entry's place in the whole journal) and `place` (within the entry, as the core listed it) order what
    is due at the same instant.

    When the clock has jumped back to before `set_at` (by more than `BACK`), nobody knows any more how far ahead
    the row was meant to lie: it counts as ready at once, so that no page waits for an hour that will come twice.
    """

    revision: int
    seq: int
    place: int
    set_at: int
    body: bytes


_P = TypeVar("_P", bound=Projected)


class DueRow(Projected):
    """A timer that has not been done."""

    due_at: int


class OutboxRow(Projected):
    """A queued communication; `late` is 0 for those that go first, up to 3."""

    late: int
    created_at: int
    not_before: int


class JournalRow(msgspec.Struct, array_like=True, gc=False):
    """One entry. `seq` is its place among everybody's."""

    seq: int
    event_id: str
    body: bytes


class ChartRow(msgspec.Struct, array_like=True, gc=False):
    """A chart without its observations, as of `revision`."""

    revision: int
    body: bytes


class BucketRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The samples of one hour: how many were measured, the worst of their bands, and the samples, packed."""

    n: int
    band: int
    revision: int
    body: bytes


class PersonRow(msgspec.Struct, array_like=True, gc=False):
    """A person as last changed, with the `addresses` they are found by."""

    revision: int
    active: bool
    role: str
    addresses: tuple[str, ...]
    body: bytes


class CodeRow(msgspec.Struct, array_like=True, gc=False):
    """A reply code in use."""

    escalation_id: str
    subject: str
    given_at: int


class Tables(msgspec.Struct, array_like=True, kw_only=True):
    """Everything a record holds. Rows stand in order of first insertion; a journal list's place is the revision."""

    version: int = VERSION
    token: int = 0
    inbox: dict[str, MessageRow] = {}
    journal: dict[str, list[JournalRow]] = {}
    charts: dict[str, ChartRow] = {}
    vitals: dict[str, dict[BucketKey, BucketRow]] = {}
    outbox: dict[Key, OutboxRow] = {}
    dues: dict[Key, DueRow] = {}
    people: dict[str, PersonRow] = {}
    codes: dict[str, dict[str, CodeRow]] = {}
    accesses: dict[str, list[bytes]] = {}

    def dump(self) -> bytes:
        """All of it as bytes."""
        return _encoder.encode(self)

    def digest(self) -> str:
        """SHA-256 (hex) of the content: equal for equal histories in any store, whoever has leased what.

        What is left of erased persons does not count: not every store can tell whose it was.
        """
        gone = {subject for subject, row in self.charts.items() if not row.body}
        work: list[object] = [
            [(key, row.order, row.done, row.body) for key, row in self.inbox.items() if row.body],
            [(subject, row.event_id, row.body) for subject, row in _by_seq(self.journal) if subject not in gone],
            sorted((subject, row.revision, row.body) for subject, row in self.charts.items() if row.body),
            sorted((subject, sorted(rows.items())) for subject, rows in self.vitals.items() if rows),
            [(key, row.revision, row.body) for key, row in _in_line(self.outbox)],
            [(key, row.revision, row.body) for key, row in _in_line(self.dues)],
            list(self.people.items()),
            sorted((recipient, sorted(rows.items())) for recipient, rows in self.codes.items() if rows),
            sorted(self.accesses.items()),
        ]
        return sha256(_encoder.encode(work)).hexdigest()


def load_tables(data: bytes) -> Tables:
    """What `dump` wrote. Raises `BadFile` for other bytes or another version."""
    try:
        tables = _decoder.decode(data)
    except msgspec.MsgspecError:
        tables = None
    if tables is None or tables.version != VERSION:
        raise BadFile(f"these bytes are not a record's dump of schema version {VERSION}")
    return tables


def _by_seq(journal: dict[str, list[JournalRow]]) -> Iterable[tuple[str, JournalRow]]:
    return sorted(((subject, row) for subject, rows in journal.items() for row in rows), key=lambda pair: pair[1].seq)


def _in_line(rows: Mapping[Key, _P]) -> list[tuple[Key, _P]]:
    return sorted(rows.items(), key=lambda pair: (pair[1].seq, pair[1].place))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Tables)
