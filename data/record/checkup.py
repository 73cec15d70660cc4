"""A check-up: what is looked at in any record and around it, one line each, and what to do when it is not well."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path

from data.durations import say_duration
from data.ports import Clock, Record, Spoilt
from data.record.agreement import disagreements
from data.record.chain import Chained
from data.record.coding import instant
from data.sealing.rotation import status
from data.sealing.wrapping import KeyTable

# Bytes free below which it is told, and below which writes may fail any day.
_LITTLE, _TOO_LITTLE = 10**9, 10**8
# What has waited for so long waits for a program that does not run; and a patient waits for so long at most.
_SOON, _LONG = timedelta(minutes=1), timedelta(minutes=10)
# How far clocks may differ: more is worth a word; from a lease on, two workers may do the same work.
_SKEW, _LEASE = timedelta(seconds=2), timedelta(seconds=30)
# Of so many rows that do not open the names are told.
_NAMED = 20


class State(StrEnum):
    """How well something is."""

    OK = "ok"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at: what was found and, when it is not well, what to do. Says nothing of patients."""

    state: State
    what: str
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be done: how much, and since when the first of it."""

    count: int
    since: datetime | None


def well(what: str, found: str) -> Checked:
    """Nothing to do."""
    return Checked(State.OK, what, found)


def worry(what: str, found: str, advice: str) -> Checked:
    """It works, and should be seen to."""
    return Checked(State.WARN, what, found, advice)


def fault(what: str, found: str, advice: str) -> Checked:
    """It does not work."""
    return Checked(State.FAIL, what, found, advice)


def check_up(record: Record, clock: Clock) -> Iterator[Checked]:
    """Everything about an open record. May finish what a crash left half written. Raises whatever the store raises."""
    from data.record.sqlite import SqliteRecord  # noqa: PLC0415 - both know what a check-up is

    if isinstance(record, SqliteRecord):
        from data.record.sqlite_checkup import checkup  # noqa: PLC0415

        return checkup(record, clock)
    if hasattr(record, "keys"):
        from data.record.mongo import MongoRecord  # noqa: PLC0415 - only who needs the driver waits for it to load
        from data.record.mongo_checkup import checkup as mongo_checkup  # noqa: PLC0415

        if isinstance(record, MongoRecord):
            return mongo_checkup(record, clock)
    return iter((worry("record", "is in memory", "it is gone with its process; set PHMS_STORE to keep one"),))


def glance(record: Record, clock: Clock) -> Iterator[Checked]:
    """What may be asked every few seconds: whether it takes writes, what waits in it, and the room it has."""
    from data.record.sqlite import SqliteRecord  # noqa: PLC0415

    if isinstance(record, SqliteRecord):
        from data.record.sqlite_checkup import glance as look  # noqa: PLC0415

        return look(record, clock)
    if hasattr(record, "keys"):
        from data.record.mongo import MongoRecord  # noqa: PLC0415
        from data.record.mongo_checkup import glance as mongo_look  # noqa: PLC0415

        if isinstance(record, MongoRecord):
            return mongo_look(record, clock)
    return iter(())


def check_disk(place: Path, what: str = "disk") -> Checked:
    """Room where a file is, or will be."""
    there = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    return check_room(what, shutil.disk_usage(there).free, str(there))


def check_room(what: str, free: int, where: str) -> Checked:
    """Whether so many bytes are enough."""
    found = f"{_said(free)} free at {where}"
    if free < _TOO_LITTLE:
        return fault(what, found, "make room now: below that, nothing more may be kept")
    return worry(what, found, "make room soon") if free < _LITTLE else well(what, found)


def _said(size: int) -> str:
    return f"{size / 10**9:.1f} GB" if size >= _LITTLE else f"{size / 10**6:.0f} MB"


def check_skew(ours: datetime, theirs: datetime | None) -> Checked:
    """Our clock against the server's."""
    if theirs is None:
        return well("clock", "the server does not tell its time; see that both hosts keep it by NTP")
    skew = abs(ours - theirs)
    found = f"{skew.total_seconds():.1f} s between this host and the server"
    if skew >= _LEASE:
        return fault("clock", found, "set the clocks by NTP: two workers may do the same work")
    return worry("clock", found, "set the clocks by NTP") if skew > _SKEW else well("clock", found)


def check_last(last: datetime | None, now: datetime) -> Checked:
    """Our clock against what was recorded last."""
    if last is not None and last > now + _SOON:
        return worry(
            "last entry",
            f"lies {say_duration(last - now)} ahead of this host's clock",
            "see whether the clock is right: it has been set back, or was ahead when that was written",
        )
    return well("last entry", f"{say_duration(now - last)} ago" if last else "none yet")


def check_recovery(record: Record) -> Checked:
    """What a crash left half written: it is finished here and now."""
    count = record.recover()
    if count:
        return worry("unfinished commits", f"{count}, finished now", "see in the log why a program ended in the middle")
    return well("unfinished commits", "none")


def check_agreement(record: Record) -> Checked:
    """Whether what follows from the charts says what they say. To be looked at before anything is put right."""
    found = tuple(disagreements(record))
    if found:
        tables = ", ".join(sorted({each.table for each in found}))
        advice = "see which with `phms audit verify`; the next start puts right what it can; find out who wrote to it"
        return fault("agreement", f"{len(found)} rows are not what the charts say ({tables})", advice)
    return well("agreement", "people, timers, and messages in and out are what the charts say")


def check_work(messages: Waiting, timers: Waiting, queued: Waiting, now: datetime) -> Iterator[Checked]:
    """Messages that nobody answered, timers that are due, messages that wait to be sent."""
    run = "start the program that works this record, or see in its log what holds it up"
    waited = now - messages.since if messages.since else timedelta()
    found = f"{messages.count} unanswered, the oldest for {_since(messages, now)}" if messages.count else "all answered"
    state = State.FAIL if waited >= _LONG else State.WARN if waited >= _SOON else State.OK
    yield Checked(state, "messages", found, run if state is not State.OK else "")
    for what, waiting, kind, none in (
        ("timers", timers, "overdue", "none overdue"),
        ("outbox", queued, "not sent", "nothing waits to be sent"),
    ):
        if waiting.count:
            yield worry(what, f"{waiting.count} {kind}, the oldest for {_since(waiting, now)}", run)
        else:
            yield well(what, none)


def _since(waiting: Waiting, now: datetime) -> str:
    return say_duration(max(now - waiting.since, timedelta())) if waiting.since else "?"


def overdue_before(now: datetime) -> datetime:
    """What was due before that should have been done."""
    return now - _SOON


def check_keys(table: KeyTable) -> Checked:
    """How much is wrapped, and whether all of it by the newest key."""
    found = status(table)
    said = f"{found.data_keys} data keys under {len(found.keks)} key-encryption keys; {found.erased} erased"
    if found.waiting:
        return worry("keys", f"{said}; {found.waiting} not under the newest", "run `phms keys rewrap`")
    return well("keys", said)


def check_unkeyed(record: Record) -> Checked:
    """Whether everybody's key is there: a table of keys that was restored too old lacks those of later persons."""
    count = len(record.unkeyed())
    if count:
        return fault(
            "persons' keys", f"missing for {count} persons", "restore the latest table of keys; see `phms keys`"
        )
    return well("persons' keys", "nobody's is missing")


def check_rows(what: str, spoilt: Iterator[Spoilt], looked_at: str) -> Checked:
    """Whether what is at work opens: persons, charts, messages, timers and the like, each tried."""
    found = list(islice(spoilt, _NAMED + 1))
    if not found:
        return well(what, f"all of {looked_at} open")
    named = ", ".join(f"{row.table} {row.row} of {row.owner}" for row in found[:_NAMED])
    more = " and more" if len(found) > _NAMED else ""
    return fault(what, f"do not open: {named}{more}", "restore a backup of the record and of its table of keys")


def check_anchor(record: Chained, now: datetime) -> Checked:
    """How far the audit trail is stated, and whether it has gone on since."""
    last = record.last_anchor()
    heads, _ = record.heads_since(last.upto if last else "")
    moved = set(heads) - set(last.heads if last else ())
    if last is None:
        advice = "run `phms audit anchor` now and then"
        return worry("audit anchor", "none yet", advice) if moved else well("audit anchor", "nothing to anchor yet")
    age = max(now - instant(last.at), timedelta())
    found = f"the last, number {last.number}, {say_duration(age)} ago"
    if moved and age >= _LONG:
        return worry("audit anchor", f"{found}; {len(moved)} streams went on since", "run `phms audit anchor`")
    return well("audit anchor", found)
