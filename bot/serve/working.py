"""The workers: threads that answer kept messages, one person's in order, and fire what is due."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from bot.house import House
from data.errors import Conflict, Unavailable

log = logging.getLogger("phms.work")

# Where nothing wakes us (another process took a message in), we look so often.
_LOOK = 0.2
# After a store did not answer.
_REST = 1.0


class Worker:
    """One thread that does one kind of work until stopping, and tells `done` whenever it did some."""

    def __init__(self, name: str, step: Callable[[], bool], stopping: Event, done: Callable[[], None]) -> None:
        self._step, self._stopping, self._done = step, stopping, done
        self._awake = Event()
        self.thread = Thread(target=self._run, name=name, daemon=True)

    def wake(self) -> None:
        """There may be work."""
        self._awake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                worked = self._step()
            except (Conflict, Unavailable) as problem:
                log.warning("the record does not answer (%s); it is tried again", type(problem).__name__)
                self._stopping.wait(_REST)
                continue
            except Exception as problem:
                log.error("work went wrong: %s", type(problem).__name__)
                self._stopping.wait(_REST)
                continue
            if worked:
                self._done()
            elif not self._stopping.is_set():
                self._awake.wait(_LOOK)


def fire_due(house: House, stopping: Event, done: Callable[[], None]) -> None:
    """Everything that is due now, and word of rows that do not open."""
    while not stopping.is_set() and house.work_due():
        done()
    if not stopping.is_set() and house.work_spoilt():
        done()
