"""`python -m tests.record.lowly PATH`: open the record as a user whom file modes hold back, and say what comes of it.

Root may write everything, so it becomes nobody first, once everything is loaded; exit code 3 where that is not allowed.
"""

import os
import sys
from pathlib import Path

from data.errors import PhmsError
from data.model.chart import Changes
from data.record.sqlite import SqliteRecord
from tests.record.examples import put
from tests.record.keys import FixedKeys

NOBODY = 65534


def main() -> int:
    path = Path(sys.argv[1])
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        except OSError:
            return 3
    try:
        record = SqliteRecord(path, FixedKeys())
        put(record, "lowly", Changes())
        record.close()
    except PhmsError as problem:
        print(type(problem).__name__, problem)
        return 2
    print("written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
