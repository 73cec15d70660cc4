"""What all parts of a record in memory share: its tables, and what follows from them and is safe to lose."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from hashlib import sha256
from threading import RLock

from data.errors import NotFound
from data.model.chart import Chart
from data.model.people import ChannelKind, Person
from data.ports import Spoilt
from data.record.coding import (
    decode_known,
)
from data.record.known import KnownCharts, KnownPeople
from data.record.tables import (
    Tables,
)
from data.sealing.keyring import ERASED


class MemoryBase(ABC):
    """The tables and what follows from them. See `MemoryRecord`."""

    def __init__(self, probe: Callable[[str], None] = lambda name: None) -> None:
        self._probe = probe
        self._lock = RLock()
        self._open(Tables())

    def _open(self, tables: Tables) -> None:
        self._tables = tables
        # What follows from the tables and is safe to lose.
        self._unfinished = {key: row for key, row in tables.inbox.items() if not row.done}
        self._events: dict[str, set[str]] = {}
        self._charts = KnownCharts()
        self._persons = KnownPeople()
        self._everyone: tuple[Person, ...] | None = None
        self._staff: tuple[Person, ...] | None = None
        self._at_address: dict[str, list[str]] | None = None
        self._last_seq = max((rows[-1].seq for rows in tables.journal.values()), default=0)

    def dump(self) -> bytes:
        """All of it as bytes, the same bytes from any store with the same history."""
        with self._lock:
            return self._tables.dump()

    def digest(self) -> str:
        """SHA-256 of the content, leases left out."""
        with self._lock:
            return self._tables.digest()

    def pseudonym(self, text: str) -> str:
        """See `Record.pseudonym`; nothing here outlives the process, so it needs no key."""
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def secret(self, purpose: str) -> bytes:
        """See `Record.secret`; as with names, there is nobody to keep it from."""
        return sha256(f"secret {purpose}".encode()).digest()

    def spoilt(self) -> tuple[Spoilt, ...]:
        """See `Record.spoilt`; nothing here is sealed."""
        return ()

    def unread_at(self, system: ChannelKind, value: str) -> tuple[str, ...]:
        """See `Record.unread_at`."""
        return ()

    def unkeyed(self) -> tuple[str, ...]:
        """See `Record.unkeyed`."""
        return ()

    def _stored(self, subject: str) -> Chart:
        row = self._tables.charts.get(subject)
        if row is None:
            return Chart(subject=subject)
        if not row.body:
            return Chart(subject=subject, revision=row.revision, erased=True)
        known = self._charts.bare(subject, row.revision)
        if known is None:
            known = decode_known(row.body, Chart)
            self._charts.read(known)
        return known

    def _must_live(self, subject: str) -> None:
        if self._stored(subject).erased:
            raise NotFound(ERASED)

    @abstractmethod
    def _roll_forward(self, subject: str) -> int:
        """Write what the journal has and the other tables lack; how many entries that was."""


def unnamed(name: str) -> str:
    """What stays of the name of an event or message, which may hold an address, once its person was erased."""
    known = name.startswith("~")
    return name if known else f"~{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"
