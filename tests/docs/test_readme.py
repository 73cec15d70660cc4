"""The README says what the code says."""

import re

from tests.docs.generate import PARTS, README, ROOMS, ROOT, caption, generated


def test_generated_parts_are_current():
    text = README.read_text(encoding="utf-8")
    assert generated(text) == text, "run `make docs`"


def test_every_part_stands_in_the_readme():
    text = README.read_text(encoding="utf-8")
    for name, make in PARTS.items():
        assert f"<!-- begin {name} -->\n{make()}\n<!-- end {name} -->" in text, f"{name}: run `make docs`"


def test_every_module_has_a_caption():
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    assert [str(file) for file in files if not caption(file)] == []


def test_no_file_is_called_utils():
    names = {file.stem for room in ROOMS for file in (ROOT / room).rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "common", "base"}


def test_only_the_agreed_folders_stand_at_the_top():
    allowed = {*ROOMS, "tests"}
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    assert {f for f in folders if not re.fullmatch(r".*\.egg-info|build|dist|__pycache__", f)} == allowed
