"""The scenes notice every planted fault: a scene set that does not is a net with a hole."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.faults import FAULTS

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "data", "integrations", "nlu", "risk", "scheduler")


def replay(code: Path) -> subprocess.CompletedProcess[str]:
    """All scenes on the engine in `code`."""
    scenes = [str(ROOT / "tests" / "scenes"), str(ROOT / "bot" / "demo")]
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from bot.cli.main import main; sys.exit(main())",
            "replay",
            "--no-golden",
            *scenes,
        ],
        cwd=code,
        env={**os.environ, "PYTHONPATH": str(code)},  # noqa: TID251 - the child needs our PATH
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A copy of the engine that may be broken."""
    copy = tmp_path_factory.mktemp("engine")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_the_copy_passes_unbroken(engine):
    played = replay(engine)
    assert played.returncode == 0, played.stdout + played.stderr


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_scenes_notice(fault, engine):
    file = engine / fault.file
    whole = file.read_text(encoding="utf-8")
    assert whole.count(fault.old) == 1, "the planted fault no longer fits the code"
    file.write_text(whole.replace(fault.old, fault.new), encoding="utf-8")
    try:
        played = replay(engine)
    finally:
        file.write_text(whole, encoding="utf-8")
    assert played.returncode == 1, (
        f"no scene noticed (exit {played.returncode})\n{played.stdout[-2000:]}{played.stderr[-2000:]}"
    )
