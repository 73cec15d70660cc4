"""Whom a store's columns in clear name, checked against the persons' own words: those are sealed, and count."""

import logging
from collections.abc import Iterable

from data.model.people import ChannelKind, Person
from data.record.projection import address_key
from data.record.tables import NOT_STAFF

log = logging.getLogger("phms.record")


def at_address(people: tuple[Person, ...], system: ChannelKind, value: str) -> tuple[Person, ...]:
    """Those of `people`, found by an address, who really have it."""
    wanted = address_key(system, value)
    found = tuple(p for p in people if any(address_key(c.system, c.value) == wanted for c in p.contacts))
    if len(found) < len(people):
        left_out = len(people) - len(found)
        log.error("%d persons were found by an address that is not theirs: left out; run `phms audit verify`", left_out)
    return found


def on_staff(people: tuple[Person, ...], others: Iterable[Person] = ()) -> tuple[Person, ...]:
    """Those of `people`, found by their role, who are of the team, and whoever of `others` is of it too."""
    found = tuple(p for p in (*people, *others) if is_staff(p))
    if found == people:
        return people
    log.error("the column of roles is not what the persons' own words say; run `phms audit verify`")
    return found


def is_staff(person: Person) -> bool:
    """Whether somebody is of the clinic's team."""
    return person.role.value not in NOT_STAFF
