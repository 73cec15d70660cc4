"""A Telegram in webhook mode: telemelya (PyPI) with redis and moto's S3, none of it ours, behind a front of ours.

The front adds what telemelya lacks: the secret header on what goes to our webhook, and the few methods that only answer
"true". Telemelya makes update ids out of the millisecond, so its updates are sent one by one here. It pushes an update
once, never again, and has no getUpdates, no edited messages and no blocked bots: telegram_polling has those.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any
from urllib.parse import parse_qsl

import httpx
from aiohttp import ClientError, web

from tests.emulators.bot_calls import BotCall, bot_call, chosen, wait_for_calls
from tests.emulators.faulty_proxy import FaultyProxy
from tests.emulators.install import moto_python, redis_command, telemelya_python
from tests.emulators.running import Running, accepts, answers_http, running
from tests.emulators.threads import served

TOKEN = "123456789:BBtest-token-of-telemelya_0000000000000"  # noqa: S105 - of the emulator
KEY = "control"
CONTROL = "/api/v1/test"
SERVE = "from telemelya.server.app import main; main()"
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - its name
JUST_TRUE = {"setMyCommands", "deleteMyCommands", "setChatMenuButton", "leaveChat"}
NEXT_MILLISECOND = 0.002


class Front(FaultyProxy):
    """Between bot and telemelya in both directions. Its faults work on what the bot asks."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.hooks: dict[str, tuple[str, str]] = {}  # by token: the bot's URL and its secret

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/hook/{token}", self._to_bot)
        app.router.add_route("*", "/bot{token}/{method:\\w+}", self._from_bot)
        app.router.add_route("*", "/{tail:.*}", self._pass)
        app.cleanup_ctx.append(self._live)
        return app

    async def _from_bot(self, request: web.Request) -> web.StreamResponse:
        token, method = request.match_info["token"], request.match_info["method"]
        if method in JUST_TRUE:
            return web.json_response({"ok": True, "result": True})
        if method == "setWebhook":
            return await self._hook(token, await _fields(request))
        answer = await self._pass(request)
        if method == "getWebhookInfo" and isinstance(answer, web.Response) and token in self.hooks:
            told = json.loads(answer.text or "{}")
            told["result"]["url"] = self.hooks[token][0]
            return web.json_response(told)
        return answer

    async def _hook(self, token: str, fields: dict[str, Any]) -> web.Response:
        url = str(fields.get("url") or "")
        if url:
            self.hooks[token] = (url, str(fields.get("secret_token") or ""))
        asked = ("setWebhook", {"url": f"{self.url}/hook/{token}"}) if url else ("deleteWebhook", {})
        async with self.session.post(f"{self.upstream}/bot{token}/{asked[0]}", json=asked[1]) as answer:
            return web.json_response(await answer.json(), status=answer.status)

    async def _to_bot(self, request: web.Request) -> web.Response:
        url, secret = self.hooks[request.match_info["token"]]
        headers = {"Content-Type": "application/json"} | ({SECRET_HEADER: secret} if secret else {})
        try:
            async with self.session.post(url, data=await request.read(), headers=headers) as answer:
                return web.Response(status=answer.status, body=await answer.read())
        except (ClientError, TimeoutError):
            return web.Response(status=502, text="the bot did not answer")


@dataclass(frozen=True)
class Delivery:
    """An update that was pushed, and what the webhook answered: 502 where nobody did."""

    update: dict[str, Any]
    status: int
    body: str


@dataclass
class Telemelya:
    """A running telemelya: what people do in their chats, and what the bot did."""

    base_url: str
    token: str
    front: Front
    http: httpx.Client
    started: tuple[Running, Running, Running]
    _one_by_one: Lock = field(default_factory=Lock)

    def set_webhook(self, url: str, secret_token: str = "") -> None:
        """For a bot that does not do it itself."""
        form = {"url": url, "secret_token": secret_token}
        self.http.post(f"{self.base_url}/bot{self.token}/setWebhook", data=form).raise_for_status()

    def says(self, chat_id: int, text: str) -> Delivery:
        """A person writes in their private chat. Returns when the webhook has answered."""
        return self._push({"chat_id": chat_id, "text": text})

    def presses(self, chat_id: int, message_id: int, data: str) -> Delivery:
        """A person presses a button below one of the bot's messages."""
        return self._push({"chat_id": chat_id, "callback_data": data, "callback_message_id": message_id})

    def sends_photo(self, chat_id: int, content: bytes, caption: str = "") -> Delivery:
        """A person sends a photo, which the bot can fetch with getFile."""
        made = self._ask("POST", "/upload_media", files={"file": ("photo.jpg", content, "image/jpeg")})
        return self._push({"chat_id": chat_id, "photo_file_id": made["file_id"], "photo_caption": caption})

    def sent(self, chat_id: int | None = None, method: str | None = None) -> list[BotCall]:
        """What the bot asked since the start or the last `forget`, in order."""
        records = self._ask("GET", "/responses")["responses"]
        calls = [bot_call(one["method"], one["raw"] | one, one) for one in records]
        return chosen(calls, chat_id, method)

    def wait_sent(
        self, count: int = 1, chat_id: int | None = None, method: str | None = "sendMessage", within: float = 10.0
    ) -> list[BotCall]:
        """The same, as soon as there are `count`."""
        what = f"{method or 'calls'} at telemelya"
        return wait_for_calls(lambda: self.sent(chat_id, method), count, what, within)

    def photo(self, file_id: str) -> bytes:
        """The bytes of a photo that the bot sent."""
        return self.http.get(f"{self.front.upstream}{CONTROL}/media/{file_id}").raise_for_status().content

    def forget(self) -> None:
        """Forget what the bot did."""
        self._ask("POST", "/reset")

    def _push(self, body: dict[str, Any]) -> Delivery:
        with self._one_by_one:
            Event().wait(NEXT_MILLISECOND)
            made = self._ask("POST", "/send_update", params={"bot_token": self.token}, json=body)
        return Delivery(made["update"], made["delivery"]["status_code"], made["delivery"]["response_body"])

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, f"{self.front.upstream}{CONTROL}{path}", **more)
        assert answer.is_success, f"telemelya answered {answer.status_code}: {answer.text}"
        return answer.json()


async def _fields(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return dict(await request.json())
    if request.content_type.startswith("multipart/"):
        return dict(await request.post())
    return dict(parse_qsl(await request.text(), keep_blank_values=True)) | dict(request.query)


@contextmanager
def telemelya() -> Iterator[Telemelya]:
    """telemelya 0.2.2 on redis and moto, behind our front; `base_url` is what replaces https://api.telegram.org."""
    redis, libraries = redis_command()
    python, moto = telemelya_python(), moto_python()
    quiet = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with (
        running(
            "redis", lambda port: [*redis, "--port", str(port), *quiet], answered=accepts, env=lambda _: libraries
        ) as store,
        running(
            "moto",
            lambda port: [moto, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            answered=answers_http("/moto-api/"),
        ) as media,
        running(
            "telemelya",
            lambda _: [python, "-c", SERVE],
            answered=answers_http(),
            env=lambda port: {
                "MOCK_SERVER_HOST": "127.0.0.1",
                "MOCK_SERVER_PORT": str(port),
                "REDIS_URL": f"redis://127.0.0.1:{store.port}/0",
                "MINIO_ENDPOINT": f"127.0.0.1:{media.port}",
                "AUTH_KEYS": KEY,
            },
        ) as server,
        httpx.Client(timeout=30, trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as http,
    ):
        front = Front(server.url)
        with served(front.application) as front.url:
            yield Telemelya(front.url, TOKEN, front, http, (store, media, server))
