"""Erasure of a person: what stands against it, every step of it safe to repeat, and the certificate in the audit.

GDPR, article 17. The record destroys the person's keys and rows in one commit (see `data.record`); here is decided
whether it may, what else names the person, and what is certified. Killed between any two writes and called again, it
ends as if it had been called once: each step is derived from what is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.access import Action, Asker, may
from bot.named_elsewhere import as_stranger, is_unanswered, names, without
from data.errors import BadInput, Conflict, NotFound, Unavailable
from data.model.audit import Access
from data.model.chart import Changes
from data.model.escalation import EscalationState
from data.model.people import Person, Role
from data.ports import Record

# Where attempts and certificates stand: in nobody's stream who could be erased.
CLINIC = "clinic"
CERTIFICATE = "erasure-certificate"
ERASABLE = (Role.PATIENT, Role.PROXY, Role.STRANGER)
_TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the record holds of one person: entries of the journal, messages with their words, looks by others."""

    entries: int
    messages: int
    looks: int

    def __str__(self) -> str:
        """As people count: "22 entries, 1 message, 0 looks"."""
        words = {"entry": "entries", "message": "messages", "look": "looks"}
        counts = zip((self.entries, self.messages, self.looks), words.items(), strict=True)
        return ", ".join(f"{count} {one if count == 1 else many}" for count, (one, many) in counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who wants whom erased, and why. `reason` stays for good and must not name the person.

    `force` goes on although an escalation of theirs is open or a message of theirs is not answered.
    """

    subject: str
    who: Person
    now: datetime
    reason: str = ""
    via: str = ""
    force: bool = False


def pseudonym(record: Record, person_id: str) -> str:
    """How an erased person is named in the certificate: with this record's keys an id finds it, nothing reads it."""
    return record.pseudonym(f"erased {person_id}")


def certificate_of(record: Record, person_id: str) -> Access | None:
    """The certificate of a person's erasure; None as long as there is none."""
    return next((line for line in _lines(record, CERTIFICATE, person_id)), None)


def held(record: Record, subject: str) -> Held:
    """What there is of a person now."""
    chart = record.chart(subject, observations=False)
    messages = sum(1 for _ in record.messages(subject))
    return Held(entries=chart.revision, messages=messages, looks=sum(1 for _ in record.accesses(subject)))


def obstacle(record: Record, person: Person) -> str | None:
    """Why erasing this person could cost a life, in one sentence; None when nothing speaks against it.

    An escalation that is open would end untold, and a message that nobody has answered may be an emergency.
    """
    for subject in (person.id, *as_stranger(record, person)):
        chart = record.chart(subject, observations=False)
        if any(one.state is not EscalationState.CLOSED for one in chart.escalations):
            return "an escalation of this person is open, and nobody would be told any more"
    if is_unanswered(record, person):
        return "a message of this person is not answered yet, and could be an emergency"
    return None


def erase(record: Record, request: Request) -> tuple[Access, bool]:
    """Erase a person for good; the certificate, and whether there was still something to erase.

    Raises `NotFound` for somebody unknown or an actor who may not, `BadInput` for staff, for a reason that names the
    person, and for an `obstacle` unless forced; `Conflict` or `Unavailable` when the record does not let us: nothing
    is certified then, and the same call again goes on from there.
    """
    chart = record.chart(request.subject, observations=False)
    if chart.person is None and not chart.erased:
        raise NotFound(f"there is nobody {request.subject!r} in this record")
    if chart.person is not None:
        _check(record, request, chart.person)
        for stranger in tuple(as_stranger(record, chart.person)):
            _erase_one(record, replace(request, subject=stranger))
    return _erase_one(record, request), not chart.erased


def _check(record: Record, request: Request, person: Person) -> None:
    if not may(request.who, Action.ERASE, person, request.now):
        refused = Asker(request.who, request.now).look(Action.ERASE, request.who.id, request.via, permitted=False)
        record.note_access(refused)
        raise NotFound(f"there is nobody {request.subject!r} in this record")
    if person.role not in ERASABLE:
        raise BadInput(f"{person.id} works here: what they did for patients must stay; take their role or panel away")
    if names(request.reason, person):
        raise BadInput("the reason stays in the audit for good: leave out the person's name, code and addresses")
    against = obstacle(record, person)
    if against and not request.force:
        raise BadInput(f"{against}: see to it first, or go on all the same with --force")


def _erase_one(record: Record, request: Request) -> Access:
    """One person, from wherever an earlier attempt was cut off: commit, references, certificate."""
    _commit(record, request)
    for other in record.people():
        _unlink(record, request, other)
    return certificate_of(record, request.subject) or _certify(record, request)


def _commit(record: Record, request: Request) -> None:
    subject, event_id = request.subject, f"erase:{request.subject}"
    for _ in range(_TRIES):
        chart = record.chart(subject, observations=False)
        if not chart.erased:
            if chart.person is not None and not request.force and obstacle(record, chart.person):
                raise BadInput(
                    "something of theirs has just come in: see to it first, or go on all the same with --force"
                )
            _note(record, request, Action.ERASE, str(held(record, subject)))
        elif certificate_of(record, subject) is not None or not record.committed(subject, event_id):
            return
        try:
            # Of somebody whose rows are gone already, this destroys the keys that a crash left.
            record.commit(chart, event_id, "erase", request.who.id, Changes(erased=True), request.now)
        except Conflict:
            continue
        return
    raise Conflict("others write of this person all the time; try again")


def _certify(record: Record, request: Request) -> Access:
    """Look that nothing is left, and say so for good."""
    subject = request.subject
    chart = record.chart(subject, observations=False)
    left = (record.journal(subject), record.messages(subject), record.accesses(subject))
    if not chart.erased or chart.person or any(True for rows in left for _ in rows):
        raise Unavailable("something of this person was written at the same moment; the same again erases it")
    # What was there when the attempt that succeeded began; its reason, when this one finishes it without giving one.
    asked = [_what(line) for line in _lines(record, Action.ERASE, subject)] or [f"{chart.revision - 1} entries"]
    counted, _, why = asked[-1].partition("; ")
    return _note(
        record, replace(request, reason=request.reason or why), CERTIFICATE, f"{counted} erased, keys destroyed"
    )


def _note(record: Record, request: Request, action: str, what: str) -> Access:
    """A line in the clinic's own stream, under the person's pseudonym."""
    why = f"; {request.reason}" if request.reason else ""
    reason = f"{pseudonym(record, request.subject)}: {what}{why}"
    line = Access(
        subject=CLINIC,
        actor=request.who.id,
        role=request.who.role.value,
        action=str(action),
        at=request.now,
        reason=reason,
        via=request.via,
    )
    record.note_access(line)
    return line


def _lines(record: Record, action: str, person_id: str) -> Iterator[Access]:
    mine = f"{pseudonym(record, person_id)}: "
    return (line for line in record.accesses(CLINIC) if line.action == action and line.reason.startswith(mine))


def _what(line: Access) -> str:
    return line.reason.partition(": ")[2]


def _unlink(record: Record, request: Request, other: Person) -> None:
    """Take the erased person out of what is kept of another (see `without`)."""
    gone = request.subject
    for _ in range(_TRIES):
        chart = record.chart(other.id, observations=False)
        person = chart.person
        if person is None or (less := without(person, gone)) == person:
            return
        event_id = f"unlink:{pseudonym(record, gone)}@{chart.revision}"
        try:
            record.commit(chart, event_id, "people", request.who.id, Changes(person=less), request.now)
        except Conflict:
            continue
        return
    raise Conflict(f"others write of {other.id} all the time; try again")
