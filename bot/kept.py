"""The record that the settings name, opened with its keys."""

from bot.keys import root_keys
from bot.settings import Settings
from bot.upkeep import Upkeep
from data.clock import SystemClock
from data.errors import NotFound
from data.ports import Record
from data.record.memory import MemoryRecord
from data.record.open_record import is_there, open_record


def open_kept(settings: Settings, *, make: bool = False) -> Record:
    """The record at PHMS_STORE; with `make`, a missing file and its key are made, else there is nothing to open.

    Raises `NotFound` when there is no record yet, `BadFile` for a wrong place or wrong keys, `Unavailable` when the
    place does not answer.
    """
    if settings.store_url == "memory:":
        return MemoryRecord()
    if not make and not is_there(settings.store_url):
        raise NotFound(
            f"{settings.store_shown}: there is no record yet; `phms people load FILE --yes` makes one for your people, "
            "`phms chat` one to practise on"
        )
    return open_record(settings.store_url, root_keys(settings, make=make))


def close_kept(record: Record, settings: Settings) -> None:
    """Anchor what this process wrote into the audit trail, and let go of the record."""
    try:
        Upkeep(record, settings.anchors_path).tick(SystemClock().now(), last=True)
    finally:
        record.close()
