"""`phms store`: move a record to another store, thin out and remove old vitals, and tell its content by digest."""

import argparse
import json
import sys
import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.cli.actions import add_action
from bot.settings import Settings
from data.errors import BadInput

if TYPE_CHECKING:
    from data.ports import KeyStore
    from data.record.moving import Compared
    from data.record.open_moving import Old

HELP = "Move a record to another store (migrate), thin out and remove old vitals (tend), tell its content (digest)."
EXAMPLE = "phms store migrate --from sqlite:record.sqlite --to mongodb://user:password@host/phms"

_AT_WORK = (
    "{count} rows are at work there; stop every program that uses that record and wait half a minute, "
    "or add --force: what is done meanwhile is found, and the copy then refused"
)
_NEXT = """Set PHMS_STORE to the new place for every process. Never start the old record again: what waits there
would be sent a second time. Keep it as a backup as long as you need one.
"""
_DELETE = """The old file is not sealed: whoever can read it reads everything. Delete it, and its backups, once you have
seen that the new record works.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    migrate = add_action(
        actions,
        "migrate",
        "move a record, still sealed, to a new place and compare every table; run it again where it was cut off",
        "phms store migrate --from sqlite:record.sqlite --to mongodb://user:password@host/phms",
    )
    migrate.add_argument(
        "--from", dest="source", required=True, metavar="PLACE", help="as in PHMS_STORE; it stays there"
    )
    migrate.add_argument("--to", dest="target", required=True, metavar="PLACE", help="as in PHMS_STORE; must be new")
    migrate.add_argument("--force", action="store_true", help="even when somebody seems to be at work on the record")
    add_action(actions, "tend", "thin out and remove vitals as PHMS_VITALS_* say", "phms store tend")
    add_action(
        actions, "digest", "a SHA-256 of every table as it stands, equal after a move", "phms store digest --json"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked; exit code 1 when a copy is not the same."""
    if options.action == "migrate":
        return _migrate(options, settings)
    return _tend(options, settings) if options.action == "tend" else _digest(options, settings)


# Moving.


def _migrate(options: argparse.Namespace, settings: Settings) -> int:
    from bot.keys import root_keys
    from data.clock import SystemClock
    from data.record.coding import micros
    from data.record.moving import move, work
    from data.record.open_moving import check_places, movable, old_record, open_source, open_target
    from data.record.open_record import open_record

    check_places(options.source, options.target)
    keys, now = root_keys(settings, make=False), SystemClock().now()
    old = old_record(options.source)
    if old is not None:
        return _upgrade(options, settings, old, keys, now)
    record = open_source(options.source, keys)
    try:
        source = movable(record)
        _must_be_quiet(options, source.leased(micros(now)))
        target = open_target(options.target, source.sealing)
        bar = Bar(work(source))
        try:
            compared = move(source, target, now, bar.add)
        finally:
            bar.close()
            target.close()
    finally:
        record.close()
    if all(pair.same for pair in compared):
        # It opens with the same keys, or is not yet where anybody should go.
        open_record(options.target, keys).close()
    return _tell_moved(options, settings, compared)


def _must_be_quiet(options: argparse.Namespace, leased: int) -> None:
    if leased and not options.force:
        raise BadInput(_AT_WORK.format(count=leased))


def _tell_moved(options: argparse.Namespace, settings: Settings, compared: "tuple[Compared, ...]") -> int:
    from data.record.moving import whole_digest

    same = all(pair.same for pair in compared)
    told = {
        **_places(options, settings),
        "same": same,
        "digest": whole_digest(tuple(pair.target for pair in compared)),
        "tables": [
            {
                "table": pair.source.table,
                "rows": pair.source.rows,
                "same": pair.same,
                "from": pair.source.digest,
                "to": pair.target.digest,
            }
            for pair in compared
        ],
    }
    lines = [
        f"{pair.source.table:8} {pair.source.rows:9} rows  {pair.source.digest}  "
        + ("same" if pair.same else f"DIFFERS: {pair.target.rows} rows  {pair.target.digest}")
        for pair in compared
    ]
    if same:
        rows = sum(pair.source.rows for pair in compared)
        lines.append(f"{rows} rows are at {told['to']}, every table the same by digest.\n{_NEXT}")
    else:
        lines.append(
            "The copy is not the same and stays closed: the record was written to meanwhile, or a row was altered.\n"
            "Stop every program that uses the old record, remove the copy and its keys, and run the same again.\n"
        )
    _print(options, told, lines)
    return 0 if same else 1


def _upgrade(options: argparse.Namespace, settings: Settings, old: "Old", keys: "KeyStore", now: datetime) -> int:
    """A record of the release before is read, sealed and written in today's form."""
    _must_be_quiet(options, old.leased(now))
    before, after = old.seal_into(options.target, keys)
    same = before == after
    told = {**_places(options, settings), "same": same, "digest": after, "rows": old.counts(), "upgraded": True}
    lines = [f"{name:8} {count:9} rows" for name, count in old.counts().items()]
    if same:
        lines.append(f"The record of the release before is at {told['to']}, sealed; its content is the same by digest.")
        lines.append(f"{_DELETE}{_NEXT}")
    else:
        lines.append(f"The content differs: {before} became {after}. Remove the copy, and tell us.\n")
    _print(options, told, lines)
    return 0 if same else 1


def _places(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """Both places as they may be printed."""
    return {
        "from": replace(settings, store=options.source).store_shown,
        "to": replace(settings, store=options.target).store_shown,
    }


# Tending, and telling.


def _tend(options: argparse.Namespace, settings: Settings) -> int:
    from bot.kept import open_kept
    from data.clock import SystemClock

    record = open_kept(settings)
    try:
        tended = record.tend(SystemClock().now(), settings.vitals_full, settings.vitals_keep)
    finally:
        record.close()
    told = {"thinned": tended.thinned, "removed": tended.removed, "relieved": tended.relieved}
    days = {"full_days": settings.vitals_full.days, "keep_days": settings.vitals_keep.days}
    line = (
        f"hours thinned out (older than {days['full_days']} days): {tended.thinned}; "
        f"hours removed (older than {days['keep_days']} days): {tended.removed}; "
        f"journal entries relieved of old samples: {tended.relieved}\n"
    )
    _print(options, told | days, [line])
    return 0


def _digest(options: argparse.Namespace, settings: Settings) -> int:
    from bot.kept import open_kept
    from data.record.moving import TABLES, digest, whole_digest
    from data.record.open_moving import movable

    record = open_kept(settings)
    try:
        rows = movable(record)
        bar = Bar(sum(rows.count(table) for table in TABLES))
        try:
            tables = tuple(digest(rows, table, bar.add) for table in TABLES)
        finally:
            bar.close()
    finally:
        record.close()
    whole = whole_digest(tables)
    told = {"digest": whole, "tables": [{"table": t.table, "rows": t.rows, "digest": t.digest} for t in tables]}
    lines = [f"{t.table:8} {t.rows:9} rows  {t.digest}" for t in tables]
    _print(options, told, [*lines, f"{'record':8} {sum(t.rows for t in tables):9} rows  {whole}\n"])
    return 0


def _print(options: argparse.Namespace, told: dict[str, Any], lines: list[str]) -> None:
    sys.stdout.write(json.dumps(told, indent=2) + "\n" if options.json else "\n".join(lines))


class Bar:
    """How far it is, on standard error when that is a terminal and it takes longer than two seconds."""

    def __init__(self, total: int) -> None:
        self._total, self._done = max(total, 1), 0
        self._began, self._told = time.monotonic(), 0.0

    def add(self, rows: int) -> None:
        """So many rows more."""
        self._done += rows
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._began > 2 and now - self._told > 0.2:
            self._told = now
            part = min(self._done / self._total, 1.0)
            sys.stderr.write(f"\r  [{'#' * int(30 * part):30}] {part:4.0%}  {self._done} of {self._total} rows")
            sys.stderr.flush()

    def close(self) -> None:
        """Clear the line."""
        if self._told:
            sys.stderr.write("\r\x1b[K")
