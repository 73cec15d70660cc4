"""A field of 200 bytes sealed and opened, beside Fernet (cryptography's own recipe) in the same run."""

import time
from collections.abc import Callable

from cryptography.fernet import Fernet

from data.sealing.sealing import Sealing
from integrations.file_keystore import FileKeyStore, fresh_line
from tests.sealing.tables import MemoryKeys

GOAL, FIELDS, OWNERS, ROUNDS = 50_000, 5_000, 1_000, 7
BODY = b"x" * 200


def main(write: Callable[[str], object]) -> None:
    """Time each by the processor's seconds and print the best of some rounds, and ratios."""
    sealing, fernet = (
        Sealing(FileKeyStore.of_text(fresh_line()[1], "benchmark"), MemoryKeys()),
        Fernet(Fernet.generate_key()),
    )
    owners = [sealing.name("person", str(n)) for n in range(OWNERS)]
    sealed = [sealing.seal("note", owners[n % OWNERS], str(n), BODY) for n in range(FIELDS)]
    tokens = [fernet.encrypt(BODY) for _ in range(FIELDS)]
    seals, opens, encrypts, decrypts = _rates(
        lambda n: sealing.seal("note", owners[n % OWNERS], str(n), BODY),
        lambda n: sealing.unseal("note", owners[n % OWNERS], str(n), sealed[n]),
        lambda n: fernet.encrypt(BODY),
        lambda n: fernet.decrypt(tokens[n]),
    )
    write(
        f"  seals: {seals:,.0f}/s a core, {seals / encrypts:.1f} x Fernet, {seals / GOAL:.1f} x the goal of {GOAL:,}\n"
    )
    write(
        f"  opens: {opens:,.0f}/s a core, {opens / decrypts:.1f} x Fernet, {opens / GOAL:.1f} x the goal of {GOAL:,}\n"
    )
    write(f"  a sealed field of 200 bytes: {len(sealed[0])} bytes, Fernet's {len(tokens[0])}\n")


def _rates(*steps: Callable[[int], object]) -> list[float]:
    """Each step's best rate; they take turns, so that a busy machine is unfair to none."""
    best = [0.0] * len(steps)
    for _ in range(ROUNDS):
        for place, step in enumerate(steps):
            began = time.process_time()
            for n in range(FIELDS):
                step(n)
            best[place] = max(best[place], FIELDS / (time.process_time() - began))
    return best
