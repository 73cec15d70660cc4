"""The Telegram channel against an emulator: texts, pictures, buttons, menus, and everything that can go wrong."""

import asyncio
import json
import logging
import struct
import zlib
from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from data.errors import BadInput
from data.model.communication import Button, SendState
from data.model.people import ChannelKind
from integrations.telegram_bot import TelegramChannel
from integrations.telegram_call import Attempt, call
from integrations.telegram_menu import TelegramMenu
from integrations.telegram_request import Lost, NotSent, TelegramBot
from tests.emulators.fixtures import or_skip, telegram_peer
from tests.emulators.running import free_port
from tests.emulators.telegram_polling import BOT_ID, TelegramPolling, telegram_polling
from tests.emulators.threads import wait_for
from tests.integrations.telegram_door import NOW, TOKEN, Looped, looped, row, to

__all__ = ["telegram_peer"]
CHAT = 5001


def _png(width: int = 40, height: int = 30) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * (width + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PNG = _png()


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[TelegramPolling]:
    yield from or_skip(telegram_polling)


@pytest.fixture
def peer(shared_peer: TelegramPolling) -> Iterator[TelegramPolling]:
    yield shared_peer
    shared_peer.clear_faults()


@pytest.fixture
def door(peer: TelegramPolling) -> Iterator[Looped]:
    with looped(peer.base_url) as running:
        yield running


@pytest.fixture
def channel(door: Looped) -> TelegramChannel:
    return TelegramChannel("telegram", door.bot, door.loop, lambda communication: PNG)


@pytest.fixture
def chat() -> int:
    """A chat of its own for every test: the emulator is shared."""
    global CHAT
    CHAT += 1
    return CHAT


def test_a_text_goes_as_it_is(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    text = "SpO2 <b>91</b> % & *rising* https://example.org 😀" + "é" * 3000
    outcome = channel.send(to(chat), row(text), NOW)
    (call,) = peer.sent(chat)
    assert (outcome.state, outcome.provider, outcome.error) == (SendState.ACCEPTED, "telegram", "")
    assert outcome.provider_id == str(call.message_id)
    assert (call.method, call.text, call.buttons) == ("sendMessage", text, [])
    assert "parse_mode" not in call.params
    preview = call.params["link_preview_options"]
    assert (json.loads(preview) if isinstance(preview, str) else preview) == {"is_disabled": True}
    assert (channel.name, channel.kind) == ("telegram", ChannelKind.TELEGRAM)


def test_a_long_text_goes_in_parts_with_the_buttons_on_the_last(
    peer: TelegramPolling, channel: TelegramChannel, chat: int
):
    text = "Your pulse was 80 today. " * 400
    outcome = channel.send(to(chat), row(text, buttons=(Button(label="OK", says="ok", data="b1"),)), NOW)
    calls = peer.sent(chat)
    assert [bool(call.buttons) for call in calls] == [False, False, True]
    assert " ".join(call.text for call in calls).split() == text.split()
    assert outcome.provider_id == str(calls[-1].message_id)


def test_half_a_character_and_nul_go_somehow(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    assert channel.send(to(chat), row("half \ud83d here"), NOW).state is SendState.ACCEPTED
    assert peer.sent(chat)[0].text == "half \ufffd here"


def test_buttons_beside_one_another_or_in_rows(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    two = (Button(label="Yes", says="yes", data="a1"), Button(label="No", says="no", data="a2"))
    far = tuple(Button(label=f"Something rather long {n}", says="x", data=f"c{n}") for n in range(3))
    channel.send(to(chat), row("Taken?", buttons=two), NOW)
    channel.send(to(chat), row("Which?", buttons=far), NOW)
    first, second = peer.sent(chat)
    assert [(b.text, b.data) for b in first.buttons] == [("Yes", "a1"), ("No", "a2")]
    shapes = []
    for one in (first, second):
        markup = one.params["reply_markup"]
        rows = (json.loads(markup) if isinstance(markup, str) else markup)["inline_keyboard"]
        shapes.append([len(r) for r in rows])
    assert shapes == [[2], [1, 1, 1]]


def test_a_button_that_telegram_would_refuse_does_not_hold_up_the_words(
    peer: TelegramPolling, channel: TelegramChannel, chat: int, caplog: pytest.LogCaptureFixture
):
    buttons = tuple(Button(label="secret", says="x", data=data) for data in ("", "é" * 33, "x" * 64))
    assert channel.send(to(chat), row("Hello", buttons=buttons), NOW).state is SendState.ACCEPTED
    assert [b.data for b in peer.sent(chat)[0].buttons] == ["x" * 64]
    assert "2" in caplog.text
    assert "secret" not in caplog.text


def test_a_picture_with_its_text_below(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    buttons = (Button(label="OK", says="ok", data="b1"),)
    outcome = channel.send(to(chat), row("Your week", picture="trend pulse 7d", buttons=buttons), NOW)
    (call,) = peer.sent(chat)
    assert (call.method, call.text, len(call.buttons)) == ("sendPhoto", "Your week", 1)
    assert outcome.provider_id == str(call.message_id)
    assert call.file_id is not None
    assert peer.photo(call.file_id) == PNG


def test_a_text_too_long_for_a_picture_goes_before_it(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    outcome = channel.send(to(chat), row("w" * 1025, picture="trend"), NOW)
    first, second = peer.sent(chat)
    assert [first.method, second.method] == ["sendMessage", "sendPhoto"]
    assert second.text == ""
    assert outcome.provider_id == str(first.message_id)
    assert channel.send(to(chat), row("w" * 1024, picture="trend"), NOW).state is SendState.ACCEPTED
    assert [call.method for call in peer.sent(chat)[2:]] == ["sendPhoto"]


def test_the_text_goes_where_the_picture_cannot(
    peer: TelegramPolling, door: Looped, chat: int, caplog: pytest.LogCaptureFixture
):
    def cannot(communication: object) -> bytes:
        raise ValueError("secret words")

    channel = TelegramChannel("telegram", door.bot, door.loop, cannot)
    assert channel.send(to(chat), row("Your week", picture="trend"), NOW).state is SendState.ACCEPTED
    none = TelegramChannel("telegram", door.bot, door.loop)
    assert none.send(to(chat), row("Your week", picture="trend"), NOW).state is SendState.ACCEPTED
    late = TelegramChannel("telegram", door.bot, door.loop, lambda communication: PNG)
    peer.broken(method="sendPhoto", chat_id=chat)
    assert late.send(to(chat), row("w" * 2000, picture="trend"), NOW).state is SendState.ACCEPTED
    assert [call.method for call in peer.sent(chat)] == ["sendMessage"] * 3
    assert "secret" not in caplog.text


def test_a_limit_that_was_passed_holds_all_chats(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    peer.too_many(retry_after=3, chat_id=chat)
    before = len(peer.calls)
    first = channel.send(to(chat), row(), NOW)
    second = channel.send(to(chat + 10_000), row(), NOW + timedelta(seconds=2.9))
    for outcome in (first, second):
        assert (outcome.state, outcome.error) == (SendState.QUEUED, "busy")
        assert outcome.retry_at == NOW + timedelta(seconds=3) == channel.closed_until
    channel.typing(str(chat))
    assert len(peer.calls) == before + 1
    assert channel.send(to(chat), row(), NOW + timedelta(seconds=3)).state is SendState.ACCEPTED


def test_a_clock_set_back_does_not_keep_it_closed(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    peer.too_many(retry_after=3, chat_id=chat)
    channel.send(to(chat), row(), NOW)
    assert channel.send(to(chat), row(), NOW - timedelta(days=1)).state is SendState.ACCEPTED


def test_refusals(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    peer.forbidden(chat_id=chat)
    blocked = channel.send(to(chat), row(), NOW)
    peer.not_found(chat_id=chat)
    unknown = channel.send(to(chat), row(), NOW)
    peer.broken(chat_id=chat)
    broken = channel.send(to(chat), row(), NOW)
    assert (blocked.state, blocked.error) == (SendState.FAILED, "blocked")
    assert (unknown.state, unknown.error) == (SendState.FAILED, "invalid")
    assert (broken.state, broken.error) == (SendState.UNKNOWN, "provider")
    assert channel.send(to(chat), row(), NOW).state is SendState.ACCEPTED


def test_a_person_who_blocks_the_bot(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    peer.blocks(chat)
    assert channel.send(to(chat), row(), NOW).error == "blocked"
    peer.unblocks(chat)
    assert channel.send(to(chat), row(), NOW).state is SendState.ACCEPTED


@pytest.mark.parametrize("after", [True, False])
def test_a_connection_cut_before_the_answer_leaves_it_open(
    peer: TelegramPolling, channel: TelegramChannel, chat: int, after: bool
):
    peer.drops(after=after, chat_id=chat)
    outcome = channel.send(to(chat), row(), NOW)
    assert (outcome.state, outcome.error) == (SendState.UNKNOWN, "timeout")
    assert len(peer.sent(chat)) == int(after)


def test_no_answer_in_time_leaves_it_open(peer: TelegramPolling, chat: int):
    peer.hangs(chat_id=chat)
    with looped(peer.base_url, patience=0.3) as door:
        started = monotonic()
        outcome = TelegramChannel("telegram", door.bot, door.loop).send(to(chat), row(), NOW)
        assert monotonic() - started < 5
    assert (outcome.state, outcome.error) == (SendState.UNKNOWN, "timeout")
    assert TelegramBot(TOKEN, None).patience == 10  # type: ignore[arg-type]


def test_nobody_there_is_known_not_to_have_gone(chat: int):
    with looped(f"http://127.0.0.1:{free_port()}") as door:
        outcome = TelegramChannel("telegram", door.bot, door.loop).send(to(chat), row(), NOW)
    assert (outcome.state, outcome.error) == (SendState.QUEUED, "network")


def test_a_token_that_telegram_does_not_know_is_nobodys_fault(peer: TelegramPolling, chat: int):
    with looped(peer.base_url, "999:wrong") as door:
        outcome = TelegramChannel("telegram", door.bot, door.loop).send(to(chat), row(), NOW)
    assert (outcome.state, outcome.error) == (SendState.QUEUED, "auth")


@pytest.mark.parametrize("address", ["", "@somebody", "12.5", "1" * 20, "--5", "²"])
def test_what_is_no_chat_is_asked_of_nobody(peer: TelegramPolling, channel: TelegramChannel, address: str):
    before = len(peer.calls)
    outcome = channel.send(to(address), row(), NOW)
    assert (outcome.state, outcome.error) == (SendState.FAILED, "invalid")
    assert channel.send(to(5), row(" \n "), NOW).error == "refused"
    assert len(peer.calls) == before


def test_what_was_refused_midway_goes_on_there(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    text = " ".join(f"Your pulse was {n} today." for n in range(400))
    assert channel.send(to(chat), row(text, key="p1/long"), NOW).state is SendState.ACCEPTED
    whole = [call.text for call in peer.sent(chat)]
    other = chat + 20_000
    said = channel._say  # the second part meets a limit

    async def limited(to_chat: int, part: str, markup: object) -> str:
        if part == whole[1]:
            peer.too_many(retry_after=1, chat_id=other)
        return await said(to_chat, part, markup)  # type: ignore[arg-type]

    channel._say = limited  # type: ignore[method-assign,assignment]
    assert channel.send(to(other), row(text, key="p1/long2"), NOW).error == "busy"
    channel._say = said  # type: ignore[method-assign]
    outcome = channel.send(to(other), row(text, key="p1/long2"), NOW + timedelta(seconds=1))
    assert outcome.state is SendState.ACCEPTED
    assert [call.text for call in peer.sent(other)] == whole


def test_the_courtesies_of_a_chat(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    sent = channel.send(to(chat), row(buttons=(Button(label="OK", says="ok", data="b1"),)), NOW)
    pressed = peer.presses(chat, int(sent.provider_id), "b1")
    assert pressed.callback_id is not None
    channel.typing(str(chat))
    channel.answer_press(pressed.callback_id)
    channel.remove_buttons(str(chat), sent.provider_id)
    peer.wait_sent(chat_id=chat, method="sendChatAction")
    (answered,) = peer.wait_sent(method="answerCallbackQuery")[-1:]
    assert answered.params["callback_query_id"] == pressed.callback_id
    (edited,) = peer.wait_sent(chat_id=chat, method="editMessageReplyMarkup")
    assert (edited.message_id, edited.buttons) == (int(sent.provider_id), [])


def test_a_courtesy_that_fails_troubles_nobody(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    peer.broken(method="sendChatAction", chat_id=chat)
    channel.typing(str(chat))
    wait_for(lambda: any(c.method == "sendChatAction" and c.chat_id == chat for c in peer.calls), 5, "typing")
    assert channel.send(to(chat), row(), NOW).state is SendState.ACCEPTED


def test_from_many_threads_at_once(peer: TelegramPolling, channel: TelegramChannel, chat: int):
    states: list[SendState] = []
    work = [
        Thread(target=lambda n=n: states.append(channel.send(to(chat), row(f"message {n}"), NOW).state))
        for n in range(24)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(20)
    assert states == [SendState.ACCEPTED] * 24
    assert sorted(call.text for call in peer.sent(chat)) == sorted(f"message {n}" for n in range(24))


def test_after_the_loop_has_stopped_it_is_known_not_to_have_gone(peer: TelegramPolling, chat: int):
    with looped(peer.base_url) as door:
        channel = TelegramChannel("telegram", door.bot, door.loop)
    outcome = channel.send(to(chat), row(), NOW)
    channel.typing(str(chat))
    assert (outcome.state, outcome.error) == (SendState.QUEUED, "network")
    assert peer.sent(chat) == []


def test_a_closed_session_is_known_not_to_have_gone(door: Looped, channel: TelegramChannel, chat: int):
    door.do(door.http.close())
    assert channel.send(to(chat), row(), NOW).error == "network"


def test_the_token_is_told_nowhere(
    peer: TelegramPolling, chat: int, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    caplog.set_level(logging.DEBUG)
    for name in ("telegram", "httpx", "httpcore", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    with looped(peer.base_url) as door:
        channel = TelegramChannel("telegram", door.bot, door.loop)
        peer.drops(chat_id=chat)
        channel.send(to(chat), row("secret words"), NOW)
        peer.broken(chat_id=chat)
        channel.send(to(chat), row("secret words"), NOW)
        shown = repr(door.bot)
        problems = []
        for fault in (peer.drops, peer.broken, peer.too_many):
            fault(method="getMe")
            try:
                door.do(door.bot.get_me())
            except Exception as problem:
                problems.append(repr(problem) + str(problem) + repr(problem.__cause__))
    with looped(f"http://127.0.0.1:{free_port()}") as door:
        try:
            door.do(door.bot.initialize())
        except Exception as problem:
            problems.append(repr(problem) + str(problem) + repr(problem.__cause__))
    assert len(problems) == 4
    secret = TOKEN.split(":")[1]
    everything = caplog.text + "".join(capsys.readouterr()) + shown + "".join(problems)
    assert secret not in everything
    assert "secret words" not in everything
    assert shown == f"TelegramBot({BOT_ID})"


def test_the_menu_is_set_when_it_changes(peer: TelegramPolling, door: Looped, chat: int):
    menu = TelegramMenu(door.bot)
    commands = [("/status", "How I am"), ("help", "What  I\ncan say")]
    before = len(peer.sent(method="setMyCommands"))

    def count() -> int:
        return len(peer.sent(method="setMyCommands")) - before

    assert door.do(menu.show(commands))
    assert not door.do(menu.show(commands))
    assert not door.do(menu.show([("status", "How I am"), ("help", "What I can say")]))
    assert count() == 1
    assert door.do(menu.show([("list", "Open")], language="de", chat=str(chat)))
    assert count() == 2
    call = peer.sent(method="setMyCommands")[-1]
    scope, rows = (json.loads(v) if isinstance(v := call.params[k], str) else v for k in ("scope", "commands"))
    assert scope == {"type": "chat", "chat_id": chat}
    assert rows == [{"command": "list", "description": "Open"}]
    assert call.params["language_code"] == "de"
    door.do(menu.hide(str(chat), "de"))
    assert peer.sent(method="deleteMyCommands")


class Remembering:
    """A bot that keeps menus as Telegram does; the emulator does not."""

    def __init__(self) -> None:
        self.menus: dict[str, Any] = {}
        self.set = 0

    async def ask(self, method: str, *, scope: Any, language_code: str | None, commands: Any = None) -> Any:
        place = f"{scope.to_dict()} {language_code}"
        if method == "setMyCommands":
            self.set += 1
            self.menus[place] = [command.to_dict() for command in commands]
        return self.menus.get(place, [])


def test_a_menu_that_is_there_already_is_not_set_again_after_a_restart():
    bot = Remembering()

    async def start() -> list[bool]:
        menu = TelegramMenu(bot)  # type: ignore[arg-type]
        chats = ("", "5", "6")
        return [
            await menu.show([("help", "What I can say")], language, chat) for chat in chats for language in ("", "de")
        ]

    assert asyncio.run(start()) == [True] * 6
    assert asyncio.run(start()) == [False] * 6
    assert (bot.set, len(bot.menus)) == (6, 6)


def test_work_that_the_loop_does_not_come_to_is_never_begun(door: Looped):
    began: list[str] = []
    busy = Event()

    async def work(attempt: Attempt) -> None:
        attempt.ask()
        began.append("asked")

    door.loop.call_soon_threadsafe(busy.wait)
    with pytest.raises(NotSent):
        call(door.loop, work, 0.1)
    busy.set()
    door.do(asyncio.sleep(0))
    assert began == []


def test_work_that_was_begun_and_gives_no_answer_is_lost(door: Looped):
    ended: list[str] = []

    async def work(attempt: Attempt) -> None:
        attempt.ask()
        try:
            await asyncio.sleep(600)
        finally:
            ended.append("cancelled")

    with pytest.raises(Lost):
        call(door.loop, work, 0.2)
    wait_for(lambda: ended or None, 5, "the end of the work")


@pytest.mark.parametrize(
    ("commands", "language"),
    [
        ([("Über", "x")], ""),
        ([("a b", "x")], ""),
        ([("a" * 33, "x")], ""),
        ([("ok", "")], ""),
        ([("ok", "x" * 257)], ""),
        ([(f"c{n}", "x") for n in range(101)], ""),
        ([("ok", "x")], "eng"),
    ],
)
def test_a_menu_that_telegram_would_refuse_is_not_asked_for(commands: list[tuple[str, str]], language: str):
    async def run() -> None:
        await TelegramMenu(TelegramBot(TOKEN, None)).show(commands, language)  # type: ignore[arg-type]

    with pytest.raises(BadInput):
        asyncio.run(run())
