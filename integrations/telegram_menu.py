"""The menu of commands beside the input field: one for everybody, others for chats of staff; set when it changes."""

import re
from collections.abc import Sequence

from telegram import BotCommand, BotCommandScope, BotCommandScopeAllPrivateChats, BotCommandScopeChat
from telegram.constants import BotCommandLimit

from data.errors import BadInput
from integrations.telegram_request import TelegramBot

# Telegram's own rule: small letters, digits and underscores.
_COMMAND = re.compile(f"[a-z0-9_]{{1,{int(BotCommandLimit.MAX_COMMAND)}}}")
_LANGUAGE = re.compile("[a-z]{2}|")

Commands = Sequence[tuple[str, str]]


class TelegramMenu:
    """The menus of one bot. Methods raise PTB's `TelegramError`; each may be called again and again."""

    def __init__(self, bot: TelegramBot) -> None:
        self._bot = bot
        self._shown: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}

    async def show(self, commands: Commands, language: str = "", chat: str = "") -> bool:
        """Have this menu in all private chats, or in `chat`; True when it was another before.

        With `language` (two letters) it is for those whose Telegram speaks it, without for all others.
        """
        wished = _checked(commands, language)
        if self._shown.get((chat, language)) == wished:
            return False
        scope, code = _scope(chat), language or None
        found = await self._bot.ask("getMyCommands", scope=scope, language_code=code)
        changed = _as_pairs(found) != wished
        if changed:
            rows = [BotCommand(*pair) for pair in wished]
            await self._bot.ask("setMyCommands", commands=rows, scope=scope, language_code=code)
        self._shown[chat, language] = wished
        return changed

    async def hide(self, chat: str, language: str = "") -> None:
        """Have a chat's own menu no longer, so that everybody's shows there."""
        await self._bot.ask("deleteMyCommands", scope=_scope(chat), language_code=language or None)
        self._shown.pop((chat, language), None)


def _checked(commands: Commands, language: str) -> tuple[tuple[str, str], ...]:
    wished = tuple((command.removeprefix("/"), " ".join(description.split())) for command, description in commands)
    for command, description in wished:
        if not _COMMAND.fullmatch(command):
            raise BadInput(f"{command!r} cannot be a command of Telegram: a-z, 0-9 and _ only, at most 32")
        if not 0 < len(description) <= BotCommandLimit.MAX_DESCRIPTION:
            raise BadInput(f"the command {command!r} needs a description of 1 to 256 characters")
    if len(wished) > BotCommandLimit.MAX_COMMAND_NUMBER:
        raise BadInput("a menu of Telegram has at most 100 commands")
    if not _LANGUAGE.fullmatch(language):
        raise BadInput(f"{language!r} is no language of two letters")
    return wished


def _scope(chat: str) -> BotCommandScope:
    return BotCommandScopeChat(int(chat)) if chat else BotCommandScopeAllPrivateChats()


def _as_pairs(found: object) -> tuple[tuple[str, str], ...]:
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return tuple((str(row.get("command")), str(row.get("description"))) for row in rows)
