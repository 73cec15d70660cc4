"""Delivery at work: two lanes of senders over one outbox, per recipient in order, urgent messages past all others."""

import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Condition, Event

from bot.delivery import Claimed, attempt, claim_next, put_back, record_outcome
from bot.house import LEASE, House
from bot.serve.guarded import is_urgent
from bot.serve.metrics import Metrics
from bot.trace import traced
from data.errors import Conflict, PhmsError, Unavailable

log = logging.getLogger("phms.delivery")

# Messages handed over at the same time; two fifths of the places are for what is urgent (see `bot.serve.pacing`).
BULK, URGENT = 24, 16
# How long a message may wait behind another to the same person: then there is no time left for a send in its lease.
_BEHIND = LEASE / 3
# Where nothing wakes us (another process wrote), the outbox is looked at so often.
_LOOK = 0.2
# A store that does not answer is asked again so often to take down what became of a message.
_AGAIN, _TRIES = 0.5, 40

_Lane = tuple[str, str, bool]


class Sending:
    """The sender of one process: one thread that claims, and a pool that hands over."""

    def __init__(self, house: House, metrics: Metrics, stopping: Event) -> None:
        self._house, self._metrics, self._stopping = house, metrics, stopping
        self._pool = ThreadPoolExecutor(BULK + URGENT, thread_name_prefix="send")
        self._changed = Condition()
        self._awake = False
        # In flight, by whether they are urgent; and what waits behind another message to the same person.
        self._flying = {False: 0, True: 0}
        self._behind: dict[_Lane, deque[Claimed]] = {}

    def wake(self) -> None:
        """Something new may be in the outbox."""
        with self._changed:
            self._awake = True
            self._changed.notify()

    def run(self) -> None:
        """Claim and send until stopping; then wait for what is in flight."""
        while not self._stopping.is_set():
            try:
                worked = self._step()
            except (Conflict, Unavailable) as problem:
                log.warning("the outbox could not be worked: %s", type(problem).__name__)
                worked = False
            except Exception as problem:
                # This thread is the only one that claims: it must not end.
                log.error("the outbox could not be worked: %s", type(problem).__name__)
                worked = False
            if not worked:
                with self._changed:
                    if not self._awake:
                        self._changed.wait(_LOOK)
                    self._awake = False
        self._pool.shutdown(wait=True)

    def _step(self) -> bool:
        """One message on its way; False when there is none, or no place for it."""
        with self._changed:
            full = {urgent: self._flying[urgent] >= places for urgent, places in ((False, BULK), (True, URGENT))}
        if full[True] and full[False]:
            return False
        claimed = claim_next(self._house, LEASE, urgent=full[False])
        if claimed is None:
            return False
        lane = (claimed.row.recipient, str(claimed.row.channel), is_urgent(claimed.row))
        with self._changed:
            self._flying[lane[2]] += 1
            if lane in self._behind:
                self._behind[lane].append(claimed)
                return True
            self._behind[lane] = deque()
        self._pool.submit(self._work, lane, claimed)
        return True

    def _work(self, lane: _Lane, claimed: Claimed | None) -> None:
        """Send one message, and then those that came in behind it; once stopping, these go at the next start."""
        leave = False
        while claimed is not None:
            try:
                self._send(claimed, leave=leave)
            except PhmsError as problem:
                log.error("message %s: what became of it is not recorded (%s)", traced(claimed.row.id), problem)
            except Exception as problem:
                log.error("message %s could not be worked: %s", traced(claimed.row.id), type(problem).__name__)
            leave = self._stopping.is_set()
            with self._changed:
                self._flying[lane[2]] -= 1
                waiting = self._behind[lane]
                claimed = waiting.popleft() if waiting else None
                if claimed is None:
                    del self._behind[lane]
                self._awake = True
                self._changed.notify()

    def _send(self, claimed: Claimed, *, leave: bool) -> None:
        now = self._house.now()
        late = not timedelta() <= now - claimed.at < _BEHIND
        outcome = put_back(claimed, now) if late or leave else attempt(self._house, claimed, now)
        if outcome is not None:
            self._metrics.sent(claimed.row, outcome, self._house.now())
        for _ in range(_TRIES):
            try:
                return record_outcome(self._house, claimed, outcome)
            except (Conflict, Unavailable):
                # It has gone: only if nobody can be told that would it go twice.
                if self._stopping.wait(_AGAIN):
                    break
        return record_outcome(self._house, claimed, outcome)
