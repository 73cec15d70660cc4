import io
import json
import logging

import pytest

from bot.scene.replay import Company, replay
from tests.scene_runner.fake_house import EchoParser, FakeKeeping, kit
from tests.scene_runner.scripts import scene
from tests.scene_runner.test_rasa import STORIES

COMPANY = Company(kit(), EchoParser(), FakeKeeping())
GOOD = scene('Anna: hi\nAnna hears: "hi"\n')
BAD = scene("Anna: hi\n")


def play(*paths, **options):
    out, errors = io.StringIO(), io.StringIO()
    code = replay(list(paths), out=out, errors=errors, company=COMPANY, **options)
    return code, out.getvalue(), errors.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "good.scene").write_text(GOOD, encoding="utf-8")
    (tmp_path / "deep" / "bad.scene").write_text(BAD, encoding="utf-8")
    return tmp_path


def test_exit_codes(folder):
    assert play(folder / "good.scene")[0] == 0
    code, out, _ = play(folder)
    assert code == 1
    assert "2 scenes: 1 passed, 1 failed" in out
    (folder / "broken.scene").write_text(scene("Anna hers: x\n"), encoding="utf-8")
    code, out, errors = play(folder)
    assert code == 2
    assert "broken.scene:9: cannot read 'Anna hers: x'; nearest: NAME hears" in errors
    assert "1 could not be read" in out
    assert play(folder / "nowhere.scene")[0] == 2
    (folder / "latin.scene").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in play(folder / "latin.scene")[2]
    (folder / "empty").mkdir()
    assert play(folder / "empty")[0] == 2


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(GOOD))
    code, out, _ = play("-")
    assert (code, "passed  <stdin>: a test" in out) == (0, True)


def test_json_and_junit(folder):
    code, out, _ = play(folder, as_json=True, junit=folder / "report.xml")
    told = json.loads(out)
    assert (code, told["passed"], len(told["scenes"])) == (1, False, 2)
    failed = next(s for s in told["scenes"] if not s["passed"])
    assert (failed["failure"]["line"], failed["failure"]["inbox"][0]["mark"]) == (9, "unexpected")
    assert "Anna hears on sms: Thank you. I have noted hi." in " ".join(told["scenes"][1]["transcript"])
    assert "<failure" in (folder / "report.xml").read_text(encoding="utf-8")
    assert play(folder / "good.scene", junit=folder / "no" / "report.xml")[0] == 2


def test_a_changed_transcript_is_a_diff(folder):
    golden = folder / "good.golden"
    assert play(folder / "good.scene")[0] == 0
    assert not golden.exists()
    assert play(folder / "good.scene", golden="write")[0] == 0
    assert "Anna writes on sms: hi" in golden.read_text(encoding="utf-8")
    assert play(folder / "good.scene")[0] == 0
    golden.write_text(golden.read_text(encoding="utf-8").replace("noted hi", "noted ho"), encoding="utf-8")
    code, out, _ = play(folder / "good.scene")
    assert code == 1
    assert "-10:00:00  Anna hears on sms: Thank you. I have noted ho." in out
    assert play(folder / "good.scene", golden="off")[0] == 0


def test_a_failed_scene_writes_no_golden_transcript(folder):
    assert play(folder / "deep" / "bad.scene", golden="write")[0] == 1
    assert not (folder / "deep" / "bad.golden").exists()


def test_rasa_stories_are_read_by_their_name_or_their_look(folder, monkeypatch):
    (folder / "test_stories.yml").write_text(STORIES, encoding="utf-8")
    code, out, _ = play(folder / "test_stories.yml")
    assert (code, "2 scenes: 0 passed, 2 failed" in out) == (1, True)
    monkeypatch.setattr("sys.stdin", io.StringIO(STORIES))
    assert "2 scenes" in play("-")[1]


def test_an_error_that_the_house_survives_fails_the_scene(folder, monkeypatch):
    class Muttering(EchoParser):
        def parse(self, text, language):
            logging.getLogger("phms.house").warning("only a warning")
            logging.getLogger("phms.house").error("something is wrong")
            return super().parse(text, language)

    out = io.StringIO()
    company = Company(COMPANY.kit, Muttering(), FakeKeeping())
    assert replay([folder / "good.scene"], out=out, company=company) == 1
    assert "the house logged an error: something is wrong" in out.getvalue()


def test_progress_on_a_terminal(folder):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for i in range(30):
        (folder / f"n{i}.scene").write_text(GOOD, encoding="utf-8")
    out = Terminal()
    assert replay([folder], out=out, company=COMPANY) == 1
    assert "32/32" in out.getvalue()
    assert "FAILED" in out.getvalue()
    assert "passed  " not in out.getvalue()
