"""One `phms serve` at a time over one home directory."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from bot.kept import open_kept
from bot.settings import read_settings
from data.ports import Record

WITHIN = 30.0
_rest = Event()


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], object], within: float = WITHIN, what: str = "") -> None:
    """Ask until the answer is true. Raises `AssertionError` at the deadline."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, what or "it did not come true in time"
        _rest.wait(0.02)


class Served:
    """A clinic's machine: its settings, its home, and the process that serves, if one runs."""

    def __init__(self, home: Path, env: Mapping[str, str], *, port: int = 0) -> None:
        self.home, self.port = home, port or free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PHMS_", "TWILIO_"))}  # noqa: TID251
        self.env = {**kept, "PHMS_HOME": str(home), **env}
        self.process: subprocess.Popen[bytes] | None = None
        self.log = home.parent / f"{home.name}.log"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def phms(self, *arguments: str, said: str = "", code: int | None = 0) -> str:
        """Run one command of `phms` on the same record; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bot.cli.main", *arguments],
            input=said,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if code != 0 else "")

    def start(self, *arguments: str, ready: bool = True) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli.main", "serve", "--port", str(self.port), *arguments],
                env=self.env,
                stdout=log,
                stderr=log,
            )
        path = "/readyz" if ready else "/healthz"
        eventually(lambda: self._alive() and self.get(path)[0] == 200, what=f"no start: {self.said()[-2000:]}")

    def _alive(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.said()[-2000:]
        return True

    def stop(self) -> float:
        """SIGTERM, as a supervisor sends it; how many seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.said()[-2000:]
        return time.monotonic() - began

    @contextmanager
    def record(self) -> Iterator[Record]:
        """The record itself, opened beside the process that serves it."""
        opened = open_kept(read_settings(self.env))
        try:
            yield opened
        finally:
            opened.close()

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def said(self) -> str:
        """All that it has printed and logged."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def get(self, path: str) -> tuple[int, bytes]:
        """A GET; 0 where nobody listens."""
        return self.ask("GET", path)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Any request; status and body."""
        request = Request(self.url + path, data=body, method=method, headers=dict(headers or {}))  # noqa: S310
        try:
            with urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, answer.read()
        except HTTPError as problem:
            return problem.code, problem.read()
        except OSError:
            return 0, b""

    def count(self, metric: str) -> float:
        """A counter of /metrics, all labels summed."""
        text = self.get("/metrics")[1].decode()
        return sum(float(found[1]) for found in re.finditer(rf"^{metric}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


@contextmanager
def served(folder: Path, env: Mapping[str, str], people: str = "", *, port: int = 0) -> Iterator[Served]:
    """A machine with `people` (a scene's block) loaded; whatever runs at the end is killed."""
    home = folder / "home"
    machine = Served(home, env, port=port)
    if people:
        machine.phms("people", "load", "-", "--yes", said=people)
    try:
        yield machine
    finally:
        machine.kill()
