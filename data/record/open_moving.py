"""From the name of a place to what is moved there, or from there; a record of the release before is read and sealed."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from data.errors import BadFile, BadInput
from data.ports import KeyStore, Record
from data.record.coding import micros
from data.record.moving import Movable, Target
from data.record.open_record import file_of, is_there, open_record
from data.record.sqlite import SqliteRecord
from data.record.sqlite_moving import SqliteMovable, SqliteTarget
from data.record.sqlite_v2 import is_old, read_old
from data.record.tables import Tables, Work
from data.sealing.sealing import Sealing

if TYPE_CHECKING:
    from data.record.mongo import MongoRecord


def check_places(source: str, target: str) -> None:
    """Refuse places that nothing can be moved between. Raises `BadInput`, or `BadFile` for what is no place at all."""
    if "memory:" in (source, target):
        raise BadInput("a record in memory is gone with its process: it cannot be moved, nor anything moved there")
    files = file_of(source), file_of(target)
    if source == target or (files[0] and files[1] and files[0].resolve() == files[1].resolve()):
        raise BadInput("--from and --to name the same place; name a new one to move to")


def open_source(where: str, keys: KeyStore) -> Record:
    """The record that is to be moved. Raises `BadInput` when there is none, and as `open_record` does."""
    if not is_there(where):
        raise BadInput("there is no record at the place that --from names; nothing was made")
    return open_record(where, keys)


def movable(record: Record) -> Movable:
    """An open record as one that can be moved. Raises `BadInput` for one in memory."""
    if isinstance(record, SqliteRecord):
        return SqliteMovable(record)
    if hasattr(record, "keys"):
        from data.record.mongo import MongoRecord  # noqa: PLC0415 - only who needs the driver waits for it to load
        from data.record.mongo_moving import MongoMovable  # noqa: PLC0415

        if isinstance(record, MongoRecord):
            return MongoMovable(record)
    raise BadInput("a record in memory has no sealed rows; set PHMS_STORE to a record that is kept")


def open_target(where: str, sealing: Sealing) -> Target:
    """The place a record is moved to; `sealing` is that of the record.

    Raises `BadFile` for a place that cannot be one, `Unavailable` when it does not answer.
    """
    path = file_of(where)
    if path is not None:
        return SqliteTarget(path)
    from data.record.mongo_moving import MongoTarget  # noqa: PLC0415

    return MongoTarget(where, sealing)


# A record of the release before.


@dataclass(frozen=True, slots=True)
class Old:
    """What is in the file of a record that is not sealed yet."""

    tables: Tables

    def leased(self, now: datetime) -> int:
        """How many rows somebody is at work on."""
        unread = (row for row in self.tables.inbox.values() if not row.done)
        work: list[Work] = [*unread, *self.tables.outbox.values(), *self.tables.dues.values()]
        return sum(row.leased(micros(now)) for row in work)

    def counts(self) -> dict[str, int]:
        """How many rows there are, by table."""
        tables = self.tables
        flat: dict[str, dict[Any, Any]] = {
            "inbox": tables.inbox,
            "chart": tables.charts,
            "outbox": tables.outbox,
            "due": tables.dues,
            "person": tables.people,
        }
        nested: dict[str, dict[str, Any]] = {
            "journal": tables.journal,
            "vitals": tables.vitals,
            "code": tables.codes,
        }
        counts = {name: len(rows) for name, rows in flat.items()}
        return counts | {name: sum(len(rows) for rows in by.values()) for name, by in nested.items()}

    def seal_into(self, where: str, keys: KeyStore) -> tuple[str, str]:
        """Write it all, sealed, into a new place; the digest of the content here and there.

        The same call goes on where one was cut off. Raises `BadFile` when something else is there.
        """
        here, data = self.tables.digest(), self.tables.dump()
        try:
            record = _load(data, where, keys)
        except BadFile:
            # It may be all there, by a call that was cut off before it could say so.
            if self._digest_of(open_record(where, keys)) != here:
                raise
            return here, here
        return here, self._digest_of(record)

    @staticmethod
    def _digest_of(record: Any) -> str:
        try:
            return str(record.digest())
        finally:
            record.close()


def old_record(where: str) -> Old | None:
    """What the release before kept there; None when that is something else. Raises `BadFile` when it is damaged."""
    path = file_of(where) if where != "memory:" else None
    return Old(read_old(path)) if path is not None and is_old(path) else None


def _load(data: bytes, where: str, keys: KeyStore) -> "SqliteRecord | MongoRecord":
    path = file_of(where)
    if path is not None:
        return SqliteRecord.load(data, path, keys)
    from data.record.mongo import MongoRecord  # noqa: PLC0415

    return MongoRecord.load(data, where, keys)
