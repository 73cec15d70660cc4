"""What we read out of an update: every kind, PTB as the judge, and any bytes at all without another error."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import Message, Update

from data.errors import BadInput
from data.model.conversation import MessageKind
from data.model.inbound import Inbound
from data.model.people import ChannelKind
from integrations.telegram_inbound import _NOTES, ASKED_FOR, read_update
from tests.integrations.telegram_updates import BOT_ID, GROUP, KINDS, PRIVATE, body, message, update


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_update(name: str):
    given_update, expected = KINDS[name]
    found = read_update(body(update(**given_update)), BOT_ID)
    if expected is None:
        assert found is None
        return
    kind, address, text, ref = expected
    assert found == Inbound(
        channel=ChannelKind.TELEGRAM,
        address=address,
        text=text,
        provider_message_id=f"{BOT_ID}:9001",
        kind=kind,
        ref=ref,
    )


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")
@pytest.mark.parametrize("name", KINDS)
def test_python_telegram_bot_reads_the_same(name: str):
    raw = update(**KINDS[name][0])
    judge, found = Update.de_json(raw, None), read_update(body(raw), BOT_ID)
    if found is None:
        return
    assert found.provider_message_id == f"{BOT_ID}:{judge.update_id}"
    assert judge.effective_chat is not None
    assert found.address == str(judge.effective_chat.id)
    if (query := judge.callback_query) is not None:
        assert query.message is not None
        assert (found.text, found.ref) == (query.data, query.id)
        assert found.address == str(query.from_user.id)
        return
    said = judge.message or judge.edited_message
    if said is None:
        assert judge.my_chat_member is not None
        assert found.text == found.ref == ""
        return
    theirs = said.sender_chat is None and said.forward_origin is None
    writer = str(said.from_user.id) if said.from_user and theirs else ""
    ref = writer if found.kind is MessageKind.GROUP else str(said.message_id)
    assert (found.text, found.ref) == (said.text or said.caption or "", ref)
    private = judge.effective_chat.type == "private"
    assert (found.kind is MessageKind.GROUP) != private
    if found.kind in (MessageKind.TEXT, MessageKind.EDIT):
        assert said.forward_origin is None
        assert said.via_bot is None
        assert (found.kind is MessageKind.EDIT) == (judge.edited_message is not None)


def test_telegrams_own_notes_are_fields_that_exist():
    """A typing error in the list would have a note answered as if somebody had written."""
    assert set(Message.__slots__) >= _NOTES


def test_we_ask_for_what_we_read_and_nothing_else():
    read = {next(iter(kind)) for kind, expected in KINDS.values() if expected is not None}
    assert read == set(ASKED_FOR)
    assert read <= set(Update.ALL_TYPES)


@pytest.mark.parametrize("note", sorted(_NOTES))
def test_notes_are_not_answered_wherever_they_stand(note: str):
    for chat in (PRIVATE, GROUP):
        assert read_update(body(update(message=message(chat=chat, **{note: True}))), BOT_ID) is None


def test_half_a_character_does_not_lose_the_words_around_it():
    raw = b'{"update_id":5,"message":{"message_id":1,"chat":{"id":1,"type":"private"},"text":"chest pain \\ud83d"}}'
    found = read_update(raw, BOT_ID)
    assert found is not None
    assert found.text == "chest pain \ud83d"
    assert found.kind is MessageKind.TEXT


def test_the_last_of_doubled_keys_counts():
    raw = body(update(message=message("first")))[:-1] + b',"message":' + json.dumps(message("last")).encode() + b"}"
    found = read_update(raw, BOT_ID)
    assert found is not None
    assert found.text == "last" == Update.de_json(json.loads(raw), None).message.text


_BAD = {
    "empty": b"",
    "not JSON": b"hello",
    "cut": body(update(message=message("x")))[:-3],
    "no object": b"[]",
    "a number": b"5",
    "null": b"null",
    "two": b"{} {}",
    "NaN": b'{"update_id":NaN}',
    "NaN beside halves": b'{"update_id":5,"a":"\\ud800","b":NaN}',
    "Infinity": b'{"update_id":Infinity}',
    "not UTF-8": b'{"update_id":5,"a":"\xff"}',
    "a half in bytes": b'{"update_id":5,"a":"\xed\xa0\x80"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "deep": b'{"update_id":1,"message":' + b"[" * 200_000,
    "deep and balanced": b"[" * 200_000 + b"]" * 200_000,
    "deep with halves": b'{"a":"\\ud800","b":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "no id": b"{}",
    "huge": b'{"update_id":' + b"9" * 5000 + b"}",
    "beyond": b'{"update_id":9223372036854775808}',
    "negative": b'{"update_id":-1}',
    "float": b'{"update_id":5.0}',
    "true": b'{"update_id":true}',
    "text": b'{"update_id":"5"}',
    "message is none": body(update(message=None)),
    "message is a list": body(update(message=[])),
    "no chat": body(update(message={"message_id": 1, "text": "x"})),
    "no chat id": body(update(message=message("x", {"type": "private"}))),
    "text is a number": body(update(message=message(text=5))),  # type: ignore[arg-type]
    "caption is an object": body(update(message=message(photo=[], caption={"a": 1}))),
    "press without sender": body(update(callback_query={"id": "1", "data": "x"})),
    "no new member": body(update(my_chat_member={"chat": PRIVATE, "old_chat_member": {}})),
}


@pytest.mark.parametrize("name", _BAD)
def test_what_is_no_update_is_bad_input_that_tells_no_words(name: str):
    with pytest.raises(BadInput) as problem:
        read_update(_BAD[name], BOT_ID)
    assert len(str(problem.value)) < 80


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_ANY = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)


def _read(raw: bytes) -> Inbound | None:
    try:
        return read_update(raw, BOT_ID)
    except BadInput:
        return None


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes):
    _read(raw)


@given(_ANY)
def test_any_json(value: Any):
    _read(json.dumps(value).encode())


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


@settings(max_examples=400)
@given(st.data())
def test_real_updates_with_something_else_in_one_place(data: st.DataObject):
    raw = json.loads(body(update(**KINDS[data.draw(st.sampled_from(sorted(KINDS)))][0])))
    path = data.draw(st.sampled_from(_places(raw)[1:]))
    inner = raw
    for key in path[:-1]:
        inner = inner[key]
    if data.draw(st.booleans()) and isinstance(inner, dict):
        del inner[path[-1]]
    else:
        inner[path[-1]] = data.draw(_ANY)
    found = _read(json.dumps(raw).encode())
    if found is not None:
        assert found.provider_message_id.startswith(f"{BOT_ID}:")
        assert all(isinstance(part, str) for part in (found.address, found.text, found.ref))


@given(st.text(max_size=4096))
def test_every_text_passes_whole(text: str):
    found = _read(body(update(message=message(text))))
    assert found is not None
    assert found.text == text
    assert found.kind is (MessageKind.TEXT if text else MessageKind.FILE)
