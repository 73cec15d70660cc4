"""People and reply codes in a SQLite record."""

from datetime import datetime

from data.model.people import ChannelKind, Person
from data.ports import CodeUse
from data.record import codes, sqlite_dump
from data.record.coding import micros
from data.record.projection import address_key
from data.record.sqlite_base import SqliteBase
from data.record.sqlite_file import STAFF
from data.record.tables import STRANGER


class SqlitePeople(SqliteBase):
    """The persons and codes of a `SqliteRecord`."""

    _everyone: tuple[int, tuple[Person, ...]] = (-1, ())
    _staff: tuple[int, tuple[Person, ...]] = (-1, ())

    def person_at(self, system: ChannelKind, value: str) -> Person | None:
        """See `Record.person_at`."""
        return next(iter(self.holders(system, value)), None)

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """See `Record.holders`."""
        address = self.sealing.name("address", address_key(system, value))
        with self._lock:
            rows = self._read(
                "SELECT id, body FROM person JOIN address ON person = n WHERE address = ?"
                " ORDER BY role = ?, active DESC, n DESC",
                (address, STRANGER),
            )
            return self._persons.of(rows, self._open_person)

    def people(self) -> tuple[Person, ...]:
        """See `Record.people`."""
        with self._lock:
            self._everyone = self._since(self._everyone, "SELECT id, body FROM person ORDER BY n")
            return self._everyone[1]

    def staff(self) -> tuple[Person, ...]:
        """See `Record.staff`."""
        with self._lock:
            self._staff = self._since(self._staff, f"SELECT id, body FROM person WHERE {STAFF} ORDER BY n")  # noqa: S608
            return self._staff[1]

    def _since(self, known: tuple[int, tuple[Person, ...]], select: str) -> tuple[int, tuple[Person, ...]]:
        """What is known, if nobody was changed since; otherwise what is selected, with the count of changes."""
        with self._reading() as connection:
            ((changes,),) = connection.execute("SELECT last FROM person_change").fetchall()
            if changes == known[0]:
                return known
            return changes, self._persons.of(connection.execute(select).fetchall(), self._open_person)

    def _open_person(self, name: str, sealed: bytes) -> bytes:
        return self.sealing.unseal("person", name, "person", sealed)

    def reserve_code(self, recipient: str, escalation_id: str, subject: str, now: datetime) -> str:
        """See `Record.reserve_code`."""
        name, escalation = self._person(recipient), self.sealing.name("escalation", escalation_id)
        with self._writing() as connection:
            self._must_live(self._person(subject))
            rows = connection.execute(
                "SELECT code, escalation, given_at FROM code WHERE recipient = ? AND given_at > ? ORDER BY n",
                (name, micros(now - codes.KEEP)),
            ).fetchall()
            for code, owner, _ in rows:
                if owner == escalation:
                    return str(code)
            code = codes.choose_code(recipient, escalation_id, {code: given_at for code, _, given_at in rows})
            use = CodeUse(recipient, code, escalation_id, subject, now)
            self._write("code", sqlite_dump.PUT_CODE, sqlite_dump.code_values(self.sealing, use))
            return code

    def code_use(self, recipient: str, code: str, now: datetime) -> CodeUse | None:
        """See `Record.code_use`."""
        rows = self._read(
            "SELECT code, body FROM code WHERE recipient = ? AND code = ? AND given_at > ?",
            (self._person(recipient), code, micros(now - codes.KEEP)),
        )
        return self._code_use(recipient, rows[0]) if rows else None

    def codes_of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """See `Record.codes_of`."""
        rows = self._read(
            "SELECT code, body FROM code WHERE recipient = ? AND given_at >= ? ORDER BY given_at, code",
            (self._person(recipient), micros(since)),
        )
        return tuple(self._code_use(recipient, row) for row in rows)

    def _code_use(self, recipient: str, row: tuple[str, bytes]) -> CodeUse:
        return self._open("code", self._person(recipient), row[0], row[1], CodeUse)
