"""Starts a third-party peer on a free port of 127.0.0.1, waits until it answers, and ends it with all it started."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx

GUARD = Path(__file__).with_name("guard.py")
TRIES = 3  # a port found free may be taken by the time the peer binds it
LOOK_AGAIN = 0.02
LOCAL = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


class DidNotStartError(RuntimeError):
    """A peer ended early or never answered; carries the end of what it printed."""


@dataclass(frozen=True)
class Running:
    """A started peer."""

    port: int
    log: Path
    seconds: float  # until it answered

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def printed(self) -> str:
        return self.log.read_text("utf-8", "replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers_http(path: str = "/") -> Callable[[int], bool]:
    def answered(port: int) -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    return answered


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    name: str,
    command: Callable[[int], Sequence[str | Path]],
    *,
    answered: Callable[[int], bool],
    env: Callable[[int], Mapping[str, str]] | None = None,
    within: float = 60.0,
) -> Iterator[Running]:
    """The command, given a port to listen on, until the block ends. `env` comes on top of the test's own."""
    with tempfile.TemporaryDirectory(prefix=f"phms-{name}-", ignore_cleanup_errors=True) as folder:
        guard, peer = _started(name, command, answered, env, within, Path(folder))
        try:
            yield peer
        finally:
            _end(guard)


def _started(
    name: str,
    command: Callable[[int], Sequence[str | Path]],
    answered: Callable[[int], bool],
    env: Callable[[int], Mapping[str, str]] | None,
    within: float,
    folder: Path,
) -> tuple[subprocess.Popen[bytes], Running]:
    trouble = ""
    for attempt in range(TRIES):
        port, log, begun = free_port(), folder / f"log{attempt}", monotonic()
        with log.open("wb") as out:
            guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), *map(str, command(port))],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder,
                env={**os.environ, **LOCAL, **(env(port) if env else {})},  # noqa: TID251 - a child has the test's own
            )
        try:
            if _wait(guard, port, answered, begun + within):
                return guard, Running(port, log, monotonic() - begun)
        except BaseException:
            _end(guard)
            raise
        ended = guard.poll() is not None
        _end(guard)
        trouble = f"{name} {'ended at once' if ended else f'did not answer within {within:.0f} s'}:\n"
        trouble += log.read_text("utf-8", "replace")[-2000:]
        if not ended:
            break
    raise DidNotStartError(trouble)


def _wait(guard: subprocess.Popen[bytes], port: int, answered: Callable[[int], bool], until: float) -> bool:
    while guard.poll() is None and monotonic() < until:
        if answered(port):
            return True
        try:
            guard.wait(LOOK_AGAIN)
        except subprocess.TimeoutExpired:
            continue
    return False


def _end(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stdin is not None
    guard.stdin.close()
    try:
        guard.wait(10)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
