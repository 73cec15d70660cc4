"""Waiting that a stop ends at once, and backing off with full jitter so that many do not come back together."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST = 60.0


def backoff(rng: Random, tries: int) -> float:
    """Seconds before the next try after `tries` failures: anything up to a bound that doubles, at most a minute."""
    return rng.uniform(0.0, min(LONGEST, 2.0 ** min(tries, 10)))


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until `stop`."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T], grace: float = 0.0) -> T | None:
    """What `work` gives, or None when `stop` came first and `grace` seconds more did not suffice: it is cancelled."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and grace:
            await asyncio.wait((task,), timeout=grace)
        return task.result() if task.done() else None
    finally:
        stopped.cancel()
        task.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
