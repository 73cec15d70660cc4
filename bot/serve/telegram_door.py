"""Telegram's door: the secret is checked, the update kept, and only then is Telegram told so."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from bot.serve.inbox import Inbox
from bot.serve.metrics import Metrics
from data.errors import BadInput
from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from integrations.telegram_bot import TelegramChannel
from integrations.telegram_inbound import read_update
from integrations.telegram_secret import check_secret

log = logging.getLogger("phms.telegram")

# Somebody who waits for longer than this (seconds) sees that an answer is being written.
_PATIENCE = 1.0
# For so many at once; beyond, nobody has time to show it.
_MOST = 200


class TelegramDoor:
    """For webhook and polling alike. `waits(address)` tells whether a message from there is not answered yet."""

    def __init__(
        self,
        inbox: Inbox,
        metrics: Metrics,
        channel: TelegramChannel,
        bot_id: int,
        secret: str,
        waits: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._inbox, self._metrics, self._channel = inbox, metrics, channel
        self._bot_id, self._secret, self._waits = bot_id, secret, waits
        self._typing: set[asyncio.Task[None]] = set()

    def check(self, header: str | None) -> None:
        """Raises `Forged` unless the caller knows the secret."""
        check_secret(header, self._secret)

    async def take_all(self, bodies: Sequence[bytes]) -> None:
        """Keep a batch that was polled, in order. Raises `Unavailable` unless all of it is kept."""
        await asyncio.gather(*(self._take_polled(body) for body in bodies))

    async def _take_polled(self, body: bytes) -> None:
        try:
            await self.take(body)
        except BadInput as problem:
            # It would come again for ever, and hold up all behind it.
            self._metrics.refused("telegram", "bad input")
            log.error("an update that cannot be read was let pass: %s", problem)

    async def take(self, body: bytes) -> None:
        """Keep one update; one of a kind that says nothing to us is let pass. Raises `BadInput`, `Unavailable`."""
        inbound = read_update(body, self._bot_id)
        if inbound is None:
            return
        new = await self._inbox.take(inbound)
        self._metrics.received("telegram", new=new)
        if new:
            self._see_to(inbound)

    def _see_to(self, inbound: Inbound) -> None:
        """Small courtesies that nobody waits for."""
        if inbound.kind is MessageKind.BUTTON:
            self._channel.answer_press(inbound.ref)
        elif inbound.kind in (MessageKind.TEXT, MessageKind.EDIT) and len(self._typing) < _MOST:
            task = asyncio.create_task(self._show_typing(inbound.address))
            self._typing.add(task)
            task.add_done_callback(self._typing.discard)

    async def _show_typing(self, address: str) -> None:
        await asyncio.sleep(_PATIENCE)
        try:
            if await self._waits(address):
                self._channel.typing(address)
        except Exception as problem:
            log.info("whether somebody waits could not be asked: %s", type(problem).__name__)
