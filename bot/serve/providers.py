"""The providers that the settings name: their channels, their doors, and what has to be told to them at start."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from random import Random

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from bot.house import House
from bot.serve.guarded import GuardedChannel
from bot.serve.inbox import Inbox
from bot.serve.metrics import Metrics
from bot.serve.pacing import Pace
from bot.serve.pictures import Pictures
from bot.serve.presence import present
from bot.serve.readiness import Readiness
from bot.serve.telegram_door import TelegramDoor
from bot.serve.tokens import Tokens
from bot.serve.twilio_door import STATUS_PATH, WHICH, Account, TwilioDoor
from bot.settings import Settings
from data.errors import BadFile
from data.model.communication import Communication
from data.model.people import ChannelKind
from data.ports import Channel, Record
from integrations.console_channel import ConsoleChannel
from integrations.telegram_bot import TelegramChannel
from integrations.telegram_polling import poll
from integrations.telegram_request import TelegramBot
from integrations.telegram_waiting import pause
from integrations.telegram_webhook import set_webhook
from integrations.twilio_http import Http
from integrations.twilio_sms import API, TwilioChannel
from integrations.twilio_sms import Account as TwilioAccount

log = logging.getLogger("phms.serve")

_PATIENCE, _CONNECTIONS = 10.0, 100
# Telegram's own limits (core.telegram.org/bots/faq, "My bot is hitting limits"): 30 a second in all, one a second to a
# chat, where a few at once are let through.
_TELEGRAM_PACE = Pace(overall=30.0, per_chat=1.0)
# A webhook's secret that can be guessed lets anybody speak as any patient.
_STRONG_SECRET = 32


class Providers:
    """What is set up, opened on one event loop."""

    def __init__(self, record: Record, settings: Settings, said: Callable[[str], object]) -> None:
        self._record, self._settings, self._said = record, settings, said
        self._which = Tokens(record.secret("status callbacks"))
        self._pictures: Pictures | None = None
        self._accounts: list[Account] = []
        self._bot: TelegramBot | None = None
        self._telegram: TelegramChannel | None = None
        self._door: TelegramDoor | None = None
        self.carriers: tuple[Channel, ...] = ()

    @classmethod
    async def opened(
        cls, record: Record, settings: Settings, said: Callable[[str], object], stack: AsyncExitStack
    ) -> "Providers":
        """Open the connections, which close with `stack`."""
        here = cls(record, settings, said)
        http = ClientSession(
            connector=TCPConnector(limit=_CONNECTIONS, limit_per_host=_CONNECTIONS),
            timeout=ClientTimeout(total=_PATIENCE),
            cookie_jar=DummyCookieJar(),
            trust_env=False,
        )
        await stack.enter_async_context(http)
        loop = asyncio.get_running_loop()
        carriers: list[Channel] = [*here._twilio_channels(Http(http, loop)), *here._telegram_channels(http, loop)]
        here.carriers = (
            tuple(carriers) if carriers else tuple(ConsoleChannel(kind, here._print) for kind in ChannelKind)
        )
        here._tell()
        return here

    @property
    def real(self) -> bool:
        """Whether any provider is set up; else console and simulator stand in for them."""
        return bool(self._accounts) or self._bot is not None

    @property
    def _webhook(self) -> bool:
        return bool(self._settings.public and self._settings.telegram_webhook_secret)

    def draw_with(self, pictures: Pictures) -> None:
        """From now on messages have pictures."""
        self._pictures = pictures

    def telegram_door(self, inbox: Inbox, metrics: Metrics, house: House) -> TelegramDoor | None:
        """The door of Telegram's webhook, where a bot is set up; polling comes in through it too."""
        if self._bot is None or self._telegram is None:
            return None

        async def waits(address: str) -> bool:
            return await asyncio.to_thread(_waits, house, address)

        secret = self._settings.telegram_webhook_secret
        self._door = TelegramDoor(inbox, metrics, self._telegram, self._bot.bot_id, secret, waits)
        return self._door

    def twilio_door(self, inbox: Inbox, metrics: Metrics) -> TwilioDoor | None:
        """The door of Twilio's webhooks, where an account is set up."""
        if not self._accounts:
            return None
        return TwilioDoor(inbox, metrics, tuple(self._accounts), self._settings.public, self._which)

    def listen(self, readiness: Readiness, done: asyncio.Event) -> list[asyncio.Task[None]]:
        """Have Telegram send its updates, or begin to ask for them."""
        if self._bot is None or self._door is None:
            return []
        state = {"telegram": "starting"}
        listening = self._have_sent if self._webhook else self._poll
        task = asyncio.create_task(listening(self._bot, self._door, done, lambda word: state.update(telegram=word)))

        def silent() -> bool:
            """A webhook once set needs nobody any more; whoever asks for updates must go on."""
            if task.done() and not done.is_set():
                return state["telegram"] != "webhook"
            return state["telegram"] not in ("polling", "webhook", "starting")

        task.add_done_callback(_told)
        readiness.watch("telegram-silent", silent)
        return [task]

    def introduce(self, house: House, done: asyncio.Event) -> list[asyncio.Task[None]]:
        """Learn the bot's name, which whoever gives out links needs, and show its menus."""
        return [asyncio.create_task(present(self._bot, house, done))] if self._bot is not None else []

    async def _have_sent(
        self, bot: TelegramBot, door: TelegramDoor, done: asyncio.Event, tell: Callable[[str], None]
    ) -> None:
        settings = self._settings
        while not done.is_set():
            try:
                await set_webhook(bot, settings.public, settings.telegram_webhook_secret, done, rng=Random(), tell=tell)  # noqa: S311
            except BadFile as problem:
                # It may be that our name cannot be looked up at this moment; until it is taken, nothing comes in.
                log.error("%s", problem)
                tell("refused")
                await pause(done, _PATIENCE)
            else:
                return

    async def _poll(
        self, bot: TelegramBot, door: TelegramDoor, done: asyncio.Event, tell: Callable[[str], None]
    ) -> None:
        await poll(bot, door.take_all, done, home=self._settings.home_path, rng=Random(), tell=tell)  # noqa: S311

    def _twilio_channels(self, http: Http) -> list[Channel]:
        s, channels = self._settings, list[Channel]()
        for name, sid, token, sender, service, base in (
            ("twilio", s.twilio_account_sid, s.twilio_auth_token, s.twilio_from, s.twilio_messaging_service_sid,
             s.twilio_base_url),
            ("twilio-2", s.twilio_2_account_sid, s.twilio_2_auth_token, s.twilio_2_from,
             s.twilio_2_messaging_service_sid, s.twilio_2_base_url),
        ):  # fmt: skip
            if not sid:
                continue
            self._accounts.append(Account(name=name, sid=sid, token=token))
            account = TwilioAccount(sid=sid, token=token, sender=sender, service=service, base_url=base or API)
            if sender or service:
                channels.append(self._twilio(name, ChannelKind.SMS, account, http))
            if name == "twilio" and s.twilio_whatsapp_from:
                whatsapp = TwilioAccount(
                    sid=sid,
                    token=token,
                    sender=s.twilio_whatsapp_from.removeprefix("whatsapp:"),
                    service="",
                    base_url=base or API,
                )
                channels.append(self._twilio(f"{name}-whatsapp", ChannelKind.WHATSAPP, whatsapp, http))
        return channels

    def _twilio(
        self,
        name: str,
        kind: ChannelKind,
        account: TwilioAccount,
        http: Http,
    ) -> Channel:
        channel = TwilioChannel(name, kind, account, http, self._callback_of, self._picture_link)
        return GuardedChannel(channel, Pace(overall=self._settings.per_second, unasked_only=True))

    def _telegram_channels(self, http: ClientSession, loop: asyncio.AbstractEventLoop) -> list[Channel]:
        if not self._settings.telegram_token:
            return []
        self._bot = TelegramBot(self._settings.telegram_token, http, self._settings.telegram_base_url)
        self._telegram = TelegramChannel("telegram", self._bot, loop, picture_of=self._drawn)
        return [GuardedChannel(self._telegram, _TELEGRAM_PACE)]

    def _callback_of(self, communication: Communication) -> str:
        """Where Twilio tells what became of it; which message it is, only we can read."""
        public = self._settings.public
        return f"{public}{STATUS_PATH}?{WHICH}={self._which.seal(communication.id)}" if public else ""

    def _picture_link(self, communication: Communication) -> str:
        return self._pictures.link(communication) if self._pictures else ""

    def _drawn(self, communication: Communication) -> bytes | None:
        return self._pictures.drawn(communication) if self._pictures else None

    def _print(self, to: object, communication: Communication, at: object) -> None:
        self._said(f"  to {getattr(to, 'system', '?')} {getattr(to, 'value', '?')}: {communication.text}")

    def _tell(self) -> None:
        """What is set up and what is not, in words."""
        s, kinds = self._settings, {carrier.kind for carrier in self.carriers}
        if not self.real:
            self._said("No provider is set up: messages are printed here, and POST /simulator/messages takes them in.")
            self._said("For real ones set PHMS_TELEGRAM_TOKEN or PHMS_TWILIO_ACCOUNT_SID; see the README.")
            return
        if self._bot is not None:
            self._said(f"Telegram: {'webhook' if self._webhook else 'polling'}.")
        if self._webhook and len(s.telegram_webhook_secret) < _STRONG_SECRET:
            self._said(f"PHMS_TELEGRAM_WEBHOOK_SECRET is short: use {_STRONG_SECRET} random characters or more.")
        if ChannelKind.SMS in kinds:
            names = ", ".join(c.name for c in self.carriers if c.kind is ChannelKind.SMS)
            self._said(f"SMS: {names}." if s.public else f"SMS: {names}; only out, for PHMS_PUBLIC_URL is not set.")
        if ChannelKind.WHATSAPP in kinds:
            self._said("WhatsApp: twilio.")


def _waits(house: House, address: str) -> bool:
    """Whether the chat's last message is not answered yet."""
    person = house.record.person_at(ChannelKind.TELEGRAM, address)
    return house.record.waiting(person.id if person else f"{ChannelKind.TELEGRAM}:{address}")


def _told(listening: "asyncio.Task[None]") -> None:
    if not listening.cancelled() and (problem := listening.exception()) is not None:
        log.error("nobody listens to Telegram any more (%s): start again", type(problem).__name__)
