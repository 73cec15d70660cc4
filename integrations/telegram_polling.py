"""Our own reading of Telegram's updates without a webhook: kept for good first, confirmed to Telegram only then."""

import asyncio
import fcntl
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TextIO

from telegram.error import TelegramError

from integrations.telegram_inbound import ASKED_FOR
from integrations.telegram_request import Lost, Refused, TelegramBot
from integrations.telegram_waiting import backoff, pause, unless

log = logging.getLogger("phms.telegram")

# Telegram holds a question for so many seconds when there is nothing new, and gives at most a hundred updates.
LONG_POLL, BATCH = 30, 100
# What the store gets to finish when we stop; a batch that was kept and not confirmed comes again and is known.
_GRACE = 0.5
_LOOK_AGAIN, _LONGEST_WISH = 1.0, 600.0
_WEBHOOK = (
    "Telegram sends this bot's messages to a webhook, so they cannot be polled. Set PHMS_PUBLIC_URL and "
    "PHMS_TELEGRAM_WEBHOOK_SECRET to receive them there; or, if no other instance uses it, remove it by Telegram's "
    "method deleteWebhook, without drop_pending_updates"
)
_SAID = {
    "webhook": _WEBHOOK,
    "other poller": "another instance polls Telegram for this bot; waiting for it to stop",
    "auth": "Telegram does not know this bot's token; see PHMS_TELEGRAM_TOKEN",
    "unreachable": "Telegram cannot be reached; trying on",
    "not kept": "updates of Telegram could not be kept; they stay with Telegram and are asked for again",
}


async def poll(
    bot: TelegramBot,
    keep: Callable[[Sequence[bytes]], Awaitable[None]],
    stop: asyncio.Event,
    *,
    home: Path,
    rng: Random,
    tell: Callable[[str], None] = lambda word: None,
    long_poll: int = LONG_POLL,
) -> None:
    """Give `keep` every update's JSON, batch by batch, until `stop`, within a second of which it ends.

    `keep` returns when all of a batch is kept for good; only the next question confirms it. While it raises, the same
    updates are asked for again. Pending updates are never dropped, and a webhook never removed: another instance may
    live by it. One poller per bot on one machine (a lock file in `home`); elsewhere Telegram itself lets one win.

    `tell` hears a word whenever it changes: "polling", or why not: "webhook", "other poller", "auth", "unreachable",
    "not kept".
    """
    state = _State(tell)
    async with _alone(home / f"telegram-{bot.bot_id}.lock", stop, state):
        offset: int | None = None
        tries = 0
        while not stop.is_set():
            try:
                batch = await unless(stop, _ask(bot, offset, long_poll))
                if batch is None:
                    return
                offset = await _kept(batch, keep, stop, state)
            except TelegramError as problem:
                tries += 1
                word = _word(problem)
                # One long question in hundreds breaks off; two in a row are worth a word.
                if word != "unreachable" or tries > 1:
                    state.is_now(word)
                await pause(stop, _wait(problem, rng, tries))
            except Unkept:
                tries += 1
                await pause(stop, backoff(rng, tries))
            else:
                tries = 0


class Unkept(Exception):  # noqa: N818 - named for what happened
    """The store did not take a batch."""


class _State:
    """What was last told, so that each change is told and logged once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._last = tell, ""

    def is_now(self, word: str) -> None:
        if word == self._last:
            return
        self._last = word
        if word in _SAID:
            log.warning("%s", _SAID[word])
        self._tell(word)


async def _ask(bot: TelegramBot, offset: int | None, long_poll: int) -> list[Any]:
    answer = await bot.ask(
        "getUpdates",
        longer=long_poll,
        offset=offset,
        limit=BATCH,
        timeout=long_poll,
        allowed_updates=list(ASKED_FOR),
    )
    if not isinstance(answer, list):
        raise Lost("updates that are no list")
    return answer


async def _kept(
    batch: list[Any],
    keep: Callable[[Sequence[bytes]], Awaitable[None]],
    stop: asyncio.Event,
    state: _State,
) -> int | None:
    """Keep a batch; the offset that confirms it.

    After an empty answer there is nothing to confirm and no offset is given: ids begin anew at random after a quiet
    week, and an old offset could lie above the new ones.
    """
    if not batch:
        state.is_now("polling")
        return None
    numbers: list[int] = [u["update_id"] for u in batch if isinstance(u, dict) and type(u.get("update_id")) is int]
    if not numbers:
        raise Lost("updates without ids")
    try:
        await unless(stop, _done(keep([json.dumps(update).encode() for update in batch])), _GRACE)
    except Exception as problem:
        log.error("keeping %d updates raised %s", len(batch), type(problem).__name__)
        state.is_now("not kept")
        raise Unkept from None
    state.is_now("polling")
    return max(numbers) + 1


async def _done(keeping: Awaitable[None]) -> None:
    await keeping


def _word(problem: TelegramError) -> str:
    if isinstance(problem, Refused):
        if problem.status == 409:
            return "webhook" if "webhook" in problem.message.lower() else "other poller"
        if problem.status in (401, 404):
            return "auth"
    return "unreachable"


def _wait(problem: TelegramError, rng: Random, tries: int) -> float:
    """Telegram's own wish where it has one."""
    wished = problem.retry_after if isinstance(problem, Refused) else None
    return max(min(float(wished or 0), _LONGEST_WISH), backoff(rng, tries))


@asynccontextmanager
async def _alone(lock: Path, stop: asyncio.Event, state: _State) -> AsyncIterator[None]:
    """Hold the lock file; a process that dies lets go of it. Waits for another's as long as it takes."""
    with lock.open("a", encoding="utf-8") as file:
        while not stop.is_set() and not _locked(file):
            state.is_now("other poller")
            await pause(stop, _LOOK_AGAIN)
        yield


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
