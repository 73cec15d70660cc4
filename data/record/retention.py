"""How long vitals are kept whole, and how long at all: pure, the same for every store."""

from dataclasses import replace
from datetime import datetime, timedelta

from data.errors import BadInput
from data.model.audit import Entry
from data.model.chart import WINDOW
from data.record.buckets import key_of, last_hour
from data.record.coding import micros


def tend_limits(now: datetime, full: timedelta, keep: timedelta) -> tuple[int, int]:
    """The hours before which vitals are thinned out and removed. Raises `BadInput` for less than a chart's window."""
    if full < WINDOW + timedelta(hours=1) or keep < full:
        raise BadInput(f"vitals must be kept whole for more than {WINDOW.days} days, and at least as long as whole")
    return last_hour(full, micros(now)), last_hour(keep, micros(now))


def relieved_entry(entry: Entry, before: int) -> Entry | None:
    """The entry without its samples of hours before `before`, which the vitals keep; None when it has none.

    What was entered in error stays: it stands nowhere else.
    """
    left = tuple(row for row in entry.changes.observations if row.withdrawn or key_of(row)[1] >= before)
    if len(left) == len(entry.changes.observations):
        return None
    gone = len(entry.changes.observations) - len(left)
    notes = (*entry.changes.notes, f"{gone} samples are kept by the hour only")
    return replace(entry, changes=replace(entry.changes, observations=left, notes=notes))
