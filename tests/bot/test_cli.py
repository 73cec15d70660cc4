"""The command line: exit codes, one clear line for a mistake, JSON, help with an example."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
PHMS = [sys.executable, "-c", "import sys; from bot.cli.main import main; sys.exit(main())"]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """Every test has a home of its own."""
    for name in ("PHMS_STORE", "PHMS_HANDBOOK", "PHMS_ZONE", "PHMS_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHMS_HOME", str(tmp_path / "home"))
    return tmp_path


def phms(*arguments, stdin=""):
    return subprocess.run([*PHMS, *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert "Example: " in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["dmeo"], ["parse"], ["replay"], ["demo", "--no-such"]])
def test_bad_usage_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: phms" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["parse", "hello", "--lang", "xx"], "allowed: en"),
        (["assess"], "give either a text or --patient"),
        (["assess", "spo2 90", "--patient", "A-17"], "give either a text or --patient"),
        (["assess", "--patient", "Nobody"], "say who looks"),
        (["assess", "--patient", "Nobody", "--as", "nia"], "there is no record yet"),
        (["replay", "no-such.scene"], "no-such.scene"),
        (["chat", "--as", "zoe"], "nobody here is called 'zoe'"),
        (["demo", "--scene", "no-such.scene"], "no-such.scene"),
    ],
)
def test_bad_input_is_2_and_one_line(arguments, told, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["keys", "create"]) == 0
    capsys.readouterr()
    assert main(arguments) == 2
    err = capsys.readouterr().err.strip()
    assert told in err
    assert err.count("\n") == 0


def test_parse_json_reads_standard_input_line_by_line():
    done = phms("parse", "-", "--json", stdin="bp 150/95\nmy chest hurts\n")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert [r["value"] for r in first["readings"]] == [150.0, 95.0]
    assert second["alarms"][0]["rule"] == "chest-pain"


def test_assess_gives_exact_bounds_on_incomplete_input(capsys):
    assert main(["assess", "hr 135, rr 28, spo2 90", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["level"] == "critical"
    assert told["score"]["low"] == 9
    assert told["score"]["missing"]


def test_assess_never_calls_little_knowledge_low(capsys):
    main(["assess", "pulse 72"])
    assert "risk: UNKNOWN (too little is known to call it low)" in capsys.readouterr().out


def test_settings_come_as_json_and_bad_ones_are_2(capsys, monkeypatch):
    assert main(["settings", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["variable"] == "PHMS_HOME"
    monkeypatch.setenv("PHMS_ZONE", "Nowhere/Land")
    assert main(["settings"]) == 2
    assert "PHMS_ZONE" in capsys.readouterr().err


def test_check_is_sound_and_notices_a_bad_handbook(capsys, monkeypatch, tmp_path):
    assert main(["check"]) == 0
    assert "sound" in capsys.readouterr().out
    ours = tmp_path / "ours" / "words"
    ours.mkdir(parents=True)
    (ours / "es.toml").write_text("[patient]\nthanks = 3\n")
    monkeypatch.setenv("PHMS_HANDBOOK", str(tmp_path / "ours"))
    assert main(["check"]) == 2
    assert "es.toml:2: patient.thanks is 3" in capsys.readouterr().err


def test_a_handbook_that_lacks_a_rule_of_the_screen_is_refused(capsys, monkeypatch, tmp_path):
    ours = tmp_path / "ours" / "rules"
    ours.mkdir(parents=True)
    words = (ROOT / "risk" / "rules" / "words.toml").read_text(encoding="utf-8")
    (ours / "words.toml").write_text(words.replace('id = "chest-pain"', 'id = "chest-ache"', 1), encoding="utf-8")
    monkeypatch.setenv("PHMS_HANDBOOK", str(tmp_path / "ours"))
    assert main(["check"]) == 2
    assert "lacks chest-pain: the safety screen raises it" in capsys.readouterr().err


def test_a_rule_that_waits_for_a_symptom_nobody_can_say_is_a_problem(capsys, monkeypatch, tmp_path):
    ours = tmp_path / "ours" / "rules"
    ours.mkdir(parents=True)
    rules = (ROOT / "risk" / "rules" / "symptoms.toml").read_text(encoding="utf-8")
    changed = rules.replace('["fainting"]', '["fainted-away"]').replace("past fainting", "past fainted-away")
    (ours / "symptoms.toml").write_text(changed, encoding="utf-8")
    monkeypatch.setenv("PHMS_HANDBOOK", str(tmp_path / "ours"))
    assert main(["check"]) == 1
    assert "no lexicon finds the symptom 'fainted-away'" in capsys.readouterr().out


def test_chat_from_a_pipe_keeps_its_record(own_home):
    done = phms(
        "chat", "--as", "anna", stdin="my chest hurts\n:as nia\nlist\n:risk anna\n:who\n:nonsense\n:skip 5m\n:quit\n"
    )
    assert done.returncode == 0, done.stderr
    assert "Anna hears (sms): This may be an emergency" in done.stdout
    assert "Nia hears (sms): P1 A-17" in done.stdout
    assert "Open for you" in done.stdout
    assert "risk: CRITICAL" in done.stdout
    assert "time passes by itself here" in done.stdout
    again = phms("assess", "--patient", "A-17", "--as", "nia")
    assert "chest hurts" in again.stdout


def test_demo_runs_computes_and_says_where_the_record_is(own_home):
    done = phms("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "risk of Anna is CRITICAL because" in done.stdout
    assert "Dr Lee hears on sms: P1 A-17 needs a person" in done.stdout
    record = own_home / "home" / "demo" / "record.sqlite"
    assert f"The record is kept in {record}" in done.stdout
    assert record.stat().st_mode & 0o777 == 0o600
    assert [p.stat().st_mode & 0o777 for p in (own_home / "home", record.parent)] == [0o700, 0o700]


def test_demo_goes_on_as_a_chat():
    done = phms("demo", "--interactive", stdin="hello\n:skip 10m\n:as mia\n/patients\n:quit\n")
    assert done.returncode == 0, done.stderr
    assert "Anna hears (sms): Hello" in done.stdout
    assert "10 min later" in done.stdout
    assert "Patients: A-17 Anna" in done.stdout
