"""From the bytes of one Telegram update to our words, by plain dictionaries: typed objects cost forty times as much."""

import json
from typing import Any, NamedTuple, NoReturn

import msgspec

from data.errors import BadInput
from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from data.model.people import ChannelKind

# What we ask Telegram for; whatever else comes is answered 200 and nothing more.
ASKED_FOR = ("message", "edited_message", "callback_query", "my_chat_member")
# Telegram's ids have at most 52 significant bits, update ids fewer (core.telegram.org/bots/api).
_MOST = 2**63
_GROUPS = ("group", "supergroup", "channel")
_INSIDE, _OUTSIDE = ("member", "administrator", "restricted"), ("left", "kicked")
# In this order: an animation also comes as a document.
_MEDIA = {
    "voice": MessageKind.VOICE,
    "audio": MessageKind.VOICE,
    "video_note": MessageKind.VOICE,
    "sticker": MessageKind.STICKER,
    "animation": MessageKind.STICKER,
    "photo": MessageKind.PICTURE,
    "live_photo": MessageKind.PICTURE,
}
# Telegram's own notes on a chat, which nobody wrote; any other message was sent by somebody, who gets an answer.
_NOTES = frozenset(
    """
    boost_added channel_chat_created chat_background_set chat_owner_changed chat_owner_left chat_shared
    checklist_tasks_added checklist_tasks_done connected_website delete_chat_photo direct_message_price_changed
    forum_topic_closed forum_topic_created forum_topic_edited forum_topic_reopened general_forum_topic_hidden
    general_forum_topic_unhidden gift gift_upgrade_sent giveaway_completed giveaway_created group_chat_created
    left_chat_member managed_bot_created message_auto_delete_timer_changed migrate_from_chat_id migrate_to_chat_id
    new_chat_members new_chat_photo new_chat_title paid_message_price_changed passport_data pinned_message
    poll_option_added poll_option_deleted proximity_alert_triggered refunded_payment successful_payment
    suggested_post_approval_failed suggested_post_approved suggested_post_declined suggested_post_paid
    suggested_post_refunded supergroup_chat_created unique_gift users_shared video_chat_ended
    video_chat_participants_invited video_chat_scheduled video_chat_started web_app_data write_access_allowed
    """.split()
)
# Words that somebody else wrote or a bot made up: screened for an emergency, never taken for the sender's own.
_NOT_THEIRS = ("forward_origin", "via_bot")

_Json = dict[str, Any]


class _Found(NamedTuple):
    kind: MessageKind
    address: str
    text: str = ""
    ref: str = ""


def read_update(body: bytes, bot_id: int) -> Inbound | None:
    """One update of the bot, or None for what needs no answer. Raises `BadInput` for what is not an update.

    A message forwarded, or made by a bot, is FORWARDED with its words, whatever it looks like: words to be screened,
    not to be believed. Of a reply only the own words count, not what is quoted. Anything in a group is GROUP, with the
    group's id, and the writer's as its `ref`. A text may carry half characters, as JSON can: the house mends what it
    keeps.
    """
    update = _object(body)
    number = _number(update, "update_id")
    if number < 0:
        raise BadInput("update_id is negative")
    for key, read in _READERS.items():
        if key in update:
            found = read(_part(update, key))
            break
    else:
        return None
    if found is None:
        return None
    return Inbound(
        channel=ChannelKind.TELEGRAM,
        address=found.address,
        text=found.text,
        provider_message_id=f"{bot_id}:{number}",
        kind=found.kind,
        ref=found.ref,
    )


def _message(message: _Json) -> _Found | None:
    chat = _part(message, "chat")
    address, ref, words = str(_number(chat, "id")), str(_number(message, "message_id")), _words(message)
    if _by_a_bot(message) or not _sent_by_somebody(message, words):
        return None
    if chat.get("type") in _GROUPS:
        return _Found(MessageKind.GROUP, address, words, _writer(message))
    if chat.get("type") != "private":
        return None
    return _Found(_kind(message), address, words, ref)


def _edited(message: _Json) -> _Found | None:
    """New words for old. Without words it is a place on the map that moves, every few seconds."""
    found = _message(message)
    if found is None or not found.text:
        return None
    return found._replace(kind=MessageKind.EDIT) if found.kind is MessageKind.TEXT else found


def _writer(message: _Json) -> str:
    """Whose words they are in a group, as the chat that this person has with us alone; nobody's where they hide."""
    sender = message.get("from")
    if not isinstance(sender, dict) or "sender_chat" in message or any(mark in message for mark in _NOT_THEIRS):
        return ""
    return str(_number(sender, "id"))


def _pressed(query: _Json) -> _Found | None:
    """Our buttons stand in private chats only and all carry data."""
    sender, data, ref = _part(query, "from"), query.get("data"), query.get("id")
    message = query.get("message")
    chat = message.get("chat") if isinstance(message, dict) else None
    if not isinstance(chat, dict) or chat.get("type") != "private" or sender.get("is_bot") is True:
        return None
    if not isinstance(data, str) or not data:
        return None
    if not isinstance(ref, str):
        raise BadInput("the callback query has no id")
    return _Found(MessageKind.BUTTON, str(_number(sender, "id")), data, ref)


def _membership(change: _Json) -> _Found | None:
    chat = _part(change, "chat")
    address = str(_number(chat, "id"))
    before, after = (_part(change, key).get("status") for key in ("old_chat_member", "new_chat_member"))
    if chat.get("type") == "private":
        kind = {"kicked": MessageKind.BLOCKED, "member": MessageKind.UNBLOCKED}.get(str(after))
        return None if kind is None else _Found(kind, address)
    added = before in _OUTSIDE and after in _INSIDE
    return _Found(MessageKind.GROUP, address) if added and chat.get("type") in _GROUPS else None


_READERS = {
    "message": _message,
    "edited_message": _edited,
    "callback_query": _pressed,
    "my_chat_member": _membership,
}


def _kind(message: _Json) -> MessageKind:
    if any(mark in message for mark in _NOT_THEIRS):
        return MessageKind.FORWARDED
    if message.get("text"):
        return MessageKind.TEXT
    return next((kind for medium, kind in _MEDIA.items() if medium in message), MessageKind.FILE)


def _by_a_bot(message: _Json) -> bool:
    """An administrator who hides behind the group, or a channel that writes there, looks like a bot and is none."""
    sender = message.get("from")
    return isinstance(sender, dict) and sender.get("is_bot") is True and "sender_chat" not in message


def _sent_by_somebody(message: _Json, words: str) -> bool:
    """A channel's post that Telegram copied into the group beside it was not sent to us."""
    if message.get("is_automatic_forward") is True:
        return False
    return bool(words) or not (message.keys() & _NOTES)


def _words(message: _Json) -> str:
    words = message.get("text") or message.get("caption") or ""
    if not isinstance(words, str):
        raise BadInput("the text is no text")
    return words


def _object(body: bytes) -> _Json:
    """The last of doubled keys counts, as for every reader of Telegram's JSON."""
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        found = _with_halves(body)
    if not isinstance(found, dict):
        raise BadInput("the update is not a JSON object")
    return found


def _with_halves(body: bytes) -> Any:
    """JSON may escape half a character, which the quick reader refuses; the words around it must not be lost."""
    try:
        if b"\\ud" not in body.lower():
            raise BadInput("the update is not JSON")
        return json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadInput("the update is not JSON") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _part(whole: _Json, key: str) -> _Json:
    part = whole.get(key)
    if not isinstance(part, dict):
        raise BadInput(f"{key} is missing or no object")
    return part


def _number(whole: _Json, key: str) -> int:
    number = whole.get(key)
    # bool is a kind of int; true is no id.
    if type(number) is not int or not -_MOST < number < _MOST:
        raise BadInput(f"{key} is missing or no id")
    return number
