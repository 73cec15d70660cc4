"""Another process at the same record: `python -m tests.record.worker PATH claim|commit|open NAME`."""

import sys
from pathlib import Path

from data.model.chart import Changes
from data.record.sqlite import SqliteRecord
from tests.record.examples import LEASE, NOW, put
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


def main() -> None:
    path, what, name = sys.argv[1:]
    record = SqliteRecord(Path(path), FixedKeys())
    if what == "claim":
        claim(record)
    elif what == "commit":
        commit(record, name)
    record.close()


if __name__ == "__main__":
    main()
