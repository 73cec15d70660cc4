"""A breaker: a provider that fails again and again is left alone for a while. Pure; `now` is given."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# House default, after Nygard, Release It! (2nd ed., 2018), ch. 5: open after 5 failures in a row, or when at least half
# of 20 or more sends within 30 s failed; then one probe every 30 s.
IN_A_ROW, CALLS, SHARE = 5, 20, 0.5
WINDOW = PROBE = timedelta(seconds=30)
# So long after a probe has become possible and none was wanted, nothing is known of the provider any more.
STALE = timedelta(minutes=1)


@dataclass(slots=True)
class Breaker:
    """Of one provider and one lane. Closed it lets all through, open one probe now and then until one succeeds."""

    _failed_in_a_row: int = 0
    _recent: deque[tuple[datetime, bool]] = field(default_factory=deque)
    _probe_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether the provider is left alone."""
        return self._probe_at is not None

    def ails(self, now: datetime) -> bool:
        """Whether it is left alone because of a failure of late: a probe that nobody needed tells nothing."""
        return self._probe_at is not None and now < self._probe_at + STALE

    def may(self, now: datetime) -> bool:
        """Whether a send may be tried now. Asking for a probe takes it."""
        if self._probe_at is None:
            return True
        # A clock that was set back must not keep a provider out.
        if self._probe_at - PROBE <= now < self._probe_at:
            return False
        self._probe_at = now + PROBE
        return True

    def note(self, now: datetime, *, well: bool) -> None:
        """What became of a send."""
        if well:
            self._failed_in_a_row = 0
            if self._probe_at is not None:
                self._probe_at = None
                self._recent.clear()
        else:
            self._failed_in_a_row += 1
        self._recent.append((now, well))
        while self._recent and not now - WINDOW <= self._recent[0][0] <= now:
            self._recent.popleft()
        failed = sum(not fine for _, fine in self._recent)
        many = len(self._recent) >= CALLS and failed >= SHARE * len(self._recent)
        if self._probe_at is None and (self._failed_in_a_row >= IN_A_ROW or many):
            self._probe_at = now + PROBE
