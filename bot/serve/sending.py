"""Delivery at work: two lanes of senders over one outbox, per recipient in order, urgent messages past all others."""

import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Condition, Event

from bot.core.patience import is_urgent
from bot.delivery import Claimed, attempt, claim_next, put_back
from bot.house import LEASE, House
from bot.serve.metrics import Metrics
from bot.serve.recording import Recording, Sent
from bot.trace import traced
from data.errors import Conflict, Unavailable
from data.model.communication import SendState
from data.ports import Outcome

log = logging.getLogger("phms.delivery")

# Messages handed over at the same time; two fifths of the places are for what is urgent (see `bot.serve.pacing`).
BULK, URGENT = 24, 16
# So many are claimed in one synced write at most.
_AT_ONCE = 8
# How long a message may wait behind another to the same person: then there is no time left for a send in its lease.
_BEHIND = LEASE / 3
# Where nothing wakes us (another process wrote), the outbox is looked at so often.
_LOOK = 0.2
# A message that the record failed to tell of is looked at again so soon.
_SOON = timedelta(seconds=1)
_Lane = tuple[str, str, bool]


class Sending:
    """The sender of one process: one thread that claims, a pool that hands over, and one that records."""

    def __init__(self, house: House, metrics: Metrics, stopping: Event) -> None:
        self._house, self._metrics, self._stopping = house, metrics, stopping
        self._pool = ThreadPoolExecutor(BULK + URGENT, thread_name_prefix="send")
        self._recording = Recording(house, stopping)
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
        self._recording.start()
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
            with self._changed:
                if not worked and not self._awake:
                    self._changed.wait(_LOOK)
                self._awake = self._awake and worked
        with self._changed:
            while any(self._flying.values()):
                self._changed.wait()
        self._recording.close()
        self._pool.shutdown(wait=True)

    def _step(self) -> bool:
        """A few messages on their way; False when there is none, or no place for it."""
        with self._changed:
            bulk, urgent = BULK - self._flying[False], URGENT - self._flying[True]
        claimed = list[Claimed]()
        try:
            with self._house.record.together():
                # Synced once, before any of them goes: after a power cut none may look as if it had not been tried.
                self._claim(claimed, bulk, urgent)
        except (Conflict, Unavailable):
            # None of them has gone, and all are ours: given back, they need not wait for their leases to lapse.
            for one in claimed:
                self._recording.note(Sent(one, put_back(one, self._house.now()), self.wake))
            raise
        for one in claimed:
            self._begin(one)
        return bool(claimed)

    def _claim(self, claimed: list[Claimed], bulk: int, urgent: int) -> None:
        while len(claimed) < _AT_ONCE and max(bulk, urgent) > 0:
            try:
                one = claim_next(self._house, LEASE, urgent=bulk <= 0)
            except (Conflict, Unavailable):
                if not claimed:
                    raise
                # What is ours by now goes: it would wait for its lease to lapse otherwise.
                return
            if one is None:
                return
            claimed.append(one)
            bulk, urgent = bulk - (not is_urgent(one.row)), urgent - is_urgent(one.row)

    def _begin(self, claimed: Claimed) -> None:
        lane = (claimed.row.recipient, str(claimed.row.channel), is_urgent(claimed.row))
        with self._changed:
            self._flying[lane[2]] += 1
            if lane in self._behind:
                self._behind[lane].append(claimed)
                return
            self._behind[lane] = deque()
        self._pool.submit(self._work, lane, claimed)

    def _work(self, lane: _Lane, claimed: Claimed) -> None:
        """Send one message; when its outcome is recorded, the next in its lane may go."""
        outcome = None
        try:
            outcome = self._sent(claimed)
        except (Conflict, Unavailable) as problem:
            log.warning("message %s could not be looked at: %s", traced(claimed.row.id), type(problem).__name__)
            if claimed.claim.attempt == 1:
                # The record failed before it was handed over, which never raises: nothing has gone.
                outcome = Outcome(SendState.QUEUED, retry_at=self._house.now() + _SOON)
        except Exception as problem:
            # Its lease lapses, and it is tried again.
            log.error("message %s could not be worked: %s", traced(claimed.row.id), type(problem).__name__)
        self._recording.note(Sent(claimed, outcome, lambda: self._finished(lane)))

    def _sent(self, claimed: Claimed) -> Outcome | None:
        now = self._house.now()
        if not timedelta() <= now - claimed.at < _BEHIND:
            return put_back(claimed, now)
        outcome = attempt(self._house, claimed, now)
        if outcome is not None:
            self._metrics.sent(claimed.row, outcome, self._house.now())
        return outcome

    def _finished(self, lane: _Lane) -> None:
        """The next of the lane, if there is one; once stopping, it goes at the next start."""
        with self._changed:
            self._flying[lane[2]] -= 1
            waiting = self._behind[lane]
            following = waiting.popleft() if waiting else None
            if following is None:
                del self._behind[lane]
            self._awake = True
            self._changed.notify()
        if following is None:
            return
        if self._stopping.is_set():
            back = put_back(following, self._house.now())
            self._recording.note(Sent(following, back, lambda: self._finished(lane)))
        else:
            self._pool.submit(self._work, lane, following)
