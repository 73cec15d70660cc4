"""Another process at the same MongoDB: `python -m tests.record.mongo_worker URL claim|commit|share|open NAME`."""

import sys

from data.errors import Conflict
from data.model.chart import Changes
from data.record.mongo import MongoRecord
from tests.record.examples import put, reading
from tests.record.keys import FixedKeys
from tests.record.worker import claim, commit


def share(record: MongoRecord, name: str) -> None:
    """Commit 20 times to a chart that others write too, and say so each time."""
    for n in range(20):
        while True:
            try:
                assert put(record, f"{name}-{n}", Changes(observations=(reading(int(name) * 100 + n),)))
                break
            except Conflict:
                continue
        print(n, flush=True)


def main() -> None:
    url, what, name = sys.argv[1:]
    record = MongoRecord(url, FixedKeys())
    if what == "claim":
        claim(record)
    elif what == "commit":
        commit(record, name)
    elif what == "share":
        share(record, name)
    record.close()


if __name__ == "__main__":
    main()
