"""Polling and the webhook against emulators: nothing is lost by a kill, a fault or a stop, and nobody is disturbed."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest

from data.errors import BadFile, BadInput, Forged, Unavailable
from data.model.communication import Button, SendState
from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from integrations.telegram_bot import TelegramChannel
from integrations.telegram_inbound import ASKED_FOR, read_update
from integrations.telegram_polling import poll
from integrations.telegram_secret import HEADER, check_secret
from integrations.telegram_webhook import CONNECTIONS, PATH, seen_webhook, set_webhook
from tests.emulators.faulty_proxy import faulty_proxy
from tests.emulators.fixtures import door, telegram_peer, telemelya_peer
from tests.emulators.receiver import Receiver
from tests.emulators.running import free_port
from tests.emulators.telegram_polling import BOT_ID, TelegramPolling
from tests.emulators.telemelya import Telemelya
from tests.emulators.threads import wait_for
from tests.integrations.telegram_door import NOW, TOKEN, Hurried, Looped, looped, row, to

__all__ = ["door", "telegram_peer", "telemelya_peer"]
SECRET = "s3cret_-" * 5
ROOT = Path(__file__).resolve().parents[2]


class Poller:
    """A poller in the test's own process, with a store that can refuse."""

    def __init__(self, looped: Looped, home: Path) -> None:
        self.looped, self.home = looped, home
        self.kept: list[bytes] = []
        self.words: list[str] = []
        self.refuse = 0
        self.slow = 0.0
        self.stop = asyncio.Event()
        self.running: Future[None] | None = None

    async def keep(self, bodies: Sequence[bytes]) -> None:
        if self.refuse:
            self.refuse -= 1
            raise Unavailable("the store is down: secret words")
        await asyncio.sleep(self.slow)
        self.kept += bodies

    def start(self) -> None:
        work = poll(
            self.looped.bot,
            self.keep,
            self.stop,
            home=self.home,
            rng=Hurried(),
            tell=self.words.append,
            long_poll=20,
        )
        self.running = asyncio.run_coroutine_threadsafe(work, self.looped.loop)

    def end(self) -> float:
        """Stop; how long it took."""
        assert self.running is not None
        began = monotonic()
        self.looped.loop.call_soon_threadsafe(self.stop.set)
        self.running.result(10)
        return monotonic() - began

    def texts(self) -> list[str]:
        return [inbound.text for inbound in read_all(self.kept)]

    def wait_texts(self, texts: list[str], within: float = 15) -> None:
        wait_for(lambda: True if self.texts() == texts else None, within, f"{texts} kept")

    def wait_word(self, word: str) -> None:
        wait_for(lambda: True if word in self.words else None, 15, word)


def read_all(bodies: Sequence[bytes]) -> list[Inbound]:
    """What can be read of these updates."""
    found = []
    for body in bodies:
        with suppress(BadInput):
            found.append(read_update(body, BOT_ID))
    return [inbound for inbound in found if inbound is not None]


@contextmanager
def polling(peer_url: str, home: Path, *, start: bool = True) -> Iterator[Poller]:
    with looped(peer_url) as running:
        poller = Poller(running, home)
        if start:
            poller.start()
        try:
            yield poller
        finally:
            if poller.running is not None and not poller.running.done():
                poller.end()


def test_every_kind_is_kept_and_confirmed_in_order(telegram_peer: TelegramPolling, tmp_path: Path):
    said = telegram_peer.says(5, "chest pain")
    with polling(telegram_peer.base_url, tmp_path) as poller:
        poller.wait_texts(["chest pain"])
        assert said.message_id is not None
        telegram_peer.edits(5, said.message_id, "chest pain and short of breath")
        telegram_peer.sends(5, "voice")
        telegram_peer.presses(5, 77, "b:1")
        telegram_peer.blocks(5)
        telegram_peer.says_in_group(-1005, 5, "help")
        telegram_peer.update({"poll": {"id": "1"}})
        telegram_peer.says(5, "😀" * 4096)
        wait_for(lambda: True if not telegram_peer.pending() else None, 10, "all confirmed")
        assert poller.words == ["polling"]
    kinds = [(i.kind, i.ref) for i in read_all(poller.kept)]
    assert [kind for kind, _ in kinds] == [
        MessageKind.TEXT,
        MessageKind.EDIT,
        MessageKind.VOICE,
        MessageKind.BUTTON,
        MessageKind.BLOCKED,
        MessageKind.GROUP,
        MessageKind.TEXT,
    ]
    assert kinds[0][1] == kinds[1][1] == str(said.message_id)


def test_it_stops_within_a_second_in_the_middle_of_a_long_poll(telegram_peer: TelegramPolling, tmp_path: Path):
    with polling(telegram_peer.base_url, tmp_path) as poller:
        wait_for(lambda: True if telegram_peer.state()["polling"] else None, 10, "a long poll")
        assert poller.end() < 1


def test_it_stops_within_a_second_while_the_store_hangs_and_confirms_nothing(
    telegram_peer: TelegramPolling, tmp_path: Path
):
    with polling(telegram_peer.base_url, tmp_path) as poller:
        poller.slow = 600
        posted = telegram_peer.says(5, "hello")
        wait_for(lambda: True if not telegram_peer.state()["polling"] else None, 10, "an answer")
        assert poller.end() < 1
        assert telegram_peer.pending() == [posted.update_id]


def test_nothing_is_confirmed_before_it_is_kept(
    telegram_peer: TelegramPolling, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with polling(telegram_peer.base_url, tmp_path, start=False) as poller:
        poller.refuse = 2
        telegram_peer.says(5, "one")
        telegram_peer.says(5, "two")
        poller.start()
        poller.wait_word("not kept")
        poller.wait_texts(["one", "two"], within=30)
        poller.wait_word("polling")
    assert "secret" not in caplog.text


def test_faults_of_telegram_lose_nothing_and_double_nothing(telegram_peer: TelegramPolling, tmp_path: Path):
    texts = [f"message {n}" for n in range(150)]
    for text in texts:
        telegram_peer.says(5, text)
    limit = {"ok": False, "description": "Too Many Requests: retry after 1", "parameters": {"retry_after": 1}}
    with faulty_proxy(telegram_peer.base_url) as proxy:
        proxy.answer(502, "<html>Bad Gateway</html>", path="getUpdates")
        proxy.answer(200, "not JSON: secret words", path="getUpdates")
        proxy.drop_after(path="getUpdates")
        proxy.answer(429, limit, path="getUpdates")
        proxy.answer(200, {"ok": True, "result": [{"no": "id"}]}, path="getUpdates")
        with polling(proxy.url, tmp_path) as poller:
            poller.wait_texts(texts, within=60)
            wait_for(lambda: True if not telegram_peer.pending() else None, 10, "all confirmed")
            assert poller.words == ["unreachable", "polling"]


def test_one_update_that_cannot_be_read_does_not_hold_up_the_others(
    telegram_peer: TelegramPolling, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    telegram_peer.update({"message": {"text": "secret words"}})
    telegram_peer.says(5, "after")
    with polling(telegram_peer.base_url, tmp_path) as poller:
        poller.wait_texts(["after"])
        wait_for(lambda: True if not telegram_peer.pending() else None, 10, "all confirmed")
    assert "secret" not in caplog.text


def test_a_webhook_is_named_and_left_alone(
    telegram_peer: TelegramPolling, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    telegram_peer.set_webhook(f"http://127.0.0.1:{free_port()}/elsewhere", SECRET)
    with polling(telegram_peer.base_url, tmp_path) as poller:
        poller.wait_word("webhook")
        assert telegram_peer.webhook()["url"].endswith("/elsewhere")
    assert "deleteWebhook" in caplog.text
    assert caplog.text.count("PHMS_PUBLIC_URL") == 1


def test_two_pollers_of_one_machine_take_turns(telegram_peer: TelegramPolling, tmp_path: Path):
    with (
        faulty_proxy(telegram_peer.base_url) as watched,
        polling(telegram_peer.base_url, tmp_path) as first,
        polling(watched.url, tmp_path, start=False) as second,
    ):
        wait_for(lambda: True if telegram_peer.state()["polling"] else None, 10, "the first")
        second.start()
        second.wait_word("other poller")
        telegram_peer.says(5, "hello")
        first.wait_texts(["hello"])
        assert watched.seen == []  # it does not even ask, which would end the first one's long poll
        assert first.words == ["polling"]
        first.end()
        telegram_peer.says(5, "again")
        wait_for(lambda: True if "again" in second.texts() else None, 15, "the second's turn")


def test_two_pollers_of_two_machines_lose_nothing(telegram_peer: TelegramPolling, tmp_path: Path):
    for name in "ab":
        (tmp_path / name).mkdir()
    texts = {f"message {n}" for n in range(20)}
    with (
        polling(telegram_peer.base_url, tmp_path / "a") as first,
        polling(telegram_peer.base_url, tmp_path / "b") as second,
    ):
        wait_for(lambda: True if "other poller" in first.words + second.words else None, 20, "a conflict")
        for text in sorted(texts):
            telegram_peer.says(5, text)
        wait_for(lambda: True if {*first.texts(), *second.texts()} == texts else None, 60, "all kept")


def test_an_unknown_token_and_a_deaf_server_are_told_apart(telegram_peer: TelegramPolling, tmp_path: Path):
    for url, token, word in (
        (telegram_peer.base_url, "7:wrong", "auth"),
        (f"http://127.0.0.1:{free_port()}", TOKEN, "unreachable"),
    ):
        with looped(url, token) as running:
            poller = Poller(running, tmp_path)
            poller.start()
            poller.wait_word(word)
            assert poller.end() < 1


def test_ids_that_begin_anew_after_a_quiet_week_are_heard(telegram_peer: TelegramPolling, tmp_path: Path):
    with polling(telegram_peer.base_url, tmp_path) as poller:
        telegram_peer.update({"update_id": 900_000_000, "message": _message("before")})
        poller.wait_texts(["before"])
        wait_for(lambda: True if not telegram_peer.pending() else None, 10, "confirmed")
        telegram_peer.update({"update_id": 12_345, "message": _message("after")})
        poller.wait_texts(["before", "after"])


def _message(text: str) -> dict[str, object]:
    chat = {"id": 5, "type": "private", "first_name": "A"}
    return {"date": 1, "chat": chat, "from": {"id": 5, "is_bot": False, "first_name": "A"}, "text": text}


def test_a_kill_between_keeping_and_confirming_loses_nothing(telegram_peer: TelegramPolling, tmp_path: Path):
    kept = tmp_path / "kept.jsonl"
    kept.touch()
    command = [sys.executable, "-m", "tests.integrations.telegram_poller", telegram_peer.base_url, tmp_path, kept]
    given = 0

    def say(count: int) -> None:
        nonlocal given
        for _ in range(count):
            given += 1
            telegram_peer.says(5 + given % 3, f"message {given}")

    def lines() -> list[bytes]:
        return [line for line in kept.read_bytes().split(b"\n") if line]

    for _ in range(3):
        say(12)
        before = len(lines())
        killed = subprocess.Popen([*command, "600"], cwd=ROOT)
        try:
            wait_for(lambda before=before: True if len(lines()) >= before + 12 else None, 30, "a batch kept")
        finally:
            killed.kill()
            killed.wait()
        assert len(telegram_peer.pending()) == given
    say(4)
    last = subprocess.Popen([*command, "0"], cwd=ROOT)
    try:
        wait_for(lambda: True if not telegram_peer.pending() else None, 30, "all confirmed")
    finally:
        last.kill()
        last.wait()
    found = read_all(lines())
    distinct = {inbound.provider_message_id: inbound.text for inbound in found}
    assert sorted(distinct.values()) == sorted(f"message {n}" for n in range(1, 41))
    assert len(found) > 40


def _set(running: Looped, url: str, words: list[str] | None = None, stop: asyncio.Event | None = None) -> bool:
    tell: Callable[[str], None] = (lambda word: None) if words is None else words.append
    stop = stop or asyncio.Event()
    return running.do(set_webhook(running.bot, url, SECRET, stop, rng=Hurried(), tell=tell), 60)


def test_the_webhook_is_set_and_brings_what_was_said_before(telegram_peer: TelegramPolling, door: Receiver):
    telegram_peer.says(5, "said before")
    words: list[str] = []
    with looped(telegram_peer.base_url) as running:
        assert _set(running, f"{door.url}/", words)
        telegram_peer.says(5, "said after")
        door.wait(2)
        assert _set(running, door.url)  # again, as a second instance does
        seen = running.do(seen_webhook(running.bot))
    assert (seen.url, words) == (door.url + PATH, ["webhook"])
    assert telegram_peer.webhook()["secret_token"] == SECRET
    first = telegram_peer.sent(method="setWebhook")[0].params
    asked = first["allowed_updates"]
    assert (json.loads(asked) if isinstance(asked, str) else asked) == list(ASKED_FOR)
    assert str(first["max_connections"]) == str(CONNECTIONS)
    assert str(first["drop_pending_updates"]).lower() == "false"
    for received in door.received:
        check_secret(received.headers[HEADER.lower()], SECRET)
        with pytest.raises(Forged):
            check_secret(received.headers[HEADER.lower()], SECRET + "x")
    found = [read_update(received.body, BOT_ID) for received in door.received]
    assert [inbound.text for inbound in found if inbound] == ["said before", "said after"]
    assert {received.path for received in door.received} == {PATH}


def test_another_address_is_replaced_and_said(
    telegram_peer: TelegramPolling, door: Receiver, caplog: pytest.LogCaptureFixture
):
    telegram_peer.set_webhook(f"{door.url}/old", "old")
    with looped(telegram_peer.base_url) as running:
        assert _set(running, door.url)
    assert telegram_peer.webhook()["url"] == door.url + PATH
    assert "another address" in caplog.text
    assert SECRET not in caplog.text


def test_the_webhook_waits_for_telegram(telegram_peer: TelegramPolling, door: Receiver):
    telegram_peer.broken(method="setWebhook")
    telegram_peer.broken(method="getWebhookInfo")
    words: list[str] = []
    with looped(telegram_peer.base_url) as running:
        assert _set(running, door.url, words)
    assert words == ["unreachable", "webhook"]


def test_a_stop_ends_the_waiting_for_telegram(door: Receiver):
    with looped(f"http://127.0.0.1:{free_port()}") as running:
        stop = asyncio.Event()
        work = set_webhook(running.bot, door.url, SECRET, stop, rng=Hurried())
        future = asyncio.run_coroutine_threadsafe(work, running.loop)
        running.loop.call_soon_threadsafe(stop.set)
        assert future.result(2) is False


def test_an_address_that_telegram_does_not_take_is_for_the_operator(telegram_peer: TelegramPolling):
    telegram_peer.not_found(method="setWebhook")
    with looped(telegram_peer.base_url) as running, pytest.raises(BadFile, match="PHMS_PUBLIC_URL"):
        _set(running, "http://example.org")


def test_through_telemelya_from_end_to_end(telemelya_peer: Telemelya, door: Receiver):
    """A third party's Telegram: its webhook, its updates, its answers to what we send."""
    bot_id = int(telemelya_peer.token.split(":")[0])
    with looped(telemelya_peer.base_url, telemelya_peer.token) as running:
        assert _set(running, door.url)
        delivered = telemelya_peer.says(77, "chest pain")
        assert delivered.status == 200
        channel = TelegramChannel("telegram", running.bot, running.loop)
        outcome = channel.send(to(77), row("Call 112.", buttons=(Button(label="OK", says="ok", data="b:9"),)), NOW)
        assert outcome.state is SendState.ACCEPTED
        (call,) = telemelya_peer.wait_sent(chat_id=77)
        telemelya_peer.presses(77, int(outcome.provider_id), call.buttons[0].data or "")
        telemelya_peer.sends_photo(77, b"\xff\xd8\xff\xe0 photo", "my rash")
    for received in door.wait(3):
        check_secret(received.headers[HEADER.lower()], SECRET)
    found = [read_update(received.body, bot_id) for received in door.received]
    assert [(i.kind, i.address, i.text) for i in found if i] == [
        (MessageKind.TEXT, "77", "chest pain"),
        (MessageKind.BUTTON, "77", "b:9"),
        (MessageKind.PICTURE, "77", "my rash"),
    ]
    assert call.text == "Call 112."
