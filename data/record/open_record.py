"""From the name of a place to the record that is kept there."""

from pathlib import Path

from data.errors import BadFile
from data.ports import KeyStore, Record
from data.record.memory import MemoryRecord
from data.record.sqlite import SqliteRecord


def open_record(where: str, keys: KeyStore) -> Record:
    """Open "memory:", "sqlite:PATH", a plain path or "mongodb://...", sealed with `keys` (all but memory).

    Raises `BadFile` for anything else, a place that holds something else, or other keys; `Unavailable` when the
    place does not answer.
    """
    if where == "memory:":
        return MemoryRecord()
    path = file_of(where)
    if path is None:
        # Only who needs the driver waits for it to load.
        from data.record.mongo import MongoRecord  # noqa: PLC0415

        return MongoRecord(where, keys)
    return SqliteRecord(path, keys)


def is_there(where: str) -> bool:
    """Whether a record is kept there already; nothing is made. Raises as `open_record` does for a wrong place."""
    if where == "memory:":
        return False
    path = file_of(where)
    if path is not None:
        return path.exists()
    from data.record.mongo_moving import is_made  # noqa: PLC0415

    return is_made(where)


def file_of(where: str) -> Path | None:
    """The file of an embedded record; None for a MongoDB. Raises `BadFile` for anything else."""
    scheme, colon, rest = where.partition(":")
    if scheme in ("mongodb", "mongodb+srv"):
        return None
    path = rest if scheme == "sqlite" and colon else where
    if not path or "://" in where:
        # Only the scheme is told: the rest may hold a password.
        raise BadFile(
            f"no record can be kept at {scheme + colon!r}; "
            "allowed: memory:, sqlite:PATH, mongodb://..., or a file's path"
        )
    return Path(path).expanduser()
