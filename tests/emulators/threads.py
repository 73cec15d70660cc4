"""An aiohttp application on a loop and a thread of its own, so that a blocking test can talk to it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import TypeVar

from aiohttp import web

T = TypeVar("T")


@contextmanager
def served(make: Callable[[], web.Application]) -> Iterator[str]:
    """The address of the application until the block ends. It is made inside its loop."""
    ready = Event()
    where: list[str] = []
    failed: list[BaseException] = []
    stop: list[Callable[[], object]] = []

    async def live() -> None:
        finish = asyncio.Event()
        runner = web.AppRunner(make(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            loop = asyncio.get_running_loop()
            stop.append(lambda: loop.call_soon_threadsafe(finish.set))
            where.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
            ready.set()
            await finish.wait()
        finally:
            await runner.cleanup()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as problem:
            failed.append(problem)
        finally:
            ready.set()

    thread = Thread(target=run, name="served", daemon=True)
    thread.start()
    ready.wait(30)
    if not where:
        raise RuntimeError("the application did not start") from (failed[0] if failed else None)
    try:
        yield where[0]
    finally:
        stop[0]()
        thread.join(10)


def wait_for(look: Callable[[], T | None], within: float, what: str) -> T:
    """What `look` finds, looked for again and again until the deadline."""
    until, pause = monotonic() + within, Event()
    while True:
        found = look()
        if found is not None:
            return found
        assert monotonic() < until, f"{what}: not within {within:g} s"
        pause.wait(0.02)
