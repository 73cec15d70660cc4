"""The durable inbox: what comes in is on disk before its sender is answered, many at a time in one write."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from bot.house import House
from bot.serve.metrics import Metrics
from bot.serve.spool import Spool, Spooled
from data.errors import BadFile, BadInput, Conflict, NotFound, PhmsError, Unavailable
from data.model.inbound import Inbound, Report

log = logging.getLogger("phms.inbox")

T = TypeVar("T")

# So many are written at once at most: a write of that size takes a few milliseconds.
_AT_ONCE = 256
# A record that has not answered for so long (seconds) is down: Twilio waits for 15, Telegram for longer.
_PATIENCE = 3.0
# With so many waiting to be written, more are turned away: their providers send them again.
_MOST_WAITING = 10_000
# Receipts taken down side by side. Neither they nor the spool use the loop's own threads: a record that hangs would
# hold those too, and then nothing could be put aside.
_RECEIPTS = 4

_Waiting = tuple[Inbound, "asyncio.Future[bool]"]


class Inbox:
    """Of one process. `store` is an executor with one thread, so that messages are written as they came in."""

    def __init__(
        self,
        house: House,
        spool: Spool,
        store: Executor,
        metrics: Metrics,
        *,
        wake: Callable[[], None] = lambda: None,
        patience: float = _PATIENCE,
    ) -> None:
        self._house, self._spool, self._store, self._metrics = house, spool, store, metrics
        self._wake, self._patience = wake, patience
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._stuck: asyncio.Future[Any] | None = None
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._receipts = ThreadPoolExecutor(_RECEIPTS, thread_name_prefix="receipt")

    async def take(self, inbound: Inbound) -> bool:
        """Keep a message for ever; False when its provider sent it before.

        Raises `Unavailable` when neither the record nor the spool takes it: the provider must send it again.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise Unavailable("too much comes in at once; send it again in a moment")
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((inbound, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await future

    async def report(self, communication_id: str, report: Report) -> None:
        """Take down what a provider says of a message of ours. Raises `Unavailable` as `take` does."""
        thing = Spooled(report=report, communication_id=communication_id)
        try:
            if not self._down():
                call = asyncio.get_running_loop().run_in_executor(self._receipts, self._keep_spooled, thing)
                call.add_done_callback(_seen)
                await asyncio.wait_for(asyncio.shield(call), self._patience)
                self._wake()
                return
        except (Unavailable, Conflict, TimeoutError):
            log.warning("the record does not answer; a receipt goes to the spool")
        await self._to_spool(thing)

    async def drain(self) -> int:
        """Keep what is in the spool, if the record answers again; how many there were."""
        if not (self._spool.count or self._spool.stuck) or self._down():
            return 0
        call = asyncio.get_running_loop().run_in_executor(self._store, self._drained)
        try:
            return await self._patiently(call)
        except (PhmsError, TimeoutError) as problem:
            log.warning("the spool could not be emptied yet: %s", type(problem).__name__)
            return 0

    def _drained(self) -> int:
        done = self._spool.drain(self._keep_spooled)
        if done:
            log.warning("%d messages came out of the spool and are kept", done)
            self._wake()
        return done

    async def close(self) -> None:
        """Wait until all that came in is written."""
        while self._writing is not None and not self._writing.done():
            await asyncio.wait((self._writing,))
        self._aside.shutdown(wait=False)
        self._receipts.shutdown(wait=False)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            try:
                await self._keep(batch)
            except Exception as problem:
                # Nothing is known to be kept, so nobody is told that it is.
                log.error("messages could not be taken in: %s", type(problem).__name__)
                _settle(batch, Unavailable("it could not be kept; send it again"))

    async def _keep(self, batch: list[_Waiting]) -> None:
        if self._down() or (self._spool.count and not await self.drain()):
            # Behind those that came in before it, or a person's messages would change places.
            await self._spooled(batch)
            return
        took = partial(self._house.take_in, [inbound for inbound, _ in batch])
        call = asyncio.get_running_loop().run_in_executor(self._store, took)
        try:
            news = await self._patiently(call)
        except (Unavailable, Conflict, TimeoutError):
            await self._spooled(batch)
        else:
            for (_, future), new in zip(batch, news, strict=True):
                if not future.done():
                    future.set_result(new)
            self._wake()

    async def _patiently(self, call: "asyncio.Future[T]") -> T:
        """What the record gives. Raises `TimeoutError` when it hangs; until it answers nothing else is asked of it."""
        call.add_done_callback(_seen)
        try:
            return await asyncio.wait_for(asyncio.shield(call), self._patience)
        except TimeoutError:
            self._stuck = call
            raise

    def _down(self) -> bool:
        """Whether a write is still stuck in the record."""
        return self._stuck is not None and not self._stuck.done()

    async def _spooled(self, batch: list[_Waiting]) -> None:
        log.warning("the record does not answer; %d messages go to the spool", len(batch))
        for inbound, future in batch:
            try:
                await self._to_spool(Spooled(inbound=inbound))
            except Unavailable as problem:
                _settle([(inbound, future)], problem)
            else:
                if not future.done():
                    future.set_result(True)

    async def _to_spool(self, thing: Spooled) -> None:
        put = partial(self._spool.put, thing, self._house.now())
        await asyncio.get_running_loop().run_in_executor(self._aside, put)
        self._metrics.spooled()

    def _keep_spooled(self, thing: Spooled) -> None:
        if thing.inbound is not None:
            self._house.take_in((thing.inbound,))
        if thing.report is not None:
            self._keep_report(thing.communication_id, thing.report)

    def _keep_report(self, communication_id: str, report: Report) -> None:
        try:
            self._house.receipt(
                communication_id,
                report.state,
                provider=report.provider,
                provider_id=report.provider_id,
                event_id=f"receipt:{report.provider_id}:{report.said}",
                error=report.error,
            )
        except (NotFound, BadFile, BadInput) as problem:
            # It would come again for ever and, in the spool, hold up everybody's messages behind it.
            log.error("a receipt belongs to nobody's message and is let pass: %s", type(problem).__name__)


def _seen(call: "asyncio.Future[T]") -> None:
    """Nobody may wait for it any more."""
    if not call.cancelled():
        call.exception()


def _settle(batch: list[_Waiting], problem: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(problem)
