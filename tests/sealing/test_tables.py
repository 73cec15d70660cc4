"""The table of wrapped keys: one contract for wherever it is kept."""

from dataclasses import replace

import pytest

from data.record.mongo_keys import MongoKeys
from data.record.sqlite_keys import SqliteKeys
from data.sealing.wrapping import KeyRow
from tests.record import mongo_server
from tests.sealing.tables import MemoryKeys

ROW = KeyRow(owner="anna", generation=1, under="1", wrapped=b"\0wrapped\xff", check=b"12345678")


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def table(request, tmp_path):
    if request.param == "memory":
        yield MemoryKeys()
    elif request.param == "sqlite":
        table = SqliteKeys(tmp_path / "record.sqlite.keys")
        yield table
        table.close()
    else:
        url = mongo_server.fresh_url()
        yield MongoKeys(mongo_server.raw_keys(url))
        mongo_server.drop(url)


def test_a_key_is_kept_once_and_as_it_was_given(table):
    assert table.keys_of("anna") == ()
    assert table.put_key(ROW)
    assert not table.put_key(replace(ROW, wrapped=b"other"))
    assert table.keys_of("anna") == (ROW,)
    assert list(table.keys()) == [ROW]


def test_generations_come_oldest_first_and_owners_apart(table):
    rows = [replace(ROW, generation=n) for n in (300, 2, 1)]
    assert all(table.put_key(row) for row in (*rows, replace(ROW, owner="anna2"), replace(ROW, owner="~kek")))
    assert [row.generation for row in table.keys_of("anna")] == [1, 2, 300]
    every = table.keys()
    assert sorted({row.owner for row in every}) == ["anna", "anna2", "~kek"]


def test_a_key_wrapped_anew_replaces_itself_only(table):
    table.put_key(ROW)
    table.put_key(replace(ROW, generation=2))
    anew = replace(ROW, under="2", wrapped=b"anew")
    assert table.replace_key(anew)
    assert table.keys_of("anna") == (anew, replace(ROW, generation=2))
    assert not table.replace_key(replace(ROW, generation=3))
    assert not table.replace_key(replace(ROW, owner="ben"))
    assert table.keys_of("ben") == ()


def test_what_is_shredded_never_comes_back(table):
    for generation in (1, 2):
        table.put_key(replace(ROW, generation=generation))
    table.put_key(replace(ROW, owner="ben"))
    assert table.shred("anna") == 2
    assert table.shred("anna") == 0
    (left,) = table.keys_of("anna")
    assert (left.generation, left.wrapped) == (0, b"")
    for generation in (1, 3):
        assert not table.put_key(replace(ROW, generation=generation))
        assert not table.replace_key(replace(ROW, generation=generation))
    assert [row.generation for row in table.keys_of("anna")] == [0]
    assert table.keys_of("ben") == (replace(ROW, owner="ben"),)
    assert table.shred("nobody") == 0
    assert not table.put_key(replace(ROW, owner="nobody"))


def test_one_key_is_removed_and_may_be_put_again(table):
    table.put_key(ROW)
    table.put_key(replace(ROW, generation=2))
    table.remove_key("anna", 1)
    table.remove_key("anna", 1)
    assert [row.generation for row in table.keys_of("anna")] == [2]
    assert table.put_key(ROW)


def test_rows_may_change_while_all_are_read(table):
    for n in range(1200):
        table.put_key(replace(ROW, owner=f"{n:04}"))
    seen, every = [], table.keys()
    for row in every:
        seen.append(row.owner)
        table.replace_key(replace(row, under="2"))
        if row.owner == "0100":
            table.shred("1100")
            table.remove_key("1101", 1)
    assert len(set(seen)) == len(seen)
    assert {f"{n:04}" for n in range(1200)} - set(seen) <= {"1101"}
    every = table.keys()
    assert {row.under for row in every if row.generation} == {"2"}
