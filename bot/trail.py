"""What the audit trail says of one person: who changed or looked at what, when, on which event; no words, no values."""

import heapq
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from bot.trace import traced
from data.errors import NotFound
from data.model.audit import Access, Entry
from data.model.people import ChannelKind, Person
from data.ports import Record
from data.record.chain import ACCESS, JOURNAL, Chained, Link
from data.record.coding import instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of it. `did` is changed, looked or refused; `name` and `role` are "" where they are not known.

    `actor` is an id; of an erased person only the keyed name of one, and no event, is left.
    """

    at: datetime
    actor: str
    name: str
    role: str
    did: str
    what: str
    event: str = ""
    reason: str = ""
    via: str = ""

    def __str__(self) -> str:
        who = self.name or self.actor
        details = [d for d in (self.event, self.reason, f"via {self.via}" if self.via else "") if d]
        told = f"{self.did}: {self.what}" + (f" ({', '.join(details)})" if details else "")
        return f"{_iso(self.at)}  {who + (f', {self.role}' if self.role else ''):32}  {told}"

    def row(self) -> dict[str, object]:
        """The line for JSON."""
        return {**asdict(self), "at": _iso(self.at)}


def find(record: Record, name: str) -> Person | None:
    """Whose trail is meant, by id or else by code; None for an id of somebody who was erased.

    Raises `NotFound` for anything else, also when several have the code.
    """
    people = record.people()
    found = [p for p in people if p.id == name] or [p for p in people if p.code.casefold() == name.strip().casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(f"several people have the code {name!r}; give one of the ids {', '.join(p.id for p in found)}")
    if any(True for _ in _links(record, name, JOURNAL)):
        return None
    raise NotFound(f"there is no patient {name!r} in this record; give the code, such as A-17, or the id")


def rows(record: Record, subject: str, since: datetime | None) -> Iterator[Entry | Access]:
    """Changes and looks in order of time, from `since` on."""
    both: Iterator[Entry | Access] = heapq.merge(
        record.journal(subject), record.accesses(subject), key=lambda row: row.at
    )
    return (row for row in both if since is None or row.at >= since)


def guarded(row: Entry | Access) -> Entry | Access:
    """The row with an event id that tells nothing: ids name rules, such as chest-pain, and addresses of strangers.

    Whoever keeps the audit need not know them. A message keeps the id its provider gave it; of other ids the sort
    stays, with the digits that logs have for the timer or message they are about.
    """
    if not isinstance(row, Entry):
        return row
    sort, _, rest = row.event_id.partition(":")
    if sort in set(ChannelKind):
        return row
    about = re.sub(r"(@\d{4}-\d\d-\d\dT[^@/]*?)?(#\d+(~\d+)?)?$", "", rest)
    return replace(row, event_id=f"{sort}:{traced(about)}" if about else traced(row.event_id))


def line_of(row: Entry | Access, people: Mapping[str, Person]) -> Line:
    """A row as told, with what is known of who brought it about."""
    row, person = guarded(row), people.get(row.actor)
    name, role = (person.name, person.role.value) if person else ("", "")
    if isinstance(row, Entry):
        return Line(at=row.at, actor=row.actor, name=name, role=role, did="changed", what=row.kind, event=row.event_id)
    did = "looked" if row.permitted else "refused"
    told = {"did": did, "what": row.action, "reason": row.reason, "via": row.via}
    return Line(at=row.at, actor=row.actor, name=name, role=row.role or role, **told)


def remains(record: Record, subject: str, people: Mapping[str, Person], since: datetime | None) -> Iterator[Line]:
    """What is left of an erased person's trail: when, who and what sort of event, the erasure itself last."""
    named = (
        {record.sealing.name("person", one.id): one for one in people.values()} if isinstance(record, Chained) else {}
    )
    both = heapq.merge(_links(record, subject, JOURNAL), _links(record, subject, ACCESS), key=lambda link: link.at)
    for link in both:
        at, person = instant(link.at), named.get(link.actor)
        if since is not None and at < since:
            continue
        who = (person.id, person.name, person.role.value) if person else (link.actor, "", "")
        did = "changed" if link.stream == JOURNAL else "refused" if link.kind.startswith("!") else "looked"
        yield Line(at=at, actor=who[0], name=who[1], role=who[2], did=did, what=link.kind.removeprefix("!"))


def _links(record: Record, subject: str, stream: str) -> Iterator[Link]:
    return record.links(stream, record.sealing.name("person", subject)) if isinstance(record, Chained) else iter(())


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
