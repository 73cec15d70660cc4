"""Tell Telegram where to send its updates: at every start, with our secret, and left so when we stop."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from telegram.error import TelegramError

from data.errors import BadFile
from integrations.telegram_inbound import ASKED_FOR
from integrations.telegram_request import Refused, TelegramBot
from integrations.telegram_waiting import backoff, pause, unless

log = logging.getLogger("phms.telegram")

PATH = "/telegram/webhook"
# Requests that Telegram makes at once, of the hundred it could.
CONNECTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What Telegram has: `waiting` updates not yet taken, `trouble` whether it failed to reach us lately."""

    url: str
    waiting: int
    trouble: bool


async def seen_webhook(bot: TelegramBot) -> Webhook:
    """Where Telegram sends the bot's updates now. Raises PTB's `TelegramError`."""
    found = await bot.ask("getWebhookInfo")
    found = found if isinstance(found, dict) else {}
    waiting = found.get("pending_update_count")
    return Webhook(
        url=str(found.get("url", "")),
        waiting=waiting if type(waiting) is int else 0,
        trouble=bool(found.get("last_error_date")),
    )


async def set_webhook(
    bot: TelegramBot,
    public_url: str,
    secret: str,
    stop: asyncio.Event,
    *,
    rng: Random,
    tell: Callable[[str], None] = lambda word: None,
) -> bool:
    """Have updates sent to `public_url`/telegram/webhook; True when it is so, False when `stop` came first.

    Set at every start even where the address is there already, for Telegram does not tell whether its secret is still
    ours; nothing pending is dropped by it. Tries as long as Telegram cannot be reached; `tell` hears "webhook", or why
    not yet: "auth", "unreachable". Raises `BadFile` when Telegram does not take the address.
    """
    url, tries, before = public_url.rstrip("/") + PATH, 0, ""
    while not stop.is_set():
        try:
            seen = await unless(stop, seen_webhook(bot))
            if seen is None:
                return False
            if seen.url not in ("", url):
                log.warning("the bot's webhook was set to another address; it is ours now")
            # Once asked, it is heard to the end where that takes no longer than a stop may.
            if not await unless(stop, _set(bot, url, secret), 1.0):
                return False
        except TelegramError as problem:
            if isinstance(problem, Refused) and problem.status == 400:
                raise BadFile(f"Telegram does not take PHMS_PUBLIC_URL for a webhook: {problem.message}") from None
            tries += 1
            word = "auth" if isinstance(problem, Refused) and problem.status in (401, 404) else "unreachable"
            if word != before:
                log.warning("the webhook could not be set yet: %s", word)
                tell(word)
            before = word
            wished = problem.retry_after if isinstance(problem, Refused) else None
            await pause(stop, max(min(float(wished or 0), 600.0), backoff(rng, tries)))
        else:
            tell("webhook")
            return True
    return False


async def _set(bot: TelegramBot, url: str, secret: str) -> bool:
    await bot.ask(
        "setWebhook",
        url=url,
        secret_token=secret,
        allowed_updates=list(ASKED_FOR),
        max_connections=CONNECTIONS,
        drop_pending_updates=False,
    )
    return True
