"""Where a person stands outside their own chart: under their addresses, and in what is kept of others."""

import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from bot.strangers import strangers_of
from data.model.people import ContactPoint, Person, Role
from data.ports import Record


def as_stranger(record: Record, person: Person) -> Iterator[str]:
    """The ids under which they wrote before they were known, from addresses that nobody else who is known has."""
    for contact in _own(record, person):
        yield from (one for one in strangers_of(record, contact.system, contact.value) if one != person.id)


def _own(record: Record, person: Person) -> list[ContactPoint]:
    return [c for c in person.contacts if not any(_is_another(p, person) for p in record.holders(c.system, c.value))]


def _is_another(one: Person, person: Person) -> bool:
    return one.id != person.id and one.role is not Role.STRANGER


def is_unanswered(record: Record, person: Person) -> bool:
    """Whether a message of theirs waits for its answer. Of one queue they are answered in order: the last one tells."""
    queues = [person.id, *(f"{c.system}:{c.value.strip()}" for c in _own(record, person))]
    latest = [last[0] for queue in queues if (last := deque(record.messages(queue), maxlen=1))]
    mine = (person.id, *as_stranger(record, person))
    waiting = [m for m in latest if not any(record.committed(one, m.id) for one in mine)]
    # On a phone that is shared with staff, it may be on another's chart that it was answered.
    return any(not any(record.committed(one.id, message.id) for one in record.people()) for message in waiting)


def without(person: Person, gone: str) -> Person:
    """Somebody without the erased person in their panel, their rights as a proxy, emergency grants and consents."""
    return replace(
        person,
        panel=None if person.panel is None else tuple(one for one in person.panel if one != gone),
        represents=tuple(one for one in person.represents if one != gone),
        grants=tuple(grant for grant in person.grants if grant.patient != gone),
        consents=tuple(consent for consent in person.consents if consent.recipient != gone),
    )


def names(text: str, person: Person) -> bool:
    """Whether a text names the person: by a part of the name, the code, the id or an address."""
    parts = [part for part in re.findall(r"\w+", _bare(person.name)) if len(part) > 2]
    names = {_bare(name) for name in (*parts, person.code, person.id) if name}
    said, digits = _bare(text), re.sub(r"\D", "", text)
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) for name in names):
        return True
    addresses = [contact.value.strip() for contact in person.contacts if contact.value.strip()]
    numbers = (re.sub(r"\D", "", address)[-_TOLD_APART:] for address in addresses)
    return any(_bare(a) in said for a in addresses) or any(len(n) >= 6 and n in digits for n in numbers)


# The last digits of a telephone number tell people apart, however its beginning is written.
_TOLD_APART = 8


def _bare(text: str) -> str:
    """Without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))
