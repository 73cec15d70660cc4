"""Hypothesis strategies for any stored dataclass, derived from its fields, and for the record of one patient."""

from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from data.model.audit import Access, Entry
from data.model.chart import Changes, Chart
from data.model.conversation import RawMessage
from data.model.people import Limit, Person, Role
from data.vocabulary import vital_signs
from integrations.fhir_dossier import compile_dossier

PATIENT = "A-17"
# An id, a name and a code of another patient, who may be found in no export.
CANARY = "canary-9f3"
NOW = datetime(2026, 3, 3, 22, 30, tzinfo=UTC)

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
# Few, so that rows are corrected and referred to.
_IDS = st.sampled_from(("one", "two", "two words/3", "é\x01"))
_KEYS = st.sampled_from(("chest-pain", "alarm:stroke", "two words"))
_PEOPLE = st.sampled_from((PATIENT, "nia", "lee", "pia", "gone"))
_ACTORS = st.sampled_from((PATIENT, "nia", "pia", "clock", "watch", "operator:jan", "sms:+1", CANARY))
_MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
_NUMBERS = st.floats(-1e20, 1e20) | st.integers(-500, 500).map(float)
_PLAIN = {
    str: _TEXT,
    int: st.integers(-3, 99),
    float: _NUMBERS,
    bool: st.booleans(),
    datetime: _MOMENTS,
    date: st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    time: st.times(),
    timedelta: st.timedeltas(timedelta(0), timedelta(days=9)),
}
# Fields that mean something by their name.
_NAMED = {
    "id": _IDS,
    "subject": st.just(PATIENT),
    "flag_id": _IDS,
    "escalation_id": st.none() | _IDS,
    "message_id": _IDS,
    "code": st.sampled_from((*vital_signs(), "of another version")),
    "symptom": _KEYS,
    "rule": _KEYS,
    "weekdays": st.lists(st.integers(0, 6), max_size=3).map(tuple),
    "zone": st.just("Europe/Tallinn"),
    "owner": st.none() | _PEOPLE,
    "by": st.just("") | _PEOPLE,
    "recipient": st.just("") | _PEOPLE,
    "source": st.sampled_from(("patient", "watch", "nia", "", "\x1f")),
}


@cache
def rows(kind):
    """Any value of a stored type."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (inner,) = [arg for arg in get_args(kind) if arg is not NoneType]
        return st.none() | rows(inner)
    if origin is tuple:
        return st.lists(rows(get_args(kind)[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(_TEXT, _TEXT, max_size=1)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if kind is Limit:
        return st.tuples(_NAMED["code"], _NUMBERS, _NUMBERS).map(
            lambda p: Limit(code=p[0], low=min(p[1:]), high=max(p[1:]))
        )
    return st.builds(kind, **_fields(kind))


def _fields(stored, /, **fixed):
    hints = get_type_hints(stored)
    return {name: fixed.get(name, _NAMED.get(name, rows(hint))) for name, hint in hints.items()}


def people():
    """A nurse, a doctor, a proxy, and another patient."""
    fields = {"title": "", "zone": "UTC"}
    return (
        Person(id="nia", code="nia", name="Nia", role=Role.CLINICIAN, **fields),
        Person(id="lee", code="lee", name="Dr Lee", role=Role.CLINICIAN, active=False, **fields),
        Person(id="pia", code="X-1", name="Pia", role=Role.PROXY, represents=(PATIENT,), **fields),
        Person(id=CANARY, code=CANARY, name=CANARY, role=Role.PATIENT, **fields),
    )


_PATIENTS = st.builds(Person, **_fields(Person, id=st.just(PATIENT), code=st.just(PATIENT), role=st.just(Role.PATIENT)))
_ENTRIES = st.builds(
    Entry,
    **_fields(
        Entry,
        kind=st.sampled_from(("message", "timer", "readings")),
        actor=_ACTORS,
        changes=st.builds(Changes, **_fields(Changes, person=st.none() | _PATIENTS)),
    ),
)
_ACCESSES = st.builds(
    Access,
    **_fields(
        Access,
        actor=_ACTORS,
        role=st.sampled_from([role.value for role in Role] + ["operator"]),
        action=st.sampled_from(("read-chart", "export", "erase", "break-glass", "set-nudge", "", "list-patients")),
    ),
)
_MESSAGES = st.builds(RawMessage, **_fields(RawMessage, person_id=st.just(PATIENT)))


@st.composite
def dossiers(draw):
    """Any record of one patient, put together."""
    journal = draw(st.lists(_ENTRIES, max_size=4))
    journal = [_numbered(entry, nth) for nth, entry in enumerate(journal, start=1)]
    person = draw(_PATIENTS)
    return compile_dossier(
        person=person,
        chart=Chart(subject=PATIENT, revision=len(journal), person=person),
        stored=[row for entry in journal for row in entry.changes.observations if draw(st.booleans())],
        messages=draw(st.lists(_MESSAGES, max_size=3, unique_by=lambda message: message.id)),
        journal=journal,
        accesses=draw(st.lists(_ACCESSES, max_size=3)),
        everyone=(person, *people()),
        now=NOW,
    )


def _numbered(entry, revision):
    return Entry(
        subject=entry.subject,
        revision=revision,
        event_id=entry.event_id,
        kind=entry.kind,
        actor=entry.actor,
        at=entry.at,
        changes=entry.changes,
    )
