"""Whether this process is fit to serve: reason codes for /readyz, looked at every few seconds and remembered."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from bot.serve.guarded import GuardedChannel
from bot.serve.spool import Spool
from data.ports import Clock, Record
from data.record.checkup import State, glance

log = logging.getLogger("phms.ready")

# How often the record is asked, and after how long without a tick the clock must be standing.
LOOK_EVERY = timedelta(seconds=5)
_STANDING = timedelta(seconds=30)
# A record that has not answered a look for so long hangs.
_HANGS = timedelta(seconds=3)

# What a check of the record is called here, where it is not well.
_CODES = {
    "write": "store-slow",
    "clock": "clock-skew",
    "messages": "inbox-late",
    "timers": "timers-late",
    "outbox": "outbox-late",
    "disk": "disk-full",
}
# A little disk, a slow write or a skew of seconds is worth a word, not a red light.
_ONLY_WHEN_FAILED = ("write", "clock", "disk")


class Readiness:
    """The reasons why not, as of the last look."""

    def __init__(
        self, record: Record, clock: Clock, spool: Spool, carriers: Iterable[GuardedChannel], *, ticks: bool = True
    ) -> None:
        self._record, self._clock, self._spool, self._carriers = record, clock, spool, tuple(carriers)
        self._ticks = ticks
        self._ticked_at = clock.now()
        self._found: tuple[str, ...] = ("starting",)
        self._looked_at: datetime | None = None
        self._looking_since: datetime | None = None
        self._faults: dict[str, Callable[[], bool]] = {}

    def watch(self, code: str, wrong: Callable[[], bool]) -> None:
        """Also `code`, whenever `wrong` says so."""
        self._faults[code] = wrong

    def ticked(self) -> None:
        """The clock's tick has come to its end."""
        self._ticked_at = self._clock.now()

    def look(self) -> None:
        """Ask the record. Never raises: that it does not answer is what was found."""
        now = self._clock.now()
        if self._looked_at is not None and self._looked_at <= now < self._looked_at + LOOK_EVERY:
            return
        self._looked_at = self._looking_since = now
        try:
            checks = list(glance(self._record, self._clock))
        except Exception as problem:
            log.warning("the record could not be looked at: %s", type(problem).__name__)
            self._found = ("store-down",)
            return
        finally:
            self._looking_since = None
        self._found = tuple(
            _CODES.get(check.what, check.what)
            for check in checks
            if check.state is State.FAIL or (check.state is State.WARN and check.what not in _ONLY_WHEN_FAILED)
        )

    def reasons(self) -> tuple[str, ...]:
        """Codes of what is wrong now; none when all is well."""
        now = self._clock.now()
        found = list(self._found)
        if self._ticks and not self._ticked_at - _STANDING <= now <= self._ticked_at + _STANDING:
            found.append("clock-standing")
        since = self._looking_since
        if since is not None and now > since + _HANGS:
            found.append("store-down")
        if self._spool.count:
            found.append("spool-waiting")
        if self._spool.broken:
            found.append("spool-broken")
        found += [trouble for carrier in self._carriers if (trouble := carrier.trouble(now))]
        found += [code for code, wrong in self._faults.items() if wrong()]
        return tuple(dict.fromkeys(found))
