"""The roster at the command line: how a clinic starts, changes and says goodbye; on a fresh machine, again, cut off."""

import io
import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from bot.cli.main import main
from bot.house import House
from bot.kept import open_kept
from bot.operator import operator
from bot.roster_end import end, holds, obstacle
from bot.settings import read_settings
from data.clock import SystemClock
from data.errors import BadInput, Unavailable
from data.model.communication import Category, SendState
from data.model.escalation import EscalationState
from data.model.people import ChannelKind, ContactState, Purpose
from integrations.simulator_channel import SimulatedProvider
from tests.acceptance.crashing import KIT, PARSER
from tests.bot.clinic import heard, house, says

ROSTER = """Scene: our clinic
Start: 2026-03-03 20:30 Europe/Tallinn
People:
  Anna Kask   patient       sms +372 5555 0001  id A-17  quiet 21:00-08:00   # from the north ward
  Мария       patient       sms +37255550004  lang et  zone Europe/Berlin  consent none
  Nia         nurse         sms +37255550002  step 1
  Dr Lee      doctor        sms +37255550003  step 2
  Mia         care manager  telegram 12345
---
Anna Kask: hello
"""
ME = operator().id


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine on which nothing was made yet."""
    for name in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_LOG_LEVEL", "PHMS_MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PHMS_ZONE", "Europe/Tallinn")
    (tmp_path / "roster.scene").write_text(ROSTER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(capsys, *arguments, rc=0):
    """What `phms people ...` prints."""
    assert main(["people", *arguments]) == rc
    return capsys.readouterr().out


def kept(look):
    record = open_kept(read_settings())
    try:
        return look(record)
    finally:
        record.close()


def journal():
    return kept(lambda r: [(e.subject, e.event_id) for e in r.journal()])


def with_house(do):
    """The house over the record, as `phms serve` would have it."""
    carriers = (SimulatedProvider("A", ChannelKind.SMS), SimulatedProvider("telegram", ChannelKind.TELEGRAM))
    return kept(lambda record: do(House(record, SystemClock(), carriers, KIT, PARSER)))


def says_to(text, address="+37255550001"):
    def say(built):
        built.hear(ChannelKind.SMS, address, text, f"M{text}")
        built.settle()

    with_house(say)


def test_on_a_fresh_machine_nothing_is_made_until_yes(machine, capsys):
    told = people(capsys, "load", "roster.scene")
    assert "there is no record yet" in told
    assert "--yes makes one" in told
    assert "5 new, 0 changed, 0 same, 0 not in file" in told
    assert told.endswith("dry run: nothing was written; --yes applies\n")
    assert not (machine / "home").exists()

    told = people(capsys, "load", "roster.scene", "--yes", "--paper-date", "2026-03-01", "--source", "paper form 12")
    assert told.endswith("written: 5 people into a new record\n")
    assert sorted(p.name for p in (machine / "home").iterdir() if p.name == "master.key") == ["master.key"]
    anna, maria = kept(lambda r: [p for p in r.people() if p.code in ("A-17", "P-1")])
    assert {(c.purpose, c.given, c.recorded_at, c.source) for c in anna.consents} == {
        (purpose, True, datetime(2026, 3, 1, 10, tzinfo=UTC), "paper form 12")
        for purpose in (Purpose.MONITORING, Purpose.MESSAGING)
    }
    assert (maria.id, maria.zone, maria.consents_to(Purpose.MONITORING)) == ("мария", "Europe/Berlin", False)
    assert {e.actor for e in kept(lambda r: list(r.journal()))} == {ME}


def test_the_second_time_nothing_is_written(machine, capsys):
    people(capsys, "load", "roster.scene", "--yes")
    before = journal()
    assert people(capsys, "load", "roster.scene", "--yes").endswith("nothing to change\n")
    assert "nothing to change" in people(capsys, "load", "roster.scene")
    assert journal() == before


def test_a_dry_run_writes_nothing_and_shows_no_name_or_whole_address(machine, capsys):
    people(capsys, "load", "roster.scene", "--yes")
    before = journal()
    (machine / "new.scene").write_text(
        "Anna Maria  patient  id A-17  sms +37255559999  lang et  limits spo2 below 90\n"
        "Zoe  patient  sms +37255550077\n"
    )
    told = people(capsys, "load", "new.scene")
    for line in ("name: changed", "sms: +37…01 -> +37…99", "language: en -> et", "limits: changed"):
        assert f"      {line}\n" in told
    assert "+ P-2          patient       line 2      sms +37…77; language en" in told
    assert "  nia          clinician     not in the file: left alone\n" in told
    assert not any(word in told for word in ("Anna", "Maria", "Zoe", "+3725555", "Мария"))
    assert journal() == before
    assert list(kept(lambda r: list(r.accesses(ME)))) == []
    told = people(capsys, "load", "new.scene", "--names")
    assert "name: Anna Kask -> Anna Maria" in told
    assert "sms: +37255550001 -> +37255559999" in told
    assert [(a.action, a.reason) for a in kept(lambda r: list(r.accesses(ME)))] == [("list-people", "roster")]


def test_every_bad_line_is_told_at_once_and_nothing_is_applied(machine, capsys):
    (machine / "bad.scene").write_text(
        "Anna  patient  id A-17  sms 12\nNia  nurse  step zero\nBen  patiemt\n"
        "Eva  patient  id E-1\nTom  patient  id e-1\n"
    )
    assert main(["people", "load", "bad.scene", "--yes"]) == 2
    heard_of = capsys.readouterr()
    lines = heard_of.err.splitlines()
    assert [line.split(" ")[1] for line in lines[:-1]] == [f"bad.scene:{n}:" for n in (1, 2, 3, 5)]
    assert [line.split(" ")[2] for line in lines[:-1]] == ["sms:", "step:", "role:", "id:"]
    assert lines[-1] == "phms: 4 problems; nothing was written"
    assert (heard_of.out, (machine / "home").exists()) == ("", False)
    assert main(["people", "load", "bad.scene", "--json"]) == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [(p["file"], p["line"], p["field"]) for p in problems] == [
        ("bad.scene", 1, "sms"), ("bad.scene", 2, "step"), ("bad.scene", 3, "role"), ("bad.scene", 5, "id"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["load", "nowhere.scene"], "nowhere.scene: cannot be read: No such file"),
        (["load", "roster.scene", "--paper-date", "yesterday"], "is no day; write for example 2026-11-30"),
        (["load", "roster.scene", "--paper-date", "2999-01-01"], "must be a day from 1990 to today"),
        (["load", "roster.scene", "--source", " "], "--source must say where the forms are"),
        (["end", "A-17"], "there is no record yet"),
        (["show", "A-17"], "there is no record yet"),
        (["--role", "nia", "clinician", "load", "roster.scene"], "--role goes without load"),
    ],
)
def test_bad_use_is_one_line_and_code_2(arguments, told, capsys):
    assert main(["people", *arguments]) == 2
    heard_of = capsys.readouterr()
    assert told in heard_of.err
    assert (heard_of.err.count("\n"), heard_of.out) == (1, "")


def test_a_record_in_memory_is_refused_with_yes(monkeypatch, capsys):
    monkeypatch.setenv("PHMS_STORE", "memory:")
    assert main(["people", "load", "roster.scene", "--yes"]) == 2
    assert "would be gone at once" in capsys.readouterr().err
    assert "5 new" in people(capsys, "load", "roster.scene")


def test_standard_input_and_json_on_either_side_of_the_action(monkeypatch, capsys):
    for arguments in (["--json", "load", "-"], ["load", "-", "--json"]):
        monkeypatch.setattr("sys.stdin", io.StringIO(ROSTER))
        told = json.loads(people(capsys, *arguments))
        assert (told["dry_run"], told["record"], told["applied"], told["counts"]["new"]) == (True, "new", 0, 5)
        assert told["people"][0] | {"changes": 0} == {
            "line": 4, "code": "A-17", "role": "patient", "outcome": "new", "changes": 0, "notes": [],
        }  # fmt: skip
    people(capsys, "load", "roster.scene", "--yes")
    assert "мария" not in people(capsys, "list")
    assert people(capsys, "list", "--names") == people(capsys, "--names", "list") == people(capsys, "--names")
    assert people(capsys, "list", "--json") == people(capsys, "--json", "list") == people(capsys, "--json")


def test_what_patients_said_in_between_outlives_the_next_load(machine, capsys):
    people(capsys, "load", "roster.scene", "--yes")
    says_to("PAUSE")
    says_to("STOP")
    assert main(["consent", "--patient", "A-17", "--withdraw", "monitoring"]) == 0
    capsys.readouterr()
    (machine / "roster.scene").write_text(ROSTER.replace("quiet 21:00", "quiet 22:00"), encoding="utf-8")
    told = people(capsys, "load", "roster.scene", "--yes")
    assert "quiet: 21:00-08:00 -> 22:00-08:00" in told
    assert "their last word on monitoring is not given" in told
    (anna,) = kept(lambda r: [p for p in r.people() if p.id == "A-17"])
    assert anna.quiet.start.hour == 22
    assert anna.paused_until is not None
    assert anna.contacts[0].state is ContactState.STOPPED
    assert not anna.consents_to(Purpose.MONITORING)


def test_cut_off_between_two_people_the_next_run_finishes(capsys, monkeypatch):
    from data.record.sqlite import SqliteRecord

    commit, done = SqliteRecord.commit, []

    def dies(self, *arguments):
        if len(done) == 2:
            raise Unavailable("the disk is gone")
        done.append(1)
        return commit(self, *arguments)

    monkeypatch.setattr(SqliteRecord, "commit", dies)
    assert main(["people", "load", "roster.scene", "--yes"]) == 2
    monkeypatch.setattr(SqliteRecord, "commit", commit)
    assert "the disk is gone" in capsys.readouterr().err
    assert "3 new, 0 changed, 2 same" in people(capsys, "load", "roster.scene", "--yes")
    assert [p.code for p in kept(lambda r: r.people())] == ["A-17", "P-1", "nia", "dr-lee", "mia"]
    assert main(["audit", "verify"]) == 0


def test_the_demo_s_clinic_and_an_empty_ladder_are_warned_of(machine, capsys, monkeypatch):
    (machine / "few.scene").write_text("Zoe  patient  sms +37255550077  lang fi\nMia K  care manager  telegram @miak\n")
    told = people(capsys, "load", "few.scene")
    assert "careful: the ladder: nobody is on the escalation ladder" in told
    assert "careful: there are no texts in 'fi'" in told
    assert "careful: a bot cannot write to a Telegram name, only to a chat's number (line 2)" in told
    assert "careful: the id is made of the name where the line gives none, such as `id A-17` (line 1)" in told
    (machine / "zoe.scene").write_text("Zoe  patient  id zoe-1\n")
    assert "careful: the code tells the name, and stands in SMS to colleagues (line 1)" in people(
        capsys, "load", "zoe.scene"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(":quit\n"))
    assert main(["chat"]) == 0
    capsys.readouterr()
    assert "careful: this record holds the demo's clinic" in people(capsys, "load", "few.scene")


def test_a_profile_is_shown_once_it_is_written_down_who_looked(capsys, monkeypatch):
    people(capsys, "load", "roster.scene", "--yes")
    told = people(capsys, "show", "a-17", "--reason", "asked for a new number")
    for part in ("name           Anna Kask", "sms +37255550001 (active)", "21:00-08:00", "monitoring: given,"):
        assert part in told
    assert [(a.actor, a.action, a.reason) for a in kept(lambda r: list(r.accesses("A-17")))] == [
        (ME, "list-patients", "asked for a new number")
    ]
    shown = json.loads(people(capsys, "show", "dr-lee", "--json"))
    assert (shown["step"], shown["panel"], shown["active"], shown["title"]) == (2, "all", True, "doctor")

    def down(self, access):
        raise Unavailable("the audit cannot be written")

    monkeypatch.setattr("data.record.sqlite.SqliteRecord.note_access", down)
    assert main(["people", "show", "A-17"]) == 2
    assert "Anna" not in capsys.readouterr().out
    assert main(["people", "show", "zoe"]) == 2


def test_an_end_is_a_dry_run_then_done_once_and_a_line_brings_them_back(capsys):
    people(capsys, "load", "roster.scene", "--yes")
    before = journal()
    told = people(capsys, "end", "Nia")
    assert "nia (clinician)  status: active -> ended" in told
    assert "careful: the ladder: step 1 of the ladder is empty" in told
    assert told.endswith("dry run: nothing was written; --yes applies\n")
    assert journal() == before

    assert "\nended;" in people(capsys, "end", "nia", "--reason", "works elsewhere", "--yes")
    (entry,) = kept(lambda r: [e for e in r.journal("nia") if e.kind == "people"])
    assert (entry.actor, entry.changes.person.active) == (ME, False)
    assert "their time here was ended: works elsewhere" in entry.changes.notes
    before = journal()
    assert "has ended already" in people(capsys, "end", "nia", "--yes")
    assert journal() == before

    assert "~ nia          clinician     line 6      status: ended -> active again" in people(
        capsys, "load", "roster.scene"
    )
    assert journal() == before
    people(capsys, "load", "roster.scene", "--yes")
    assert kept(lambda r: [p.active for p in r.people() if p.id == "nia"]) == [True]


def test_a_patient_with_an_open_escalation_does_not_end(capsys):
    people(capsys, "load", "roster.scene", "--yes")
    says_to("my chest hurts")
    before = journal()
    told = people(capsys, "end", "A-17", "--yes", rc=1)
    assert told.startswith("not ended: an escalation of A-17 (P1) is open and nobody has taken it yet")
    assert "answers their page with the code and `done`" in told
    assert json.loads(people(capsys, "end", "A-17", "--yes", "--json", rc=1))["applied"] is False
    assert journal() == before


# In virtual time.


def test_an_escalation_that_opens_between_look_and_end_stops_it():
    built = house()
    anna = built.record.chart("A-17").person
    assert obstacle(built.record.chart("A-17")) is None
    says(built, "my chest hurts")
    with pytest.raises(BadInput, match="nobody has taken it yet"):
        end(built, anna, operator(), "")
    assert built.record.chart("A-17").person.active


def test_what_waits_is_dropped_with_the_end_and_no_reminder_follows():
    built = house()
    says(built, '/nudge A-17 "Walk a little" daily 10:10', "@mia", ChannelKind.TELEGRAM)
    built.clock.move_to(datetime(2026, 3, 4, 8, 10, tzinfo=UTC))
    assert built.work_due()
    chart = built.record.chart("A-17")
    assert [c.state for c in chart.communications if c.category is Category.NUDGE] == [SendState.QUEUED]
    end(built, chart.person, operator(), "")
    rows = built.record.chart("A-17").communications
    assert [c.state for c in rows if c.category is Category.NUDGE] == [SendState.DROPPED]
    for _ in range(3):
        built.clock.move_to(built.now() + timedelta(days=1))
        built.settle()
    assert "Walk a little" not in heard(built, "A-17")
    # Whoever has left and is in danger is still answered, and somebody is told.
    says(built, "my chest hurts")
    assert any("112" in text for text in heard(built, "A-17"))
    assert any("P1" in text for text in heard(built, "nia"))


def test_what_a_colleague_took_is_not_lost_when_they_leave():
    built = house()
    says(built, "my chest hurts")
    code = next(text for text in heard(built, "nia") if "P1" in text).split("Reply ")[1][:3]
    says(built, f"{code} ok", "+15550002")
    nia = built.record.chart("nia").person
    (taken,) = [e for e in built.record.chart("A-17").escalations if e.state is EscalationState.ACKED]
    assert taken.owner == "nia"
    assert holds(built.record, nia, built.now()) == ("A-17",)
    end(built, nia, operator(), "left")
    told = len(heard(built, "dr-lee"))
    until = built.now() + taken.policy.lease + timedelta(minutes=15)
    while (ahead := built.next_at()) is not None and ahead <= until:
        built.clock.move_to(ahead)
        built.settle()
    assert any("P1" in text for text in heard(built, "dr-lee")[told:])


def test_five_thousand_people_are_compared_and_progress_shows_on_a_terminal(machine):
    rows = [f"Patient Of{n}  patient  sms +3725{n:07}  id B-{n}" for n in range(5000)]
    (machine / "big.scene").write_text("\n".join(rows))
    script = "import sys; from bot.cli import people_load as p; from datetime import timedelta; " \
        "p._PATIENCE = p._PACE = timedelta(0); from bot.cli.main import main; " \
        "sys.exit(main(['people', 'load', 'big.scene']))"  # fmt: skip
    mine, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=theirs, timeout=120, check=True, cwd=machine
    )
    os.close(theirs)
    shown = os.read(mine, 1_000_000).decode()
    os.close(mine)
    assert "phms people load:" in shown
    assert "of 5,000 people compared" in shown
    assert b"5,000 new" in done.stdout
