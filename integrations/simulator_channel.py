"""A provider that carries nothing: records what it is given and fails on demand, for scenes, tests and the demo."""

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from data.model.communication import Communication, SendState
from data.model.people import ChannelKind, ContactPoint
from data.ports import Outcome


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message the provider took."""

    at: datetime
    to: ContactPoint
    communication: Communication
    provider_id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that reaches the phone at `at`."""

    at: datetime
    to: ContactPoint
    communication: Communication
    provider: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider reports of a message at `at`."""

    at: datetime
    communication_id: str
    state: SendState
    provider: str
    provider_id: str


@dataclass(eq=False)
class SimulatedProvider:
    """One provider of one kind with faults that a scene switches: a full `Channel` adapter without a network.

    `down`: nothing is taken (known not sent). `loses_receipts`: no receipt ever comes. `late`: the phone rings that
    much later. `undelivered`: taken, then reported as undelivered, and the phone never rings.
    """

    name: str
    kind: ChannelKind
    receipt_after: timedelta = timedelta(seconds=2)
    down: bool = False
    loses_receipts: bool = False
    undelivered: bool = False
    late: timedelta = timedelta()
    accepted: list[Accepted] = field(default_factory=list)
    _ahead: list[tuple[datetime, int, Delivery | Receipt]] = field(default_factory=list)
    _count: int = 0

    def send(self, to: ContactPoint, communication: Communication, now: datetime) -> Outcome:
        """Take one message, unless the provider is down."""
        if self.down:
            return Outcome(SendState.QUEUED, provider=self.name, error=f"{self.name} is down")
        provider_id = f"{self.name}-{len(self.accepted) + 1}"
        self.accepted.append(Accepted(now, to, communication, provider_id))
        rings_at = now + self.late
        if not self.undelivered:
            self._plan(rings_at, Delivery(rings_at, to, communication, self.name))
        if not self.loses_receipts:
            state = SendState.UNDELIVERED if self.undelivered else SendState.DELIVERED
            at = rings_at + self.receipt_after
            self._plan(at, Receipt(at, communication.id, state, self.name, provider_id))
        return Outcome(SendState.ACCEPTED, provider=self.name, provider_id=provider_id)

    def heal(self) -> None:
        """End every fault; what is late already stays late."""
        self.down = self.loses_receipts = self.undelivered = False
        self.late = timedelta()

    def next_at(self) -> datetime | None:
        """When the next delivery or receipt happens."""
        return self._ahead[0][0] if self._ahead else None

    def take_due(self, now: datetime) -> list[Delivery | Receipt]:
        """What has happened by `now`, in order; each is given once."""
        due = []
        while self._ahead and self._ahead[0][0] <= now:
            due.append(heapq.heappop(self._ahead)[2])
        return due

    def shift(self, by: timedelta) -> None:
        """Move what lies ahead: somebody has set the clock, and the network does not know."""
        self._ahead = [(at + by, order, happening) for at, order, happening in self._ahead]

    def _plan(self, at: datetime, happening: Delivery | Receipt) -> None:
        self._count += 1
        heapq.heappush(self._ahead, (at, self._count, happening))
