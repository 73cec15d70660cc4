"""A poller as a process of its own, to be killed: BASE_URL HOME FILE [SECONDS between keeping and confirming]."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from aiohttp import ClientSession

from integrations.telegram_polling import poll
from integrations.telegram_request import TelegramBot
from tests.integrations.telegram_door import TOKEN


async def main(base_url: str, home: str, kept: str, between: str = "0") -> None:
    async def keep(bodies: Sequence[bytes]) -> None:
        with Path(kept).open("ab") as file:
            for body in bodies:
                file.write(body + b"\n")
            file.flush()
            os.fsync(file.fileno())
        await asyncio.sleep(float(between))

    async with ClientSession() as http:
        bot = TelegramBot(TOKEN, http, base_url)
        await poll(bot, keep, asyncio.Event(), home=Path(home), rng=Random(), long_poll=2)  # noqa: S311


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
