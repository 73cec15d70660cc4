"""A Telegram that gives updates out by getUpdates or pushes them to a webhook: telegram-test-api (npm), repaired.

The repairs are in telegram_launcher.js. Unlike telemelya it long-polls, honours offsets, answers 409, sends the secret
header, retries what a webhook did not take, and fails on demand.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.emulators.bot_calls import BotCall, bot_call, chosen, wait_for_calls
from tests.emulators.install import node, node_folder
from tests.emulators.running import Running, answers_http, running

TOKEN = "123456789:AAtest-token-of-the-emulator_00000000"  # noqa: S105 - of the emulator
BOT_ID = 123456789
BOT_USERNAME = "phms_test_bot"
LAUNCHER = Path(__file__).with_name("telegram_launcher.js")
KINDS: dict[str, dict[str, Any]] = {  # what a message has instead of a text
    "voice": {"voice": {"file_id": "v1", "file_unique_id": "uv1", "duration": 3, "mime_type": "audio/ogg"}},
    "sticker": {
        "sticker": {
            **{"file_id": "s1", "file_unique_id": "us1", "type": "regular", "width": 512, "height": 512},
            **{"is_animated": False, "is_video": False, "emoji": "👍"},
        }
    },
    "photo": {"photo": [{"file_id": "p1", "file_unique_id": "up1", "width": 90, "height": 60, "file_size": 22}]},
    "location": {"location": {"latitude": 48.2, "longitude": 16.37}},
    "contact": {"contact": {"phone_number": "+15005550177", "first_name": "Someone"}},
    "document": {"document": {"file_id": "d1", "file_unique_id": "ud1", "file_name": "letter.pdf"}},
    "video": {"video": {"file_id": "m1", "file_unique_id": "um1", "width": 90, "height": 60, "duration": 2}},
}
_number = count(1)


@dataclass(frozen=True)
class Posted:
    """An update that waits for the bot."""

    update_id: int
    message_id: int | None
    callback_id: str | None
    update: dict[str, Any]


@dataclass
class TelegramPolling:
    """A running emulator: what people do in their chats, and what the bot did."""

    base_url: str
    process: Running
    http: httpx.Client

    def says(self, chat_id: int, text: str, **more: Any) -> Posted:
        """A person writes in their private chat. `more` goes into the message."""
        entities = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}] if text[:1] == "/" else None
        return self._message(chat_id, {"text": text} | ({"entities": entities} if entities else {}) | more)

    def sends(self, chat_id: int, kind: str, **more: Any) -> Posted:
        """A voice, sticker, photo, location, contact, document or video."""
        return self._message(chat_id, KINDS[kind] | more)

    def edits(self, chat_id: int, message_id: int, text: str) -> Posted:
        """A person changes what they wrote."""
        body = self._frame(chat_id) | {"message_id": message_id, "text": text}
        return self.update({"edited_message": body})

    def presses(self, chat_id: int, message_id: int, data: str) -> Posted:
        """A person presses a button below one of the bot's messages."""
        below = {"message_id": message_id, "chat": _chat(chat_id), "text": ""}
        query = {"id": f"{chat_id}{next(_number):06d}", "from": _user(chat_id), "chat_instance": f"c{chat_id}"}
        return self.update({"callback_query": query | {"message": below, "data": data}})

    def blocks(self, chat_id: int) -> Posted:
        """A person blocks the bot: it is told, and its sends answer 403 from here on."""
        return self._member(chat_id, "member", "kicked")

    def unblocks(self, chat_id: int) -> Posted:
        return self._member(chat_id, "kicked", "member")

    def says_in_group(self, group_id: int, user_id: int, text: str) -> Posted:
        """`group_id` is negative, as Telegram's are."""
        group = {"id": group_id, "type": "supergroup", "title": "Group"}
        return self.update({"message": {"chat": group, "from": _user(user_id), "text": text}})

    def update(self, body: dict[str, Any]) -> Posted:
        """Any update; ids are given where there are none."""
        made = self._control("update", body)
        message = made.get("message") or made.get("edited_message") or {}
        query = made.get("callback_query") or {}
        return Posted(made["update_id"], message.get("message_id"), query.get("id"), made)

    def again(self, update_id: int) -> None:
        """The same update once more, as after an answer that was lost on its way."""
        assert self._control("again", {"update_id": update_id}), "no such update"

    @property
    def calls(self) -> list[BotCall]:
        """Every call of the bot but getUpdates, refused ones too."""
        return [
            bot_call(one["method"], one["params"], one["result"], ok=one["ok"], fault=one["fault"], error=one["error"])
            for one in self.http.get("/_control/calls").raise_for_status().json()
        ]

    def sent(self, chat_id: int | None = None, method: str | None = None) -> list[BotCall]:
        """Calls that went through, in order; where the answer was then cut off, too."""
        return chosen(self.calls, chat_id, method)

    def wait_sent(
        self, count: int = 1, chat_id: int | None = None, method: str | None = "sendMessage", within: float = 10.0
    ) -> list[BotCall]:
        """The same, as soon as there are `count`."""
        what = f"{method or 'calls'} at Telegram"
        return wait_for_calls(lambda: self.sent(chat_id, method), count, what, within)

    def photo(self, file_id: str) -> bytes:
        """The bytes of a photo that the bot sent."""
        return self.http.get(f"/_control/file/{file_id}").raise_for_status().content

    def webhook(self) -> dict[str, Any]:
        """As getWebhookInfo, and the secret_token."""
        return dict(self.state()["webhook"])

    def pending(self) -> list[int]:
        """Updates not confirmed yet: by a later offset, or by a webhook's 2xx."""
        return list(self.state()["pending"])

    def state(self) -> dict[str, Any]:
        """pending; pushed: {update_id, status} of each push, 0 for no answer; polling: a long poll waits; webhook."""
        return dict(self.http.get("/_control/state").raise_for_status().json())

    def set_webhook(self, url: str, secret_token: str | None = None) -> None:
        """For a bot that does not do it itself."""
        form = {"url": url} | ({"secret_token": secret_token} if secret_token else {})
        self.http.post(f"/bot{TOKEN}/setWebhook", data=form).raise_for_status()

    def parallel(self, connections: int) -> None:
        """How many updates are pushed to the webhook at once. One at first: strictly in order."""
        self._control("parallel", {"parallel": connections})

    # Faults of the next calls of a method: to any chat, or to one.
    def too_many(self, retry_after: int = 1, **which: Any) -> None:
        """429 with retry_after."""
        self._fault("too_many", retry_after=retry_after, **which)

    def forbidden(self, **which: Any) -> None:
        """403: blocked by the user."""
        self._fault("forbidden", **which)

    def not_found(self, **which: Any) -> None:
        """400: chat not found."""
        self._fault("not_found", **which)

    def broken(self, **which: Any) -> None:
        """500."""
        self._fault("broken", **which)

    def hangs(self, **which: Any) -> None:
        """No answer, and not done."""
        self._fault("hangs", **which)

    def drops(self, *, after: bool = True, **which: Any) -> None:
        """The connection is cut before the answer: done already, or with `after=False` not done."""
        self._fault("drops", after=after, **which)

    def clear_faults(self) -> None:
        self._control("clear", {})

    def _fault(
        self, kind: str, times: int = 1, method: str = "sendMessage", chat_id: int | None = None, **more: Any
    ) -> None:
        self._control("fault", {"kind": kind, "times": times, "method": method, "chat_id": chat_id} | more)

    def _message(self, chat_id: int, content: dict[str, Any]) -> Posted:
        return self.update({"message": self._frame(chat_id) | content})

    def _frame(self, chat_id: int) -> dict[str, Any]:
        return {"chat": _chat(chat_id), "from": _user(chat_id)}

    def _member(self, chat_id: int, was: str, now: str) -> Posted:
        states: list[dict[str, Any]] = [
            {"user": {"id": BOT_ID, "is_bot": True, "first_name": "PHMS"}, "status": one} for one in (was, now)
        ]
        for one in states:
            one |= {"until_date": 0} if one["status"] == "kicked" else {}
        body = {"chat": _chat(chat_id), "from": _user(chat_id)}
        return self.update({"my_chat_member": body | {"old_chat_member": states[0], "new_chat_member": states[1]}})

    def _control(self, what: str, body: dict[str, Any]) -> Any:
        return self.http.post(f"/_control/{what}", json=body).raise_for_status().json()


def _chat(chat_id: int) -> dict[str, Any]:
    return {"id": chat_id, "type": "private", "first_name": "User"}


def _user(user_id: int) -> dict[str, Any]:
    return {"id": user_id, "is_bot": False, "first_name": "User", "language_code": "en"}


@contextmanager
def telegram_polling() -> Iterator[TelegramPolling]:
    """telegram-test-api 4.2.1 behind our repairs; `base_url` is what replaces https://api.telegram.org."""
    command = [node(), LAUNCHER, node_folder() / "node_modules"]
    with (
        running(
            "telegram",
            lambda port: [*command, str(port), TOKEN, BOT_USERNAME],
            answered=answers_http("/_control/state"),
        ) as process,
        httpx.Client(base_url=process.url, timeout=30, trust_env=False) as http,
    ):
        yield TelegramPolling(process.url, process, http)
