"""A machine that loses its power: what was synced is there, the rest never was, and nobody is told anything twice."""

import os
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from data.model.chart import Changes
from data.record.sqlite import SqliteRecord
from tests.acceptance.crashing import Bomb, World, compare
from tests.acceptance.test_crash_points import STORIES, differences
from tests.record.examples import LEASE, NOW, due, message, person, put, sms
from tests.record.keys import FixedKeys

NORMAL, FULL = 1, 2
FILES = ("record.sqlite", "record.sqlite-wal")


class Levels:
    """How well each transaction was synced: a probe."""

    def __init__(self) -> None:
        self.record: SqliteRecord | None = None
        self.seen: list[int] = []

    def __call__(self, write: str) -> None:
        if write == "answer" and self.record is not None:
            self.seen.append(self.record._connection.execute("PRAGMA synchronous").fetchone()[0])

    def of(self, step: object) -> list[int]:
        """The levels of what a step wrote."""
        self.seen = []
        step()  # type: ignore[operator]
        return self.seen


@pytest.fixture
def levels():
    return Levels()


@pytest.fixture
def record(tmp_path, levels):
    record = SqliteRecord(tmp_path / "record.sqlite", FixedKeys(), levels)
    levels.record = record
    put(record, "e0", Changes(person=person()))
    yield record
    record.close()


def test_what_has_effects_outside_is_synced_and_what_can_be_had_again_is_not(record, levels):
    assert levels.of(lambda: record.keep(message("m1"))) == [FULL]
    claimed = []
    assert levels.of(lambda: claimed.append(record.claim_message(NOW, LEASE))) == [NORMAL]
    changes = Changes(communications=(sms("c"),), dues=(due("d"),))
    assert levels.of(lambda: put(record, "e1", changes)) == [FULL]
    assert levels.of(lambda: record.finish_message(claimed[0][1])) == [NORMAL]
    assert levels.of(lambda: claimed.append(record.claim_outbox(NOW, LEASE))) == [FULL]
    assert levels.of(lambda: claimed.append(record.claim_due(NOW + timedelta(days=9), LEASE))) == [NORMAL]
    assert None not in claimed
    assert levels.of(lambda: record.reserve_code("nia", "x", "anna", NOW)) == [FULL]


def test_a_claim_of_nothing_writes_nothing(record, levels):
    assert levels.of(lambda: record.claim_message(NOW, LEASE)) == []
    assert levels.of(lambda: record.claim_outbox(NOW, LEASE)) == []
    assert levels.of(lambda: record.claim_due(NOW, LEASE)) == []


def test_together_syncs_once_and_last(record, levels):
    def several():
        with record.together():
            for n in range(3):
                with record.together():
                    assert record.keep(message(f"m{n}"))
            assert put(record, "e1", Changes())

    assert levels.of(several) == [NORMAL] * 4 + [FULL]
    assert levels.of(lambda: record.keep(message("m9"))) == [FULL]


def test_together_without_a_write_syncs_nothing(record, levels):
    def nothing():
        with record.together():
            record.chart("anna")
            record.claim_message(NOW, LEASE)

    assert levels.of(nothing) == []


def test_together_syncs_what_was_written_before_a_fault(record, levels):
    def broken():
        with pytest.raises(RuntimeError), record.together():
            record.keep(message("m1"))
            raise RuntimeError

    assert levels.of(broken) == [NORMAL, FULL]


def test_the_sync_of_together_really_writes(record, tmp_path):
    for n in range(4):
        with record.together():
            record.keep(message(f"m{n}"))
            before = (tmp_path / "record.sqlite-wal").read_bytes()
        assert (tmp_path / "record.sqlite-wal").read_bytes() != before


def test_an_erasure_is_synced_before_the_keys_go(record, levels):
    def erase():
        with record.together():
            chart = record.chart("anna")
            record.commit(chart, "erase", "erase", "clinic", Changes(erased=True), NOW)

    assert levels.of(erase)[0] == FULL


def test_other_threads_sync_as_ever(record, levels):
    with record.together():
        other = Thread(target=lambda: record.keep(message("m1")))
        other.start()
        other.join()
    assert levels.seen[-1:] == [FULL]


def test_whoever_finds_it_there_says_so_only_once_it_is_synced(record, levels):
    def again(step):
        other = Thread(target=step)
        other.start()
        other.join()

    with record.together():
        record.keep(message("m1"))
        assert levels.of(lambda: again(lambda: record.keep(message("m1")))) == [FULL, FULL]
        put(record, "e1", Changes())
        assert levels.of(lambda: again(lambda: record.committed("anna", "e1"))) == [FULL]
        put(record, "e2", Changes())
        assert levels.of(lambda: again(lambda: put(record, "e2", Changes()))) == [FULL, FULL]
        assert levels.of(lambda: again(lambda: put(record, "e2", Changes()))) == [FULL]


class Mains(World):
    """A clinic whose machine, when it dies, keeps only what had been synced: the worst that a power cut can do."""

    def __init__(self, folder: Path, *, together: bool = False) -> None:
        self.safe, self.together = folder / "safe", together
        self.safe.mkdir(parents=True)
        super().__init__("sqlite", folder)

    def _open(self) -> SqliteRecord:
        return SqliteRecord(self.path, FixedKeys(), self._probe)

    def _build(self) -> None:
        super()._build()
        if self.together:
            settle, record = self.house.settle, self.record

            def settled(most: int = 10_000) -> int:
                """As a worker that takes several messages at a time: none leaves before all of it is synced."""
                done = 0
                with record.together():
                    while self.house.work_message() or self.house.work_due():
                        done += 1
                return done + settle(most)

            self.house.settle = settled

    def _probe(self, write: str) -> None:
        if write == "answer" and self.record._connection.execute("PRAGMA synchronous").fetchone()[0] == FULL:
            for name in FILES:
                shutil.copy(self.path.with_name(name), self.safe / name)
        self.bomb(write)

    def restart(self) -> None:
        self.bomb = Bomb()
        self.record.close()
        for name in FILES:
            shutil.copy(self.safe / name, self.path.with_name(name))
        self.path.with_name("record.sqlite-shm").unlink(missing_ok=True)
        self.record = self._open()
        self._build()


def play(folder, story, crash_at, *, together):
    before, during, lived = STORIES[story]
    world = Mains(folder, together=together)
    for action in before:
        action(world)
        world.live(timedelta(seconds=5))
    bomb = world.arm(crash_at)
    for action in during:
        world.do(action)
    world.live(lived)
    world.live(timedelta(seconds=70))
    return world, bomb


def ended(world):
    """What is known in the end, but for when an address was last heard from: a lease's lapse later after a death."""

    def timeless(who):
        return who and replace(who, contacts=tuple(replace(c, heard_at=None) for c in who.contacts))

    return {key: (timeless(who), *rest) for key, (who, *rest) in world.facts().items()}


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where the machine has a place there: no disk is pulled here, and there are hundreds of records."""
    where = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path  # noqa: S108 - a folder of our own inside
    with tempfile.TemporaryDirectory(dir=where) as made:
        yield Path(made)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    "story",
    ["an emergency in words", "a reading in words", "stop", "a reminder", "a bad receipt", "a clinician takes it"],
)
def test_every_power_cut(story, together, tmp_path):
    calm, bomb = play(tmp_path / "calm", story, 0, together=together)
    expected, facts, writes = calm.sent(), ended(calm), list(bomb.writes)
    problems = []
    for point, write in enumerate(writes, 1):
        world, _ = play(tmp_path / f"{point}", story, point, together=together)
        problems += [f"write {point} ({write}): {p}" for p in compare(world.sent(), expected)]
        if ended(world) != facts:
            problems.append(f"write {point} ({write}): ends elsewhere: {differences(ended(world), facts)}")
        world.record.close()
    calm.record.close()
    assert problems == []
