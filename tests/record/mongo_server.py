"""A MongoDB to test against: the one that PHMS_TEST_MONGO names, or a `mongod` found on the PATH, or none.

PHMS_TEST_MONGO_COMMAND ("program {port}") starts a server of our own where one has to die; `mongod` does as well.
"""

import atexit
import os
import shlex
import shutil
import socket
import subprocess
import sys
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from pymongo import MongoClient, monitoring
from pymongo.errors import PyMongoError

from tests.record.mongo_watch import Watch

NONE = "no MongoDB to test against: set PHMS_TEST_MONGO=mongodb://HOST:PORT, or put `mongod` on the PATH"
NO_COMMAND = "no MongoDB server to kill: put `mongod` on the PATH, or set PHMS_TEST_MONGO_COMMAND='program {port}'"
WATCH = Watch()
_number = count(1)


@cache
def server() -> str | None:
    """The URL of the server under test."""
    url = os.environ.get("PHMS_TEST_MONGO", "")  # noqa: TID251 - a test's own setting, not the program's
    if url or not shutil.which("mongod"):
        return url or None
    return Server().url


@cache
def _admin() -> MongoClient:
    # Made before anything is watched: it drops databases, which the record never does.
    client = MongoClient(server(), serverSelectionTimeoutMS=5_000)
    atexit.register(client.close)
    client.admin.command("ping")
    monitoring.register(WATCH)
    return client


def fresh_url() -> str:
    """The URL of a database that is not there yet. Skips the test where there is no server."""
    url = server()
    if url is None:
        pytest.skip(NONE)
    _admin()
    return named(url, f"phms_test_{os.getpid()}_{next(_number)}")


def named(url: str, name: str) -> str:
    """The same server with another database; who logs in does so where they did before."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.username:
        options.setdefault("authSource", parts.path.strip("/") or "admin")
    return parts._replace(path=f"/{name}", query=urlencode(options)).geturl()


def name_of(url: str) -> str:
    return urlsplit(url).path.strip("/")


def raw(url: str):
    """The database itself, past the record; not watched."""
    return _admin()[name_of(url)]


def raw_keys(url: str):
    return _admin()[f"{name_of(url)}_keys"]


def drop(url: str) -> None:
    for name in (name_of(url), f"{name_of(url)}_keys"):
        _admin().drop_database(name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server of our own on loopback, gone when the tests end. Skips the test where none can be started."""

    def __init__(self) -> None:
        port = free_port()
        command = os.environ.get("PHMS_TEST_MONGO_COMMAND", "")  # noqa: TID251 - a test's own setting
        if command:
            arguments = [part.replace("{port}", str(port)) for part in shlex.split(command)]
        elif shutil.which("mongod"):
            self.folder = Path(mkdtemp(prefix="phms-mongod-"))
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
            arguments = ["mongod", "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(self.folder)]
        else:
            pytest.skip(NO_COMMAND)
        self.url = f"mongodb://127.0.0.1:{port}/phms"
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(arguments, stdin=quiet, stdout=quiet, stderr=quiet)
        atexit.register(self.kill)
        self._wait()

    def _wait(self) -> None:
        until = monotonic() + 60
        with MongoClient(self.url, serverSelectionTimeoutMS=500) as client:
            while True:
                try:
                    client.admin.command("ping")
                    return
                except PyMongoError:
                    assert self.process.poll() is None, "the MongoDB server ended at once"
                    assert monotonic() < until, "the MongoDB server does not answer within a minute"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def contents(url: str) -> dict[str, list[object]]:
    """Everything in both databases."""
    return {
        f"{base.name}.{n}": list(base[n].find())
        for base in (raw(url), raw_keys(url))
        for n in base.list_collection_names()
    }


def main() -> int:
    """Say which server would be tested: `python -m tests.record.mongo_server`. Exit code 2 when there is none."""
    url = server()
    if url is None:
        sys.stderr.write(f"{NONE}\n")
        return 2
    try:
        with MongoClient(url, serverSelectionTimeoutMS=5_000) as client:
            version = client.server_info()["version"]
    except PyMongoError as problem:
        sys.stderr.write(f"the MongoDB of PHMS_TEST_MONGO does not answer ({type(problem).__name__}): start it\n")
        return 2
    sys.stdout.write(f"MongoDB {version} at {urlsplit(url).netloc.rpartition('@')[2]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
