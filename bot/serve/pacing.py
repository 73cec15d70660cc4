"""How fast a provider may be given messages: overall and per chat, with room kept free for what is urgent. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

# Of a provider's capacity so much stays free for P1 and safety texts (house default).
RESERVED = 0.4
# So much of a rate may go at once; with what follows it within a second it is still less than a provider takes.
_BURST = timedelta(seconds=0.5)
# Chats that were quiet for so long need not be remembered.
_FORGET = timedelta(minutes=5)
# A clock that was set back by more than this makes all that is remembered here wrong.
_SET_BACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Messages per second of a provider and of one chat, and how many may go at once. None: as fast as they come."""

    overall: float | None = None
    per_chat: float | None = None
    at_once: int = 3
    # Only what nobody asked for: reminders and notices.
    unasked_only: bool = False


@dataclass(slots=True)
class _Bucket:
    """The generic cell rate algorithm (ITU-T I.371): `full_at` is when all that was let through is worked off."""

    gap: timedelta
    burst: timedelta
    full_at: datetime | None = None

    def ready_at(self, now: datetime) -> datetime:
        return now if self.full_at is None else max(now, self.full_at - self.burst)

    def take(self, at: datetime) -> None:
        self.full_at = max(at, self.full_at or at) + self.gap


@dataclass(slots=True)
class Pacer:
    """When the next message may go. A place that was given stays given, so that ten thousand do not ask again."""

    pace: Pace
    _overall: _Bucket | None = None
    _chats: dict[str, _Bucket] = field(default_factory=dict)
    _places: dict[str, datetime] = field(default_factory=dict)
    _closed_until: datetime | None = None
    _seen: datetime | None = None

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._chats, self._places, self._closed_until = {}, {}, None
        if self.pace.overall is not None:
            rate = self.pace.overall * (1 - RESERVED)
            self._overall = _Bucket(timedelta(seconds=1 / rate), max(_BURST, timedelta(seconds=1 / rate)))

    def close(self, until: datetime) -> None:
        """The provider asked for patience: nothing goes before `until`."""
        self._closed_until = max(until, self._closed_until or until)

    def ready_at(self, message: str, chat: str, now: datetime, *, urgent: bool) -> datetime:
        """When this message may go: `now`, or the place in the row that it has from now on."""
        if self._seen is not None and now < self._seen - _SET_BACK:
            self._begin()
            self._seen = now
        self._seen = max(now, self._seen or now)
        if self._closed_until is not None and now < self._closed_until:
            return self._closed_until
        if urgent:
            return now
        place = self._places.get(message)
        if place is None:
            buckets = self._buckets(chat)
            place = max([now, *(bucket.ready_at(now) for bucket in buckets)])
            for bucket in buckets:
                bucket.take(place)
            self._places[message] = place
        if place <= now:
            del self._places[message]
            self._forget(now)
        return place

    def _buckets(self, chat: str) -> list[_Bucket]:
        buckets = [] if self._overall is None else [self._overall]
        if self.pace.per_chat is not None:
            gap = timedelta(seconds=1 / self.pace.per_chat)
            buckets.append(self._chats.setdefault(chat, _Bucket(gap, (self.pace.at_once - 1) * gap)))
        return buckets

    def _forget(self, now: datetime) -> None:
        if len(self._chats) > 10_000 or len(self._places) > 100_000:
            self._chats = {k: b for k, b in self._chats.items() if b.full_at and b.full_at > now}
            self._places = {k: at for k, at in self._places.items() if at > now - _FORGET}
