"""`phms people`, and what an operator at the command line leaves in the audit."""

import io
import json

import pytest

from bot.cli.main import main
from bot.core.access import Action
from bot.kept import open_kept
from bot.operator import note_operator, operator
from bot.settings import read_settings
from data.errors import NotFound, Unavailable
from data.model.people import Role
from data.record.memory import MemoryRecord
from tests.acceptance.crashing import START, people
from tests.bot.clinic import house

ANNA, NIA, *_ = people()
ME = operator().id


@pytest.fixture(autouse=True)
def demos_clinic(tmp_path, monkeypatch, capsys):
    """A record with the demo's clinic, made by the chat."""
    for name in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL", "PHMS_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO(":quit\n"))
    assert main(["chat"]) == 0
    capsys.readouterr()


def rows(capsys, *arguments):
    """What `phms people --json` prints, by id."""
    assert main(["people", *arguments, "--json"]) == 0
    return {row["id"]: row for row in json.loads(capsys.readouterr().out)}


def kept(look):
    record = open_kept(read_settings())
    try:
        return look(record)
    finally:
        record.close()


def looks():
    return kept(lambda r: [(a.actor, a.role, a.action, a.permitted, a.via) for a in r.accesses(ME)])


def test_it_lists_ids_codes_roles_and_panel_sizes_without_names(capsys):
    told = rows(capsys)
    assert told["A-17"] == {"id": "A-17", "code": "A-17", "role": "patient", "panel": None, "active": True}
    assert told["nia"] == {"id": "nia", "code": "nia", "role": "clinician", "panel": "all", "active": True}
    assert main(["people"]) == 0
    told = capsys.readouterr().out
    assert "every patient" in told
    assert not any(name in told for name in ("Anna", "Ben", "Cleo"))
    assert looks() == []


def test_names_are_told_once_it_is_written_down_who_looked(capsys):
    assert rows(capsys, "--names")["A-17"]["name"] == "Anna"
    assert looks() == [(ME, "administrator", "list-people", True, "command line")]


def test_names_that_cannot_be_written_down_are_not_shown(capsys, monkeypatch):
    def down(self, access):
        raise Unavailable("the audit cannot be written")

    monkeypatch.setattr("data.record.sqlite.SqliteRecord.note_access", down)
    assert main(["people", "--names"]) == 2
    assert "Anna" not in capsys.readouterr().out


def test_a_panel_is_set_by_codes_all_or_none(capsys):
    assert rows(capsys, "--panel", "NIA", "a-17", "B-04") == {
        "nia": {"id": "nia", "code": "nia", "role": "clinician", "panel": 2, "active": True}
    }
    (entry,) = kept(lambda r: [e for e in r.journal("nia") if e.actor == ME])
    assert (entry.kind, entry.changes.person.panel) == ("people", ("A-17", "B-04"))
    assert rows(capsys, "--panel", "nia", "none")["nia"]["panel"] == 0
    assert rows(capsys, "--panel", "Nia", "all")["nia"]["panel"] == "all"


def test_a_role_is_changed_and_stays_a_colleagues(capsys):
    assert rows(capsys, "--role", "nia", "care-manager")["nia"]["role"] == "care manager"
    assert rows(capsys, "--role", "nia", "clinician", "--panel", "nia", "A-17")["nia"]["panel"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--panel", "nia"], "for example --panel NIA A-17 A-18"),
        (["--panel", "nia", "A-17", "Q-99"], "there is no patient with the code 'Q-99'"),
        (["--panel", "zoe", "A-17"], "nobody who works here is called 'zoe'"),
        (["--panel", "Anna", "A-17"], "nobody who works here is called 'Anna'"),
        (["--role", "Anna", "clinician"], "nobody who works here is called 'Anna'"),
        (["--role", "nia", "patient"], "is not a role of somebody who works here; allowed: clinician"),
        (["--role", "mia", "tester", "--panel", "nia", "Q-99"], "there is no patient with the code 'Q-99'"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(arguments, told, capsys):
    before = kept(lambda r: r.people())
    assert main(["people", *arguments]) == 2
    heard = capsys.readouterr()
    assert told in heard.err
    assert (heard.err.count("\n"), heard.out) == (1, "")
    assert kept(lambda r: r.people()) == before


def test_an_operator_is_an_administrator_and_leaves_a_line_with_the_patient():
    built = house()
    note_operator(built.record, Action.EXPORT, ANNA, START, "asked for by the patient")
    (look,) = built.record.accesses("A-17")
    assert (look.actor, look.role, look.action, look.permitted) == (ME, "administrator", "export", True)
    assert (look.reason, look.at, look.via) == ("asked for by the patient", START, "command line")
    assert operator().role is Role.ADMINISTRATOR
    assert ME.startswith("operator:")


@pytest.mark.parametrize("action", [Action.READ_CHART, Action.READ_VITALS, Action.READ_MESSAGES, Action.BREAK_GLASS])
def test_an_operator_reads_no_chart_and_the_attempt_stands_with_them(action):
    record = MemoryRecord()
    with pytest.raises(NotFound):
        note_operator(record, action, ANNA, START)
    assert [(a.action, a.permitted) for a in record.accesses(ME)] == [(action.value, False)]
    assert list(record.accesses("A-17")) == []


def test_a_patient_is_told_of_an_operator_by_login_name():
    from tests.acceptance.access_clinic import CLINIC, writes

    built = house(members=CLINIC)
    note_operator(built.record, Action.EXPORT, ANNA, START, "asked for by the patient")
    told = writes(built, "A-17", "who saw my data")
    assert f"{ME.removeprefix('operator:')} (clinic office), 2026-03-04: a copy of everything" in told
    assert "asked for by the patient" in told
