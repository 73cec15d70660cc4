"""`phms people`, and what an operator at the command line leaves in the audit."""

import io
import json
from dataclasses import replace

import pytest

from bot.cli.main import main
from bot.core.access import Action
from bot.kept import open_kept
from bot.operator import note_operator, operator
from bot.settings import read_settings
from data.errors import NotFound, Unavailable
from data.model.chart import Changes
from data.model.people import ChannelKind, ContactPoint, ContactState, Role
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


def contacts(person_id):
    (person,) = kept(lambda r: [p for p in r.people() if p.id == person_id])
    return [(c.system.value, c.value, c.state.value) for c in person.contacts]


def test_a_name_is_corrected_and_the_operator_stands_in_the_journal(capsys):
    assert rows(capsys, "--rename", "A-17", "  Anna   Kask ", "--names")["A-17"]["name"] == "Anna Kask"
    (entry,) = kept(lambda r: [e for e in r.journal("A-17") if e.actor == ME])
    assert (entry.kind, entry.changes.person.name, entry.event_id.partition(":")[0]) == (
        "people",
        "Anna Kask",
        "change-profile",
    )
    assert list(rows(capsys, "--rename", "Anna Kask", "Anna")) == ["A-17"]


def test_an_address_is_corrected_in_its_place_or_added(capsys):
    before = contacts("A-17")
    assert [system for system, *_ in before] == ["sms"]
    assert "A-17" in rows(capsys, "--contact", "a-17", "sms:+15559999")
    assert contacts("A-17") == [("sms", "+15559999", "active")]
    rows(capsys, "--contact", "A-17", "telegram:12345")
    assert contacts("A-17") == [("sms", "+15559999", "active"), ("telegram", "12345", "active")]
    assert kept(lambda r: r.person_at(ChannelKind.SMS, "+15559999").id) == "A-17"
    assert kept(lambda r: r.person_at(ChannelKind.SMS, before[0][1])) is None
    assert [e.event_id.partition(":")[0] for e in kept(lambda r: list(r.journal("A-17"))) if e.actor == ME] == [
        "change-contact",
        "change-contact",
    ]


def test_a_number_that_sent_stop_stays_silent_whoever_gets_it(capsys):
    rows(capsys, "--contact", "A-17", "sms:+15558888")

    def stop(record):
        chart = record.chart("A-17")
        stopped = replace(chart.person, contacts=(replace(chart.person.contacts[0], state=ContactState.STOPPED),))
        record.commit(chart, "stop", "test", "test", Changes(person=stopped), START)

    kept(stop)
    rows(capsys, "--contact", "nia", "sms:+15558888")
    assert contacts("nia") == [("sms", "+15558888", "stopped")]


def test_two_addresses_of_a_kind_are_not_guessed_between(capsys):
    def second(record):
        chart = record.chart("A-17")
        both = (*chart.person.contacts, ContactPoint(system=ChannelKind.SMS, value="+15557777"))
        record.commit(chart, "second", "test", "test", Changes(person=replace(chart.person, contacts=both)), START)

    kept(second)
    assert main(["people", "--contact", "A-17", "sms:+15559999"]) == 2
    assert "A-17 has 2 addresses for sms" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--panel", "nia"], "for example --panel NIA A-17 A-18"),
        (["--panel", "nia", "A-17", "Q-99"], "there is no patient with the code 'Q-99'"),
        (["--panel", "zoe", "A-17"], "nobody who works here is called 'zoe'"),
        (["--panel", "Anna", "A-17"], "nobody who works here is called 'Anna'"),
        (["--role", "Anna", "clinician"], "nobody who works here is called 'Anna'"),
        (["--role", "nia", "patient"], "is not a role of somebody who works here; allowed: clinician"),
        (["--rename", "zoe", "Zoe Kask"], "nobody is called 'zoe'"),
        (["--rename", "A-17", " - "], "a name needs letters and at most 100 characters"),
        (["--rename", "A-17", "A" * 101], "a name needs letters and at most 100 characters"),
        (["--contact", "zoe", "sms:+15559999"], "nobody is called 'zoe'"),
        (["--contact", "A-17", "sms:5559999"], "not an address; write for example sms:+15550001"),
        (["--contact", "A-17", "fax:+15559999"], "not an address"),
        (["--contact", "A-17", "+15559999"], "not an address"),
        (["--contact", "A-17", "telegram:"], "not an address"),
        (["--rename", "A-17", "Anna Kask", "--contact", "A-17", "sms:x"], "not an address"),
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
