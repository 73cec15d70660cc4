"""How the bot appears and listens on Telegram: neither a chat that is not there nor a name not found ends it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bot.serve.presence import _once
from bot.serve.providers import Providers
from bot.settings import read_settings
from bot.words.texts import load_texts
from data.model.people import ChannelKind, ContactPoint, Person, Role
from integrations.telegram_menu import TelegramMenu
from integrations.telegram_request import Refused


def colleague(n: int) -> Person:
    chat = ContactPoint(system=ChannelKind.TELEGRAM, value=str(n))
    return Person(
        id=f"p{n}", code=f"N-{n}", name=f"N {n}", role=Role.CLINICIAN, title="nurse", zone="UTC", contacts=(chat,)
    )


class Bot:
    """Answers as Telegram does, and refuses what `refuses` says."""

    def __init__(self, refuses: Any) -> None:
        self.refuses, self.asked = refuses, list[tuple[str, dict[str, Any]]]()

    async def ask(self, method: str, **given: Any) -> object:
        self.asked.append((method, given))
        if problem := self.refuses(method, given, len(self.asked)):
            raise problem
        return {"username": "ward_bot"} if method == "getMe" else []


@pytest.mark.parametrize("status", [400, 403])
def test_a_chat_that_is_not_there_keeps_no_other_from_its_menu(status: int) -> None:
    def refuses(method: str, given: dict[str, Any], nth: int) -> Exception | None:
        scope = given.get("scope")
        return Refused(status, "chat not found") if getattr(scope, "chat_id", None) == 1 else None

    bot = Bot(refuses)
    kit = SimpleNamespace(bot="ward_bot", texts=load_texts())
    house = SimpleNamespace(kit=kit, record=SimpleNamespace(staff=lambda: (colleague(1), colleague(2))))
    asyncio.run(_once(bot, TelegramMenu(bot), house))
    shown = [given["scope"].chat_id for method, given in bot.asked if method == "setMyCommands" and _chat(given)]
    assert shown == [2]


def _chat(given: dict[str, Any]) -> bool:
    return hasattr(given["scope"], "chat_id")


def test_a_webhook_that_is_refused_is_tried_again_and_that_is_seen(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """Telegram refuses an address too while its name cannot be looked up, which passes."""
    monkeypatch.setattr("bot.serve.providers._PATIENCE", 0.0)

    def refuses(method: str, given: dict[str, Any], nth: int) -> Exception | None:
        return Refused(400, "bad webhook: Failed to resolve host") if method == "setWebhook" and nth < 5 else None

    bot, words = Bot(refuses), list[str]()
    settings = read_settings({"PHMS_PUBLIC_URL": "https://clinic.example", "PHMS_TELEGRAM_WEBHOOK_SECRET": "s" * 40})

    async def listen() -> None:
        providers = Providers(SimpleNamespace(secret=lambda purpose: b"k" * 32), settings, print)
        await providers._have_sent(bot, None, asyncio.Event(), words.append)

    asyncio.run(asyncio.wait_for(listen(), 10))
    assert words == ["refused", "refused", "webhook"]
    assert "Failed to resolve host" in caplog.text
