"""`phms audit verify` and `phms doctor` tell of columns that are not what the charts say."""

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.cli.main import main


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Path:
    """The record of a clinic at rest."""
    for name in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL", "PHMS_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO(":quit\n"))
    assert main(["chat"]) == 0
    capsys.readouterr()
    return tmp_path / "home" / "record.sqlite"


def test_nobody_is_taken_off_the_team_unnoticed(clinic: Path, capsys) -> None:
    assert main(["audit", "verify"]) == 0
    capsys.readouterr()
    with closing(sqlite3.connect(clinic, isolation_level=None)) as file:
        changed = file.execute("UPDATE person SET role = 'patient' WHERE role <> 'patient'").rowcount
    assert changed
    assert main(["audit", "verify"]) == 1
    out = capsys.readouterr().out
    assert out.count("person of ") == changed
    assert f"{changed} rows are not what the charts say" in out
    assert main(["audit", "verify", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["sound"] is False
    assert {row["table"] for row in told["disagreements"]} == {"person"}
    assert main(["doctor", "--json"]) == 1
    checks = {row["what"]: row["state"] for row in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["agreement"] == "FAIL"
    # The doctor's own recovery has put it right.
    assert main(["audit", "verify"]) == 0
