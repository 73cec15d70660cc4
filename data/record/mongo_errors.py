"""MongoDB's errors in our words: one line that says what to do, never what was stored (the server quotes keys)."""

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from data.errors import BadFile, BadInput, PhmsError, Unavailable


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise `Unavailable`, `BadFile` or `BadInput` for whatever the driver raises within."""
    try:
        yield
    except PyMongoError as problem:
        raise in_our_words(problem, where) from None
    except (BSONError, UnicodeEncodeError, OverflowError):
        raise BadInput("a key holds half a character or a number too large, and cannot be looked up") from None


def in_our_words(problem: PyMongoError, where: str) -> PhmsError:
    """What an error of the driver means for whoever must mend it."""
    if isinstance(problem, DocumentTooLarge):
        return BadInput("this is larger than the store takes (16 MiB a row); send less at a time")
    code = problem.code if isinstance(problem, OperationFailure) else None
    if code in _BY_CODE:
        kind, said, advice = _BY_CODE[code]
        return kind(f"{where}: {said}; {advice} (code {code})")
    for error, advice in _BY_KIND:
        if isinstance(problem, error):
            return Unavailable(f"{where}: {advice}")
    told = f"code {code}" if code is not None else type(problem).__name__
    return Unavailable(f"{where}: refused a command ({told}); try again, and look into the server's log if it stays so")


_BY_KIND: tuple[tuple[type[PyMongoError], str], ...] = (
    (ServerSelectionTimeoutError, "no server that takes writes answers; start it or check the address, and try again"),
    (NotPrimaryError, "this server is not the primary; name the whole replica set in the URL, and try again"),
    (WTimeoutError, "a majority of the replica set did not confirm in time; see to its members, and try again"),
    (NetworkTimeout, "the server did not answer in time; try again"),
    (ConnectionFailure, "the connection was cut; try again"),
    (InvalidOperation, "the record is closed; open it again"),
)

_RIGHTS = (BadFile, "this user may not do that", "grant readWrite on the database and on the one of its keys")
_NO_ENTRY = (BadFile, "user or password are not accepted", "put the right ones into the URL")
_PRIMARY = (Unavailable, "this server is not the primary", "name the whole replica set in the URL, and try again")
_DISK = (Unavailable, "the server's disk is full", "make room and try again")
_LARGE = (BadInput, "this is larger than the store takes", "send less at a time")
_MAJORITY = (Unavailable, "the replica set did not confirm by majority", "see to its members, and try again")
_READS = (
    BadFile,
    "reads confirmed by a majority are switched off",
    "take enableMajorityReadConcern out of its settings",
)
_BUSY = (Unavailable, "the server has too much to do", "try again later")
_RACE = (Unavailable, "another process wrote the same at the same moment", "try again")
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml; 8000 is Atlas's, 16500 Cosmos DB's.
_BY_CODE: dict[int | None, tuple[type[PhmsError], str, str]] = {
    13: _RIGHTS,
    18: _NO_ENTRY,
    8000: _NO_ENTRY,
    10107: _PRIMARY,
    13435: _PRIMARY,
    13436: _PRIMARY,
    14031: _DISK,
    10334: _LARGE,
    17419: _LARGE,
    17420: _LARGE,
    64: _MAJORITY,
    100: _MAJORITY,
    148: _READS,
    50: _BUSY,
    262: _BUSY,
    16500: _BUSY,
    11000: _RACE,
    112: _RACE,
}
