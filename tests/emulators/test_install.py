"""Installing and running third parties: one build for many processes, nothing half-built, nothing left running."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.emulators.install import NotInstalledError, OutOfReachError, call, environment
from tests.emulators.running import DidNotStartError, accepts, answers_http, running
from tests.emulators.threads import wait_for

BUILD = """
import sys
from tests.emulators.install import environment
def build(draft):
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    (draft / "file").write_text("whole")
print((environment("trial", [b"1"], build) / "file").read_text())
"""
SERVE = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PHMS_CACHE", str(tmp_path))
    return tmp_path / "emulators"


def test_many_processes_build_once(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def start(_: int) -> str:
        return subprocess.run([sys.executable, "-c", BUILD, log], capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(start, range(4))) == {"whole\n"}
    assert log.read_text() == "built\n"


def test_a_failed_or_abandoned_build_is_no_environment(empty_cache: Path) -> None:
    def fail(draft: Path) -> None:
        (draft / "half").touch()
        raise NotInstalledError("no")

    with pytest.raises(NotInstalledError):
        environment("trial", [b"1"], fail)
    (empty_cache / ".trial-draft-killed").mkdir()  # what SIGKILL leaves
    assert [one.name for one in empty_cache.iterdir() if one.name[0] != "."] == []
    place = environment("trial", [b"1"], lambda draft: (draft / "file").touch())
    assert sorted(one.name for one in empty_cache.iterdir()) == [".trial.lock", place.name]
    assert environment("trial", [b"2"], lambda draft: None) != place


@pytest.mark.parametrize(
    ("said", "kind"), [("npm error code ENOTFOUND", OutOfReachError), ("syntax error", NotInstalledError)]
)
def test_only_an_absent_registry_counts_as_out_of_reach(tmp_path: Path, said: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=said):
        call([sys.executable, "-c", f"raise SystemExit({said!r})"], tmp_path)


def test_a_peer_ends_with_its_block_and_says_why_it_did_not_start() -> None:
    with running("trial", lambda port: [*SERVE, str(port)], answered=answers_http()) as peer:
        assert accepts(peer.port)
    assert not accepts(peer.port)
    ends = running("trial", lambda _: [sys.executable, "-c", "raise SystemExit('sorry')"], answered=accepts)
    with pytest.raises(DidNotStartError, match="sorry"), ends:
        pass


def test_a_peer_and_its_children_end_when_the_test_is_killed() -> None:
    # The peer is a shell whose child serves: both must go.
    script = f"""
import sys, time
from tests.emulators.running import answers_http, running
serve = " ".join({SERVE!r})
with running("trial", lambda port: ["sh", "-c", f"{{serve}} {{port}} & wait"], answered=answers_http()) as peer:
    print(peer.port, flush=True)
    sys.stdin.read()
"""
    test = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with test:
        assert test.stdout
        port = int(test.stdout.readline())
        assert accepts(port)
        os.kill(test.pid, 9)
        test.wait()
        wait_for(lambda: None if accepts(port) else True, 10, "the peer is gone")
