"""The only file that reads the wall clock; everything else is told what time it is."""

from datetime import UTC, datetime, timedelta


class SystemClock:
    """The wall clock, in UTC."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place


class SimulatedClock:
    """A clock that stands still until it is moved: for scenes, tests and the demo.

    >>> clock = SimulatedClock(datetime(2026, 3, 3, 21, 10, tzinfo=UTC))
    >>> clock.move_to(clock.now() + timedelta(minutes=5))
    >>> clock.now().minute
    15
    """

    def __init__(self, start: datetime) -> None:
        """Start at an aware instant."""
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The simulated instant, in UTC."""
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Go forward to `instant`; an earlier instant leaves the clock where it is."""
        self._now = max(self._now, instant.astimezone(UTC))

    def jump(self, by: timedelta) -> None:
        """Jump forward or back, as a wall clock does when somebody sets it."""
        self._now += by
