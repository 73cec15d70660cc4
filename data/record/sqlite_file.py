"""The SQLite file itself: opened privately, its schema made or refused, its errors put in our words."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from data.errors import BadFile, BadInput, PhmsError, Unavailable
from data.record.tables import NOT_STAFF, VERSION

# How long a call waits for another process to finish its write, in seconds.
BUSY = 10.0

# The condition of the index of staff; a query has to say it in the same words to use that index.
STAFF = f"role NOT IN {NOT_STAFF}"

# Every id below is a name (see `Sealing.name`) and every body is sealed; in clear stands what a query needs. Tables
# have a row number `n` (`seq` in the journal), so that order of first insertion is kept for ever.
_SCHEMA = f"""
CREATE TABLE schema_version (version INTEGER NOT NULL, house BLOB);
CREATE TABLE token (last INTEGER NOT NULL);
CREATE TABLE inbox (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, body BLOB NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, lease_from INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0);
CREATE INDEX inbox_unfinished ON inbox (n) WHERE done = 0;
CREATE INDEX inbox_queue ON inbox (owner, n) WHERE done = 0;
CREATE INDEX inbox_owner ON inbox (owner, n);
CREATE TABLE journal (seq INTEGER PRIMARY KEY, subject TEXT NOT NULL, revision INTEGER NOT NULL,
    event TEXT NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL, digest BLOB NOT NULL,
    link BLOB NOT NULL, relieved INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL,
    UNIQUE (subject, revision), UNIQUE (subject, event));
CREATE TABLE chart (n INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
    link BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE vitals (subject TEXT NOT NULL, code TEXT NOT NULL, hour INTEGER NOT NULL, n INTEGER NOT NULL,
    band INTEGER NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (subject, code, hour));
CREATE INDEX vitals_hour ON vitals (subject, hour);
CREATE INDEX vitals_band ON vitals (code, hour, band);
CREATE INDEX vitals_age ON vitals (hour);
CREATE TABLE outbox (n INTEGER PRIMARY KEY, subject TEXT NOT NULL, id TEXT NOT NULL, late INTEGER NOT NULL,
    created_at INTEGER NOT NULL, not_before INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL,
    revision INTEGER NOT NULL, set_at INTEGER NOT NULL, body BLOB NOT NULL,
    lease_from INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0, UNIQUE (subject, id));
CREATE INDEX outbox_order ON outbox (late, created_at, seq, place);
CREATE TABLE due (n INTEGER PRIMARY KEY, subject TEXT NOT NULL, id TEXT NOT NULL, due_at INTEGER NOT NULL,
    seq INTEGER NOT NULL, place INTEGER NOT NULL, revision INTEGER NOT NULL, set_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    lease_from INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0, UNIQUE (subject, id));
CREATE INDEX due_order ON due (due_at, seq, place);
CREATE INDEX due_set ON due (set_at);
CREATE INDEX due_leased ON due (lease_until);
CREATE TABLE person (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, active INTEGER NOT NULL,
    role TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX person_staff ON person (n) WHERE {STAFF};
CREATE TABLE person_change (last INTEGER NOT NULL);
CREATE TABLE address (address TEXT NOT NULL, person INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (address, person));
CREATE INDEX address_person ON address (person);
CREATE TABLE code (n INTEGER PRIMARY KEY, recipient TEXT NOT NULL, code TEXT NOT NULL, escalation TEXT NOT NULL,
    subject TEXT NOT NULL, given_at INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (recipient, code));
CREATE INDEX code_subject ON code (subject);
CREATE TABLE access (n INTEGER PRIMARY KEY, subject TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL,
    actor TEXT NOT NULL, at INTEGER NOT NULL, digest BLOB NOT NULL, link BLOB NOT NULL, body BLOB NOT NULL,
    UNIQUE (subject, number));
CREATE TABLE anchor (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, upto TEXT NOT NULL, heads BLOB NOT NULL,
    link BLOB NOT NULL);
"""

_FIRST = (
    f"INSERT INTO schema_version VALUES ({VERSION}, NULL)",  # noqa: S608
    "INSERT INTO token VALUES (0)",
    "INSERT INTO person_change VALUES (0)",
)


def open_file(path: Path, schema: str = _SCHEMA, first: tuple[str, ...] = _FIRST) -> sqlite3.Connection:
    """A connection to the record at `path`, made when there is none; only its owner may read it.

    `schema` is made in an empty file and `first` put into it. Raises `BadFile` for what is not a record of this
    version, `Unavailable` when another process holds it.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as problem:
        raise BadFile(f"{path}: cannot be opened: {problem.strerror}; name a file that this user may write") from None
    with translated(path):
        connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        # Text that somebody spoilt is still told apart, so that the audit can name the row.
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        try:
            # A file of something else is refused before anything about it is changed.
            if not _is_empty(connection):
                _check_version(connection, path)
            _make_private(path)
            _write_ahead(connection)
            _make_schema(connection, path, schema, first)
        except BaseException:
            connection.close()
            raise
    return connection


def _make_private(path: Path) -> None:
    """SQLite gives new -wal and -shm files the mode of the file; those that are there already are put right too."""
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with suppress(FileNotFoundError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def _make_schema(connection: sqlite3.Connection, path: Path, schema: str, first: tuple[str, ...]) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _is_empty(connection):
            make_tables(connection, schema)
            for statement in first:
                connection.execute(statement)
        _check_version(connection, path)
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def make_tables(connection: sqlite3.Connection, schema: str = _SCHEMA) -> None:
    """The tables and indexes of `schema` in an empty database."""
    for statement in schema.split(";\n"):
        connection.execute(statement)


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL. Two processes that make the same file at once may refuse each other; the lock makes them wait."""
    for attempt in range(100):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as problem:
            if attempt == 99 or problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        else:
            return


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    found = connection.execute("SELECT version FROM schema_version").fetchone() if known else None
    if found is None:
        raise BadFile(f"{path}: is an SQLite file of something else; name another file for the record")
    if found[0] != VERSION:
        older = "move it with `phms store migrate`" if found[0] < VERSION else "use the program that wrote it"
        raise BadFile(
            f"{path}: has schema version {found[0]}, this program reads {VERSION}; {older}, or name another file"
        )


def roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction that failed, if SQLite has not done so itself."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


class Translated:
    """SQLite's errors as `Unavailable` or `BadFile`: one line that says what to do, never what was stored.

    Holds nothing, so that one may be entered again and again, by several threads too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Watch what follows."""

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        """Put an error of SQLite's in our words; any other goes on as it is."""
        if isinstance(problem, sqlite3.Error):
            raise in_our_words(problem, self._path) from None
        if isinstance(problem, UnicodeEncodeError):
            raise BadInput("a key holds half a character and cannot be looked up") from None


def translated(path: Path) -> Translated:
    """SQLite's errors in our words; see `Translated`."""
    return Translated(path)


def in_our_words(problem: sqlite3.Error, path: Path) -> PhmsError:
    """What an SQLite error means for whoever must mend it."""
    code = getattr(problem, "sqlite_errorcode", None)
    if code is None:
        return Unavailable(f"{path}: the record is closed; open it again")
    # No room for the log's index: SQLite says it in its own way.
    code = sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR_SHMSIZE else code
    kind, advice = _ADVICE.get(code & 0xFF, (Unavailable, "try again"))
    name = getattr(problem, "sqlite_errorname", "SQLITE_ERROR")
    return kind(f"{path}: {advice} ({name})")


_ADVICE: dict[int, tuple[type[PhmsError], str]] = {
    sqlite3.SQLITE_BUSY: (Unavailable, "another process is writing; try again"),
    sqlite3.SQLITE_LOCKED: (Unavailable, "another connection is writing; try again"),
    sqlite3.SQLITE_FULL: (Unavailable, "the disk is full; make room and try again"),
    sqlite3.SQLITE_READONLY: (Unavailable, "may not be written; let this user write the file and its folder"),
    sqlite3.SQLITE_PERM: (Unavailable, "may not be read; let this user read and write the file"),
    sqlite3.SQLITE_IOERR: (Unavailable, "the disk does not answer rightly; check it and try again"),
    sqlite3.SQLITE_CANTOPEN: (Unavailable, "cannot be opened; check that its folder is there and may be written"),
    sqlite3.SQLITE_CORRUPT: (BadFile, "is damaged; keep a copy, then restore a backup or name another file"),
    sqlite3.SQLITE_NOTADB: (BadFile, "is not a record; name another file, or restore a backup"),
    sqlite3.SQLITE_ERROR: (BadFile, "lacks a table or column; restore a backup or name another file"),
}
