"""One process of `phms serve`: puts the parts together, starts them in order and stops them with nothing lost."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Event, Thread, Timer

from aiohttp import web

from bot.house import House
from bot.serve.guarded import GuardedChannel
from bot.serve.inbox import Inbox
from bot.serve.link_page import LinkPage
from bot.serve.metrics import Metrics
from bot.serve.pictures import Pictures
from bot.serve.providers import Providers
from bot.serve.readiness import Readiness
from bot.serve.sending import Sending
from bot.serve.simulator_door import SimulatorDoor
from bot.serve.spool import Spool
from bot.serve.ticking import Ticking
from bot.serve.tokens import Tokens
from bot.serve.wearable_door import WearableDoor
from bot.serve.web import Doors, application
from bot.serve.working import Worker
from bot.settings import Settings
from bot.unread import tell_of
from bot.wire import standard_kit, standard_parser
from data.clock import SystemClock
from data.ports import Record, Spoilt

log = logging.getLogger("phms.serve")
# What strangers send that is no HTTP is answered 400; a traceback of each would only fill the log.
_protocol = logging.getLogger("phms.http")
_protocol.setLevel(logging.CRITICAL)

# How many messages, of different people, are thought through side by side: where the record is a server, one can wait
# for its answer while the other thinks; a file is written by one at a time, and two would only wait for each other.
WORKERS, WORKERS_ON_A_FILE = 2, 1
# Within so many seconds everything must have come to rest; supervisors kill after 20 or 30.
_REST, _LAST_REQUESTS, _LIMIT = 12.0, 5.0, 17.0
# After an answer that came before the end of its request, the rest of that is read for so long.
_LINGERING = 2.0


class Part(StrEnum):
    """What a process may do."""

    WEB = "web"
    WORKER = "worker"
    CLOCK = "clock"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What this process is to do, and where it listens. `said` gets lines for whoever started it."""

    host: str
    port: int
    parts: frozenset[Part]
    said: Callable[[str], object]


async def serve(record: Record, settings: Settings, where: Where) -> None:
    """Run until SIGTERM or SIGINT. Raises `BadFile` for settings that do not work, `OSError` for a port in use."""
    async with AsyncExitStack() as stack:
        process = await _Process.made(record, settings, where, stack)
        await process.run()


class _Process:
    """The parts of one process, and their order."""

    def __init__(self, record: Record, settings: Settings, where: Where, providers: Providers) -> None:
        self.settings, self.where, self.providers = settings, where, providers
        clock = SystemClock()
        self.stopping, self.done = Event(), asyncio.Event()
        self.metrics = Metrics()
        self.metrics.up_since.set(clock.now().timestamp())
        self.carriers = providers.carriers
        kit = replace(standard_kit(settings.handbook_path), url=settings.public)
        self.house = House(record, clock, self.carriers, kit, standard_parser())
        self.pictures = Pictures(self.house, Tokens(record.secret("pictures")), settings.public)
        providers.draw_with(self.pictures)
        self.spool = Spool(settings.home_path / "spool", record.secret("spool"))
        # One thread, so that messages are written in the order in which they came.
        self.store = ThreadPoolExecutor(1, thread_name_prefix="inbox")
        self.sending = Sending(self.house, self.metrics, self.stopping)
        threads = WORKERS_ON_A_FILE if settings.store_path else WORKERS
        self.workers = [
            Worker(f"worker-{n}", self.house.work_messages, self.stopping, self.sending.wake) for n in range(threads)
        ]
        self.inbox = Inbox(self.house, self.spool, self.store, self.metrics, wake=self._wake)
        guards = [carrier for carrier in self.carriers if isinstance(carrier, GuardedChannel)]
        self.readiness = Readiness(record, clock, self.spool, guards, ticks=Part.CLOCK in where.parts)
        self.ticking = Ticking(self.house, settings, self.readiness, self.stopping, self.sending.wake)
        self.sender = Thread(target=self.sending.run, name="outbox", daemon=True)

    @classmethod
    async def made(cls, record: Record, settings: Settings, where: Where, stack: AsyncExitStack) -> "_Process":
        providers = await Providers.opened(record, settings, where.said, stack)
        return cls(record, settings, where, providers)

    async def run(self) -> None:
        """Start the parts, wait to be stopped, and stop them in order: doors, workers, senders."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.done.set)
        parts = self.where.parts
        runner = web.AppRunner(
            application(self._doors(), outside=Part.WEB in parts),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_LAST_REQUESTS,
            lingering_time=_LINGERING,
            logger=_protocol,
        )
        await runner.setup()
        began = await self._start_web(runner)
        background = [asyncio.create_task(self._drain())]
        if Part.WEB in parts:
            background += self.providers.listen(self.readiness, self.done)
        if parts & {Part.WEB, Part.WORKER}:
            background += self.providers.introduce(self.house, self.done)
        if Part.WORKER in parts:
            for worker in self.workers:
                worker.thread.start()
        if Part.DELIVERY in parts:
            self.sender.start()
        if Part.CLOCK in parts:
            self.ticking.start()
        self.where.said(began)
        watched = asyncio.create_task(self._watch())
        await self.done.wait()
        await self._stop(runner, [*background, watched])

    def _doors(self) -> Doors:
        return Doors(
            inbox=self.inbox,
            readiness=self.readiness,
            metrics=self.metrics,
            links=LinkPage(self.house),
            pictures=self.pictures,
            telegram=self.providers.telegram_door(self.inbox, self.metrics, self.house),
            twilio=self.providers.twilio_door(self.inbox, self.metrics),
            wearables=self._wearables(),
            simulator=None if self.providers.real else SimulatorDoor(self.inbox),
        )

    def _wearables(self) -> WearableDoor | None:
        secrets = self.settings.wearables
        return WearableDoor(self.inbox, self.metrics, secrets, self.house.clock) if secrets else None

    async def _start_web(self, runner: web.AppRunner) -> str:
        """Listen; every part does, for its health is asked for there."""
        site = web.TCPSite(runner, self.where.host, self.where.port, backlog=1024)
        await site.start()
        host, port, *_ = runner.addresses[0]
        return f"Listening on http://{host}:{port} ({', '.join(sorted(self.where.parts))}). Ctrl-C stops."

    async def _drain(self) -> None:
        """Empty the spool as soon as the record answers again."""
        while not self.done.is_set():
            try:
                await self.inbox.drain()
            except Exception as problem:
                log.error("the spool could not be emptied: %s", type(problem).__name__)
            self.metrics.spool.set(self.spool.count)
            if self.spool.broken:
                await asyncio.to_thread(self._tell_of_broken)
            await asyncio.sleep(1.0)

    def _tell_of_broken(self) -> None:
        """The clinic hears, once a day, of what came in and cannot be read: somebody may need an answer."""
        try:
            tell_of(self.house, Spoilt(table="spool", owner="spool", row="spool"))
        except Exception as problem:
            log.error("nobody could be told of the spool: %s", type(problem).__name__)

    async def _watch(self) -> None:
        """Without the clock's tick this process looks after its own readiness; a thread that died is told."""
        self.readiness.watch("worker-died", self._anybody_died)
        while not self.done.is_set():
            await asyncio.to_thread(self.readiness.look)
            await asyncio.sleep(2.0)

    def _anybody_died(self) -> bool:
        parts = self.where.parts
        threads = [w.thread for w in self.workers] if Part.WORKER in parts else []
        threads += [self.sender] if Part.DELIVERY in parts else []
        return not self.stopping.is_set() and not all(thread.is_alive() for thread in threads)

    def _wake(self) -> None:
        for worker in self.workers:
            worker.wake()

    async def _stop(self, runner: web.AppRunner, tasks: list[asyncio.Task[None]]) -> None:
        """No new message, then what is kept already is left for the next start; what is in flight comes down."""
        self.where.said("Stopping ...")
        limit = Timer(_LIMIT, _leave)
        limit.daemon = True
        limit.start()
        await runner.cleanup()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.inbox.close()
        self.stopping.set()
        self._wake()
        self.sending.wake()
        rested = await asyncio.to_thread(self._rest)
        await asyncio.to_thread(self.store.shutdown)
        if rested:
            limit.cancel()

    def _rest(self) -> bool:
        """Whether all work came to its end."""
        if Part.CLOCK in self.where.parts:
            self.ticking.stop()
        threads, deadline = [*(w.thread for w in self.workers), self.sender], time.monotonic() + _REST
        for thread in threads:
            if thread.is_alive():
                thread.join(max(deadline - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in threads):
            log.error("some work did not come to rest in time; it is taken up again at the next start")
            return False
        return True


def _leave() -> None:
    """End at once: a provider or the record hangs. All that was answered for is on disk, as it is at any instant."""
    log.error("a provider or the record hangs; what is in flight is taken up again at the next start")
    logging.shutdown()
    os._exit(0)


def run(record: Record, settings: Settings, where: Where) -> None:
    """`serve` on the quickest event loop there is."""
    try:
        import uvloop  # noqa: PLC0415 - not to be had everywhere
    except ImportError:
        asyncio.run(serve(record, settings, where))
    else:
        uvloop.run(serve(record, settings, where))
