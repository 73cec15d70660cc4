"""Where the root keys of this installation are, how they are renewed, and the table of the keys they wrap."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.settings import Settings
from data.errors import BadFile, BadInput
from data.sealing.wrapping import KeyTable

if TYPE_CHECKING:
    from data.sealing.keyring import Keyring
    from integrations.azure_keystore import AzureKeyStore
    from integrations.file_keystore import FileKeyStore

    RootKeys = FileKeyStore | AzureKeyStore

_MADE = """phms: WARNING: a new root key was made: {path}
  It seals everything recorded from now on. Back it up apart from the record: without it every record is lost,
  and who has both can read everything.
"""


def root_keys(settings: Settings, *, make: bool) -> "RootKeys":
    """The root keys: of the file, variable or vault that is set, else of `master.key` in PHMS_HOME.

    With `make`, that file is made when it is missing, with a warning on standard error, unless a record is there that
    was sealed with the one that is lost. Raises `BadFile` for keys that are missing or must not be used,
    `Unavailable` when the vault does not answer.
    """
    if settings.key_vault:
        from integrations.azure_keystore import AzureKeyStore  # noqa: PLC0415 - slow to load, for few

        return AzureKeyStore(settings.key_vault)
    from integrations.file_keystore import FileKeyStore  # noqa: PLC0415 - loads the cryptography

    if settings.master_key:
        return FileKeyStore.of_text(settings.master_key, "PHMS_MASTER_KEY")
    path = settings.key_file_path
    if make and not settings.master_key_file and not path.exists() and not _is_sealed(settings.store_url):
        _make(path)
    return FileKeyStore.of_file(path)


def create_key_file(path: Path) -> str:
    """A new file with one fresh root key; its id. Raises `BadFile` when something is there already."""
    from integrations.file_keystore import fresh_line  # noqa: PLC0415
    from integrations.key_file import create  # noqa: PLC0415

    name, line = fresh_line()
    create(path, line)
    return name


def renew(
    store: "RootKeys", keyring: "Keyring", probe: Callable[[str], None] = lambda step: None
) -> tuple[str, int, bool]:
    """A new key-encryption key, under a new root where one can be had: its root, its number, whether the root is new.

    A root that wraps nothing yet counts as the new one, so that a rotation that was cut off does not add another.
    Root keys in a variable cannot be changed from here: then only such a root is used.
    """
    from data.sealing.rotation import rotate, status  # noqa: PLC0415

    used = status(keyring.table).roots
    store.reload()
    if store.active() in used:
        store.renew(probe)
    return store.active(), rotate(keyring), store.active() not in used


@contextmanager
def key_table(settings: Settings, store: "RootKeys") -> Iterator[KeyTable]:
    """The table of wrapped keys of the record in force; of an embedded one without opening the record itself.

    Raises `BadInput` when there is no record, or one that is not sealed.
    """
    from data.record.open_record import file_of, open_record  # noqa: PLC0415
    from data.record.sqlite_keys import SqliteKeys  # noqa: PLC0415

    where = settings.store_url
    if where == "memory:":
        raise BadInput("a record in memory is not sealed; set PHMS_STORE to the record whose keys are meant")
    if not _is_sealed(where):
        raise BadInput(f"{settings.store_shown}: there is no sealed record yet; it gets its keys when it is first used")
    path = file_of(where)
    opened: Any = SqliteKeys(_beside(path)) if path else open_record(where, store)
    try:
        yield opened if path else opened.keys
    finally:
        opened.close()


def unkeyed(settings: Settings, store: "RootKeys") -> int:
    """How many persons the record in force has whose key is not in its table; 0 where only the table is there."""
    from data.record.open_record import is_there, open_record  # noqa: PLC0415

    if not is_there(settings.store_url):
        return 0
    record = open_record(settings.store_url, store)
    try:
        return len(record.unkeyed())
    finally:
        record.close()


def _is_sealed(where: str) -> bool:
    """Whether a record with keys is there already; nothing is made."""
    from data.record.open_record import file_of, is_there  # noqa: PLC0415

    path = None if where == "memory:" else file_of(where)
    return _beside(path).exists() if path else is_there(where)


def _beside(path: Path) -> Path:
    """The table of wrapped keys of an embedded record."""
    return path.with_name(f"{path.name}.keys")


def _make(path: Path) -> None:
    try:
        create_key_file(path)
    except BadFile:
        # Another process may have made it just now; that one told its reader.
        if not path.exists():
            raise
        return
    sys.stderr.write(_MADE.format(path=path))
