"""The packaged rules load, are sound, and a clinic's file with a mistake is refused in one line that names it."""

from importlib.resources import files
from pathlib import Path

import pytest

from data.errors import BadFile, NotFound
from risk.rulebook import load_rules


def test_ids_are_unique_and_found() -> None:
    rules = load_rules()
    assert len(set(rules.ids())) == len(rules.ids())
    for rule_id in rules.ids():
        assert rules.rule(rule_id).id == rule_id
    assert rules.word_rule_ids() == {
        "chest-pain", "cannot-breathe", "stroke", "self-harm", "severe-bleeding", "anaphylaxis", "unconscious",
        "overdose", "seizure", "sepsis", "severe-headache", "severe-low-sugar", "ketoacidosis", "emergency-call",
    }  # fmt: skip


def test_an_unknown_rule_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean 'low-oxygen'"):
        load_rules().rule("low-oxigen")


def packaged(name: str) -> str:
    return (files("risk.rules") / name).read_text(encoding="utf-8")


def overlay(folder: Path, name: str, old: str, new: str) -> Path:
    """A directory with one packaged file in which the first `old` is `new`."""
    text = packaged(name)
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def test_a_clinics_file_replaces_ours_and_changes_the_hash(tmp_path: Path) -> None:
    rules = load_rules(overlay(tmp_path, "thresholds.toml", "at-most = 92", "at-most = 91"))
    assert rules.hash != load_rules().hash
    assert rules.news2.response[0].at_least == 7


def test_a_comment_does_not_change_the_hash_and_loading_is_stable(tmp_path: Path) -> None:
    rules = load_rules(overlay(tmp_path, "trends.toml", "# Trends", "# Our trends"))
    assert rules.hash == load_rules().hash
    assert len(rules.hash) == 16
    int(rules.hash, 16)


def line_of(name: str, what: str) -> int:
    lines = packaged(name).splitlines()
    return next(n for n, line in enumerate(lines, 1) if what in line)


@pytest.mark.parametrize(
    ("name", "old", "new", "wanted"),
    [
        ("thresholds.toml", 'level = "critical"', 'level = "grave"', ["threshold[0].level", "'grave'", "critical"]),
        ("thresholds.toml", 'lasting = "2 min"', 'lasting = "soon"', ["threshold[0].lasting", "'soon'"]),
        ("thresholds.toml", "hard = true", "hrad = true", ["threshold[0].hrad", "did you mean 'hard'"]),
        ("thresholds.toml", "below = 88", "bellow = 88", ["threshold[0].any[0].bellow", "did you mean 'below'"]),
        ("thresholds.toml", "below = 88, ", "", ["threshold[0].any[0]", "exactly one of below"]),
        ("thresholds.toml", 'unit = "%"', 'unit = "percent"', ["threshold[0].any[0]", "`unit` is 'percent'", "'%'"]),
        ("thresholds.toml", '"oxygen-saturation", below', '"oxygen-satuation", below', ["mean 'oxygen-saturation'"]),
        ("thresholds.toml", 'max-age = "2 h"', 'max-age = "2 d"', ["threshold[0]", "max-age", "24 h"]),
        ("thresholds.toml", "scale = 1", "scale = 3", ["threshold[0]", "`scale` is 3", "1, 2"]),
        ("trends.toml", 'apart = "18 h"', 'apart = "40 h"', ["trend[0]", "`within`"]),
        ("trends.toml", "rises-above = 0.9", 'rises-above = "lots"', ["trend[0].rises-above", "must be a number"]),
        ("words.toml", 'holds = "24 h"', 'holds = "2 d"', ["word[0]", "`holds`"]),
        ("symptoms.toml", 'all = ["breathlessness"]', "", ["symptom[0]", "`all`"]),
        ("symptoms.toml", 'id = "fainting"', 'id = "low-oxygen"', ["symptom[1].id", "taken in thresholds.toml"]),
        ("news2.toml", "at-most = 11", "at-most = 7", ["table[0]", "`bands` must rise"]),
        ("news2.toml", "on-oxygen = false", "on-oxygen = true", ["exactly one table for oxygen-saturation"]),
        ("conduct.toml", '["moderate", "low"]', '["high"]', ["closes-itself", "only a person closes"]),
        ("conduct.toml", "close-after", "close-afer", ["close-afer", "did you mean 'close-after'"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_and_key(
    tmp_path: Path, name: str, old: str, new: str, wanted: list[str]
) -> None:
    with pytest.raises(BadFile) as caught:
        load_rules(overlay(tmp_path, name, old, new))
    line = str(caught.value)
    assert "\n" not in line
    assert str(tmp_path / name) in line
    for part in wanted:
        assert part in line


def test_the_line_of_a_mistake_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        load_rules(overlay(tmp_path, "thresholds.toml", 'level = "critical"', 'level = "grave"'))
    number = line_of("thresholds.toml", 'level = "critical"')
    assert f"thresholds.toml:{number}:" in str(caught.value)


def test_a_file_that_replaces_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "treshold.toml").write_text("", encoding="utf-8")
    with pytest.raises(BadFile, match=r"did you mean 'thresholds.toml'"):
        load_rules(tmp_path)


def test_an_overlay_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="not a directory"):
        load_rules(tmp_path / "none")
