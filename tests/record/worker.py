"""Another process at the same record: `python -m tests.record.worker PATH claim|commit|live|fill|open NAME`."""

import resource
import sys
from datetime import timedelta
from pathlib import Path

from data.errors import PhmsError
from data.model.audit import Access
from data.model.chart import Changes
from data.record.sqlite import SqliteRecord
from tests.record.examples import LEASE, MINUTE, NOW, due, message, person, put, reading, sms
from tests.record.keys import FixedKeys


def claim(record: SqliteRecord) -> None:
    """Take everything there is, and say what was got."""
    while claimed := record.claim_message(NOW, LEASE):
        record.finish_message(claimed[1])
        print("message", claimed[0].id)
    while due := record.claim_due(NOW, LEASE):
        print("due", due[0].id)
    while sent := record.claim_outbox(NOW, LEASE):
        print("outbox", sent[0].id)


def commit(record: SqliteRecord, name: str) -> None:
    """Commit for ever, and acknowledge each commit that was answered."""
    n = 0
    while True:
        n += 1
        put(record, f"{name}-{n}", Changes(notes=(f"{name} {n}",)), name)
        print(n, flush=True)


def live(record: SqliteRecord, name: str) -> None:
    """A person's life for ever: each message, commit, look and code is acknowledged once it was answered."""
    n = 0
    while True:
        n += 1
        record.keep(message(f"{name}:{n}", name, text=f"{name} {n}"))
        print("message", n, flush=True)
        put(record, f"{name}-{n}", of(name, n), name, NOW + n * MINUTE)
        print("commit", n, flush=True)
        record.note_access(Access(subject=name, actor="clara", role="clinician", action="read-chart", at=NOW))
        print("access", n, flush=True)
        print("code", n, record.reserve_code(f"nurse of {name}", f"{name}/{n}", name, NOW), flush=True)


def of(name: str, n: int) -> Changes:
    """The nth commit of a person: every kind of row, and the timer before is done."""
    return Changes(
        person=person(name, f"+{name}"),
        observations=(reading(n, 90 + n % 10), reading(n, 72.0, "heart-rate")),
        dues=(due(f"{name}/{n - 1}", name, done=True), due(f"{name}/{n}", name, n)),
        communications=(sms(f"{name}/{n}", name, not_before=NOW + timedelta(days=1)),),
        notes=("x" * 300,),
    )


def fill(path: Path, name: str) -> None:
    """Commit until no file may grow any more; say how many were answered, and why the next was not."""
    record = SqliteRecord(path, FixedKeys())
    put(record, f"{name}-0", of(name, 0), name)
    files = [file.stat().st_size for file in path.parent.iterdir()]
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(files) + 3_000_000,) * 2)
    n = 0
    try:
        while True:
            put(record, f"{name}-{n + 1}", of(name, n + 1), name, NOW + n * MINUTE)
            n += 1
    except PhmsError as problem:
        print(n, type(problem).__name__, problem)


def main() -> None:
    path, what, name = sys.argv[1:]
    if what == "fill":
        fill(Path(path), name)
        return
    record = SqliteRecord(Path(path), FixedKeys())
    if what == "claim":
        claim(record)
    elif what == "commit":
        commit(record, name)
    elif what == "live":
        live(record, name)
    record.close()


if __name__ == "__main__":
    main()
