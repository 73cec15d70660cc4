"""Updates as Telegram sends them, one builder for each kind, and what we read out of each."""

import json
from typing import Any

from data.model.conversation import MessageKind as Kind

BOT_ID = 4242
PERSON = {"id": 111, "is_bot": False, "first_name": "A", "username": "aa", "language_code": "en"}
BOT = {"id": BOT_ID, "is_bot": True, "first_name": "Ward", "username": "ward_bot"}
PRIVATE = {"id": 111, "first_name": "A", "username": "aa", "type": "private"}
GROUP = {"id": -100777, "title": "Family", "type": "supergroup"}
CHANNEL = {"id": -100888, "title": "News", "type": "channel"}
_FILE = {"file_id": "f", "file_unique_id": "u"}
_SIZE = {**_FILE, "width": 10, "height": 10}


def message(text: str | None = None, chat: dict[str, Any] = PRIVATE, **more: Any) -> dict[str, Any]:
    base = {"message_id": 7, "from": PERSON, "chat": chat, "date": 1_700_000_000}
    return base | ({} if text is None else {"text": text}) | more


def update(number: int = 9001, **kind: Any) -> dict[str, Any]:
    return {"update_id": number, **kind}


def body(update: dict[str, Any]) -> bytes:
    return json.dumps(update).encode()


def member(status: str) -> dict[str, Any]:
    more = {"until_date": 0} if status == "kicked" else {}
    if status == "administrator":
        rights = "can_be_edited is_anonymous can_manage_chat can_delete_messages can_manage_video_chats"
        rights += " can_restrict_members can_promote_members can_change_info can_invite_users can_post_stories"
        rights += " can_edit_stories can_delete_stories"
        more = dict.fromkeys(rights.split(), False)
    return {"user": BOT, "status": status, **more}


def change(chat: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    members = {"old_chat_member": member(before), "new_chat_member": member(after)}
    return {"chat": chat, "from": PERSON, "date": 1_700_000_000, **members}


def press(chat: dict[str, Any] = PRIVATE, **more: Any) -> dict[str, Any]:
    base = {"id": "4384", "from": PERSON, "chat_instance": "1", "data": "b:1"}
    return base | {"message": {**message("Taken?", chat), "from": BOT}} | more


_ORIGIN = {"type": "user", "date": 1, "sender_user": {"id": 5, "is_bot": False, "first_name": "X"}}
_VOICE, _DOCUMENT = {**_FILE, "duration": 3}, {**_FILE, "file_name": "a.pdf"}
_ANIMATION, _NOTE = {**_SIZE, "duration": 1}, {**_FILE, "length": 9, "duration": 1}
_STICKER = {**_SIZE, "type": "regular", "is_animated": False, "is_video": False, "emoji": "🙂"}
_POLL = {
    "id": "1",
    "question": "Better?",
    "options": [{"persistent_id": "0", "text": "yes", "voter_count": 0}],
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
    "type": "regular",
    "allows_multiple_answers": False,
    "allows_revoting": False,
    "members_only": False,
}
_QUOTED = message("spo2 80", message_id=3)

# name -> (the update without its id, (kind, address, text, ref) or None)
KINDS: dict[str, tuple[dict[str, Any], tuple[Kind, str, str, str] | None]] = {
    "text": ({"message": message("I feel dizzy")}, (Kind.TEXT, "111", "I feel dizzy", "7")),
    "start": ({"message": message("/start Zk3-x")}, (Kind.TEXT, "111", "/start Zk3-x", "7")),
    "4,096 faces": ({"message": message("😀" * 4096)}, (Kind.TEXT, "111", "😀" * 4096, "7")),
    "nul": ({"message": message("a\x00b")}, (Kind.TEXT, "111", "a\x00b", "7")),
    "reply": (
        {"message": message("no", reply_to_message=_QUOTED, quote={"text": "spo2 80", "position": 0})},
        (Kind.TEXT, "111", "no", "7"),
    ),
    "edit": ({"edited_message": message("spo2 92", edit_date=1_700_000_009)}, (Kind.EDIT, "111", "spo2 92", "7")),
    "photo": ({"message": message(photo=[_SIZE], caption="my rash")}, (Kind.PICTURE, "111", "my rash", "7")),
    "photo with an empty text": (
        {"message": message("", photo=[_SIZE], caption="my rash")},
        (Kind.PICTURE, "111", "my rash", "7"),
    ),
    "photo alone": ({"message": message(photo=[_SIZE])}, (Kind.PICTURE, "111", "", "7")),
    "edited caption": (
        {"edited_message": message(photo=[_SIZE], caption="chest pain", edit_date=1)},
        (Kind.PICTURE, "111", "chest pain", "7"),
    ),
    "edited without words": (
        {"edited_message": message(location={"latitude": 1.0, "longitude": 2.0}, edit_date=1)},
        None,
    ),
    "voice": ({"message": message(voice=_VOICE)}, (Kind.VOICE, "111", "", "7")),
    "audio": ({"message": message(audio=_VOICE, caption="listen")}, (Kind.VOICE, "111", "listen", "7")),
    "video note": (
        {"message": message(video_note=_NOTE)},
        (Kind.VOICE, "111", "", "7"),
    ),
    "sticker": ({"message": message(sticker=_STICKER)}, (Kind.STICKER, "111", "", "7")),
    "animation": ({"message": message(animation=_ANIMATION, document=_DOCUMENT)}, (Kind.STICKER, "111", "", "7")),
    "document": ({"message": message(document=_DOCUMENT, caption="results")}, (Kind.FILE, "111", "results", "7")),
    "video": ({"message": message(video={**_SIZE, "duration": 1})}, (Kind.FILE, "111", "", "7")),
    "location": ({"message": message(location={"latitude": 1.0, "longitude": 2.0})}, (Kind.FILE, "111", "", "7")),
    "contact": ({"message": message(contact={"phone_number": "1", "first_name": "B"})}, (Kind.FILE, "111", "", "7")),
    "poll": ({"message": message(poll=_POLL)}, (Kind.FILE, "111", "", "7")),
    "dice": ({"message": message(dice={"emoji": "🎲", "value": 3})}, (Kind.FILE, "111", "", "7")),
    "not known yet": ({"message": message(hologram={"file_id": "h"})}, (Kind.FILE, "111", "", "7")),
    "forwarded": (
        {"message": message("chest pain, spo2 80", forward_origin=_ORIGIN)},
        (Kind.FORWARDED, "111", "chest pain, spo2 80", "7"),
    ),
    "forwarded photo": (
        {"message": message(photo=[_SIZE], caption="x", forward_origin=_ORIGIN)},
        (Kind.FORWARDED, "111", "x", "7"),
    ),
    "by an inline bot": ({"message": message("spo2 70", via_bot=BOT)}, (Kind.FORWARDED, "111", "spo2 70", "7")),
    "by a bot": ({"message": message("hello", **{"from": BOT})}, None),
    "pinned": ({"message": message(pinned_message=_QUOTED)}, None),
    "timer": ({"message": message(message_auto_delete_timer_changed={"message_auto_delete_time": 5})}, None),
    "press": ({"callback_query": press()}, (Kind.BUTTON, "111", "b:1", "4384")),
    "press on an old one": (
        {"callback_query": press(message={"chat": PRIVATE, "message_id": 7, "date": 0})},
        (Kind.BUTTON, "111", "b:1", "4384"),
    ),
    "press in a group": ({"callback_query": press(GROUP)}, None),
    "press of a game": ({"callback_query": {k: v for k, v in press(game_short_name="g").items() if k != "data"}}, None),
    "blocked": ({"my_chat_member": change(PRIVATE, "member", "kicked")}, (Kind.BLOCKED, "111", "", "")),
    "unblocked": ({"my_chat_member": change(PRIVATE, "kicked", "member")}, (Kind.UNBLOCKED, "111", "", "")),
    "group": ({"message": message("chest pain", GROUP)}, (Kind.GROUP, "-100777", "chest pain", "111")),
    "forwarded in a group": (
        {"message": message("chest pain", GROUP, forward_origin=_ORIGIN)},
        (Kind.GROUP, "-100777", "chest pain", ""),
    ),
    "group edit": (
        {"edited_message": message("chest pain", GROUP, edit_date=1)},
        (Kind.GROUP, "-100777", "chest pain", "111"),
    ),
    "group photo": (
        {"message": message(chat=GROUP, photo=[_SIZE], caption="help")},
        (Kind.GROUP, "-100777", "help", "111"),
    ),
    "hidden administrator": (
        {"message": message("help", GROUP, sender_chat=GROUP, **{"from": {**BOT, "id": 1087968824}})},
        (Kind.GROUP, "-100777", "help", ""),
    ),
    "another bot in a group": ({"message": message("hi", GROUP, **{"from": {**BOT, "id": 9}})}, None),
    "somebody joins": ({"message": message(chat=GROUP, new_chat_members=[PERSON])}, None),
    "copied from a channel": ({"message": message("x", GROUP, is_automatic_forward=True, sender_chat=CHANNEL)}, None),
    "added to a group": ({"my_chat_member": change(GROUP, "left", "member")}, (Kind.GROUP, "-100777", "", "")),
    "added to a channel": (
        {"my_chat_member": change(CHANNEL, "left", "administrator")},
        (Kind.GROUP, "-100888", "", ""),
    ),
    "promoted": ({"my_chat_member": change(GROUP, "member", "administrator")}, None),
    "thrown out": ({"my_chat_member": change(GROUP, "member", "kicked")}, None),
    "channel post": ({"channel_post": message("x", CHANNEL)}, None),
    "edited channel post": ({"edited_channel_post": message("x", CHANNEL)}, None),
    "poll news": ({"poll": _POLL}, None),
    "reaction": (
        {
            "message_reaction": {
                "chat": PRIVATE,
                "message_id": 7,
                "user": PERSON,
                "date": 1,
                "old_reaction": [],
                "new_reaction": [{"type": "emoji", "emoji": "👍"}],
            }
        },
        None,
    ),
    "business": ({"business_message": message("x")}, None),
    "nothing": ({}, None),
}
