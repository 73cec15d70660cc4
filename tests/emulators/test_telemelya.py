"""telemelya end to end: the real Bot sets a webhook, people write and press, the secret header comes with it."""

import asyncio
import json

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update

from tests.emulators.clients import telegram_bot
from tests.emulators.receiver import Receiver
from tests.emulators.telemelya import Telemelya

CHAT = 77


def test_a_conversation_by_webhook(telemelya_peer: Telemelya, door: Receiver) -> None:
    peer = telemelya_peer

    async def talk() -> None:
        async with telegram_bot(peer.base_url, peer.token) as bot:
            url = f"{door.url}/telegram/webhook"
            await bot.set_webhook(url, secret_token="s3cret")  # noqa: S106 - of the test
            assert (await bot.get_webhook_info()).url == url
            door.answers = [200, 403]
            said = [await asyncio.to_thread(peer.says, CHAT, text) for text in ("/start", "good morning")]
            assert [one.status for one in said] == [200, 403]
            updates = [Update.de_json(json.loads(one.body), bot) for one in door.received]
            assert [one.message.text for one in updates] == ["/start", "good morning"]
            assert {one.headers["x-telegram-bot-api-secret-token"] for one in door.received} == {"s3cret"}

            buttons = InlineKeyboardMarkup([[InlineKeyboardButton("Taken", callback_data="k7")]])
            made = await bot.send_message(CHAT, "Did you take it?", reply_markup=buttons)
            await asyncio.to_thread(peer.presses, CHAT, made.message_id, "k7")
            pressed = Update.de_json(json.loads(door.received[-1].body), bot).callback_query
            assert pressed.data == "k7"
            assert await bot.answer_callback_query(pressed.id)
            await bot.send_photo(CHAT, b"\xff\xd8picture", caption="Your week")
            await asyncio.to_thread(peer.sends_photo, CHAT, b"\xff\xd8mine", "my foot")
            photo = Update.de_json(json.loads(door.received[-1].body), bot).message.photo[-1]
            file = await bot.get_file(photo.file_id)
            assert bytes(await file.download_as_bytearray()) == b"\xff\xd8mine"

    asyncio.run(talk())
    asked, answered, picture = peer.sent()
    assert [one.method for one in (asked, answered, picture)] == ["sendMessage", "answerCallbackQuery", "sendPhoto"]
    assert [one.data for one in asked.buttons] == ["k7"]
    assert peer.photo(str(picture.file_id)) == b"\xff\xd8picture"
    peer.forget()
    assert peer.sent() == []


def test_update_ids_never_collide_even_from_many_threads(telemelya_peer: Telemelya, door: Receiver) -> None:
    telemelya_peer.set_webhook(door.url, "x")

    async def burst() -> list[int]:
        calls = [asyncio.to_thread(telemelya_peer.says, CHAT, str(number)) for number in range(30)]
        return [one.update["update_id"] for one in await asyncio.gather(*calls)]

    assert len(set(asyncio.run(burst()))) == 30
    assert len(door.received) == 30
