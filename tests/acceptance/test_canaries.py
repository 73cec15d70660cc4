"""200 canaries planted wherever a person writes or is named: not one is found in what the stores keep, nor in logs."""

import logging
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import bson
import pytest

from bot.erasure import Request, erase
from bot.logs import QUIET
from bot.operator import operator
from data.record.anchoring import anchor
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord
from data.record.verify import verify
from data.vocabulary import vital_signs
from nlu.safety import alarm_rules
from tests.acceptance.crashing import KIT
from tests.acceptance.planted import Planted
from tests.acceptance.scanning import canaries_in
from tests.record import mongo_server
from tests.record.keys import FixedKeys
from tests.record.stores import Store

SEALED = ("sqlite", "mongo")
# Conditions, as rules and lexicons name them; those that a vital sign's name contains are no secret.
CONDITIONS = {
    name
    for name in alarm_rules() | KIT.rules.symptom_names() | set(KIT.rules.ids())
    if len(name) > 5 and not any(name in code for code in vital_signs())
}


class Told(logging.Handler):
    """Everything that is logged where PHMS_LOG_LEVEL is DEBUG, before any filter."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.name} {record.getMessage()} {record.args!r}")


@pytest.fixture(scope="module", params=SEALED)
def lived(request, tmp_path_factory):
    """A store in which the night was lived, still open, and everything that was logged on the way."""
    store, told, root = Store(request.param, tmp_path_factory.mktemp("night")), Told(), logging.getLogger()
    before = {logger: logger.level for logger in (root, *map(logging.getLogger, QUIET))}
    root.addHandler(told)
    for logger in before:
        logger.setLevel(logging.DEBUG if logger is root else logging.WARNING)
    try:
        night = Planted(store.open()).live()
        anchor(night.record, night.clock.now())
    finally:
        root.removeHandler(told)
        for logger, level in before.items():
            logger.setLevel(level)
    yield store, night, told.lines
    store.close()


def raw(store):
    """Everything that the store wrote, as it lies there."""
    if store.kind == "sqlite":
        return {file.name: file.read_bytes() for file in sorted(store.folder.iterdir())}
    blobs = {}
    for database in (mongo_server.raw(store.url), mongo_server.raw_keys(store.url)):
        for name in database.list_collection_names():
            blobs[f"{database.name}.{name}"] = b"".join(map(bson.encode, database[name].find({})))
    return blobs


def test_the_night_plants_200_canaries_and_they_are_all_recorded():
    """Whoever looks must be able to find: a record that seals nothing shows all but what is never kept."""
    night = Planted(MemoryRecord()).live()
    assert len(night.strings) + len(night.numbers) >= 200
    found = {line.partition(": ")[2] for line in canaries_in({"dump": night.record.dump()}, night.strings)}
    missing = {place for canary, place in night.strings.items() if canary not in found}
    # Of a stranger nothing is kept but the address (see test_consent).
    assert missing == {"a stranger wrote", "words before enrolment"}
    assert len(found) + len(night.numbers) >= 200
    assert len(canaries_in({"dump": night.record.dump()}, (), night.numbers)) == len(night.numbers)
    assert "file: chest-pain" in canaries_in({"file": night.record.dump()}, CONDITIONS)


def test_not_one_is_found_in_what_is_stored(lived):
    store, night, _ = lived
    blobs = raw(store)
    assert sum(map(len, blobs.values())) > 300_000
    if store.kind == "sqlite":
        assert {name.removeprefix("record.db") for name in blobs} == {
            "", "-wal", "-shm", ".keys", ".keys-wal", ".keys-shm"
        }  # fmt: skip
    assert canaries_in(blobs, {*night.strings, *CONDITIONS}, night.numbers) == []


def test_nor_after_people_were_erased_old_vitals_tended_and_all_was_closed_and_opened_again(lived):
    store, night, _ = lived
    now = night.clock.now()
    for person in night.patients[:2]:
        erase(night.record, Request(subject=person.id, who=operator(), now=now, reason="asked for by letter"))
    night.record.tend(now + timedelta(days=40), timedelta(days=10), timedelta(days=30))
    record = store.reopen(night.record)
    record.recover()
    assert verify(record).sound
    assert canaries_in(raw(store), {*night.strings, *CONDITIONS}, night.numbers) == []
    record.close()
    assert canaries_in(raw(store), {*night.strings, *CONDITIONS}, night.numbers) == []


def test_nor_in_anything_that_was_logged(lived):
    _, night, told = lived
    # The night has faults, and they were told: a provider that raises with the words, a parser that fails on them.
    assert sum("raised RuntimeError" in line for line in told) >= 5
    assert sum("the parser failed" in line for line in told) >= 5
    # Ids may be logged; who writes them down keeps names out of them.
    ids = {canary for canary, place in night.strings.items() if place.startswith("id of a ")}
    log = "\n".join(told).encode()
    assert canaries_in({"log": log}, {*night.strings, *CONDITIONS} - ids, night.numbers) == []


# What does stand in clear: names that tell nothing, kinds, roles, vital signs, counts and instants. Nothing else.

NAME = re.compile(r"[\w-]{22}", re.ASCII)
KINDS = {"enrol", "consent", "message", "receipt", "readings", "timer", "note", "people", "erase"}
ACTIONS = {
    *("erase", "erasure-certificate", "break-glass", "read-chart", "read-nudges", "read-page", "read-access-log"),
    *("list-patients", "export"),
}
ROLES = {"patient", "proxy", "clinician", "care manager", "administrator", "stranger"}


def is_name(value: object) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def is_count(value: object) -> bool:
    """A whole number: how many, which, or when in microseconds."""
    return isinstance(value, int)


def is_sealed(value: object) -> bool:
    """Nothing, or a body behind the head that every sealed one has: version 1, generation, nonce, tag."""
    return value == b"" or (isinstance(value, bytes) and len(value) > 31 and value[:1] == b"\x01")


def is_keyed(*lengths: int) -> Callable[[object], bool]:
    """A digest or link, which only the keys can make."""
    return lambda value: isinstance(value, bytes) and len(value) in lengths


def one_of(allowed: set[str], mark: str = "") -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value.removeprefix(mark) in allowed


def is_code(value: object) -> bool:
    """A reply code: which person it is about, and what for, is sealed."""
    return isinstance(value, str) and re.fullmatch(r"\d{3}", value) is not None


def is_head(value: object) -> bool:
    """Of which streams an anchor says how far they had got: names and links."""
    text = value.decode() if isinstance(value, bytes) else ""
    return re.fullmatch(r'(?:[\[\]{},:]|"[\w=+/-]*"|\d+)*', text, re.ASCII) is not None


def is_mark(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\d/]*", value) is not None


_LEASE = dict.fromkeys(("lease_from", "lease_until", "token", "attempt"), is_count)
_WORK = dict.fromkeys(("n", "seq", "place", "revision", "set_at"), is_count) | _LEASE
_CHAIN = {"actor": is_name, "at": is_count, "digest": is_keyed(16), "link": is_keyed(32), "body": is_sealed}
IN_CLEAR: dict[str, dict[str, Callable[[object], bool]]] = {
    "schema_version": {"version": is_count, "house": is_keyed(8, 16, 32)},
    "token": {"last": is_count},
    "person_change": {"last": is_count},
    "inbox": {"n": is_count, "id": is_name, "owner": is_name, "done": is_count, "body": is_sealed, **_LEASE},
    "journal": {
        "seq": is_count, "subject": is_name, "revision": is_count, "event": is_name, "kind": one_of(KINDS),
        "relieved": is_count, **_CHAIN,
    },
    "chart": {"n": is_count, "subject": is_name, "revision": is_count, "link": is_keyed(32), "body": is_sealed},
    "vitals": {
        "subject": is_name, "code": one_of(set(vital_signs())), "hour": is_count, "n": is_count, "band": is_count,
        "revision": is_count, "body": is_sealed,
    },
    "outbox": {
        "subject": is_name, "id": is_name, "late": is_count, "created_at": is_count, "not_before": is_count,
        "body": is_sealed, **_WORK,
    },
    "due": {"subject": is_name, "id": is_name, "due_at": is_count, "body": is_sealed, **_WORK},
    "person": {
        "n": is_count, "id": is_name, "active": is_count, "role": one_of(ROLES), "revision": is_count,
        "body": is_sealed,
    },
    "address": {"address": is_name, "person": is_count, "place": is_count},
    "code": {
        "n": is_count, "recipient": is_name, "code": is_code, "escalation": is_name, "subject": is_name,
        "given_at": is_count, "body": is_sealed,
    },
    "access": {"n": is_count, "subject": is_name, "number": is_count, "kind": one_of(ACTIONS, "!"), **_CHAIN},
    "anchor": {"number": is_count, "at": is_count, "upto": is_mark, "heads": is_head, "link": is_keyed(32)},
}  # fmt: skip


def test_what_stands_in_clear_is_what_may(tmp_path):
    night = Planted(SqliteRecord(tmp_path / "record.db", FixedKeys())).live()
    anchor(night.record, night.clock.now())
    erase(night.record, Request(subject=night.patients[0].id, who=operator(), now=night.clock.now()))
    night.record.close()
    problems, rows = [], 0
    with closing(sqlite3.connect(tmp_path / "record.db")) as connection:
        connection.row_factory = sqlite3.Row
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert set(tables) == set(IN_CLEAR)
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - names from the schema
                rows += 1
                for column in row.keys():  # noqa: SIM118 - iterating a row gives its values
                    allowed = IN_CLEAR[table].get(column)
                    if allowed is None or not allowed(row[column]):
                        problems.append((table, column, row[column]))
    assert problems == []
    assert rows > 500
    assert {table for table in tables if not _empty(tmp_path / "record.db", table)} >= set(IN_CLEAR) - {"outbox"}


def _empty(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None  # noqa: S608


# What a field of MongoDB may hold, whatever document it is in: the same, and what is made of names and counts.
FIELDS = {
    "kind": KINDS | ACTIONS | {f"!{action}" for action in ACTIONS},
    "role": ROLES | {""},
    "kept": {"whole", "less", "nothing"},
    # Of the record as a whole: its schema, who migrates it, what was loaded into it.
    "_id": {"schema", "record"},
}
SPELT = re.compile(
    rf"[\w-]{{22}}(?:/(?:[\w-]{{22}}|\d+|(?:{'|'.join(vital_signs())})/\d+))?"
    # Rows of keys, and the parts of an anchor: its number, a link, which part.
    r"|~house/1|~kek/1|\d+(?:/[0-9a-f]{64}/\d+)?",
    re.ASCII,
)


def may_be_in_mongo(field: str, value: object) -> bool:
    if isinstance(value, list):
        return all(may_be_in_mongo(field, one) for one in value)
    if isinstance(value, str):
        return (
            value in FIELDS.get(field, ())
            or (field == "code" and (is_code(value) or value in vital_signs()))
            or (field == "upto" and is_mark(value))
            or (field == "under" and re.fullmatch(r"[\w.-]{1,40}", value) is not None)
            or (field == "s" and value in ("~house", "~kek"))
            or value == ""
            or SPELT.fullmatch(value) is not None
        )
    if isinstance(value, bytes):
        if field == "body":
            return is_sealed(value)
        return (
            is_head(value)
            if field == "heads"
            else len(value) <= 80 and field in ("digest", "link", "wrapped", "check", "house")
        )
    return isinstance(value, int)


def test_what_stands_in_clear_in_mongodb_is_what_may(tmp_path):
    store = Store("mongo", tmp_path)
    try:
        night = Planted(store.open()).live()
        anchor(night.record, night.clock.now())
        erase(night.record, Request(subject=night.patients[0].id, who=operator(), now=night.clock.now()))
        problems, seen = [], set()
        for database in (mongo_server.raw(store.url), mongo_server.raw_keys(store.url)):
            for name in database.list_collection_names():
                for document in database[name].find({}):
                    seen.add(name)
                    problems += [(name, k, v) for k, v in document.items() if not may_be_in_mongo(k, v)]
        assert problems == []
        assert {"inbox", "journal", "chart", "vitals", "due", "person", "code", "access", "anchor", "key"} <= seen
    finally:
        store.close()


def test_the_keys_file_holds_names_and_wrapped_keys_only(tmp_path):
    night = Planted(SqliteRecord(tmp_path / "record.db", FixedKeys())).live()
    night.record.close()
    with closing(sqlite3.connect(tmp_path / "record.db.keys")) as connection:
        rows = connection.execute("SELECT owner, generation, under, wrapped, mark FROM key").fetchall()
    assert len(rows) > 10
    for owner, generation, under, wrapped, mark in rows:
        assert is_name(owner) or owner in ("~house", "~kek"), owner
        assert is_count(generation)
        assert re.fullmatch(r"[\w.-]{1,40}", under), under
        assert (len(wrapped) in range(48, 80), len(mark) in (8, 16, 32)) == (True, True)
