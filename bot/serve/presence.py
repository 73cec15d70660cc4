"""How the bot appears on Telegram: its name, which links need, and menus of commands, staff's own in their chats."""

import asyncio
import logging
from dataclasses import replace
from random import Random

from telegram.error import TelegramError

from bot.house import House
from data.errors import PhmsError
from data.model.people import ChannelKind, ContactState, Person, Role
from integrations.telegram_menu import Commands, TelegramMenu
from integrations.telegram_request import Refused, TelegramBot
from integrations.telegram_waiting import backoff, pause, unless

log = logging.getLogger("phms.telegram")

# New colleagues, and new chats of known ones, get their menu within this time (seconds).
_LOOK_AGAIN = 60.0
# The words of a menu stand in the clinic's texts as "menu-NAME"; which commands somebody has follows from their role.
_PATIENT = ("help", "status", "trend", "pause", "resume")
_STAFF = {
    Role.CLINICIAN: ("help", "patients", "chart", "breakglass"),
    Role.CARE_MANAGER: ("help", "patients", "chart", "nudge", "nudges", "unnudge", "invite", "breakglass"),
    Role.ADMINISTRATOR: ("help", "patients", "panel", "invite"),
}


async def present(bot: TelegramBot, house: House, done: asyncio.Event) -> None:
    """Learn the bot's name, set the menus, and keep those of staff up to date, until `done`. Never raises."""
    menu, rng, tries = TelegramMenu(bot), Random(), 0  # noqa: S311 - only spreads tries
    while not done.is_set():
        try:
            await unless(done, _once(bot, menu, house))
        except (TelegramError, PhmsError) as problem:
            tries += 1
            log.info("the bot could not be presented on Telegram yet: %s", type(problem).__name__)
            await pause(done, backoff(rng, tries))
        else:
            tries = 0
            await pause(done, _LOOK_AGAIN)


async def _once(bot: TelegramBot, menu: TelegramMenu, house: House) -> None:
    if not house.kit.bot:
        found = await bot.ask("getMe")
        if isinstance(found, dict) and found.get("username"):
            house.kit = replace(house.kit, bot=str(found["username"]))
    texts = house.kit.texts
    await menu.show(_commands(house, _PATIENT, "en"))
    for language in texts.by_language:
        await menu.show(_commands(house, _PATIENT, language), language)
    staff = await asyncio.to_thread(house.record.staff)
    for person in staff:
        for chat in _chats(person):
            await _show_in(menu, chat, _commands(house, _STAFF.get(person.role, ("help",)), person.language))


async def _show_in(menu: TelegramMenu, chat: str, commands: Commands) -> None:
    """A chat that was never begun with the bot, or was left, gets its menu when it is; the others theirs now."""
    try:
        await menu.show(commands, chat=chat)
    except Refused as problem:
        if problem.status not in (400, 403):
            raise
        log.info("a chat has no menu yet: Telegram does not know it")


def _commands(house: House, names: tuple[str, ...], language: str) -> Commands:
    return [(name, house.kit.texts.say(f"menu-{name}", language)) for name in names]


def _chats(person: Person) -> list[str]:
    contacts = (c for c in person.contacts if c.system is ChannelKind.TELEGRAM and c.state is ContactState.ACTIVE)
    return [c.value for c in contacts if person.active and c.value.isdigit()]
