"""Upkeep of the record while the house works: an anchor of the audit trail once a minute, and one at the end."""

import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from data.errors import Conflict, Unavailable
from data.ports import Record
from data.record.memory import MemoryRecord

if TYPE_CHECKING:
    from data.record.chain import Chained

log = logging.getLogger("phms.upkeep")


class Upkeep:
    """Anchors a record's audit trail in the record and in a file outside it; a record in memory has none.

    That an anchor cannot be made stops nobody's work: it is logged and tried again, and `phms doctor` tells its age.
    """

    def __init__(self, record: Record, outside: Path) -> None:
        self._record, self._outside = record, outside
        self._last_at: datetime | None = None

    def tick(self, now: datetime, *, last: bool = False) -> None:
        """Anchor when a minute has gone since the last, or when this is the `last` time."""
        if isinstance(self._record, MemoryRecord):
            return
        from data.record.anchoring import anchor_outside, due  # noqa: PLC0415 - loads what a start can do without

        if not last and not due(self._last_at, now):
            return
        try:
            anchor_outside(cast("Chained", self._record), self._outside, now)
        except (Conflict, Unavailable) as problem:
            log.warning("the audit trail could not be anchored: %s", problem)
        self._last_at = now
