"""Erasure in a SQLite record: rows go in the commit that says so, then the keys; what was cut off is finished later."""

import sqlite3

from data.record import sqlite_dump
from data.record.chain import ERASE
from data.record.linking import gone_columns
from data.record.projection import address_key
from data.record.sqlite_file import translated
from data.record.sqlite_people import SqlitePeople


class SqliteErasing(SqlitePeople):
    """What erasing takes of a `SqliteRecord`."""

    def recover(self) -> int:
        """Finish erasures; how many. A commit that was cut off left nothing.

        Of one cut off by a crash the keys are there still. In a backup of the file that was restored after an erasure
        the rows are there again, and nothing opens them: they would stand in everybody's way.
        """
        erased = self._read("SELECT subject FROM chart WHERE body = x''", ())
        cut_off = [name for (name,) in erased if any(row.generation for row in self.keys.keys_of(name))]
        for name in cut_off:
            self._destroy(name)
        return len(cut_off) + sum(map(self._erase_again, self.keys.destroyed()))

    def _erase_again(self, owner: str) -> bool:
        """Whether rows of this person, whose keys are destroyed, were there."""
        with self._writing(at_once=True) as connection:
            select = "SELECT revision, link FROM chart WHERE subject = ? AND body <> x''"
            row = connection.execute(select, (owner,)).fetchone()
            if row is None:
                return False
            revision = row[0] + 1
            columns = gone_columns(self.sealing, owner, row[1], revision, f"erase again@{revision}", ERASE)
            self._wipe(connection, owner, revision, closed=True)
            values = sqlite_dump.entry_values(owner, revision, columns)
            self._write("journal", sqlite_dump.PUT_ENTRY, (None, *values))
            self._write("chart", sqlite_dump.PUT_CHART, (owner, revision, columns["link"], b""))
        self._destroy(owner)
        return True

    def _destroy(self, owner: str) -> None:
        """The keys of an erased person, and what the write-ahead log still holds of their rows."""
        self.sealing.shred(owner)
        self._persons.forget(owner)
        with translated(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _wipe(self, connection: sqlite3.Connection, owner: str, revision: int, *, closed: bool = False) -> None:
        """Everything of a person goes; the names of events and the links of the chain stay, bodies empty.

        When they are `closed` to us already, nobody knows any more which addresses were theirs.
        """
        self._probe("wipe")
        # Codes are sealed with their recipients' keys, and messages from an address with its own: they must not stay
        # in free pages, where other rows have but what nothing opens any more.
        connection.execute("PRAGMA secure_delete = ON")
        for queue in [owner] if closed else self._queues_of(connection, owner):
            connection.execute("UPDATE inbox SET done = 1, body = x'' WHERE owner = ?", (queue,))
        for table in ("outbox", "due", "vitals", "code"):
            connection.execute(f"DELETE FROM {table} WHERE subject = ?", (owner,))  # noqa: S608
        connection.execute("DELETE FROM code WHERE recipient = ?", (owner,))
        connection.execute("UPDATE journal SET body = x'' WHERE subject = ? AND revision < ?", (owner, revision))
        connection.execute("UPDATE access SET body = x'' WHERE subject = ?", (owner,))
        connection.execute("DELETE FROM address WHERE person IN (SELECT n FROM person WHERE id = ?)", (owner,))
        connection.execute("DELETE FROM person WHERE id = ?", (owner,))
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("UPDATE person_change SET last = last + 1")

    def _queues_of(self, connection: sqlite3.Connection, owner: str) -> list[str]:
        """The person's own queue, and those of their addresses that nobody else has: others' messages stay."""
        row = connection.execute("SELECT id, revision, body FROM person WHERE id = ?", (owner,)).fetchone()
        if row is None:
            return [owner]
        known = self._people_of([row])[0]
        queues = [owner]
        for point in known.contacts:
            address = address_key(point.system, point.value)
            holders = connection.execute(
                "SELECT count(*) FROM address WHERE address = ?", (self.sealing.name("address", address),)
            ).fetchone()[0]
            if holders <= 1:
                queues.append(self._person(address))
        return queues
