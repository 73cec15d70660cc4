"""Point 3 of "Consent, roles, audit", sentence by sentence, through the command line and a second look at the file."""

import contextlib
import io
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.kept import open_kept
from bot.settings import read_settings
from data.clock import SystemClock
from data.model.audit import Access
from data.model.chart import Changes
from data.record.chain import ERASE

ROOT = Path(__file__).parents[2]
PHMS = [sys.executable, "-c", "import sys; from bot.cli.main import main; sys.exit(main())"]
# Words and values of the patient, which no audit trail may tell.
CANARIES = ("chest", "sweating", "187/121", "187", "121", "pain", "+1 555 0100", "15550100")
TALK = """my chest hurts and im sweating
bp 187/121
:as nia
list
/chart A-17
/chart A-18
:as anna
who saw my data
:quit
"""


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A home with a night in it, made once."""
    home = tmp_path_factory.mktemp("audit") / "home"
    done = phms(home, "chat", "--as", "anna", stdin=TALK)
    assert done.returncode == 0, done.stderr
    assert "This may be an emergency" in done.stdout
    return home


@pytest.fixture
def home(lived, tmp_path, monkeypatch):
    """A copy of it for one test, and the environment that names it."""
    with contextlib.closing(sqlite3.connect(lived / "record.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    mine = tmp_path / "home"
    mine.mkdir(mode=0o700)
    for file in ("record.sqlite", "record.sqlite.keys", "master.key"):
        (mine / file).write_bytes((lived / file).read_bytes())
        (mine / file).chmod(0o600)
    for variable in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL", "PHMS_ANCHORS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(mine))
    return mine


def phms(home, *arguments, stdin=""):
    return subprocess.run(
        [*PHMS, *arguments],
        cwd=ROOT,
        env={"PATH": "", "PHMS_HOME": str(home)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def forge(home, *statements):
    """What somebody does who can write the file."""
    with contextlib.closing(sqlite3.connect(home / "record.sqlite", isolation_level=None)) as connection:
        for statement, *values in statements:
            connection.execute(statement, values)


def told(capsys, *arguments):
    """Exit code and the lines that a command prints."""
    code = main(["audit", *arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


@pytest.fixture
def record(home):
    opened = open_kept(read_settings())
    yield opened
    opened.close()


@pytest.fixture
def anna(record):
    return record.sealing.name("person", "A-17")


# "every read of a patient's data by a person and every change, as FHIR AuditEvent fields"


def test_every_change_and_every_look_is_there(home, capsys):
    code, lines, err = told(capsys, "trail", "A-17", "--reason", "asked for by the patient")
    assert (code, err) == (0, "")
    said = [line.split("  ", 1)[1].split() for line in lines]
    assert sum("Anna," in words and "changed:" in words for words in said) == 3
    looks = [" ".join(words) for words in said if "looked:" in words]
    assert any(look.startswith("Nia, clinician looked: read-page") for look in looks)
    assert any(look.startswith("Nia, clinician looked: read-chart") for look in looks)
    assert looks[-1].endswith("looked: read-audit (asked for by the patient, via command line)")


def test_the_trail_is_in_order_of_time_and_tells_no_words_and_no_values(home, capsys):
    for form in ((), ("--json",), ("--fhir",)):
        code, lines, _ = told(capsys, "trail", "A-17", *form)
        assert code == 0
        shown = "\n".join(line for line in lines)
        assert [c for c in CANARIES if c in shown and not c.isdigit()] == []
    rows = [json.loads(line) for line in told(capsys, "trail", "A-17", "--json")[1]]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert {row["did"] for row in rows} == {"changed", "looked"}
    assert {(row["name"], row["role"]) for row in rows} >= {("Anna", "patient"), ("Nia", "clinician")}
    assert all(row["event"] for row in rows if row["did"] == "changed")


def test_the_trail_as_fhir(home, capsys):
    _, lines, _ = told(capsys, "trail", "A-17", "--fhir")
    events = [json.loads(line) for line in lines]
    assert {event["resourceType"] for event in events} == {"AuditEvent"}
    assert {event["action"] for event in events} == {"C", "U", "R"}
    for event in events:
        assert event.keys() >= {"type", "recorded", "agent", "source", "entity", "outcome"}
        assert "A-17" in json.dumps(event["entity"])
    assert len({event["id"] for event in events}) == len(events)
    assert "chest-pain" not in "\n".join(lines)


def test_the_trail_from_a_day_on(home, capsys):
    everything = len(told(capsys, "trail", "A-17")[1])
    assert len(told(capsys, "trail", "A-17", "--since", "2020-01-01")[1]) == everything + 1
    assert told(capsys, "trail", "A-17", "--since", "2199-01-01T08:00:00+02:00")[1] == []
    code, _, err = told(capsys, "trail", "A-17", "--since", "yesterday")
    assert (code, err.count("\n")) == (2, 1)
    assert "write 2026-11-01" in err


def test_a_refused_look_is_told_as_refused(record, home, capsys):
    at = SystemClock().now()
    look = Access(
        subject="A-17", actor="mallory", role="clinician", action="read-chart", at=at, permitted=False, via="sms"
    )
    record.note_access(look)
    assert any(
        "mallory, clinician" in line and "refused: read-chart (via sms)" in line
        for line in told(capsys, "trail", "A-17")[1]
    )


def test_nobody_of_that_name_is_one_line(home, capsys):
    code, lines, err = told(capsys, "trail", "Z-99")
    assert (code, lines) == (2, [])
    assert err == "phms: there is no patient 'Z-99' in this record; give the code, such as A-17, or the id\n"


# "audit written before the answer"


def test_the_look_is_written_before_it_is_answered(home, capsys):
    before = len(told(capsys, "trail", "A-17")[1])
    _, lines, _ = told(capsys, "trail", "a-17")
    assert len(lines) == before + 1
    assert "operator:" in lines[-1]
    assert "looked: read-audit" in lines[-1]


def test_what_cannot_be_written_down_is_not_shown(record, home, capsys):
    forge(home, ("CREATE TRIGGER no BEFORE INSERT ON access BEGIN SELECT RAISE(ABORT, 'no'); END",))
    code, lines, err = told(capsys, "trail", "A-17")
    assert (code, lines) == (2, [])
    assert err.count("\n") == 1


# "hash-chained with HMAC and periodic anchors"


def test_what_nobody_touched_verifies(home, capsys):
    code, lines, _ = told(capsys, "verify")
    assert code == 0
    assert lines[0].startswith("The audit trail is whole: ")
    assert "There is no" in lines[1]
    assert "anchors.log" in lines[1]


def test_the_house_anchors_at_the_end_of_a_talk(lived, home, capsys):
    (line,) = (lived / "anchors.log").read_text().splitlines()
    (home / "anchors.log").write_text(f"{line}\n")
    verdict = json.loads(told(capsys, "verify", "--json")[1][0])
    assert (verdict["sound"], verdict["anchors"], verdict["loose"], verdict["outside"]) == (True, 1, 0, True)
    assert told(capsys, "anchor") == (0, [line], ""), "nothing moved since"


def test_an_anchor_is_kept_in_the_record_and_outside(record, home, capsys):
    at = SystemClock().now()
    record.note_access(Access(subject="A-17", actor="nia", role="clinician", action="read-chart", at=at))
    loose = told(capsys, "verify")[1]
    assert any("1 rows since" in line and "came after the last anchor" in line for line in loose)
    _, (line,), _ = told(capsys, "anchor")
    assert line.startswith("phms-anchor 2 20")
    assert told(capsys, "anchor")[1] == [line]
    assert json.loads(told(capsys, "anchor", "--json")[1][0]) == {"anchor": line}
    assert (home / "anchors.log").read_text() == f"{line}\n"
    code, (only,), _ = told(capsys, "verify")
    assert (code, only.split(",")[-1]) == (0, " 2 anchors.")
    told(capsys, "trail", "A-17")
    elsewhere = home / "elsewhere.log"
    assert told(capsys, "anchor", "--anchors", str(elsewhere))[1][0].startswith("phms-anchor 3 20")
    assert told(capsys, "verify", "--anchors", str(elsewhere))[0] == 0
    assert len((home / "anchors.log").read_text().splitlines()) == 2


def test_anchors_cut_off_are_told_by_the_lines_outside(home, capsys, monkeypatch):
    told(capsys, "anchor")
    line = (home / "anchors.log").read_text()
    forge(home, ("DELETE FROM anchor",))
    code, lines, _ = told(capsys, "verify")
    assert code == 1
    assert lines[0] == "anchor: 1: truncated: anchors up to 1 were kept outside the record"
    (home / "anchors.log").unlink()
    assert told(capsys, "verify")[0] == 0, "without them it cannot be known"
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    assert told(capsys, "verify", "--anchors", "-")[0] == 1
    assert told(capsys, "verify", "--anchors", str(home / "none.log"))[0] == 2
    (home / "diary.txt").write_text("Dear diary\n")
    assert told(capsys, "verify", "--anchors", str(home / "diary.txt"))[0] == 2


# "finds an edited, deleted, swapped, inserted or truncated record and names the first bad sequence number (exit 1)"


ATTACKS = {
    "edited: its actor": [("UPDATE journal SET actor = 'x' WHERE subject = ? AND revision = 2",)],
    "edited: its time": [("UPDATE journal SET at = at + 1 WHERE subject = ? AND revision = 2",)],
    "edited: its body": [
        ("UPDATE journal SET body = CAST(substr(body, 1, 40) || x'00' AS BLOB) WHERE subject = ? AND revision = 2",)
    ],
    "gone": [("UPDATE journal SET body = x'' WHERE subject = ? AND revision = 2",)],
    "deleted: the next": [("DELETE FROM journal WHERE subject = ? AND revision = 2",)],
    "deleted: the record that came next": [
        ("DELETE FROM journal WHERE subject = ? AND revision = 2",),
        ("UPDATE journal SET revision = -revision + 1 WHERE subject = ? AND revision > 2",),
        ("UPDATE journal SET revision = -revision WHERE subject = ? AND revision < 0",),
    ],
    "swapped: the record that was written here stands at 4": [
        ("UPDATE journal SET revision = -2 WHERE subject = ? AND revision = 2",),
        ("UPDATE journal SET revision = 2 WHERE subject = ? AND revision = 4",),
        ("UPDATE journal SET revision = 4 WHERE subject = ? AND revision = -2",),
    ],
    "inserted: the record that was written here stands at 3": [
        ("UPDATE journal SET revision = -revision - 1 WHERE subject = ? AND revision > 1",),
        ("UPDATE journal SET revision = -revision WHERE subject = ? AND revision < 0",),
        (
            "INSERT INTO journal SELECT NULL, subject, 2, event || 'x', kind, actor, at, digest, link, relieved, body"
            " FROM journal WHERE subject = ? AND revision = 1",
        ),
        ("UPDATE chart SET revision = revision + 1 WHERE subject = ?",),
    ],
    "truncated": [("DELETE FROM journal WHERE subject = ? AND revision > 1",)],
    "truncated: anchor 1": [
        ("DELETE FROM journal WHERE subject = ? AND revision > 1",),
        ("UPDATE chart SET revision = 1, link = (SELECT link FROM journal AS j WHERE j.subject = chart.subject"
         " AND j.revision = 1) WHERE subject = ?",),
    ],
}  # fmt: skip


@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_is_found_and_its_first_bad_number_told(what, home, anna, capsys):
    assert told(capsys, "anchor")[0] == 0
    forge(home, *((statement, anna) for (statement,) in ATTACKS[what]))
    code, lines, err = told(capsys, "verify")
    assert (code, err) == (1, "")
    assert lines[0].startswith(f"journal of {anna}: 2: {what}"), lines[0]
    assert lines[0].endswith("(A-17)")
    assert lines[1].startswith("The audit trail was altered: 1 bad.")
    (fault,) = json.loads(told(capsys, "verify", "--json")[1][0])["faults"]
    assert (fault["stream"], fault["subject"], fault["code"], fault["number"]) == ("journal", anna, "A-17", 2)


def test_looks_taken_away_are_found_once_they_were_anchored(home, anna, capsys):
    told(capsys, "trail", "A-17")
    told(capsys, "anchor")
    last = sqlite3.connect(home / "record.sqlite")
    with contextlib.closing(last):
        ((number,),) = last.execute("SELECT max(number) FROM access WHERE subject = ?", (anna,)).fetchall()
    forge(home, ("DELETE FROM access WHERE subject = ? AND number = ?", anna, number))
    code, lines, _ = told(capsys, "verify")
    assert code == 1
    assert lines[0].startswith(f"access of {anna}: {number}: truncated: anchor ")
    assert f"saw records up to {number} " in lines[0]


def test_an_erased_person_leaves_a_trail_without_words_that_still_verifies(record, home, capsys):
    told(capsys, "anchor")
    code, before, _ = told(capsys, "trail", "A-17")
    record.commit(record.chart("A-17"), "erase:A-17", ERASE, "operator:eve", Changes(erased=True), SystemClock().now())
    assert told(capsys, "verify")[0] == 0
    code, lines, _ = told(capsys, "trail", "A-17")
    assert code == 0
    assert len(lines) == len(before) + 1
    assert "changed: erase" in lines[-1]
    assert "Anna" not in "\n".join(lines)
    assert any("Nia, clinician" in line and "looked: read-chart" in line for line in lines)
    assert json.loads(told(capsys, "trail", "A-17", "--json")[1][-1])["what"] == "erase"
    # Nobody of that code is in the record any more; the look stands with the operator's own.
    assert told(capsys, "verify")[0] == 0


def test_a_record_in_memory_has_nothing_to_verify(home, capsys, monkeypatch):
    monkeypatch.setenv("PHMS_STORE", "memory:")
    code, _, err = told(capsys, "verify")
    assert code == 2
    assert "no chain" in err
