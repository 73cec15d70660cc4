"""From a worker's thread into the event loop and back: a caller that gives up knows whether anything was asked."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from threading import Lock
from typing import Any, TypeVar

from integrations.telegram_request import Lost, NotSent

T = TypeVar("T")


class Attempt:
    """One piece of work that two threads know of: it either asks the provider first or is given up first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked = self._given_up = False

    def ask(self) -> None:
        """Just before the provider is asked. Raises `NotSent` when nobody waits any more."""
        with self._lock:
            if self._given_up:
                raise NotSent("given up before it was asked")
            self._asked = True

    def give_up(self) -> bool:
        """Wait no longer; True when the provider may have been asked, else it never will be."""
        with self._lock:
            self._given_up = True
            return self._asked


def call(loop: asyncio.AbstractEventLoop, work: Callable[[Attempt], Coroutine[Any, Any, T]], patience: float) -> T:
    """What `work` gives, run in `loop`; to be called from another thread, else nobody runs it.

    Raises what it raises; `NotSent` when the loop does not run, or does not come to it within `patience` seconds;
    `Lost` when it was asked and no answer came in that time.
    """
    if loop.is_closed() or not loop.is_running():
        raise NotSent("the loop does not run")
    attempt = Attempt()
    coroutine = work(attempt)
    try:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    except RuntimeError:
        coroutine.close()
        raise NotSent("the loop does not run") from None
    try:
        return future.result(patience)
    except (TimeoutError, CancelledError):
        future.cancel()
        raise (Lost("no answer in time") if attempt.give_up() else NotSent("no turn in time")) from None
