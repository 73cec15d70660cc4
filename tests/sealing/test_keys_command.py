"""`phms keys` and where the root keys come from: each source, each action, what is refused, and what is never shown."""

import json
import stat
import subprocess
import sys

import pytest

from bot.cli.main import main
from bot.keys import root_keys
from bot.settings import read_settings
from data.errors import BadFile
from data.record.sqlite_keys import SqliteKeys
from data.sealing.keyring import Keyring
from data.sealing.sealing import Sealing
from integrations.file_keystore import FileKeyStore, fresh_line


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("PHMS_STORE", "PHMS_MASTER_KEY", "PHMS_MASTER_KEY_FILE", "PHMS_KEY_VAULT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def phms(home, capsys):
    """Run a command: its exit code, what it printed (as JSON where it is), what it complained about."""

    def run(*arguments):
        code = main(["keys", *arguments])
        out, err = capsys.readouterr()
        return code, json.loads(out) if "--json" in arguments and out else out, err

    return run


@pytest.fixture
def sealed(home, phms):
    """A record's table of keys, under the key file that the command made, with two people and one erased."""
    phms("create")
    table = SqliteKeys(home / "record.sqlite.keys")
    sealing = Sealing(FileKeyStore.of_file(home / "master.key"), table)
    for person in ("anna", "ben", "zoe"):
        sealing.seal("note", sealing.name("person", person), "1", b"x")
    sealing.shred(sealing.name("person", "zoe"))
    yield table
    table.close()


# Where they come from.


def test_a_missing_file_is_made_on_the_first_demo_only_and_said_loudly(home, capsys):
    settings = read_settings()
    with pytest.raises(BadFile, match="phms keys create"):
        root_keys(settings, make=False)
    made = root_keys(settings, make=True)
    told = capsys.readouterr().err
    assert str(home / "master.key") in told
    assert "Back it up apart from the record" in told
    assert stat.S_IMODE((home / "master.key").stat().st_mode) == 0o600
    assert root_keys(settings, make=True).active() == root_keys(settings, make=False).active() == made.active()
    assert capsys.readouterr().err == ""


def test_a_lost_file_is_not_made_again_beside_the_record_it_sealed(home, sealed, capsys):
    (home / "master.key").unlink()
    with pytest.raises(BadFile, match="there is no such file"):
        root_keys(read_settings(), make=True)
    assert not (home / "master.key").exists()


def test_a_file_that_was_named_is_never_made(home, tmp_path, monkeypatch):
    monkeypatch.setenv("PHMS_MASTER_KEY_FILE", str(tmp_path / "mine.key"))
    with pytest.raises(BadFile, match="phms keys create"):
        root_keys(read_settings(), make=True)


def test_the_variable_and_the_file_are_sources_but_not_both(home, tmp_path, monkeypatch):
    line = fresh_line()[1]
    monkeypatch.setenv("PHMS_MASTER_KEY", line)
    settings = read_settings()
    assert root_keys(settings, make=True).roots() == (line.partition(":")[0],)
    assert not (home / "master.key").exists()
    assert line.partition(":")[2] not in repr(settings)
    monkeypatch.setenv("PHMS_MASTER_KEY_FILE", "x")
    monkeypatch.setenv("PHMS_KEY_VAULT", "https://x.vault.azure.net/keys/k")
    with pytest.raises(BadFile, match="PHMS_MASTER_KEY_FILE and PHMS_MASTER_KEY and PHMS_KEY_VAULT are both set"):
        read_settings()


def test_a_password_of_the_store_is_not_shown():
    settings = read_settings({"PHMS_STORE": "mongodb://phms:hunter2@db.example/phms"})
    assert settings.store_shown == "mongodb://***@db.example/phms"
    assert "hunter2" not in repr(settings)


# Making them.


def test_create_makes_one_file_and_replaces_none(home, phms):
    code, told, _ = phms("create", "--json")
    assert (code, told["file"]) == (0, str(home / "master.key"))
    assert FileKeyStore.of_file(home / "master.key").active() == told["id"]
    content = (home / "master.key").read_bytes()
    code, out, err = phms("create")
    assert (code, out) == (2, "")
    assert "is there already" in err
    assert (home / "master.key").read_bytes() == content
    assert phms("create", str(home / "other.key"))[0] == 0
    assert FileKeyStore.of_file(home / "other.key").active() != told["id"]


def test_create_can_print_a_key_for_the_variable(home, phms, monkeypatch):
    code, out, _ = phms("create", "--show")
    assert code == 0
    assert not home.exists()
    monkeypatch.setenv("PHMS_MASTER_KEY", out.strip())
    assert root_keys(read_settings(), make=False).roots() == (out.partition(":")[0],)
    assert phms("create")[0] == 2


# On a record.


def test_no_record_is_a_clear_line(home, phms, monkeypatch):
    phms("create")
    for action in ("status", "rotate", "rewrap", "verify"):
        code, out, err = phms(action)
        assert (code, out) == (2, "")
        assert "there is no sealed record yet" in err
    assert [file.name for file in home.iterdir()] == ["master.key"]
    monkeypatch.setenv("PHMS_STORE", "memory:")
    assert "is not sealed" in phms("status")[2]


def test_a_whole_change_of_keys(home, phms, sealed):
    code, before, _ = phms("status", "--json")
    assert code == 0
    assert before["key_encryption_keys"] == [{"number": 1, "root": before["active"], "wraps": 3}]
    assert (before["owners"], before["data_keys"], before["erased"], before["waiting"]) == (2, 2, 1, 0)
    code, told, _ = phms("rotate", "--json")
    assert (code, told["new_root"], told["key_encryption_key"]) == (0, True, 2)
    code, out, _ = phms("status")
    assert "3 keys are not under the newest yet" in out
    code, told, _ = phms("rewrap", "--json", "--limit", "1000")
    assert (code, told["moved"], told["waiting"], told["problems"]) == (0, 3, 0, [])
    assert told["removable_roots"] == [before["active"]]
    assert phms("rewrap", "--json")[1]["moved"] == 0
    assert f"{before['active']}: wraps nothing; its line may be removed" in phms("status")[1]
    code, told, _ = phms("verify", "--json")
    assert (code, told) == (0, {"tried": 4, "problems": []})
    Keyring(FileKeyStore.of_file(home / "master.key"), sealed)


def test_the_limit_paces(phms, sealed):
    import time

    phms("rotate")
    began = time.monotonic()
    assert phms("rewrap", "--limit", "10", "--json")[1]["moved"] == 3
    assert time.monotonic() - began >= 0.3
    with pytest.raises(SystemExit):
        phms("rewrap", "--limit", "0")


def test_a_new_key_of_one_patient(home, phms, sealed):
    assert phms("rotate", "--patient", "anna", "--json")[1]["generation"] == 2
    assert phms("rotate", "--patient", "anna", "--json")[1]["generation"] == 3
    for nobody in ("zoe", "nobody", ""):
        code, _, err = phms("rotate", "--patient", nobody)
        assert code == 2
        assert err.count("\n") == 1
    assert phms("status", "--json")[1]["data_keys"] == 4


def test_verify_says_what_is_wrong_and_exits_1(home, phms, sealed):
    owner = Sealing(FileKeyStore.of_file(home / "master.key"), sealed).name("person", "anna")
    sealed._connection.execute("UPDATE key SET mark = x'0102030405060708' WHERE owner = ?", (owner,))
    code, out, _ = phms("verify")
    assert code == 1
    assert f"WRONG key 1 of {owner}" in out
    assert "4 keys were tried: 1 wrong" in out
    phms("rotate")
    code, out, _ = phms("rewrap")
    assert code == 1
    assert f"WRONG key 1 of {owner}" in out


def test_another_root_is_one_line_for_every_action(home, phms, sealed):
    (home / "master.key").unlink()
    phms("create")
    before = [*sealed.keys()]
    for action in ("rotate", "rewrap"):
        code, out, err = phms(action)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "lacks the root key" in err
    assert phms("verify")[0] == 1
    assert phms("status")[0] == 0
    assert [*sealed.keys()] == before


# Keys in a variable.


def test_the_variable_is_the_operators_to_change(home, phms, sealed, monkeypatch):
    line = (home / "master.key").read_text().splitlines()[-1]
    monkeypatch.setenv("PHMS_MASTER_KEY", line)
    # Not on a terminal, so the value may be printed: it goes to a secret store.
    code, out, err = phms("rotate")
    assert (code, "rotate` again" in err) == (0, True)
    assert out.startswith("PHMS_MASTER_KEY=")
    assert phms("status", "--json")[1]["key_encryption_keys"][0]["number"] == 1
    monkeypatch.setenv("PHMS_MASTER_KEY", out.strip().partition("=")[2])
    code, told, _ = phms("rotate", "--json")
    assert (told["new_root"], told["key_encryption_key"]) == (True, 2)
    code, told, _ = phms("rewrap", "--json")
    assert told["removable_roots"] == [line.partition(":")[0]]
    monkeypatch.setenv("PHMS_MASTER_KEY", out.strip().partition("=")[2].partition(",")[0])
    assert phms("verify")[0] == 0


def test_on_a_terminal_no_key_is_shown_unless_asked_for(home, phms, sealed, monkeypatch):
    monkeypatch.setenv("PHMS_MASTER_KEY", (home / "master.key").read_text().splitlines()[-1])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, err = phms("rotate")
    assert (code, out) == (2, "")
    assert "--show" in err
    assert phms("rotate", "--show")[1].startswith("PHMS_MASTER_KEY=")


def test_no_action_prints_a_key(home, phms, sealed):
    secrets = [(home / "master.key").read_text().splitlines()[-1].partition(":")[2]]
    for arguments in (["status"], ["rotate"], ["rewrap"], ["verify"], ["status", "--json"], ["rotate", "--json"]):
        out = str(phms(*arguments))
        secrets.append((home / "master.key").read_text().splitlines()[2].partition(":")[2])
        assert not any(secret in out for secret in secrets)


def test_it_runs_as_a_process(home):
    command = [sys.executable, "-c", "import sys; from bot.cli.main import main; sys.exit(main())", "keys", "create"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(home / "master.key") in done.stdout
