"""What a bot asked of Telegram, in one form for all the emulators of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.emulators.threads import wait_for


@dataclass(frozen=True)
class Button:
    """One inline button."""

    text: str
    data: str | None
    url: str | None


@dataclass(frozen=True)
class BotCall:
    """One call of a bot method. `ok` is false where it was refused; `fault` says what was done to it on demand."""

    method: str
    chat_id: int | None
    text: str  # the text or the caption
    message_id: int | None
    buttons: list[Button]
    file_id: str | None  # of a photo
    params: dict[str, Any]
    ok: bool = True
    fault: str | None = None
    error: str | None = None


def bot_call(method: str, params: dict[str, Any], result: Any = None, **more: Any) -> BotCall:
    """A call out of what was asked and what Telegram answered."""
    chat = params.get("chat_id")
    markup = params.get("reply_markup") or {}
    if isinstance(markup, str):
        markup = json.loads(markup)
    rows = markup.get("inline_keyboard", [])
    made = result if isinstance(result, dict) else {}
    asked_id = params.get("message_id")
    return BotCall(
        method=method,
        chat_id=int(chat) if chat not in (None, "") else None,
        text=str(params.get("text") or params.get("caption") or ""),
        message_id=made.get("message_id") or (int(asked_id) if asked_id else None),
        buttons=[Button(one["text"], one.get("callback_data"), one.get("url")) for row in rows for one in row],
        file_id=made["photo"][-1]["file_id"] if made.get("photo") else None,
        params=params,
        **more,
    )


def chosen(calls: list[BotCall], chat_id: int | None, method: str | None) -> list[BotCall]:
    """The calls that went through, of a chat and a method where they are given."""
    return [one for one in calls if one.ok and chat_id in (None, one.chat_id) and method in (None, one.method)]


def wait_for_calls(asked: Callable[[], list[BotCall]], count: int, what: str, within: float) -> list[BotCall]:
    """What `asked` finds, as soon as there are `count`."""

    def enough() -> list[BotCall] | None:
        found = asked()
        return found if len(found) >= count else None

    return wait_for(enough, within, f"{count} {what}")
