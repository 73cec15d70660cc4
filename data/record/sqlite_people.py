"""People and reply codes in a SQLite record."""

import sqlite3
from datetime import datetime

from data.model.people import ChannelKind, Person
from data.ports import CodeUse
from data.record import codes, sqlite_dump
from data.record.believed import at_address, is_staff, on_staff
from data.record.coding import micros
from data.record.placing import at_revision
from data.record.projection import address_key
from data.record.sqlite_file import STAFF
from data.record.sqlite_healing import SqliteHealing
from data.record.tables import STRANGER


class SqlitePeople(SqliteHealing):
    """The persons and codes of a `SqliteRecord`."""

    _everyone: tuple[int, tuple[Person, ...]] = (-1, ())
    _staff: tuple[int, tuple[Person, ...]] = (-1, ())

    def person_at(self, system: ChannelKind, value: str) -> Person | None:
        """See `Record.person_at`."""
        return next(iter(self.holders(system, value)), None)

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """See `Record.holders`."""
        with self._lock:
            return at_address(self._people_of(self._at(system, value)), system, value)

    def unread_at(self, system: ChannelKind, value: str) -> tuple[str, ...]:
        """See `Record.unread_at`."""
        with self._lock:
            return tuple(row[0] for row in self._at(system, value) if not self._people_of([row]))

    def _at(self, system: ChannelKind, value: str) -> list[tuple[str, int, bytes]]:
        return self._read(
            "SELECT id, revision, body FROM person JOIN address ON person = n WHERE address = ?"
            " ORDER BY role = ?, active DESC, n DESC",
            (self.sealing.name("address", address_key(system, value)), STRANGER),
        )

    def people(self) -> tuple[Person, ...]:
        """See `Record.people`."""
        with self._lock:
            self._everyone = self._since(self._everyone, "SELECT id, revision, body FROM person ORDER BY n")
            return self._everyone[1]

    def staff(self) -> tuple[Person, ...]:
        """See `Record.staff`."""
        with self._lock:
            select = f"SELECT id, revision, body FROM person WHERE {STAFF} ORDER BY n"  # noqa: S608
            changes, found = self._since(self._staff, select)
            if (changes, found) != self._staff:
                self._staff = changes, on_staff(found, self._demoted(found))
            return self._staff[1]

    def _demoted(self, found: tuple[Person, ...]) -> tuple[Person, ...]:
        """Those known to be of the team whom their role's column keeps out, as they are stored now."""
        there = {self._person(person.id) for person in found}
        names = [name for name, person in self._persons.items() if is_staff(person) and name not in there]
        select = "SELECT id, revision, body FROM person WHERE id = ?"
        rows = [row for name in names for row in self._read(select, (name,))]
        return tuple(person for person in self._people_of(rows) if is_staff(person))

    def _since(self, known: tuple[int, tuple[Person, ...]], select: str) -> tuple[int, tuple[Person, ...]]:
        """What is known, if nobody was changed since; otherwise what is selected, with the count of changes."""
        if self._read("SELECT last FROM person_change", ()) == [(known[0],)]:
            return known
        with self._reading() as connection:
            ((changes,),) = connection.execute("SELECT last FROM person_change").fetchall()
            self._forget_gone(connection)
            rows = connection.execute(select).fetchall()
            people = self._people_of(rows)
            # While somebody cannot be read, they are looked for each time: what was amiss may be restored.
            return changes if len(people) == len(rows) else -1, people

    def _forget_gone(self, connection: sqlite3.Connection) -> None:
        """Another process may have erased somebody: of them nothing stays in memory here."""
        there = {name for (name,) in connection.execute("SELECT id FROM person")}
        gone = [name for name in self._persons.names() if name not in there]
        for name in gone:
            self._forget(name)
        if gone:
            self._everyone = self._staff = (-1, ())

    def _people_of(self, rows: list[tuple[str, int, bytes]]) -> tuple[Person, ...]:
        """The persons of these rows: name, revision and sealed body."""
        places = {name: at_revision("person", revision) for name, revision, _ in rows}
        bodies = [(name, body) for name, _, body in rows]
        return self._persons.of(bodies, lambda name, body: self._opened_person(name, places[name], body))

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
        return next(iter(self._uses(recipient, rows)), None)

    def codes_of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """See `Record.codes_of`."""
        rows = self._read(
            "SELECT code, body FROM code WHERE recipient = ? AND given_at >= ? ORDER BY given_at, code",
            (self._person(recipient), micros(since)),
        )
        return self._uses(recipient, rows)

    def _uses(self, recipient: str, rows: list[tuple[str, bytes]]) -> tuple[CodeUse, ...]:
        owner = self._person(recipient)

        def use(code: str, body: bytes) -> CodeUse | None:
            return self._tried("code", owner, code, lambda: self._open("code", owner, code, body, CodeUse))

        return tuple(found for code, body in rows if (found := use(code, body)) is not None)
