"""Rows that do not open: told once for each, remembered until they open, and never in anybody's way."""

import logging
from dataclasses import replace
from threading import Lock

from data.errors import PhmsError
from data.ports import Spoilt

log = logging.getLogger("phms.record")

# Up to so many charts are held against the keys at each start; of more, `phms doctor` and `phms keys verify` do it.
AT_START = 10_000


class SpoiltRows:
    """What one process has met that did not open. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: dict[tuple[str, str, str], Spoilt] = {}

    def note(self, table: str, owner: str, row: str, problem: PhmsError) -> None:
        """Remember a row that does not open. Only its names and the kind of fault are told: they tell nothing else."""
        place = table, owner, row
        with self._lock:
            known = place in self._rows
            self._rows.setdefault(place, Spoilt(table=table, owner=owner, row=row))
        if not known:
            log.error(
                "a stored row does not open: %s %s of %s (%s); run `phms doctor`",
                table,
                row,
                owner,
                type(problem).__name__,
            )

    def opened(self, table: str, owner: str, row: str) -> None:
        """It opens after all: what was amiss has been restored."""
        if self._rows:
            with self._lock:
                self._rows.pop((table, owner, row), None)

    def belongs(self, table: str, owner: str, row: str, subject: str) -> None:
        """Whose a row is that was noted."""
        with self._lock:
            if (known := self._rows.get((table, owner, row))) is not None:
                self._rows[table, owner, row] = replace(known, subject=subject)

    def of(self, table: str) -> tuple[Spoilt, ...]:
        """Those of one table."""
        return tuple(each for each in self.rows() if each.table == table)

    def rows(self) -> tuple[Spoilt, ...]:
        """All of them, the first met first."""
        with self._lock:
            return tuple(self._rows.values())

    def tell_unkeyed(self, owners: tuple[str, ...]) -> None:
        """Say at the start that persons have no key: the table of keys is older than the record."""
        if owners:
            log.error(
                "%d persons have no key: the table of keys is not whole, or older than the record; restore the latest. "
                "Until then nothing of theirs opens",
                len(owners),
            )
