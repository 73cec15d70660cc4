"""All that the record holds about one patient (Dossier), and what came of it (History): what an export is made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from data.model.audit import Access, Entry
from data.model.chart import Changes, Chart
from data.model.communication import Communication
from data.model.concern import Flag, RiskAssessment
from data.model.conversation import RawMessage
from data.model.escalation import Escalation
from data.model.observation import Observation, SymptomReport
from data.model.people import Consent, Person, Role
from data.model.plan import Activity
from data.record.coding import decode, encode
from integrations.fhir_terms import ANOTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Somebody who had to do with the patient: no more of them than the patient may know."""

    id: str
    code: str
    name: str
    role: Role
    title: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """Everything about one patient as of `made_at`, each row as it is stored.

    `observations` are all readings still kept, the latest version of each; the journal tells the earlier ones.
    `people` are the staff and proxies whom a row names. Other patients are named nowhere.
    """

    made_at: datetime
    person: Person
    chart: Chart
    observations: tuple[Observation, ...]
    messages: tuple[RawMessage, ...]
    journal: tuple[Entry, ...]
    accesses: tuple[Access, ...]
    people: tuple[Named, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The latest version of every row the journal ever held. `corrected`: ids of readings that were once different."""

    symptoms: tuple[SymptomReport, ...]
    activities: tuple[Activity, ...]
    assessments: tuple[RiskAssessment, ...]
    flags: tuple[Flag, ...]
    escalations: tuple[Escalation, ...]
    communications: tuple[Communication, ...]
    consents: tuple[Consent, ...]
    corrected: frozenset[str]


def compile_dossier(
    *,
    person: Person,
    chart: Chart,
    stored: Iterable[Observation],
    messages: Iterable[RawMessage],
    journal: Iterable[Entry],
    accesses: Iterable[Access],
    everyone: Iterable[Person],
    now: datetime,
) -> Dossier:
    """Put together what the record gave. `stored` are the readings of the vitals' own table, `everyone` all people.

    An actor who is another patient (on a phone that two share, say) becomes "another person".
    """
    known = {one.id: one for one in everyone}
    entries = tuple(_entry(entry, person, known) for entry in journal)
    looks = tuple(_access(access, person, known) for access in accesses)
    mentioned = _mentioned(entries, looks, person)
    return Dossier(
        made_at=now,
        person=person,
        chart=chart,
        observations=_readings(stored, entries),
        messages=tuple(messages),
        journal=entries,
        accesses=looks,
        people=tuple(_named(one) for one in known.values() if one.id in mentioned and _may_be_named(one, person)),
    )


def write_dossier(dossier: Dossier) -> bytes:
    """The dossier as JSON that a person can read, and `read_dossier` exactly."""
    return msgspec.json.format(encode(dossier), indent=2) + b"\n"


def read_dossier(data: bytes) -> Dossier:
    """What `write_dossier` wrote. Raises `BadFile` for anything else."""
    return decode(data, Dossier)


def history(dossier: Dossier) -> History:
    """The latest version of every row, in order of first appearance."""
    journal = dossier.journal
    given: dict[Consent, None] = {}
    for one in (entry.changes.person for entry in journal):
        given.update(dict.fromkeys(one.consents if one else ()))
    given.update(dict.fromkeys(dossier.person.consents))
    return History(
        symptoms=_latest(journal, lambda changes: changes.symptoms),
        activities=_latest(journal, lambda changes: changes.activities),
        assessments=_latest(journal, lambda changes: (changes.assessment,) if changes.assessment else ()),
        flags=_latest(journal, lambda changes: changes.flags),
        escalations=_latest(journal, lambda changes: changes.escalations),
        communications=_latest(journal, lambda changes: changes.communications),
        consents=tuple(given),
        corrected=_corrected(journal),
    )


class _Row(Protocol):
    @property
    def id(self) -> str: ...


_R = TypeVar("_R", bound=_Row)


def _latest(journal: tuple[Entry, ...], rows_of: Callable[[Changes], Iterable[_R]]) -> tuple[_R, ...]:
    return tuple({row.id: row for entry in journal for row in rows_of(entry.changes)}.values())


def _readings(stored: Iterable[Observation], journal: tuple[Entry, ...]) -> tuple[Observation, ...]:
    """The latest version of each. The journal's stands: the other table may still hold a reading that was moved."""
    rows = {row.id: row for row in sorted(stored, key=lambda row: row.received_at)}
    rows.update({row.id: row for entry in journal for row in entry.changes.observations})
    return tuple(sorted(rows.values(), key=lambda row: (row.effective_at, row.id)))


def _corrected(journal: tuple[Entry, ...]) -> frozenset[str]:
    said: dict[str, tuple[object, ...]] = {}
    changed = set()
    for row in (row for entry in journal for row in entry.changes.observations):
        says = (row.code, row.value, row.unit, row.effective_at)
        if said.setdefault(row.id, says) != says:
            changed.add(row.id)
    return frozenset(changed)


# Who may be named.

_STAFF = (Role.CLINICIAN, Role.CARE_MANAGER, Role.ADMINISTRATOR, Role.OPERATIONS, Role.TESTER)
_OUTSIDERS = (Role.PATIENT.value, Role.PROXY.value, Role.STRANGER.value)


def _may_be_named(one: Person, patient: Person) -> bool:
    return one.role in _STAFF or (one.role is Role.PROXY and patient.id in one.represents)


def _named(one: Person) -> Named:
    return Named(id=one.id, code=one.code, name=one.name, role=one.role, title=one.title, active=one.active)


def _entry(entry: Entry, patient: Person, known: dict[str, Person]) -> Entry:
    if _is_patient(entry.actor, patient):
        return entry
    one = known.get(entry.actor)
    # Only people write messages, so whoever is not known any more may have been a patient too.
    hidden = not _may_be_named(one, patient) if one else entry.kind == "message"
    return replace(entry, actor=ANOTHER) if hidden else entry


def _access(access: Access, patient: Person, known: dict[str, Person]) -> Access:
    if _is_patient(access.actor, patient):
        return access
    one = known.get(access.actor)
    hidden = not _may_be_named(one, patient) if one else access.role in _OUTSIDERS
    return replace(access, actor=ANOTHER) if hidden else access


def _is_patient(actor: str, patient: Person) -> bool:
    """Whether it is the patient, or an address of theirs from before they were known."""
    return actor == patient.id or actor in {f"{point.system}:{point.value}" for point in patient.contacts}


def _mentioned(journal: tuple[Entry, ...], accesses: tuple[Access, ...], person: Person) -> set[str | None]:
    """Ids of whoever acted, was written to, took something, ordered it, or may be told."""
    found: set[str | None] = {access.actor for access in accesses}
    found.update(row.recipient for row in person.consents)
    for entry in journal:
        changes = entry.changes
        found.add(entry.actor)
        found.update(row.recipient for row in changes.communications)
        found.update(row.owner for row in changes.flags)
        found.update(row.owner for row in changes.escalations)
        found.update(row.by for row in changes.activities)
        found.update(row.recipient for row in (changes.person.consents if changes.person else ()))
    return found
