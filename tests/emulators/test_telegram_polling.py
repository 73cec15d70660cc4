"""The repaired polling emulator: real offsets, long poll, 409, webhook with secret and retries, refusals and cuts."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from telegram import Bot, BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut

from tests.emulators.clients import telegram_bot
from tests.emulators.receiver import Receiver
from tests.emulators.telegram_polling import BOT_USERNAME, KINDS, TOKEN, TelegramPolling
from tests.emulators.threads import wait_for

CHAT = 4242


def with_bot(peer: TelegramPolling, talk: Callable[[Bot], Awaitable[None]]) -> None:
    async def run() -> None:
        async with telegram_bot(peer.base_url, TOKEN) as bot:
            await talk(bot)

    asyncio.run(run())


@pytest.fixture(autouse=True)
def timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # else python-telegram-bot warns at every RetryAfter


def test_offsets_confirm_and_a_long_poll_ends_when_something_comes(telegram_peer: TelegramPolling) -> None:
    async def talk(bot: Bot) -> None:
        assert bot.username == BOT_USERNAME
        first, second = telegram_peer.says(CHAT, "/start abc"), telegram_peer.says(CHAT, "hello")
        for _ in range(2):  # not confirmed, so given again
            updates = await bot.get_updates(timeout=0)
            assert [one.update_id for one in updates] == [first.update_id, second.update_id]
        assert updates[0].message.entities[0].type == "bot_command"
        assert updates[0].message.from_user.is_bot is False
        assert await bot.get_updates(offset=second.update_id + 1, timeout=0) == ()
        assert telegram_peer.pending() == []
        waiting = asyncio.create_task(bot.get_updates(offset=second.update_id + 1, timeout=20))
        await asyncio.to_thread(wait_for, lambda: telegram_peer.state()["polling"] or None, 5, "a poll")
        third = telegram_peer.says(CHAT, "later")
        assert [one.update_id for one in await asyncio.wait_for(waiting, 5)] == [third.update_id]

    with_bot(telegram_peer, talk)


def test_two_pollers_and_a_poller_beside_a_webhook_conflict(telegram_peer: TelegramPolling) -> None:
    async def talk(bot: Bot) -> None:
        first = asyncio.create_task(bot.get_updates(timeout=20))
        await asyncio.to_thread(wait_for, lambda: telegram_peer.state()["polling"] or None, 5, "a poll")
        async with telegram_bot(telegram_peer.base_url, TOKEN) as other:
            await other.get_updates(timeout=0)
        with pytest.raises(Conflict, match="other getUpdates"):
            await asyncio.wait_for(first, 5)
        await bot.set_webhook("http://127.0.0.1:9/")
        with pytest.raises(Conflict, match="webhook is active"):
            await bot.get_updates()
        assert await bot.delete_webhook()
        assert await bot.get_updates() == ()

    with_bot(telegram_peer, talk)

    async def stranger() -> None:
        bot = telegram_bot(telegram_peer.base_url, "1:wrong")
        with pytest.raises(InvalidToken):
            await bot.initialize()
        await bot.shutdown()

    asyncio.run(stranger())


def test_every_kind_of_update_is_one_that_the_library_reads(telegram_peer: TelegramPolling) -> None:
    async def talk(bot: Bot) -> None:
        said = telegram_peer.says(CHAT, "one")
        telegram_peer.edits(CHAT, int(said.message_id or 0), "two")
        for kind in KINDS:
            telegram_peer.sends(CHAT, kind)
        telegram_peer.says_in_group(-100123, CHAT, "all")
        telegram_peer.blocks(CHAT)
        updates = await bot.get_updates()
        assert [one.message_id for one in (updates[0].message, updates[1].edited_message)] == [said.message_id] * 2
        assert updates[1].edited_message.text == "two"
        assert all(getattr(one.message, kind) for one, kind in zip(updates[2:], KINDS, strict=False))
        assert updates[-2].message.chat.type == "supergroup"
        assert updates[-1].my_chat_member.new_chat_member.status == "kicked"
        with pytest.raises(Forbidden):
            await bot.send_message(CHAT, "are you there?")
        telegram_peer.unblocks(CHAT)
        assert await bot.send_message(CHAT, "welcome back")
        photo = await bot.get_file("p1")
        assert (await photo.download_as_bytearray())[:2] == b"\xff\xd8"

    with_bot(telegram_peer, talk)


def test_what_the_bot_does_is_kept(telegram_peer: TelegramPolling) -> None:
    async def talk(bot: Bot) -> None:
        await bot.set_my_commands([BotCommand("help", "what I can do")])
        await bot.send_chat_action(CHAT, "typing")
        buttons = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="b1")]])
        made = await bot.send_message(CHAT, "Well?", reply_markup=buttons)
        telegram_peer.presses(CHAT, made.message_id, "b1")
        [update] = await bot.get_updates()
        assert update.callback_query.message.text == "Well?"
        assert await bot.answer_callback_query(update.callback_query.id)
        with pytest.raises(BadRequest, match="query id is invalid"):
            await bot.answer_callback_query("77")
        edited = await bot.edit_message_reply_markup(CHAT, made.message_id)
        assert edited.reply_markup is None
        picture = await bot.send_photo(CHAT, b"\xff\xd8chart", caption="Your week")
        assert telegram_peer.photo(picture.photo[-1].file_id) == b"\xff\xd8chart"
        for long in ({"text": "x" * 4097}, {"text": ""}):
            with pytest.raises(BadRequest):
                await bot.send_message(CHAT, **long)

    with_bot(telegram_peer, talk)
    assert [one.method for one in telegram_peer.sent()] == [
        *("getMe", "setMyCommands", "sendChatAction", "sendMessage"),
        *("answerCallbackQuery", "editMessageReplyMarkup", "sendPhoto"),
    ]
    [asked] = telegram_peer.wait_sent(1, CHAT)
    assert [(one.text, one.data) for one in asked.buttons] == [("Yes", "b1")]


def test_a_webhook_gets_its_secret_and_what_it_did_not_take_again(
    telegram_peer: TelegramPolling, door: Receiver
) -> None:
    telegram_peer.set_webhook(f"{door.url}/telegram/webhook", "s3cret")
    door.answers = [500, 503]
    first, second = telegram_peer.says(CHAT, "one"), telegram_peer.says(CHAT, "two")
    door.wait(4)
    wait_for(lambda: telegram_peer.pending() == [] or None, 5, "all confirmed")
    telegram_peer.again(first.update_id)
    got = [Update.de_json(json.loads(one.body), None) for one in door.wait(5)]
    assert [one.update_id for one in got] == [*[first.update_id] * 3, second.update_id, first.update_id]
    assert {one.headers["x-telegram-bot-api-secret-token"] for one in door.received} == {"s3cret"}


def test_refusals_silence_and_cuts_come_when_told_and_pass_by(telegram_peer: TelegramPolling) -> None:
    peer = telegram_peer

    async def talk(bot: Bot) -> None:
        peer.too_many(3, chat_id=CHAT)
        assert await bot.send_message(CHAT + 1, "another chat is not held up")
        with pytest.raises(RetryAfter) as refused:
            await bot.send_message(CHAT, "x")
        assert refused.value.retry_after.total_seconds() == 3  # a timedelta, see PTB_TIMEDELTA
        for arrange, problem in (
            (peer.forbidden, Forbidden),
            (peer.not_found, BadRequest),
            (peer.broken, NetworkError),
            (lambda: peer.drops(after=False), NetworkError),
            (peer.drops, NetworkError),
            (peer.hangs, TimedOut),
        ):
            arrange()
            with pytest.raises(problem):
                await bot.send_message(CHAT, "x", read_timeout=0.3)
        peer.broken(times=5)
        peer.clear_faults()
        assert await bot.send_message(CHAT, "at last")

    with_bot(peer, talk)
    assert [(one.text, one.fault) for one in peer.sent(CHAT)] == [("x", "drops"), ("at last", None)]
