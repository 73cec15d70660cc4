"""People and reply codes in a record in memory."""

from datetime import datetime

from data.model.people import ChannelKind, Person
from data.ports import CodeUse
from data.record import codes
from data.record.coding import (
    instant,
    micros,
    span,
)
from data.record.memory_base import MemoryBase
from data.record.projection import address_key
from data.record.tables import (
    NOT_STAFF,
    STRANGER,
    CodeRow,
    PersonRow,
)


class MemoryPeople(MemoryBase):
    """The persons and codes of a `MemoryRecord`."""

    def person_at(self, system: ChannelKind, value: str) -> Person | None:
        """See `Record.person_at`."""
        return next(iter(self.holders(system, value)), None)

    def holders(self, system: ChannelKind, value: str) -> tuple[Person, ...]:
        """See `Record.holders`."""
        with self._lock:
            if self._at_address is None:
                self._at_address = {}
                for key, row in self._tables.people.items():
                    for address in row.addresses:
                        self._at_address.setdefault(address, []).append(key)
            people = self._tables.people
            found = [(key, people[key]) for key in reversed(self._at_address.get(address_key(system, value), ()))]
            found.sort(key=lambda pair: (pair[1].role == STRANGER, not pair[1].active))
            return self._persons.of((key, row.body) for key, row in found)

    def people(self) -> tuple[Person, ...]:
        """See `Record.people`."""
        with self._lock:
            if self._everyone is None:
                self._everyone = self._persons.of((key, row.body) for key, row in self._tables.people.items())
            return self._everyone

    def staff(self) -> tuple[Person, ...]:
        """See `Record.staff`."""
        with self._lock:
            if self._staff is None:
                rows = self._tables.people.items()
                self._staff = self._persons.of((key, row.body) for key, row in rows if row.role not in NOT_STAFF)
            return self._staff

    def _write_person(self, subject: str, person: PersonRow) -> None:
        self._probe("person")
        old = self._tables.people.get(subject)
        self._tables.people[subject] = person
        self._everyone = None
        if person.role not in NOT_STAFF or (old is not None and old.role not in NOT_STAFF):
            self._staff = None
        if self._at_address is not None and old is None:
            # The last enrolled: their place is at every list's end.
            for address in person.addresses:
                self._at_address.setdefault(address, []).append(subject)
        elif old is not None and old.addresses != person.addresses:
            self._at_address = None

    def reserve_code(self, recipient: str, escalation_id: str, subject: str, now: datetime) -> str:
        """See `Record.reserve_code`."""
        at = micros(now)
        with self._lock:
            self._must_live(subject)
            given = self._tables.codes.get(recipient, {})
            used = {code: row for code, row in given.items() if row.given_at > at - span(codes.KEEP)}
            code = next((code for code, row in used.items() if row.escalation_id == escalation_id), None)
            if code is None:
                code = codes.choose_code(recipient, escalation_id, {key: row.given_at for key, row in used.items()})
                self._probe("code")
                self._tables.codes.setdefault(recipient, {})[code] = CodeRow(escalation_id, subject, at)
            self._probe("answer")
            return code

    def code_use(self, recipient: str, code: str, now: datetime) -> CodeUse | None:
        """See `Record.code_use`."""
        with self._lock:
            row = self._tables.codes.get(recipient, {}).get(code)
        if row is None or row.given_at <= micros(now - codes.KEEP):
            return None
        return CodeUse(recipient, code, row.escalation_id, row.subject, instant(row.given_at))

    def codes_of(self, recipient: str, since: datetime) -> tuple[CodeUse, ...]:
        """See `Record.codes_of`."""
        first = micros(since)
        with self._lock:
            rows = [pair for pair in self._tables.codes.get(recipient, {}).items() if pair[1].given_at >= first]
        rows.sort(key=lambda pair: (pair[1].given_at, pair[0]))
        return tuple(
            CodeUse(recipient, code, row.escalation_id, row.subject, instant(row.given_at)) for code, row in rows
        )
