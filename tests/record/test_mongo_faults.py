"""A MongoDB that is down, dies, or whose answers get lost: the same call again is always safe."""

import socket
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from data.errors import Conflict, PhmsError, Unavailable
from data.model.chart import Changes
from data.record.memory import MemoryRecord
from data.record.mongo import MongoRecord
from tests.record import mongo_server
from tests.record.examples import LEASE, MINUTE, NOW, due, message, put, sms
from tests.record.keys import FixedKeys
from tests.record.mongo_proxy import Proxy
from tests.record.mongo_steps import LOOK, put_erasure
from tests.record.stores import AnyRecord
from tests.record.test_crash import EVERYTHING, prepare

# What the driver may take to find out that nobody answers, and to give up on one that does not answer.
SOON = 12.0


@pytest.fixture
def wire(url: str) -> Iterator[Proxy]:
    proxy = Proxy(url)
    yield proxy
    proxy.close()


def commit(record: AnyRecord) -> object:
    return put(record, "event", EVERYTHING, now=NOW + MINUTE)


def until_done(step: Callable[[], object]) -> tuple[object, int]:
    """What a caller does: the same again as long as the outcome is unknown. And how often it was."""
    for unknown in range(9):
        try:
            return step(), unknown
        except Unavailable as problem:
            assert "\n" not in str(problem)
    raise AssertionError("never done")


COLLECTIONS = ["journal", "vitals", "outbox", "due", "person", "chart"]


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("command", ["insert", "update", "delete", "find"])
def test_a_lost_answer_to_any_part_of_a_commit_does_it_exactly_once(
    url: str, wire: Proxy, collection: str, command: str
) -> None:
    memory = MemoryRecord()
    record = MongoRecord(wire.url, FixedKeys())
    for each in (record, memory):
        prepare(each)
    wire.lose(_said(command, collection))
    written, unknown = until_done(lambda: commit(record))
    assert unknown <= wire.lost, "the driver may have tried again by itself"
    assert written is (unknown == 0) or collection == "chart", "committed before, unless it was the very journal"
    assert not commit(record)
    commit(memory)
    assert record.digest() == memory.digest()
    assert [e.event_id for e in record.journal("anna")] == ["before", "event"]
    record.close()


@pytest.mark.parametrize(
    ("step", "command", "collection"),
    [
        (lambda record: record.keep(message("sms:2")), "insert", "inbox"),
        (lambda record: record.claim_message(NOW, LEASE), "update", "inbox"),
        (lambda record: record.claim_due(NOW, LEASE), "update", "due"),
        (lambda record: record.claim_outbox(NOW, LEASE), "update", "outbox"),
        (lambda record: record.reserve_code("clara", "esc-1", "anna", NOW), "insert", "code"),
        (lambda record: record.note_access(LOOK), "insert", "access"),
        (put_erasure, "update", "inbox"),
        (put_erasure, "delete", "key"),
        (put_erasure, "update", "chart"),
        (lambda record: record.recover(), "find", "chart"),
    ],
)
def test_every_other_step_is_safe_to_repeat(
    wire: Proxy, step: Callable[[MongoRecord], object], command: str, collection: str
) -> None:
    record = MongoRecord(wire.url, FixedKeys())
    prepare(record)
    wire.lose(_said(command, collection))
    until_done(lambda: step(record))
    assert wire.lost == 1
    # A claim whose answer was lost lapses like that of a dead worker.
    for _ in range(2):
        until_done(lambda: step(record))
    assert record.recover() == 0
    assert not record.keep(message("sms:1"))
    record.close()


def test_while_it_is_away_everything_is_unavailable_and_then_all_is_well(url: str, wire: Proxy) -> None:
    record = MongoRecord(wire.url, FixedKeys())
    put(record, "e1", Changes(dues=(due("d"),), communications=(sms("c"),)))
    digest = record.digest()
    wire.cut()
    begun = monotonic()
    with pytest.raises(Unavailable, match="try again"):
        put(record, "e2", Changes())
    assert monotonic() - begun < SOON
    with pytest.raises(Unavailable, match="start it or check the address, and try again"):
        record.keep(message("sms:1"))
    wire.cut(down=False)
    assert record.digest() == digest
    assert put(record, "e2", Changes())
    assert record.keep(message("sms:1"))
    record.close()


def test_one_that_is_not_there_is_unavailable_within_seconds() -> None:
    begun = monotonic()
    url = f"mongodb://phms:secret@127.0.0.1:{mongo_server.free_port()}/phms"
    with pytest.raises(Unavailable, match="MongoDB database 'phms': no server that takes writes answers") as caught:
        MongoRecord(url, FixedKeys())
    assert monotonic() - begun < SOON
    assert "secret" not in str(caught.value)


def test_one_that_says_nothing_is_unavailable_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = monotonic()
        with pytest.raises(Unavailable, match="try again"):
            MongoRecord(f"mongodb://127.0.0.1:{silent.getsockname()[1]}/phms", FixedKeys())
        assert monotonic() - begun < SOON


def test_one_that_is_killed_in_mid_stream_is_unavailable() -> None:
    server = mongo_server.Server()
    record = MongoRecord(server.url, FixedKeys())
    for n in range(20):
        assert put(record, f"e{n}", Changes())
    server.kill()
    for step in (
        lambda: put(record, "e20", Changes()),
        lambda: record.keep(message("sms:1")),
        lambda: record.claim_due(NOW, LEASE),
        lambda: record.keys.keys_of("~kek"),
    ):
        begun = monotonic()
        with pytest.raises(Unavailable, match="try again") as caught:
            step()
        assert isinstance(caught.value, PhmsError)
        assert monotonic() - begun < SOON
    record.close()


def test_a_conflict_is_told_from_a_lost_answer(url: str, wire: Proxy) -> None:
    record, other = MongoRecord(wire.url, FixedKeys()), MongoRecord(url, FixedKeys())
    put(record, "e1", Changes())
    chart = record.chart("anna")
    put(other, "e2", Changes())
    with pytest.raises(Conflict, match="revision 2, not 1"):
        record.commit(chart, "e3", "test", "tester", Changes(), NOW)
    for each in (record, other):
        each.close()


def _said(command: str, collection: str) -> bytes:
    """How a command begins on the wire (BSON: a string field, its length in bytes, its value)."""
    return b"\2%b\0%b%b\0" % (command.encode(), (len(collection) + 1).to_bytes(4, "little"), collection.encode())
