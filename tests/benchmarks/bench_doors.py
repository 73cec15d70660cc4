"""The doors: a signed webhook to its durable 200 beside Starlette and uvicorn; and all the way to the provider."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from tests.benchmarks.doors.load import ACCOUNT, NUMBER, TOKEN, Load, messages, put_load
from tests.benchmarks.doors.provider import Provider
from tests.serving.served import Served, free_port

PUBLIC = "https://phms.example.org"
CONCURRENCY, WEBHOOKS, CONVERSATION = 32, 4_000, 4_000
TEXTS = ("bp {}/82", "a bit dizzy since this morning, no chest pain", "spo2 9{}", "hello", "pulse {} and a headache")


def main(write: Callable[[str], object]) -> None:
    """Print ratios of one run."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_webhook(Path(folder), write))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_conversation(Path(folder), write, CONVERSATION))


def text(n: int) -> str:
    """What the n-th message says."""
    return TEXTS[n % len(TEXTS)].format(n % 8 if n % len(TEXTS) == 2 else 100 + n % 40)


def patients(count: int) -> tuple[str, list[str]]:
    """A roster of so many patients and a nurse, and the patients' numbers."""
    numbers = [f"+1555{n:07d}" for n in range(1000, 1000 + count)]
    lines = [f"  Pat{n}  patient  sms {number}  id P-{n}" for n, number in enumerate(numbers)]
    return "People:\n" + "\n".join([*lines, "  Nia  nurse  sms +15559990001  step 1"]) + "\n", numbers


def machine(folder: Path, provider_port: int) -> Served:
    """`phms serve` with one SMS provider."""
    return Served(
        folder / "home",
        {
            "PHMS_TWILIO_ACCOUNT_SID": ACCOUNT,
            "PHMS_TWILIO_AUTH_TOKEN": TOKEN,
            "PHMS_TWILIO_FROM": NUMBER,
            "PHMS_TWILIO_BASE_URL": f"http://127.0.0.1:{provider_port}",
            "PHMS_PUBLIC_URL": PUBLIC,
        },
    )


@contextmanager
def _peer(folder: Path):
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.doors.peer", str(folder), str(port), PUBLIC])
    try:
        yield port, process
    finally:
        process.kill()
        process.wait()


async def _webhook(folder: Path, write: Callable[[str], object]) -> None:
    """Only the door: workers and delivery are other processes, which do not run."""
    roster, numbers = patients(200)
    ours = machine(folder, 9)
    await asyncio.to_thread(ours.phms, "people", "load", "-", "--yes", said=roster)
    await asyncio.to_thread(ours.start, "--role", "web", ready=False)
    with _peer(folder) as (peer_port, _):
        await _listening(peer_port)
        rounds: list[tuple[Load, Load]] = []
        try:
            for n in range(3):
                requests = list(islice(messages(PUBLIC, numbers, text, n * WEBHOOKS), WEBHOOKS))
                theirs = await put_load(peer_port, requests, CONCURRENCY)
                rounds.append((await put_load(ours.port, requests, CONCURRENCY), theirs))
        finally:
            ours.kill()
    assert not any(load.refused for pair in rounds for load in pair), "a webhook was refused"
    mine, theirs = sorted(rounds, key=lambda pair: pair[0].per_second / pair[1].per_second)[1]
    write(
        f"  signed webhook to durable 200, {CONCURRENCY} at a time: {mine.per_second:.0f} a second, "
        f"{mine.per_second / theirs.per_second:.1f} x Starlette/uvicorn ({theirs.per_second:.0f})\n"
        f"  p50 {mine.percentile(0.5):.0f} ms, p99 {mine.percentile(0.99):.0f} ms; "
        f"theirs {theirs.percentile(0.5):.0f} ms, {theirs.percentile(0.99):.0f} ms\n"
    )


async def _listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def _conversation(folder: Path, write: Callable[[str], object], count: int) -> None:
    """Everything in one process: webhook, parsed, assessed, committed, and the reply handed to the provider."""
    provider = Provider()
    roster, numbers = patients(500)
    ours = machine(folder, await provider.start())
    await asyncio.to_thread(ours.phms, "people", "load", "-", "--yes", said=roster)
    await asyncio.to_thread(ours.start)
    loop = asyncio.get_running_loop()
    try:
        requests = list(islice(messages(PUBLIC, numbers, text), count))
        began, cpu = loop.time(), _cpu(ours)
        load = await put_load(ours.port, requests, 8)
        await provider.enough(count, within=count / 10)
        took = loop.time() - began
        spent = _cpu(ours) - cpu
    finally:
        ours.kill()
        provider.stop()
    write(
        f"  webhook to reply at the provider, one process: {count / took:.0f} messages a second "
        f"({count / took / 200:.1f} x the goal of 200), {spent / count * 1000:.1f} ms CPU each; "
        f"webhook p99 {load.percentile(0.99):.0f} ms meanwhile\n"
    )


def _cpu(ours: Served) -> float:
    """Seconds of CPU that the process has used."""
    assert ours.process is not None
    fields = Path(f"/proc/{ours.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
