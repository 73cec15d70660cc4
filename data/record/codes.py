"""Reply codes: three digits per recipient that stay with one escalation for 30 days."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

KEEP = timedelta(days=30)
FIRST, LAST = 100, 999
_COUNT = LAST - FIRST + 1


def choose_code(recipient: str, escalation_id: str, used: Mapping[str, int]) -> str:
    """A code for an escalation that has none yet, given the codes in use and when each was given.

    Starts at a place that derives from the cause, so that a retry after a crash finds the same code, and
    goes up to the next free one. When all 900 are in use, the oldest is taken.
    """
    digest = sha256(f"{recipient}\0{escalation_id}".encode()).digest()
    start = int.from_bytes(digest[:8], "big")
    for step in range(_COUNT):
        code = str(FIRST + (start + step) % _COUNT)
        if code not in used:
            return code
    return min(used, key=lambda code: (used[code], code))
