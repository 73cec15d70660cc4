"""Emergency access ("break the glass") that is over although the clock, set back, says otherwise.

The hour is reckoned by the clock, and a clock can be set back. What stands in the record after a grant, in the actor's
own journal or among their looks at the patient, tells what time it has been since. A grant is over once it was its end
or later, and once the clock is known to have gone back since by more than a minute: how much of the hour is left is
unknown then, and /breakglass opens it again.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, dropwhile

from bot.core.access import LONGEST_GRANT
from data.model.people import Grant, Person
from data.ports import Record

# As the record takes it (see `Record.claim_due`): clocks are put right by seconds all the time.
_ORDINARY = timedelta(minutes=1)


def without_lapsed(record: Record, who: Person, now: datetime) -> Person:
    """`who` with the grants that still hold, as far as the record knows. Reads only when one seems to."""
    seeming = (grant for grant in who.grants if grant.given_at <= now < _ends(grant))
    holding = tuple(g for g in seeming if not _is_over(g, max(_since(record, who, g), default=now), now))
    return who if holding == who.grants else replace(who, grants=holding)


def _ends(grant: Grant) -> datetime:
    return min(grant.until, grant.given_at + LONGEST_GRANT)


def _is_over(grant: Grant, known: datetime, now: datetime) -> bool:
    return known >= _ends(grant) or known > now + _ORDINARY


def _since(record: Record, who: Person, grant: Grant) -> Iterator[datetime]:
    """The instants of what was written down of the actor from the grant on, in the order in which it was."""
    entries = dropwhile(
        lambda entry: entry.changes.person is None or grant not in entry.changes.person.grants, record.journal(who.id)
    )
    mine = (look for look in record.accesses(grant.patient) if look.actor == who.id)
    looks = dropwhile(lambda look: look.at != grant.given_at, mine)
    return chain((entry.at for entry in entries), (look.at for look in looks))
