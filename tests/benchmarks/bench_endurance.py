"""Memory of one process over 100,000 messages of 5,000 patients, each answered: its resident size as it goes."""

import asyncio
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from tests.benchmarks.bench_doors import PUBLIC, machine, patients, text
from tests.benchmarks.doors.load import messages, put_load
from tests.benchmarks.doors.provider import Provider

PATIENTS, MESSAGES, AT_ONCE = 5_000, 100_000, 10_000


def main(write: Callable[[str], object]) -> None:
    """Print the resident size after every ten thousand."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(Path(folder), write))


async def _run(folder: Path, write: Callable[[str], object]) -> None:
    provider = Provider()
    roster, numbers = patients(PATIENTS)
    ours = machine(folder, await provider.start())
    await asyncio.to_thread(ours.phms, "people", "load", "-", "--yes", said=roster)
    await asyncio.to_thread(ours.start)
    stream, sizes = messages(PUBLIC, numbers, text), list[float]()
    try:
        began = asyncio.get_running_loop().time()
        for done in range(AT_ONCE, MESSAGES + 1, AT_ONCE):
            for _ in range(0, AT_ONCE, 1_000):
                # Never more than a thousand ahead, so that what is measured is not a queue.
                await put_load(ours.port, list(islice(stream, 1_000)), 8)
                await provider.enough(done - AT_ONCE, within=600)
            await provider.enough(done, within=600)
            sizes.append(_resident(ours.process.pid if ours.process else 0))
            write(f"  {done:7,} messages: {sizes[-1]:.0f} MiB\n")
        took = asyncio.get_running_loop().time() - began
    finally:
        ours.kill()
        provider.stop()
    write(f"  last / first: {sizes[-1] / sizes[0]:.2f} x; {MESSAGES / took:.0f} messages a second throughout\n")


def _resident(pid: int) -> float:
    """MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
