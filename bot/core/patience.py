"""How soon a message goes again that was refused, or that may or may not have gone. Pure."""

from datetime import timedelta

from data.model.communication import Category, Communication
from data.model.concern import Priority
from scheduler.courtesy import LAST_WORD

# A message whose outcome is unknown is handed over once more after so many seconds each time. A doubled page or safety
# text is harmless, and where no other way is left nobody waits for one; a doubled answer is tolerable, so it waits for
# the provider to come to its senses, and is looked up first where it can be; a doubled reminder could mean a doubled
# dose.
_RESENDS: dict[Category, tuple[int, ...]] = {
    Category.SAFETY: (0, 2, 5),
    Category.PAGE: (1, 5, 10),
    Category.OPERATIONS: (0, 10, 20),
    Category.REPLY: (2, 10),
    Category.NOTICE: (),
    Category.NUDGE: (),
}
# Waits after a refusal by every provider of the kind: doubling, at most a minute, for as long as the message lives.
FIRST_WAIT, FIRST_URGENT_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(seconds=1), timedelta(seconds=60)
# Our own account or password is wrong: it has not gone, no address is at fault, and it is as good when that is mended.
OUR_FAULT = ("account", "auth")


def is_urgent(row: Communication) -> bool:
    """What never waits behind anything else, and is tried again soonest: P1 and safety texts."""
    return row.priority is Priority.P1 or row.category is Category.SAFETY


def least_wait(row: Communication) -> timedelta:
    """The least wait after a refusal by every provider of the kind."""
    return FIRST_URGENT_WAIT if is_urgent(row) else FIRST_WAIT


def usual_wait(row: Communication) -> timedelta:
    """The wait after so many refusals as it has met, where no provider says when to come again."""
    return min(LONGEST_WAIT, least_wait(row) * (1 << min(row.attempts, 6)))


def resend_after(row: Communication) -> timedelta | None:
    """How long a message of unknown fate waits before it goes again; None when that was often enough.

    The confirmation of a STOP goes once or not at all.
    """
    waits = () if LAST_WORD.items() <= row.params.items() else _RESENDS[row.category]
    return timedelta(seconds=waits[row.unclear]) if row.unclear < len(waits) else None
