"""The file of root keys on disk: read only when it is private, made and changed so that a crash leaves it whole."""

import fcntl
import os
import secrets
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data.errors import BadFile

_HEADING = (
    "# Root keys of a PHMS record, one `id:base64` a line; the first wraps, the others still open.\n"
    "# Back this file up apart from the record. Without it nothing in the record can be read again.\n"
)
_MODE, _MOST_BYTES = 0o600, 65_536


def read_private(path: Path) -> str:
    """The text of a regular file of this user that nobody else may read. Raises `BadFile` otherwise."""
    try:
        # Without O_NONBLOCK, a pipe in the place of the file would hold up the start for ever.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        advice = "restore it from your backup, or for a new record make one with `phms keys create`"
        raise BadFile(f"{path}: there is no such file; {advice}") from None
    except OSError as problem:
        raise BadFile(f"{path}: cannot be read: {problem.strerror}; let this user read it") from None
    try:
        _must_be_private(os.fstat(number), path)
        content = os.read(number, _MOST_BYTES + 1)
    finally:
        os.close(number)
    try:
        if len(content) > _MOST_BYTES:
            raise ValueError
        return content.decode("ascii")
    except ValueError:
        raise BadFile(f"{path}: is not a file of keys; make one with `phms keys create`") from None


def create(path: Path, line: str) -> None:
    """A new file with one key, there whole or not at all. Raises `BadFile` when something is there already."""
    try:
        if os.path.lexists(path):
            raise BadFile(f"{path}: is there already and is not replaced; `phms keys rotate` adds a key to it")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _written(path, _HEADING + line + "\n", _MODE) as made:
            # A link, unlike a rename, never replaces what another process has made in the meantime.
            os.link(made, path)
        _sync_folder(path.parent)
    except OSError as problem:
        raise BadFile(f"{path}: cannot be made: {problem.strerror}; name a place that this user may write") from None


def put_on_top(path: Path, line: str, probe: Callable[[str], None] = lambda step: None) -> None:
    """`line` above all other keys, in one step; mode and comments stay. `probe` may raise, to crash there."""
    # Through a link, the file itself is changed and not the link.
    file = path.resolve()
    try:
        with _locked(file.parent):
            text = read_private(file)
            mode = stat.S_IMODE(file.stat().st_mode)
            with _written(file, _with(text, line), mode) as made:
                probe("written")
                made.replace(file)
            probe("replaced")
            _sync_folder(file.parent)
        probe("synced")
    except OSError as problem:
        raise BadFile(f"{path}: cannot be changed: {problem.strerror}; let this user write its folder") from None


def _with(text: str, line: str) -> str:
    lines = text.splitlines()
    first = next((n for n, old in enumerate(lines) if old.strip() and not old.lstrip().startswith("#")), len(lines))
    return "\n".join([*lines[:first], line, *lines[first:]]) + "\n"


def _must_be_private(status: os.stat_result, path: Path) -> None:
    named = shlex.quote(str(path))
    if not stat.S_ISREG(status.st_mode):
        raise BadFile(f"{path}: is not a regular file; name the file that holds the keys")
    if status.st_uid != os.geteuid():
        raise BadFile(f"{path}: belongs to another user; run `chown {os.geteuid()} {named}`")
    if stat.S_IMODE(status.st_mode) & 0o177:
        raise BadFile(f"{path}: others may read it (mode {stat.S_IMODE(status.st_mode):04o}); run `chmod 600 {named}`")


@contextmanager
def _written(path: Path, text: str, mode: int) -> Iterator[Path]:
    """A synced file beside `path` with that text, gone afterwards unless it was renamed."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    number = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fchmod(number, mode)
            os.fsync(number)
        yield made
    finally:
        with suppress(FileNotFoundError):
            made.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One change at a time: of two that read the same old text, the later would drop the key of the earlier."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
