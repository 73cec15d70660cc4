"""Rights: `phms export --patient` gives everything about one patient, as FHIR and as JSON, and nothing of another."""

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from itertools import count

import pytest

from bot.cli import export
from bot.cli.main import main
from bot.demo.clinic import SCENE
from bot.kept import open_kept
from bot.scene.keeping import InMemory
from bot.scene.reader import read
from bot.scene.run import perform
from bot.settings import read_settings
from bot.wire import standard_kit, standard_parser
from data.errors import Unavailable
from data.record.memory import MemoryRecord
from integrations.fhir_dossier import read_dossier
from tests.integrations.fhir_checks import problems

PHMS = [sys.executable, "-c", "import sys; from bot.cli.main import main; sys.exit(main())"]
# What is of each patient alone in the demo's night: code, name, address, and something they said or heard.
OWN = {
    "A-17": ("A-17", "Anna", "+15550001", "sweating"),
    "B-04": ("B-04", "Ben", "@ben", "Please weigh yourself"),
    "C-22": ("C-22", "Cleo", "+15550004", "fiebre"),
}
STAFF_ADDRESSES = ("+15550002", "+15550003", "@mia")


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The environment of a record that lived the demo's night."""
    home = tmp_path_factory.mktemp("home")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PHMS_")}  # noqa: TID251 - the child needs our PATH
    env |= {"PHMS_HOME": str(home), "PHMS_STORE": f"sqlite:{home / 'demo' / 'record.sqlite'}"}
    lived = subprocess.run([*PHMS, "demo"], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert lived.returncode == 0, lived.stdout + lived.stderr
    return env


def phms(env, *arguments):
    return subprocess.run([*PHMS, *arguments], env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(params=OWN)
def exported(request, night, tmp_path):
    """A patient's code, the two files, and the record as it was a moment later."""
    out = tmp_path / "out"
    done = phms(night, "export", "--patient", request.param, "--out", str(out), "--reason", "asked for by letter")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    record = open_kept(read_settings({k: v for k, v in night.items() if k.startswith("PHMS_")}))
    yield request.param, out / "patient.fhir.json", out / "record.json", record
    record.close()


def test_the_bundle_is_valid_and_complete(exported):
    code, fhir, _, record = exported
    bundle = json.loads(fhir.read_text(encoding="utf-8"))
    assert problems(bundle) == []
    found = Counter(entry["resource"]["resourceType"] for entry in bundle["entry"])
    identified = {
        (identifier["system"], identifier["value"])
        for entry in bundle["entry"]
        for identifier in entry["resource"].get("identifier", ())
    }
    journal = list(record.journal(code))
    changes = [entry.changes for entry in journal]
    rows = {
        "observation": {row.id for one in changes for row in one.observations},
        "symptom-report": {row.id for one in changes for row in one.symptoms},
        "communication": {row.id for one in changes for row in one.communications},
        "message": {message.id for message in record.messages(code)},
        "assessment": {one.assessment.id for one in changes if one.assessment},
        "flag": {row.id for one in changes for row in one.flags},
        "escalation": {row.id for one in changes for row in one.escalations},
    }
    for system, ids in rows.items():
        assert {value for where, value in identified if where == f"urn:phms:{system}"} == ids, system
    assert found["Observation"] == len(rows["observation"]) + len(rows["symptom-report"])
    assert found["Communication"] == len(rows["communication"]) + len(rows["message"])
    assert found["Consent"] == len({c for one in changes if one.person for c in one.person.consents})
    assert found["AuditEvent"] == len(journal) + len(list(record.accesses(code)))
    assert found["Patient"] == 1
    assert rows["message"]
    assert rows["communication"]
    assert rows["assessment"]


def test_our_json_reads_back_as_what_the_record_holds(exported):
    code, _, ours, record = exported
    dossier = read_dossier(ours.read_bytes())
    assert dossier.person == record.chart(code).person
    assert dossier.chart == record.chart(code)
    assert list(dossier.journal) == list(record.journal(code))
    assert list(dossier.messages) == list(record.messages(code))
    assert list(dossier.accesses) == list(record.accesses(code))
    last = {row.id: row for entry in dossier.journal for row in entry.changes.observations}
    assert {row.id: row for row in dossier.observations} == last


def test_nothing_of_another_patient_and_no_address_of_staff(exported):
    code, *both, _ = exported
    for file in both:
        text = file.read_text(encoding="utf-8")
        for own in OWN[code]:
            assert own in text
        for foreign in (*STAFF_ADDRESSES, *(word for other, words in OWN.items() if other != code for word in words)):
            assert foreign not in text, foreign


def test_who_exported_and_why_stands_in_the_export_itself(exported):
    code, fhir, ours, record = exported
    look = list(record.accesses(code))[-1]
    assert (look.action, look.reason, look.permitted, look.via) == (
        "export",
        "asked for by letter",
        True,
        "command line",
    )
    assert look.actor.startswith("operator:")
    assert read_dossier(ours.read_bytes()).accesses[-1] == look
    events = [
        e["resource"] for e in json.loads(fhir.read_text())["entry"] if e["resource"]["resourceType"] == "AuditEvent"
    ]
    assert events[-1]["type"]["display"] == "Export"
    assert events[-1]["purposeOfEvent"][0]["text"] == "asked for by letter"
    assert events[-1]["agent"][0]["who"]["display"] == look.actor


def test_the_files_are_their_owners_alone_and_are_never_overwritten_unasked(night, tmp_path):
    out = tmp_path / "out"
    ask = ("export", "--patient", "a-17", "--out", str(out))
    done = phms(night, *ask)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in out.iterdir()} == {
        "patient.fhir.json": 0o600,
        "record.json": 0o600,
    }
    (out / "record.json").write_text("mine")
    again = phms(night, *ask)
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert again.stderr.count("\n") == 1
    assert (out / "record.json").read_text() == "mine"
    forced = phms(night, *ask, "--force", "--json")
    assert forced.returncode == 0, forced.stderr
    told = json.loads(forced.stdout)
    assert told["patient"] == "A-17"
    assert {one["path"]: one["bytes"] for one in told["files"]} == {str(p): p.stat().st_size for p in out.iterdir()}


def test_one_format_goes_to_standard_output(night, tmp_path):
    fhir = phms(night, "export", "--patient", "C-22", "--out", "-", "--format", "fhir")
    assert json.loads(fhir.stdout)["type"] == "collection"
    ours = phms(night, "export", "--patient", "C-22", "--out", "-", "--format", "json")
    assert read_dossier(ours.stdout.encode()).person.code == "C-22"
    only = phms(night, "export", "--patient", "C-22", "--out", str(tmp_path / "one"), "--format", "json")
    assert only.returncode == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["record.json"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--patient", "Z-99", "--out", "out"), "there is no patient 'Z-99' in this record"),
        (("--patient", "nia", "--out", "out"), "there is no patient 'nia' in this record"),
        (("--patient", "A-17", "--out", "-"), "add --format fhir or --format json"),
        (("--patient", "A-17", "--out", "file"), "is no directory"),
        (("--patient", "A-17", "--out", "file/below"), "cannot be written there"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(night, tmp_path, arguments, told):
    (tmp_path / "file").write_text("mine")
    done = phms(night, "export", *(str(tmp_path / a) if a in ("out", "file", "file/below") else a for a in arguments))
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# Faults on the way, on a record in memory that lived the same night.


@pytest.fixture(scope="module")
def lived():
    scene = read((files("bot.demo") / SCENE).read_text(encoding="utf-8"), SCENE)[0]
    failure, stage = perform(scene, standard_kit(), standard_parser(), InMemory())
    assert failure is None
    return stage.record.dump()


@pytest.fixture
def opened(lived, monkeypatch):
    """`phms export` opens this record; what is read from it, and when, is written into the list."""
    calls = []

    class Watched(MemoryRecord):
        def note_access(self, access):
            calls.append("note_access")
            super().note_access(access)

        def journal(self, subject=None):
            calls.append("journal")
            return super().journal(subject)

        def chart(self, subject, **more):
            calls.append("chart")
            return super().chart(subject, **more)

    record = Watched.load(lived)
    calls.clear()
    monkeypatch.setattr(export, "_open", lambda settings: record)
    return record, calls


def test_the_look_is_written_down_before_anything_is_read(opened, tmp_path):
    _, calls = opened
    assert main(["export", "--patient", "A-17", "--out", str(tmp_path / "out")]) == 0
    assert calls[0] == "note_access"
    assert set(calls) == {"note_access", "journal", "chart"}


def test_a_look_that_cannot_be_written_down_gives_nothing(opened, tmp_path, capsys, monkeypatch):
    record, calls = opened

    def refuse(access):
        raise Unavailable("the record does not answer; try again later")

    monkeypatch.setattr(record, "note_access", refuse)
    assert main(["export", "--patient", "A-17", "--out", str(tmp_path / "out")]) == 2
    assert "does not answer" in capsys.readouterr().err
    assert calls == []
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("opened")
def test_a_full_disk_leaves_nothing_half_written(tmp_path, capsys, monkeypatch):
    writes = count(1)

    def full(descriptor):
        if next(writes) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert main(["export", "--patient", "A-17", "--out", str(tmp_path / "out")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("opened")
def test_progress_is_told_on_a_terminal_after_two_seconds_only(capsys, monkeypatch):
    import sys
    from datetime import UTC, datetime, timedelta

    start, ticks = datetime(2026, 3, 3, tzinfo=UTC), count()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    progress = export.Progress(lambda: start + next(ticks) * timedelta(seconds=0.5))
    assert list(progress.through(range(640), "reading", 640)) == list(range(640))
    progress.done()
    told = capsys.readouterr().err
    assert "reading: 320 of 640 (50 %)" in told
    assert "reading: 64 " not in told
    assert told.endswith("\r\x1b[K")
