"""The inbox while the record hangs, fails and comes back: answers are true, order is kept, waits are short."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Lock

import pytest

from bot.serve.inbox import Inbox
from bot.serve.metrics import Metrics
from bot.serve.spool import Spool
from data.errors import NotFound, Unavailable
from data.model.communication import SendState
from data.model.inbound import Inbound, Report
from data.model.people import ChannelKind

KEY, START = b"k" * 32, datetime(2026, 5, 1, 8, tzinfo=UTC)
PATIENCE = 0.2


class House:
    """Keeps by id as the record does; `mood` is well, down (raises at once), or hangs (until `released`)."""

    def __init__(self) -> None:
        self.kept: dict[str, Inbound] = {}
        self.receipts: list[str] = []
        self.mood, self.released = "well", Event()
        self.unknown: set[str] = set()
        self._lock, self._count = Lock(), 0

    def now(self) -> datetime:
        self._count += 1
        return START + timedelta(microseconds=self._count)

    def _suffer(self) -> None:
        if self.mood == "hangs":
            self.released.wait(20)
            raise Unavailable("it hung")
        if self.mood == "down":
            raise Unavailable("down")
        if self.mood == "broken":
            raise RuntimeError("my chest hurts")

    def take_in(self, inbound) -> tuple[bool, ...]:
        self._suffer()
        with self._lock:
            new = tuple(one.provider_message_id not in self.kept for one in inbound)
            for one in inbound:
                self.kept.setdefault(one.provider_message_id, one)
            return new

    def receipt(self, communication_id: str, state, **rest) -> None:
        self._suffer()
        if communication_id in self.unknown:
            raise NotFound("nobody")
        self.receipts.append(rest["event_id"])


def message(n: int, text: str = "words") -> Inbound:
    return Inbound(channel=ChannelKind.SMS, address="+15550001", text=text, provider_message_id=f"M{n}")


def report(said: str = "delivered") -> Report:
    return Report(provider="twilio", provider_id="SM1", state=SendState.DELIVERED, said=said)


def during(folder: Path, test) -> None:
    """Run a test with an inbox over a house; whatever hangs is let go at the end."""
    house, store = House(), ThreadPoolExecutor(1)
    spool = Spool(folder / "spool", KEY)
    inbox = Inbox(house, spool, store, Metrics(), patience=PATIENCE)

    async def run() -> None:
        await test(house, inbox, spool)
        house.released.set()
        await inbox.close()

    try:
        asyncio.run(run())
    finally:
        house.released.set()
        store.shutdown()


async def until(check, within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_many_at_once_are_kept_in_order_and_told_apart(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        news = await asyncio.gather(*(inbox.take(message(n % 500)) for n in range(1000)))
        assert sum(news) == 500
        assert list(house.kept) == [f"M{n}" for n in range(500)]
        assert not spool.count

    during(tmp_path, test)


@pytest.mark.parametrize("mood", ["down", "hangs"])
def test_while_the_record_is_away_the_spool_takes_everything_soon(tmp_path: Path, mood: str) -> None:
    async def test(house, inbox, spool) -> None:
        house.mood = mood
        for n in range(10):
            began = time.monotonic()
            assert await inbox.take(message(n))
            assert time.monotonic() - began < PATIENCE * 3
            await inbox.report("A-17/1", report(f"s{n}"))
        assert spool.count == 20 and not house.kept
        house.mood = "well"
        house.released.set()
        await until(lambda: not inbox._down())
        assert not await inbox.take(message(3)), "it had come out of the spool first"
        await until(lambda: not spool.count)
        assert list(house.kept) == [f"M{n}" for n in range(10)]
        assert set(house.receipts) == {f"receipt:SM1:s{n}" for n in range(10)}

    during(tmp_path, test)


def test_a_record_that_hangs_again_while_the_spool_is_being_emptied_holds_up_nobody(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        house.mood = "down"
        await inbox.take(message(0))
        house.mood = "hangs"
        began = time.monotonic()
        draining = asyncio.create_task(inbox.drain())
        await asyncio.sleep(0)
        for n in range(1, 10):
            assert await inbox.take(message(n))
        assert time.monotonic() - began < PATIENCE * 5
        assert await draining == 0
        assert spool.count == 10

    during(tmp_path, test)


def test_receipts_that_hang_hold_up_no_message(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        house.mood = "hangs"
        receipts = [asyncio.create_task(inbox.report("A-17/1", report(f"s{n}"))) for n in range(100)]
        await asyncio.sleep(0)
        began = time.monotonic()
        assert await inbox.take(message(1))
        assert time.monotonic() - began < PATIENCE * 5
        await asyncio.gather(*receipts)
        assert spool.count == 101
        # What the loop's own threads are for goes on.
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), 1) == 1

    during(tmp_path, test)


def test_who_comes_after_the_spool_stays_behind_it(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        house.mood = "down"
        for n in range(50):
            await inbox.take(message(n))
        house.mood = "well"
        await asyncio.gather(*(inbox.take(message(n)) for n in range(50, 100)))
        assert list(house.kept) == [f"M{n}" for n in range(100)]

    during(tmp_path, test)


def test_the_first_words_of_an_id_win_across_spool_and_record(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        await inbox.take(message(1, "first"))
        house.mood = "down"
        await inbox.take(message(1, "second"))
        await inbox.take(message(2, "first"))
        await inbox.take(message(2, "second"))
        assert spool.count == 2
        house.mood = "well"
        assert await inbox.drain() == 2
        assert {name: one.text for name, one in house.kept.items()} == {"M1": "first", "M2": "first"}
        assert not await inbox.take(message(2, "third"))

    during(tmp_path, test)


def test_when_neither_takes_it_the_provider_is_told_so(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        house.mood = "down"
        (tmp_path / "spool").rename(tmp_path / "gone")
        with pytest.raises(Unavailable):
            await inbox.take(message(1))
        with pytest.raises(Unavailable):
            await inbox.report("A-17/1", report())
        (tmp_path / "gone").rename(tmp_path / "spool")
        assert await inbox.take(message(1))
        house.mood = "well"
        assert await inbox.drain() == 1

    during(tmp_path, test)


def test_an_error_of_ours_is_never_an_answer_of_kept(tmp_path: Path, caplog) -> None:
    async def test(house, inbox, spool) -> None:
        house.mood = "broken"
        with pytest.raises(Unavailable):
            await inbox.take(message(1))
        house.mood = "well"
        assert await inbox.take(message(1))

    during(tmp_path, test)
    assert "RuntimeError" in caplog.text and "chest" not in caplog.text


def test_a_receipt_that_belongs_to_nobody_blocks_nothing(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        house.unknown.add("gone/1")
        await inbox.report("gone/1", report())
        house.mood = "down"
        await inbox.report("gone/1", report())
        await inbox.take(message(1))
        house.mood = "well"
        assert await inbox.drain() == 2
        assert list(house.kept) == ["M1"] and not spool.count

    during(tmp_path, test)


def test_too_many_at_once_are_turned_away(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("bot.serve.inbox._MOST_WAITING", 5)

    async def test(house, inbox, spool) -> None:
        found = await asyncio.gather(*(inbox.take(message(n)) for n in range(20)), return_exceptions=True)
        assert sum(isinstance(one, Unavailable) for one in found) == 15
        assert len(house.kept) == 5

    during(tmp_path, test)


def test_a_provider_that_hangs_up_loses_nothing(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        house.mood = "hangs"
        waiting = asyncio.create_task(inbox.take(message(1)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: spool.count == 1)
        house.mood = "well"
        house.released.set()
        await until(lambda: not inbox._down())
        assert await inbox.drain() == 1
        assert list(house.kept) == ["M1"]

    during(tmp_path, test)


def test_two_inboxes_over_one_spool(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        other_spool, store = Spool(tmp_path / "spool", KEY), ThreadPoolExecutor(1)
        other = Inbox(house, other_spool, store, Metrics(), patience=PATIENCE)
        house.mood = "down"
        await asyncio.gather(*(box.take(message(n)) for n in range(30) for box in (inbox, other)))
        house.mood = "well"
        await asyncio.gather(inbox.drain(), other.drain())
        await asyncio.gather(inbox.drain(), other.drain())
        assert sorted(house.kept) == sorted(f"M{n}" for n in range(30))
        assert not list((tmp_path / "spool").iterdir())
        await other.close()
        store.shutdown()

    during(tmp_path, test)


def test_a_file_of_the_spool_that_cannot_be_read_holds_up_nobody(tmp_path: Path) -> None:
    async def test(house, inbox, spool) -> None:
        house.mood = "down"
        await inbox.take(message(0))
        house.mood = "well"
        stuck = tmp_path / "spool" / f"{1:020d}-{'a' * 48}.sealed"
        stuck.mkdir()
        assert [await inbox.take(message(n)) for n in (1, 2, 3)] == [True] * 3
        assert await inbox.drain() == 0
        assert list(house.kept) == ["M0", "M1", "M2", "M3"]
        assert (spool.count, spool.stuck, spool.broken) == (0, 1, 1)
        stuck.rmdir()
        await inbox.drain()
        assert spool.broken == 0

    during(tmp_path, test)


def test_a_disk_that_cannot_be_written_any_more_refuses_nobody_while_the_record_is_well(
    tmp_path: Path, monkeypatch
) -> None:
    unlink = Path.unlink

    def refused(self: Path, **more: bool) -> None:
        if self.suffix == ".sealed":
            raise OSError(30, "Read-only file system")
        unlink(self, **more)

    async def test(house, inbox, spool) -> None:
        house.mood = "down"
        await inbox.take(message(0))
        house.mood = "well"
        monkeypatch.setattr(Path, "unlink", refused)
        monkeypatch.setattr(spool, "_write", lambda file, sealed: refused(file))
        assert [await inbox.take(message(n)) for n in (1, 2)] == [True] * 2
        assert list(house.kept) == ["M0", "M1", "M2"] and spool.broken == 1

    during(tmp_path, test)
