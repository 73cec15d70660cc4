"""The demo runs unchanged on the embedded store and on MongoDB, and its transcripts are identical."""

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from bot.demo.clinic import SCENE
from bot.scene.keeping import InMemory
from bot.scene.reader import read
from bot.scene.run import perform
from bot.scene.transcript import write_transcript
from bot.wire import standard_kit, standard_parser
from tests.record import mongo_server

KEPT = "The record is kept in "


def demo(home: Path, store: str = "") -> list[str]:
    """What `phms demo` prints, line by line."""
    env = {**os.environ, "PHMS_HOME": str(home), "PHMS_STORE": store}  # noqa: TID251 - for a process of its own
    done = subprocess.run(
        [sys.executable, "-m", "bot.cli.main", "demo"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def without_place(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith(KEPT)]


def test_the_demo_is_the_same_on_both_stores_and_in_memory(tmp_path: Path) -> None:
    url = mongo_server.fresh_url()
    try:
        embedded, mongo = demo(tmp_path), demo(tmp_path, url)
        again = demo(tmp_path, url)
    finally:
        mongo_server.drop(mongo_server.named(url, f"{mongo_server.name_of(url)}_demo"))
    assert without_place(embedded) == without_place(mongo) == without_place(again)
    assert next(line for line in mongo if line.startswith(KEPT)).endswith("_demo")
    assert not mongo_server.raw(url).list_collection_names(), "the record beside it was not touched"
    _, stage = perform(
        read((files("bot.demo") / SCENE).read_text(encoding="utf-8"), SCENE)[0],
        standard_kit(),
        standard_parser(),
        InMemory(),
    )
    assert write_transcript(stage) in "\n".join(mongo) + "\n"
