"""Rows of a SQLite record that do not open: noted, and made anew from the chart or the journal where that can be."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from data.errors import BadFile, NotFound
from data.model.audit import Entry
from data.model.chart import Chart
from data.model.communication import Communication
from data.model.conversation import RawMessage
from data.model.people import Person
from data.model.plan import Due
from data.ports import CodeUse, KeyStore, Spoilt
from data.record.chain import RELIEVED
from data.record.coding import decode, encode
from data.record.placing import at_revision
from data.record.spoilt import AT_START
from data.record.sqlite_base import SqliteBase
from data.sealing.codec import OVERHEAD, generation_of

T = TypeVar("T")


# What is tried at a check-up: table, whose a row is, for which place it is sealed, and which rows.
_AT_WORK = (
    ("person", "id", "'person@' || revision", " FROM person WHERE 1"),
    ("chart", "subject", "'chart@' || revision", " FROM chart WHERE body <> x''"),
    ("inbox", "owner", "id", " FROM inbox WHERE done = 0"),
    ("outbox", "subject", "id || '@' || revision", " FROM outbox WHERE 1"),
    ("due", "subject", "id || '@' || revision", " FROM due WHERE 1"),
    ("code", "recipient", "code", " FROM code WHERE 1"),
)
_KINDS: dict[str, Any] = {
    "person": Person,
    "chart": Chart,
    "inbox": RawMessage,
    "outbox": Communication,
    "due": Due,
    "code": CodeUse,
}


class SqliteHealing(SqliteBase):
    """What does not open stands in nobody's way."""

    def __init__(self, path: Path, keys: KeyStore, probe: Callable[[str], None] = lambda name: None) -> None:
        """See `SqliteBase`. A table of keys that is older than the record is told, not refused: others are answered."""
        super().__init__(path, keys, probe)
        try:
            if self._read("SELECT count(*) FROM chart", ())[0][0] <= AT_START:
                self._spoilt.tell_unkeyed(self.unkeyed())
        except BaseException:
            self.close()
            raise

    def spoilt(self) -> tuple[Spoilt, ...]:
        """See `Record.spoilt`."""
        return self._spoilt.rows()

    def unkeyed(self) -> tuple[str, ...]:
        """See `Record.unkeyed`."""
        there = self.keys.generations()
        heads = self._read("SELECT subject, substr(body, 1, ?) FROM chart WHERE body <> x''", (OVERHEAD,))
        return tuple(owner for owner, head in heads if not _opens(owner, head, there))

    def _note(self, table: str, owner: str, row: str, problem: BadFile | NotFound) -> None:
        """Note a row that does not open, unless its keys were destroyed: then it is no news."""
        if not any(key.generation == 0 for key in self.keys.keys_of(owner)):
            self._spoilt.note(table, owner, row, problem)

    def _tried(self, table: str, owner: str, row: str, opened: Callable[[], T]) -> T | None:
        """What `opened` gives; None for what does not open, which is noted."""
        try:
            thing = opened()
        except (BadFile, NotFound) as problem:
            self._note(table, owner, row, problem)
            return None
        self._spoilt.opened(table, owner, row)
        return thing

    def _opened_chart(self, owner: str) -> Chart:
        """The stored chart, made anew from its journal where it does not open. Raises when neither opens."""
        ((revision, body),) = self._read("SELECT revision, body FROM chart WHERE subject = ?", (owner,))
        try:
            chart = decode(self.sealing.unseal("chart", owner, at_revision("chart", revision), body), Chart)
        except (BadFile, NotFound) as problem:
            self._note("chart", owner, "chart", problem)
            return self._rebuilt(owner, revision, problem)
        self._spoilt.opened("chart", owner, "chart")
        return chart

    def _rebuilt(self, owner: str, revision: int, problem: BadFile | NotFound) -> Chart:
        """A chart as its journal makes it. Raises `problem` where that is not whole."""
        select = "SELECT revision, relieved, body FROM journal WHERE subject = ? AND revision <= ? ORDER BY revision"
        chart = None
        for number, relieved, body in self._read(select, (owner, revision)):
            entry = self._open(RELIEVED if relieved else "journal", owner, str(number), body, Entry)
            chart = chart or Chart(subject=entry.subject)
            if entry.revision != chart.revision + 1:
                raise problem
            chart = chart.apply(entry.changes, entry.at).with_observations(())
        if chart is None or chart.revision != revision:
            raise problem
        return chart

    def closed_rows(self) -> Iterator[Spoilt]:
        """Every row at work that does not open, each tried: for a check-up. Of whose keys were destroyed none may."""
        for table, owner, row, select in _AT_WORK:
            last = 0
            while rows := self._read(f"SELECT n, {owner}, {row}, body{select} AND n > ? ORDER BY n LIMIT 500", (last,)):
                for last, mine, place, body in rows:  # noqa: B007 - the next page starts after it
                    if not self._is_open(table, mine, place, body):
                        yield Spoilt(table=table, owner=mine, row=place.partition("@")[0])

    def _is_open(self, table: str, owner: str, place: str, body: bytes) -> bool:
        try:
            decode(self.sealing.unseal(table, owner, place, body), _KINDS[table])
        except (BadFile, NotFound):
            return any(key.generation == 0 for key in self.keys.keys_of(owner))
        return True

    def _chart_of(self, owner: str) -> Chart | None:
        """The chart that a row belongs to, for making the row anew; None where there is none that opens."""
        if not self._read("SELECT 1 FROM chart WHERE subject = ? AND body <> x''", (owner,)):
            return None
        try:
            return self._opened_chart(owner)
        except (BadFile, NotFound):
            return None

    def _opened_due(self, owner: str, name: str, revision: int, body: bytes) -> Due | None:
        """A timer, as the chart has it where the row does not open; None where neither does."""
        place = at_revision(name, revision)
        due = self._tried("due", owner, name, lambda: self._open("due", owner, place, body, Due))
        if due is not None or (chart := self._chart_of(owner)) is None:
            return due
        return next((row for row in chart.dues if self.sealing.name("row", row.id) == name), None)

    def _opened_message(self, owner: str, name: str, revision: int, body: bytes) -> Communication | None:
        """A queued message, as the chart has it where the row does not open; None where neither does."""
        place = at_revision(name, revision)
        row = self._tried("outbox", owner, name, lambda: self._open("outbox", owner, place, body, Communication))
        if row is not None or (chart := self._chart_of(owner)) is None:
            return row
        return next((row for row in chart.communications if self.sealing.name("row", row.id) == name), None)

    def _opened_person(self, name: str, place: str, body: bytes) -> bytes | None:
        """The bytes of a person, as the chart has them where the row does not open; None where neither does."""

        def opened() -> bytes:
            plain = self.sealing.unseal("person", name, place, body)
            decode(plain, Person)
            return plain

        plain = self._tried("person", name, "person", opened)
        if plain is not None or (chart := self._chart_of(name)) is None:
            return plain
        return encode(chart.person) if chart.person else None


def _opens(owner: str, head: bytes, there: set[tuple[str, int]]) -> bool:
    """Whether there is a key for a sealed body that begins so; of an erased person there must be none."""
    try:
        generation = generation_of(head)
    except BadFile:
        return any(known == owner for known, _ in there)
    return (owner, generation) in there or (owner, 0) in there
