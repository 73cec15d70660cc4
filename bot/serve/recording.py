"""What became of messages is taken down by one thread: many in one synced write, each until the record has it."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Event, Thread

from bot.delivery import Claimed, record_outcome
from bot.house import House
from bot.trace import traced
from data.errors import Conflict, Unavailable
from data.ports import Outcome

log = logging.getLogger("phms.delivery")

_AT_ONCE = 16
# A record that does not answer is asked again so often (seconds, times); once stopping, only once more.
_AGAIN, _TRIES = 0.5, 40


@dataclass(frozen=True, slots=True)
class Sent:
    """One message and its outcome; `then` is called when that is recorded, or given up."""

    claimed: Claimed
    outcome: Outcome | None
    then: Callable[[], None]


class Recording:
    """The recorder of one process."""

    def __init__(self, house: House, stopping: Event) -> None:
        self._house, self._stopping = house, stopping
        self._changed = Condition()
        self._waiting: deque[Sent] = deque()
        self._closed = False
        self._thread = Thread(target=self._run, name="receipts", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def note(self, sent: Sent) -> None:
        """To be recorded soon."""
        with self._changed:
            self._waiting.append(sent)
            self._changed.notify()

    def close(self) -> None:
        """Record what is left, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                if not batch:
                    return
            try:
                self._record(batch)
            except Exception as problem:
                # This thread is the only one that records: it must not end.
                log.error("outcomes could not be recorded: %s", type(problem).__name__)
            for sent in batch:
                sent.then()

    def _record(self, batch: list[Sent]) -> None:
        for _ in range(_TRIES):
            if self._recorded(batch):
                return
            # They have gone: only if nobody can be told that would they go twice.
            if self._stopping.wait(_AGAIN):
                break
        if not self._recorded(batch):
            log.error("what became of %d messages is not recorded", len(batch))

    def _recorded(self, batch: list[Sent]) -> bool:
        """Whether all is down; what was down already changes nothing."""
        try:
            with self._house.record.together():
                down = [self._down(sent) for sent in batch]
            return all(down)
        except (Conflict, Unavailable):
            return False

    def _down(self, sent: Sent) -> bool:
        try:
            record_outcome(self._house, sent.claimed, sent.outcome)
        except (Conflict, Unavailable):
            return False
        except Exception as problem:
            # It would be no better the next time, and the others must not wait for it.
            name, kind = traced(sent.claimed.row.id), type(problem).__name__
            log.error("message %s: what became of it cannot be recorded (%s)", name, kind)
        return True
