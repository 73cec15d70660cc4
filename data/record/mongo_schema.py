"""The MongoDB database itself: how it is reached, which indexes it must have, and whose record it is.

To shard it: `{s: 1}` (the person's name) for every collection but `inbox`, whose key is `{_id: 1}` (the message's
name), so that an id that comes again meets itself wherever it was kept.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pymongo import IndexModel, MongoClient, ReadPreference
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from data.errors import BadFile
from data.record.mongo_errors import translated
from data.record.tables import VERSION

Document = dict[str, Any]

# The database where the URL names none.
_NAME = "phms"
# Milliseconds.
_TIMEOUTS: dict[str, Any] = {"serverSelectionTimeoutMS": 3_000, "connectTimeoutMS": 3_000, "socketTimeoutMS": 5_000}
_CONFIRM = 5_000
_META = "record"

# Name, keys and whether it is unique, per collection; every unique one begins with the shard key.
_Index = tuple[str, tuple[str, ...], bool]
INDEXES: dict[str, tuple[_Index, ...]] = {
    "inbox": (
        ("unfinished", ("done", "n", "_id"), False),
        ("leased", ("done", "lease_until"), False),
        ("queue", ("o", "done", "n"), False),
        ("order", ("o", "n", "_id"), False),
        ("last", ("n", "_id"), False),
    ),
    "journal": (
        ("event", ("s", "event"), True),
        ("revision", ("s", "revision"), False),
        ("seq", ("seq", "s"), False),
        ("oldest", ("oldest", "_id"), False),
    ),
    "chart": (("erased", ("erased", "_id"), False),),
    "vitals": (
        ("window", ("s", "code", "hour"), False),
        ("since", ("s", "hour"), False),
        ("band", ("code", "hour", "band", "n"), False),
        ("tend", ("thin", "hour", "_id"), False),
        ("age", ("hour", "_id"), False),
    ),
    "outbox": (
        ("line", ("late", "created_at", "seq", "place", "_id"), False),
        ("held", ("not_before",), False),
        ("leased", ("lease_until",), False),
        ("person", ("s", "_id"), False),
    ),
    "due": (
        ("line", ("due_at", "seq", "place", "_id"), False),
        ("set", ("set_at",), False),
        ("leased", ("lease_until",), False),
        ("person", ("s", "_id"), False),
    ),
    "person": (
        ("address", ("addresses",), False),
        ("role", ("role", "n"), False),
        ("enrolled", ("gone", "n", "s"), False),
    ),
    "code": (
        ("escalation", ("s", "escalation"), False),
        ("given", ("s", "given_at"), False),
        ("about", ("about",), False),
    ),
    "access": (("number", ("s", "number"), False), ("seq", ("seq",), False)),
    "anchor": (("number", ("number",), False),),
}
_KEY_INDEXES: tuple[_Index, ...] = (("owner", ("s", "generation"), True),)
# What would make rows vanish, or leave some out of an index.
_ODD = ("sparse", "expireAfterSeconds", "partialFilterExpression", "collation")


def connect(url: str) -> tuple[Database[Document], Database[Document]]:
    """The record's database and that of its keys, both written by majority and journal, and read as confirmed so.

    Raises `BadFile` for an URL that cannot be read, or rights that do not suffice, `Unavailable` when nobody answers.
    """
    client: MongoClient[Document] | None = None
    try:
        client = MongoClient(url, appname="phms", **_TIMEOUTS)
        name = client.get_default_database(default=_NAME).name
        databases = _database(client, name), _database(client, f"{name}_keys")
    except (PyMongoError, ValueError, TypeError):
        if client is not None:
            client.close()
        # Its own words may quote the password.
        raise BadFile(
            "the URL of the MongoDB record cannot be read, or its host is not known; "
            "write it as mongodb://user:password@host:27017/database"
        ) from None
    try:
        with translated(f"MongoDB database {name!r}"):
            client.admin.command("ping")
    except BaseException:
        client.close()
        raise
    return databases


def check_meta(database: Database[Document], keys: Database[Document]) -> None:
    """Nothing is written. Raises `BadFile` for a database of something else, another version, or without its keys."""
    where = f"MongoDB database {database.name!r}"
    with translated(where):
        meta = database["meta"].find_one({"_id": _META})
        if meta is None:
            used = any(database[name].find_one({}, {"_id": 1}) is not None for name in INDEXES)
            # Another process may just have made it, `meta` first.
            meta = database["meta"].find_one({"_id": _META})
        if meta is None:
            if used:
                raise BadFile(f"{where}: holds something else, or a record without its `meta`; name another database")
            # Only the house's own keys have names from "~" on.
            if keys["key"].find_one({"s": {"$lt": "~"}, "generation": {"$gt": 0}}, {"_id": 1}) is not None:
                raise BadFile(f"{where}: is lost or emptied, and {keys.name!r} holds people's keys; restore it")
            return
        if meta.get("version") != VERSION:
            raise BadFile(
                f"{where}: has schema version {meta.get('version')}, this program reads {VERSION}; "
                "use the version of the program that wrote it, or name another database"
            )
        if keys["key"].find_one({}, {"_id": 1}) is None:
            raise BadFile(f"{where}: its keys are not there; restore the database {keys.name!r} that belongs to it")


def check_keys(database: Database[Document], check: bytes) -> Document | None:
    """What the database says it is, None when it is new. Raises `BadFile` when it was sealed with other keys."""
    where = f"MongoDB database {database.name!r}"
    with translated(where):
        meta = database["meta"].find_one({"_id": _META})
    if meta is not None and (meta["version"] != VERSION or meta["check"] != check):
        raise BadFile(f"{where}: was sealed with other keys; restore the database of keys that belongs to it")
    return meta


def lock_meta(database: Database[Document], check: bytes) -> Document:
    """Make the database this version's and these keys' for ever. Raises `BadFile` when it is another's."""
    where = f"MongoDB database {database.name!r}"
    with translated(where), suppress(DuplicateKeyError):
        database["meta"].insert_one({"_id": _META, "version": VERSION, "check": check, "loading": ""})
    return check_keys(database, check) or {}


def mark_loading(database: Database[Document], dump: str) -> None:
    """Note that the dump of this digest is on its way in ("" once it is all there)."""
    with translated(f"MongoDB database {database.name!r}"):
        database["meta"].update_one({"_id": _META}, {"$set": {"loading": dump}})


def make_indexes(database: Database[Document], keys: Database[Document]) -> None:
    """Make what is missing and look at all. Raises `BadFile` that names an index with wrong keys or options."""
    for name, wanted in INDEXES.items():
        _make(database[name], wanted)
    _make(keys["key"], _KEY_INDEXES)


def _make(collection: Collection[Document], wanted: tuple[_Index, ...]) -> None:
    where = f"MongoDB database {collection.database.name!r}"
    with translated(where):
        missing = _missing(collection, wanted)
        if not missing:
            return
        models = [IndexModel([(key, 1) for key in keys], name=name, unique=unique) for name, keys, unique in missing]
        try:
            collection.create_indexes(models)
        except DuplicateKeyError:
            raise _wrong(collection, missing, "cannot be made: there are double entries; restore a backup") from None
        except OperationFailure as problem:
            # IndexOptionsConflict, IndexKeySpecsConflict: made by hand, under another name or with other options.
            if problem.code not in (85, 86):
                raise
            raise _wrong(collection, missing, "is there in another form; drop that, this program makes it") from None
        left = _missing(collection, wanted)
    if left:
        raise _wrong(collection, left, "could not be made; look into the server's log")


def _missing(collection: Collection[Document], wanted: tuple[_Index, ...]) -> list[_Index]:
    found = {index["name"]: index for index in collection.list_indexes()}
    known = {name: (keys, unique) for name, keys, unique in wanted}
    for name, index in found.items():
        said = tuple((key, int(way)) for key, way in index["key"].items())
        unique = bool(index.get("unique"))
        if name in known:
            keys, wants_unique = known[name]
            right = said == tuple((key, 1) for key in keys) and unique == wants_unique
            if not right or any(index.get(option) for option in _ODD):
                raise _wrong(collection, [(name, keys, unique)], "has wrong keys or options; drop it, and start again")
        elif name != "_id_" and (unique or "expireAfterSeconds" in index):
            raise _wrong(
                collection, [(name, (), unique)], "does not belong here: it would refuse or remove rows; drop it"
            )
    return [index for index in wanted if index[0] not in found]


def _wrong(collection: Collection[Document], indexes: Iterable[_Index], problem: str) -> BadFile:
    names = ", ".join(repr(name) for name, _, _ in indexes)
    return BadFile(f"MongoDB database {collection.database.name!r}: index {names} of {collection.name!r} {problem}")


def _database(client: MongoClient[Document], name: str) -> Database[Document]:
    return client.get_database(
        name,
        read_preference=ReadPreference.PRIMARY,
        read_concern=ReadConcern("majority"),
        write_concern=WriteConcern("majority", j=True, wtimeout=_CONFIRM),
    )
