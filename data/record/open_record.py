"""From the name of a place to the record that is kept there."""

from pathlib import Path

from data.errors import BadFile
from data.ports import Record
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord


def open_record(where: str) -> Record:
    """Open "memory:", "sqlite:PATH" or a plain path. Raises `BadFile` for anything else or a file of another kind."""
    if where == "memory:":
        return MemoryRecord()
    scheme, colon, rest = where.partition(":")
    path = rest if scheme == "sqlite" and colon else where
    if not path or "://" in where:
        # Only the scheme is told: the rest may hold a password.
        raise BadFile(f"no record can be kept at {scheme + colon!r}; allowed: memory:, sqlite:PATH, or a file's path")
    return SqliteRecord(Path(path))
