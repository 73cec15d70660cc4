"""Whether this process is the only one that serves a file: then no lease in it is anybody's, and none is waited for."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.ports import Record
from data.record.sqlite import SqliteRecord


@contextmanager
def serving(record: Record, file: Path | None) -> Iterator[None]:
    """Hold the file as one of those that serve it; the first of them ends the leases of processes that were killed."""
    if file is None or not isinstance(record, SqliteRecord):
        yield
        return
    lock = os.open(file.with_name(f"{file.name}.serving"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Others are at work on it.
            pass
        else:
            record.let_go()
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)
