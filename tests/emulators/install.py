"""Third-party peers of the tests, installed once below ${PHMS_CACHE:-~/.cache/phms}/emulators and reused.

Each environment has a folder named after all that decides what is in it, so a changed pin makes a new one. It is built
beside its place and renamed there: a folder with the right name is a finished one, whatever was killed meanwhile.

    python -m tests.emulators.install     # installs all of them and prints how long each took
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from time import monotonic

from tests.emulators.debian import debian_redis

HERE = Path(__file__).parent
NODE = 24
AWAY = (  # what npm, pip and apt say when there is no network or no registry behind it
    *("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT"),
    *("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError"),
    *("Temporary failure", "Could not resolve", "Could not connect", "Network is unreachable", "Failed to fetch"),
)


class OutOfReachError(RuntimeError):
    """The registry did not answer: the one reason for which a test of a peer is skipped."""


class NotInstalledError(RuntimeError):
    """An install failed for a reason that somebody can mend; the text says how."""


def cache() -> Path:
    home = os.environ.get("PHMS_CACHE", "")  # noqa: TID251 - where tests keep third parties, not the program's
    return (Path(home) if home else Path.home() / ".cache" / "phms") / "emulators"


def telemelya_python() -> Path:
    """The Python of an environment that has telemelya."""
    return _python("telemelya")


def moto_python() -> Path:
    """The Python of an environment that has moto's server."""
    return _python("moto")


def node_folder() -> Path:
    """A folder whose `node_modules` has emulate, prism, telegram-test-api, sms-segments-calculator and node itself."""
    if not shutil.which("npm"):
        raise NotInstalledError("npm is not on the PATH: install Node.js with npm (Debian: apt-get install npm)")
    files = [HERE / "node" / name for name in ("package.json", "package-lock.json")]

    def build(draft: Path) -> None:
        for file in files:
            shutil.copy(file, draft)
        # No script of a package runs: node's own binaries are packages of their own, one per machine kind.
        call(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], draft)

    return environment("node", [file.read_bytes() for file in files], build)


def node() -> Path:
    """The pinned node, rather than the one on the PATH."""
    found = sorted((node_folder() / "node_modules").glob("node-*-*/bin/node"))
    if found:
        return found[0]
    on_path = shutil.which("node")  # a kind of machine whose node is no package of npm's
    if not on_path or int(call([on_path, "-p", "process.versions.node.split('.')[0]"], cache())) < NODE:
        raise NotInstalledError(f"emulate needs node {NODE} or newer: put it on the PATH")
    return Path(on_path)


def redis_command() -> tuple[list[str], dict[str, str]]:
    """How to start redis-server, and what its environment needs on top."""
    on_path = shutil.which("redis-server")
    if on_path:
        return [on_path], {}
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise NotInstalledError("no redis-server on the PATH, and no Debian to fetch it from: install redis")
    folder = environment("redis", [b"1"], lambda draft: debian_redis(draft, call))
    libraries = sorted({str(found.parent) for found in folder.rglob("*.so.*")})
    return [str(folder / "usr/bin/redis-server")], {"LD_LIBRARY_PATH": ":".join(libraries)}


def environment(name: str, decided_by: Sequence[bytes], build: Callable[[Path], None]) -> Path:
    """The folder of that name, built by `build` where it is not there yet. Safe with several processes at once."""
    machine = f"{sys.version_info[:2]} {os.uname().sysname} {os.uname().machine}".encode()
    stamp = sha256(b"\0".join([machine, *decided_by])).hexdigest()[:12]
    place = cache() / f"{name}-{stamp}"
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with _alone(place.parent / f".{name}.lock", name):
        if place.exists():
            return place
        for abandoned in place.parent.glob(f".{name}-draft-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-draft-", dir=place.parent))
        begun = monotonic()
        say(f"installing {name} into {place} (once; up to two minutes)")
        try:
            build(draft)
            draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        say(f"installed {name} in {monotonic() - begun:.0f} s")
    return place


def call(command: Sequence[str | Path], folder: Path, **env: str) -> str:
    """Run one step of an install; its output. Raises OutOfReachError or NotInstalledError with what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, **env},  # noqa: TID251 - a child of the test, with the test's own environment
    )
    if done.returncode == 0:
        return done.stdout
    said = done.stdout if len(done.stdout) < 3000 else f"{done.stdout[:1500]}\n...\n{done.stdout[-1500:]}"
    away = [line for line in done.stdout.splitlines() if any(word in line for word in AWAY)]
    kind = OutOfReachError if away else NotInstalledError
    why = f": {away[0].strip()}" if away else ""
    raise kind(f"{Path(str(command[0])).name} failed ({done.returncode}){why}\n{said}")


def say(text: str) -> None:
    sys.stderr.write(f"tests.emulators: {text}\n")
    sys.stderr.flush()


def _python(name: str) -> Path:
    pins = HERE / "python" / f"{name}.txt"

    def build(draft: Path) -> None:
        call([sys.executable, "-m", "venv", draft], draft)
        pip: list[str | Path] = [draft / "bin/python", "-m", "pip", "install", "--quiet", "--no-compile", "--retries=2"]
        call([*pip, "--disable-pip-version-check", "-r", pins], draft)

    # Started as modules: scripts in bin/ name the folder that the environment was built in.
    return environment(name, [pins.read_bytes()], build) / "bin" / "python"


@contextmanager
def _alone(lock: Path, name: str) -> Iterator[None]:
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that installs {name}")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Install everything."""
    for name, get in {"telemelya": telemelya_python, "moto": moto_python, "node": node, "redis": redis_command}.items():
        begun = monotonic()
        try:
            get()
        except (OutOfReachError, NotInstalledError) as problem:
            say(f"{name}: {problem}")
            return 1
        sys.stdout.write(f"{name}: {monotonic() - begun:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
