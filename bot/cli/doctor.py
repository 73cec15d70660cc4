"""`phms doctor`: looks at everything that has to be well before people rely on it, and says what to do."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bot.settings import Settings
from data.errors import PhmsError

if TYPE_CHECKING:
    from data.ports import Clock, KeyStore
    from data.record.checkup import Checked

HELP = "Look at settings, handbook, keys, record, clock, disk and what waits; exit code 1 when something does not work."
EXAMPLE = "phms doctor --json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """One line for each thing, as soon as it is known; exit code 1 when one of them fails."""
    from data.clock import SystemClock
    from data.record.checkup import State

    found = []
    for each in look(settings, SystemClock()):
        found.append(each)
        if not options.json:
            advice = f"; {each.advice}" if each.advice else ""
            sys.stdout.write(f"{each.state:4} {each.what}: {each.found}{advice}\n")
            sys.stdout.flush()
    failed = any(each.state is State.FAIL for each in found)
    if options.json:
        rows = [{"state": e.state, "what": e.what, "found": e.found, "advice": e.advice} for e in found]
        sys.stdout.write(json.dumps({"well": not failed, "checks": rows}, indent=2) + "\n")
    return 1 if failed else 0


def look(settings: Settings, clock: "Clock") -> "Iterator[Checked]":
    """Everything, the store's own part last. Nothing is made that is not there yet."""
    from data.record.checkup import check_disk, well

    yield well("settings", f"can be read; the record is {settings.store_shown}")
    yield from _tried("handbook", lambda: _handbook(settings))
    keys: list[KeyStore] = []
    yield from _tried("root key", lambda: _root_key(settings, keys))
    yield check_disk(settings.home_path, "disk of PHMS_HOME")
    yield from _tried("record", lambda: _record(settings, keys[0] if keys else None, clock))


def _tried(what: str, look_at: "Callable[[], Iterator[Checked]]") -> "Iterator[Checked]":
    """What was found, and the error that ended it: its text says what to do."""
    from data.record.checkup import fault

    try:
        yield from look_at()
    except PhmsError as problem:
        yield fault(what, str(problem), "")


def _handbook(settings: Settings) -> "Iterator[Checked]":
    from bot.wire import standard_kit
    from data.record.checkup import well

    kit = standard_kit(settings.handbook_path)
    where = settings.handbook_path or "the packaged one"
    yield well("handbook", f"{kit.hash}, {where}, {len(kit.rules.ids())} rules")


def _root_key(settings: Settings, keys: "list[KeyStore]") -> "Iterator[Checked]":
    """The root key can be read, is private and strong: else the reader refuses it, and says why."""
    from bot.keys import root_keys
    from data.record.checkup import well, worry
    from data.record.open_record import is_there

    if settings.store_url == "memory:":
        yield well("root key", "a record in memory needs none")
        return
    elsewhere = settings.master_key or settings.key_vault or settings.master_key_file
    if not elsewhere and not settings.key_file_path.exists() and not is_there(settings.store_url):
        yield worry("root key", f"{settings.key_file_path}: not there yet", "make one with `phms keys create`")
        return
    store = root_keys(settings, make=False)
    keys.append(store)
    yield well("root key", f"{store.active()} of {store.source}, readable by this user only and strong")


def _record(settings: Settings, keys: "KeyStore | None", clock: "Clock") -> "Iterator[Checked]":
    from data.record.checkup import check_up, worry
    from data.record.memory import MemoryRecord
    from data.record.open_record import is_there, open_record

    if settings.store_url == "memory:":
        yield from check_up(MemoryRecord(), clock)
        return
    if not is_there(settings.store_url):
        yield worry("record", "not there yet", "the first program that uses it makes it")
        return
    if settings.store_path is not None:
        from data.record.sqlite_checkup import check_modes

        yield check_modes(settings.store_path)
    if keys is None:
        yield worry("record", "is there, and was not opened without its root key", "see to that first")
        return
    record = open_record(settings.store_url, keys)
    try:
        yield from check_up(record, clock)
    finally:
        record.close()
