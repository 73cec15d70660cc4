"""What only a record in MongoDB promises: its indexes, its lock, whom it talks to and how, and what never gets in."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from bson.son import SON
from pymongo.errors import (
    AutoReconnect,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from data.errors import BadFile, BadInput, PhmsError, Unavailable
from data.model.audit import Access
from data.model.chart import Changes
from data.model.people import ChannelKind
from data.ports import Record
from data.record.chain import Chained
from data.record.mongo import MongoRecord
from data.record.mongo_errors import in_our_words
from data.record.mongo_schema import INDEXES
from data.record.mongo_store import LIMIT
from data.record.tables import VERSION
from data.sealing.keyring import KeyTable
from tests.record import mongo_server
from tests.record.examples import NOW, due, message, person, put, reading, sms
from tests.record.keys import FixedKeys
from tests.record.mongo_steps import LOOK, put_erasure
from tests.record.mongo_watch import COMMANDS, problems
from tests.record.test_crash import EVERYTHING, prepare

DAY = timedelta(days=1)
SMS = ChannelKind.SMS


class TestOpening:
    def test_it_is_a_record_with_a_chain_and_keys(self, mongo: MongoRecord) -> None:
        ports: tuple[Record, Chained, KeyTable] = (mongo, mongo, mongo.keys)
        assert ports

    @pytest.mark.parametrize(
        "url", ["mongodb://", "mongodb://a:b:c/d", "mongodb://anna:sec:ret@h/x", "mongodb://h/a b."]
    )
    def test_an_url_that_cannot_be_read_is_refused_without_quoting_it(self, url: str) -> None:
        with pytest.raises(BadFile, match=r"write it as mongodb://user:password@host:27017/database") as caught:
            MongoRecord(url, FixedKeys())
        assert "sec" not in str(caught.value)

    def test_another_schema_version_is_refused_and_untouched(self, url: str) -> None:
        MongoRecord(url, FixedKeys()).close()
        mongo_server.raw(url)["meta"].update_one({}, {"$set": {"version": 99}})
        before = mongo_server.contents(url)
        with pytest.raises(BadFile, match=f"has schema version 99, this program reads {VERSION}; use"):
            MongoRecord(url, FixedKeys())
        assert mongo_server.contents(url) == before

    def test_another_root_key_is_refused_and_untouched(self, url: str, mongo: MongoRecord) -> None:
        put(mongo, "e1", Changes())
        before = mongo_server.contents(url)
        with pytest.raises(BadFile):
            MongoRecord(url, FixedKeys(8))
        assert mongo_server.contents(url) == before

    def test_the_keys_of_another_record_are_refused_and_untouched(self, url: str, mongo: MongoRecord) -> None:
        other = mongo_server.fresh_url()
        MongoRecord(other, FixedKeys()).close()
        mongo_server.raw_keys(url)["key"].delete_many({})
        mongo_server.raw_keys(url)["key"].insert_many(mongo_server.raw_keys(other)["key"].find())
        mongo_server.drop(other)
        before = mongo_server.contents(url)
        with pytest.raises(BadFile, match="was sealed with other keys; restore the database of keys"):
            MongoRecord(url, FixedKeys())
        assert mongo_server.contents(url) == before

    def test_without_its_keys_nothing_is_made_anew(self, url: str, mongo: MongoRecord) -> None:
        mongo_server.raw_keys(url)["key"].delete_many({})
        with pytest.raises(BadFile, match=r"its keys are not there; restore the database '\w+_keys'"):
            MongoRecord(url, FixedKeys())
        assert mongo_server.raw_keys(url)["key"].count_documents({}) == 0

    def test_a_database_of_something_else_is_refused_and_untouched(self, url: str) -> None:
        mongo_server.raw(url)["journal"].insert_one({"_id": 1, "dear": "diary"})
        before = mongo_server.contents(url)
        with pytest.raises(BadFile, match="holds something else"):
            MongoRecord(url, FixedKeys())
        assert mongo_server.contents(url) == before

    def test_two_processes_may_make_it_at_once(self, url: str) -> None:
        records = [MongoRecord(url, FixedKeys()) for _ in range(2)]
        put(records[0], "e1", Changes())
        assert records[1].chart("anna").revision == 1
        for record in records:
            record.close()


class TestIndexes:
    def test_every_unique_one_begins_with_the_shard_key(self) -> None:
        unique = [keys for indexes in INDEXES.values() for _, keys, is_unique in indexes if is_unique]
        assert unique
        assert {keys[0] for keys in unique} == {"s"}

    def test_they_are_as_they_should_be(self, url: str, mongo: MongoRecord) -> None:
        for name, wanted in INDEXES.items():
            found = mongo_server.raw(url)[name].index_information()
            for index, keys, unique in wanted:
                assert found[index]["key"] == [(key, 1) for key in keys]
                assert bool(found[index].get("unique")) == unique

    def test_one_that_was_dropped_is_made_again(self, url: str, mongo: MongoRecord) -> None:
        mongo_server.raw(url)["journal"].drop_index("event")
        MongoRecord(url, FixedKeys()).close()
        assert mongo_server.raw(url)["journal"].index_information()["event"]["unique"]

    @pytest.mark.parametrize(
        ("keys", "options"),
        [
            (["s", "event"], {"name": "event"}),
            (["event", "s"], {"name": "event", "unique": True}),
            (["s", "event"], {"name": "event", "unique": True, "sparse": True}),
        ],
    )
    def test_one_of_another_form_is_refused_by_name(
        self, url: str, mongo: MongoRecord, keys: list[str], options: dict[str, object]
    ) -> None:
        journal = mongo_server.raw(url)["journal"]
        journal.drop_index("event")
        journal.create_index([(key, 1) for key in keys], **options)
        with pytest.raises(BadFile, match="index 'event' of 'journal' has wrong keys or options; drop it"):
            MongoRecord(url, FixedKeys())

    @pytest.mark.parametrize("options", [{"unique": True}, {"expireAfterSeconds": 60}])
    def test_one_that_would_refuse_or_remove_rows_is_refused(
        self, url: str, mongo: MongoRecord, options: dict[str, object]
    ) -> None:
        mongo_server.raw(url)["outbox"].create_index([("at", 1)], name="mine", **options)
        with pytest.raises(BadFile, match="index 'mine' of 'outbox' does not belong here"):
            MongoRecord(url, FixedKeys())


class TestCommands:
    def test_a_full_day_says_nothing_that_is_not_on_the_list(self, url: str, mongo: MongoRecord) -> None:
        prepare(mongo)
        put(mongo, "event", EVERYTHING)
        mongo.note_access(LOOK)
        mongo.heads_since("")
        mongo.bands(reading().code, NOW - DAY, NOW + DAY)
        mongo.tend(NOW + 30 * DAY, 10 * DAY, 20 * DAY)
        put_erasure(mongo)
        mongo.recover()
        mongo.digest()
        assert mongo_server.WATCH.seen >= {"insert", "update", "delete", "find", "aggregate"}
        assert mongo_server.WATCH.seen - COMMANDS == set()

    @pytest.mark.parametrize(
        "command",
        [
            {"findAndModify": "due"},
            {"insert": "due", "writeConcern": {"w": 1}},
            {"find": "due", "filter": {"_id": "x"}, "readConcern": {"level": "majority"}},
            {"find": "due", "filter": {}, "readConcern": {"level": "local"}},
            {"aggregate": "due", "pipeline": [{"$out": "x"}], "readConcern": {"level": "majority"}},
            {"find": "due", "filter": {"s": {"$regex": "a"}}, "readConcern": {"level": "majority"}},
        ],
    )
    def test_the_watch_notices(self, command: dict[str, object]) -> None:
        assert problems(SON(command))

    def test_the_watch_notices_updates_that_other_servers_do_not_know(self) -> None:
        sure = {"w": "majority", "j": True, "wtimeout": 5_000}
        fine = {"q": {"_id": "x", "s": "x"}, "u": {"$set": {}}, "multi": False}
        assert not problems(SON({"update": "due", "writeConcern": sure, "updates": [fine]}))
        for other in ({"u": [{"$set": {}}]}, {"u": {"$inc": {"n": 1}}}, {"q": {"_id": "x"}}):
            assert problems(SON({"update": "due", "writeConcern": sure, "updates": [fine | other]}))


class TestBadInput:
    def test_what_is_too_large_is_refused_before_anything_is_written(self, url: str, mongo: MongoRecord) -> None:
        put(mongo, "e1", Changes())
        before = mongo_server.contents(url)
        large = "x" * (LIMIT // 2 + 10)
        for what in (
            Changes(notes=(large, large)),
            Changes(communications=(sms("c", text=large + large),)),
            Changes(person=person("anna", name=large + large)),
        ):
            with pytest.raises(BadInput, match="too large to be stored; 8 MiB are allowed"):
                put(mongo, "e2", what)
        with pytest.raises(BadInput):
            mongo.keep(message("sms:1", text=large + large))
        assert mongo_server.contents(url) == before

    def test_a_chart_that_grew_too_large_takes_no_more_and_still_reads(self, url: str, mongo: MongoRecord) -> None:
        large = "x" * (LIMIT // 2 - 5_000)
        put(mongo, "e1", Changes(communications=(sms("a", text=large),)))
        put(mongo, "e2", Changes(communications=(sms("b", text=large),)))
        with pytest.raises(BadInput, match="too large"):
            put(mongo, "e3", Changes(communications=(sms("c", text=large),)))
        assert mongo.chart("anna").revision == 2
        assert put(mongo, "e4", Changes(notes=("small",)))

    @pytest.mark.parametrize("key", ["$where", "a.b", "\0", "{}", "__proto__", "'; drop", "\udcff"])
    def test_no_key_ever_reaches_the_store(self, url: str, mongo: MongoRecord, key: str) -> None:
        assert mongo.person_at(SMS, key) is None
        assert mongo.chart(key).revision == 0
        assert not mongo.committed(key, key)
        if key != "\udcff":
            put(mongo, key, Changes(dues=(due(key, key),)), key)
            mongo.keep(message(key, key))
            assert mongo.chart(key).dues == (due(key, key),)
            assert not [found for found in _strings(mongo_server.contents(url)) if found == key or f"/{key}" in found]

    def test_a_closed_record_is_unavailable(self, url: str) -> None:
        record = MongoRecord(url, FixedKeys())
        record.close()
        record.close()
        with pytest.raises(Unavailable, match="closed; open it again"):
            record.chart("anna")


class TestErrors:
    @pytest.mark.parametrize(
        ("problem", "kind", "said"),
        [
            (ServerSelectionTimeoutError("secret"), Unavailable, "start it or check the address"),
            (NotPrimaryError("secret"), Unavailable, "name the whole replica set"),
            (NetworkTimeout("secret"), Unavailable, "did not answer in time; try again"),
            (AutoReconnect("secret"), Unavailable, "the connection was cut; try again"),
            (WTimeoutError("secret", 64), Unavailable, "confirm by majority"),
            (OperationFailure("secret", 13), BadFile, "grant readWrite"),
            (OperationFailure("secret", 18), BadFile, "put the right ones into the URL"),
            (OperationFailure("secret", 14031), Unavailable, "make room"),
            (OperationFailure("secret", 10107), Unavailable, "not the primary"),
            (OperationFailure("secret", 11000), Unavailable, "try again"),
            (OperationFailure("secret", 4711), Unavailable, r"refused a command \(code 4711\); try again"),
            (OperationFailure("secret"), Unavailable, r"refused a command \(OperationFailure\)"),
        ],
    )
    def test_each_says_in_one_line_what_to_do_and_quotes_nothing(
        self, problem: OperationFailure, kind: type[PhmsError], said: str
    ) -> None:
        ours = in_our_words(problem, "MongoDB database 'phms'")
        assert type(ours) is kind
        with pytest.raises(kind, match=said):
            raise ours
        assert "secret" not in str(ours)
        assert "\n" not in str(ours)


def test_a_raw_dump_shows_nothing_of_what_was_said(url: str, mongo: MongoRecord) -> None:
    words = [f"canary{n}" for n in range(12)]
    who = person(words[0], words[1], name=words[2], code=words[3])
    put(mongo, words[4], Changes(person=who, notes=(words[5],)), words[0])
    put(mongo, "e2", Changes(communications=(sms(words[6], words[0], text=words[7]),)), words[0])
    mongo.keep(message(words[8], words[0], text=words[9], address=words[1]))
    mongo.reserve_code(words[10], words[11], words[0], NOW)
    mongo.note_access(
        Access(subject=words[0], actor=words[10], role="clinician", action="read", at=NOW, reason=words[7])
    )
    text = repr(mongo_server.contents(url))
    assert [word for word in words if word in text] == []


def _strings(thing: object) -> Iterator[str]:
    """Every string in a database, names of fields included."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from _strings(key)
            yield from _strings(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _strings(value)
