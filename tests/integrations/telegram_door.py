"""A bot in an event loop of its own thread, as `phms serve` has it, for tests that call from outside."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from threading import Thread
from typing import Any, TypeVar

from aiohttp import ClientSession, TCPConnector

from data.model.communication import Button, Category, Communication
from data.model.people import ChannelKind, ContactPoint
from integrations.telegram_request import TelegramBot

T = TypeVar("T")
NOW = datetime(2026, 3, 3, 21, 10, tzinfo=UTC)
TOKEN = "123456789:AAtest-token-of-the-emulator_00000000"  # noqa: S105 - of the emulator


class Hurried(Random):
    """Chance that always falls on the shortest wait."""

    def uniform(self, a: float, b: float) -> float:
        return a


class Looped:
    """A running loop and a bot on it; `do` runs something there and waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, http: ClientSession, bot: TelegramBot) -> None:
        self.loop, self.http, self.bot = loop, http, bot

    def do(self, work: Coroutine[Any, Any, T], within: float = 20) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within)


@contextmanager
def looped(base_url: str, token: str = TOKEN, patience: float = 10.0) -> Iterator[Looped]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def session() -> ClientSession:
        return ClientSession(connector=TCPConnector(limit=32))

    http = asyncio.run_coroutine_threadsafe(session(), loop).result(5)
    try:
        yield Looped(loop, http, TelegramBot(token, http, base_url, patience))
    finally:
        asyncio.run_coroutine_threadsafe(http.close(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def to(chat: int | str) -> ContactPoint:
    return ContactPoint(system=ChannelKind.TELEGRAM, value=str(chat))


def row(
    text: str = "Hello", *, key: str = "p1/m1", picture: str = "", buttons: tuple[Button, ...] = ()
) -> Communication:
    return Communication(
        id=key,
        subject="p1",
        recipient="p1",
        category=Category.REPLY,
        channel=ChannelKind.TELEGRAM,
        text_key="hello",
        text=text,
        language="en",
        created_at=NOW,
        picture=picture,
        buttons=buttons,
    )
