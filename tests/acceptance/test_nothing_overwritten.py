"""Nothing is overwritten: no real record by the demo, no lost one by a new one, and a mistyped name makes nothing."""

import io
from pathlib import Path

import pytest

from bot.cli.main import main
from data.errors import BadFile
from data.model.chart import Changes
from data.record.mongo import MongoRecord
from data.record.sqlite import SqliteRecord
from tests.record import mongo_server
from tests.record.examples import person, put
from tests.record.keys import FixedKeys


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return tmp_path / "home"


@pytest.fixture
def url() -> str:
    return mongo_server.fresh_url()


def test_the_demo_empties_no_database_that_it_did_not_make(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = mongo_server.named(url, f"{mongo_server.name_of(url)}_demo")
    record = MongoRecord(real, FixedKeys())
    put(record, "enrol", Changes(person=person()))
    monkeypatch.setenv("PHMS_STORE", url)
    assert main(["demo"]) == 2
    assert "holds what no demo put there" in capsys.readouterr().err
    assert record.people() == (person(),)
    record.close()
    mongo_server.drop(real)


def test_a_mistyped_database_is_not_made(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHMS_STORE", url)
    assert main(["keys", "create"]) == 0
    for command in (["people"], ["audit", "verify"], ["export", "--patient", "A-17", "--out", "-", "--format", "json"]):
        assert main(command) == 2
        assert "there is no record yet" in capsys.readouterr().err
    assert mongo_server.raw(url).list_collection_names() == []


def test_a_lost_file_is_not_made_anew_beside_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    record = SqliteRecord(path, FixedKeys())
    put(record, "enrol", Changes(person=person()))
    record.close()
    for left in tmp_path.glob("record.sqlite*"):
        if ".keys" not in left.name:
            left.unlink()
    with pytest.raises(BadFile, match="lost or emptied; restore it"):
        SqliteRecord(path, FixedKeys())


def test_a_dropped_database_is_not_made_anew_beside_its_keys(url: str) -> None:
    record = MongoRecord(url, FixedKeys())
    put(record, "enrol", Changes(person=person()))
    record.close()
    for name in mongo_server.raw(url).list_collection_names():
        mongo_server.raw(url).drop_collection(name)
    with pytest.raises(BadFile, match="lost or emptied"):
        MongoRecord(url, FixedKeys())
    mongo_server.drop(url)


def test_a_lost_key_file_is_to_be_restored(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat"]) in (0, 2)
    (home / "master.key").unlink()
    capsys.readouterr()
    assert main(["people"]) == 2
    assert "restore it from your backup" in capsys.readouterr().err
