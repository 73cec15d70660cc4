"""Telegram as a channel: texts, pictures and buttons out, and the courtesies of a chat, which nobody waits for."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions
from telegram.constants import ChatAction, InlineKeyboardButtonLimit
from telegram.error import TelegramError

from data.model.communication import Button, Communication, SendState
from data.model.people import ChannelKind, ContactPoint
from data.ports import Outcome
from data.text_parts import units
from integrations.telegram_call import Attempt, call
from integrations.telegram_errors import outcome_of, reopens_at, word_of
from integrations.telegram_request import Refused, TelegramBot
from integrations.telegram_text import MOST_UNDER_PICTURE, parts, sendable

log = logging.getLogger("phms.telegram")

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_LONGEST_DATA = int(InlineKeyboardButtonLimit.MAX_CALLBACK_DATA)
# So many characters of labels stand side by side on a small phone.
_ROW = 28
# A turn of the loop on top of what the requests, one of them perhaps twice, may take.
_TURN = 5.0
# Courtesies under way at once, and half-sent messages remembered; beyond, the oldest are let go.
_COURTESIES, _REMEMBERED = 64, 256
_SET_BACK = timedelta(minutes=1)


class TelegramChannel:
    """The `Channel` port over the Bot API; `picture_of` draws a communication's PNG, or gives None.

    Pacing is the caller's. Telegram's own limits, as python-telegram-bot has them (`telegram.constants.FloodLimit`): 30
    messages a second in all, one a second to one chat, 20 a minute to a group. When it says that these were passed,
    nothing goes to any chat before the instant that it names (`closed_until`).
    """

    def __init__(
        self,
        name: str,
        bot: TelegramBot,
        loop: asyncio.AbstractEventLoop,
        picture_of: Callable[[Communication], bytes | None] = lambda communication: None,
    ) -> None:
        self.name, self.kind = name, ChannelKind.TELEGRAM
        self.closed_until: datetime | None = None
        self._bot, self._loop, self._picture_of = bot, loop, picture_of
        self._closed_at: datetime | None = None
        # The same instant by the loop's own time, for what is told no `now`.
        self._silent_until = 0.0
        self._half_sent: OrderedDict[str, int] = OrderedDict()
        self._courtesies: set[Future[None]] = set()

    def send(self, to: ContactPoint, communication: Communication, now: datetime) -> Outcome:
        """See `Channel.send`. Waits in the calling thread, which must not be the loop's."""
        if self._closed(now):
            return Outcome(SendState.QUEUED, self.name, error="busy", retry_at=self.closed_until)
        chat = _chat(to.value)
        if chat is None:
            return Outcome(SendState.FAILED, self.name, error="invalid")
        steps = self._steps(chat, communication)
        if not steps:
            return Outcome(SendState.FAILED, self.name, error="refused")
        try:
            work = partial(self._walk, communication.id, steps)
            message_id = call(self._loop, work, self._bot.patience * (len(steps) + 1) + _TURN)
        except Exception as problem:
            return self._failed(problem, now)
        return Outcome(SendState.ACCEPTED, self.name, message_id)

    def answer_press(self, query_id: str) -> None:
        """Stop the waiting sign on a button that was pressed."""
        self._soon(self._bot.ask("answerCallbackQuery", callback_query_id=query_id))

    def typing(self, chat: str) -> None:
        """Show for five seconds, or until the next message, that an answer is being written."""
        self._soon(self._bot.ask("sendChatAction", chat_id=chat, action=ChatAction.TYPING))

    def remove_buttons(self, chat: str, message_id: str) -> None:
        """Take the buttons off a message of ours (`Outcome.provider_id`), so that none is pressed twice."""
        self._soon(self._bot.ask("editMessageReplyMarkup", chat_id=chat, message_id=message_id))

    def leave(self, chat: str) -> None:
        """Leave a group."""
        self._soon(self._bot.ask("leaveChat", chat_id=chat))

    def _closed(self, now: datetime) -> bool:
        """A clock that was set back since must not keep the channel closed."""
        if self.closed_until is None or self._closed_at is None:
            return False
        return self._closed_at - _SET_BACK <= now < self.closed_until

    def _failed(self, problem: Exception, now: datetime) -> Outcome:
        if not isinstance(problem, TelegramError):
            # Its text may quote the message, so only its kind is logged.
            log.error("sending to Telegram raised %s", type(problem).__name__)
        until = reopens_at(problem, now)
        if until is not None:
            self._closed_at, self.closed_until = now, until
            self._silent_until = self._loop.time() + (until - now).total_seconds()
        return outcome_of(problem, self.name, now)

    def _steps(self, chat: int, communication: Communication) -> list[Callable[[], Coroutine[Any, Any, str]]]:
        """The requests that carry one message, in order. The text is complete without the picture."""
        text, picture, markup = sendable(communication.text), self._drawn(communication), _markup(communication.buttons)
        if picture is not None and text.strip() and units(text) <= MOST_UNDER_PICTURE:
            return [partial(self._pictured, chat, text, picture, markup)]
        texts = parts(text)
        steps: list[Callable[[], Coroutine[Any, Any, str]]] = [
            partial(self._say, chat, part, markup if part is texts[-1] else None) for part in texts
        ]
        if picture is not None:
            steps.append(partial(self._show, chat, picture))
        return steps

    def _drawn(self, communication: Communication) -> bytes | None:
        """Drawn here, in the worker's thread: the loop has no time for it."""
        if not communication.picture:
            return None
        try:
            return self._picture_of(communication)
        except Exception as problem:
            log.error("a picture could not be drawn: %s", type(problem).__name__)
            return None

    async def _walk(self, key: str, steps: list[Callable[[], Coroutine[Any, Any, str]]], attempt: Attempt) -> str:
        """The id of the last message of text. What was refused midway goes on there when it is tried again."""
        attempt.ask()
        done, message_id = self._half_sent.pop(key, 0), ""
        for n, step in enumerate(steps[done:], done):
            try:
                message_id = await step() or message_id
            except TelegramError:
                if n:
                    self._half_sent[key] = n
                    while len(self._half_sent) > _REMEMBERED:
                        self._half_sent.popitem(last=False)
                raise
        return message_id

    async def _say(self, chat: int, text: str, markup: InlineKeyboardMarkup | None) -> str:
        answer = await self._bot.ask(
            "sendMessage", chat_id=chat, text=text, link_preview_options=_NO_PREVIEW, reply_markup=markup
        )
        return _message_id(answer)

    async def _pictured(self, chat: int, text: str, picture: bytes, markup: InlineKeyboardMarkup | None) -> str:
        try:
            answer = await self._bot.ask(
                "sendPhoto", chat_id=chat, photo=_file(picture), caption=text, reply_markup=markup
            )
        except Refused as problem:
            if word_of(problem) != "refused":
                raise
            log.warning("Telegram does not take a picture; its text goes alone")
            return await self._say(chat, text, markup)
        return _message_id(answer)

    async def _show(self, chat: int, picture: bytes) -> str:
        """A picture after its text, which has gone: its failure is not the message's."""
        try:
            await self._bot.ask("sendPhoto", chat_id=chat, photo=_file(picture))
        except TelegramError as problem:
            log.warning("a picture did not go after its text: %s", type(problem).__name__)
        return ""

    def _soon(self, courtesy: Coroutine[Any, Any, Any]) -> None:
        """Let it run and forget it; from any thread."""
        silent = self._loop.time() < self._silent_until
        if silent or len(self._courtesies) >= _COURTESIES or self._loop.is_closed():
            courtesy.close()
            return
        quiet = _quietly(courtesy)
        try:
            future = asyncio.run_coroutine_threadsafe(quiet, self._loop)
        except RuntimeError:
            quiet.close()
            courtesy.close()
            return
        self._courtesies.add(future)
        future.add_done_callback(self._courtesies.discard)


async def _quietly(courtesy: Coroutine[Any, Any, Any]) -> None:
    try:
        await courtesy
    except Exception as problem:
        log.info("a courtesy on Telegram failed: %s", type(problem).__name__)


def _chat(address: str) -> int | None:
    """A chat id; a name such as "@somebody" is a channel's, and never a person's."""
    plain = address.strip()
    digits = plain.removeprefix("-")
    return int(plain) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def _markup(buttons: tuple[Button, ...]) -> InlineKeyboardMarkup | None:
    """The buttons side by side where they fit, else one under another; one that Telegram would refuse is left out."""
    fit = [button for button in buttons if 0 < len(button.data.encode("utf-8", "replace")) <= _LONGEST_DATA]
    if len(fit) < len(buttons):
        log.error(
            "%d of %d buttons have no id, or too long a one, and were left out", len(buttons) - len(fit), len(buttons)
        )
    if not fit:
        return None
    row = [InlineKeyboardButton(sendable(button.label), callback_data=button.data) for button in fit]
    beside = sum(units(button.label) for button in fit) <= _ROW
    return InlineKeyboardMarkup([row] if beside else [[button] for button in row])


def _file(picture: bytes) -> InputFile:
    return InputFile(picture, filename="trend.png")


def _message_id(answer: Any) -> str:
    """A success without a readable id is one all the same."""
    return str(answer.get("message_id", "")) if isinstance(answer, dict) else ""
