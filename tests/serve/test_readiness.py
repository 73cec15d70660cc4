"""Every reason code can be provoked, goes away again, and a record that hangs is seen within seconds."""

from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from bot.serve.breaker import IN_A_ROW
from bot.serve.guarded import GuardedChannel
from bot.serve.pacing import Pace
from bot.serve.readiness import LOOK_EVERY, Readiness
from bot.serve.spool import Spool
from bot.serve.working import Worker
from data.clock import SimulatedClock
from data.errors import Unavailable
from data.record.checkup import check_room, fault, worry
from data.record.memory import MemoryRecord
from tests.serve.test_breaker import ILL, START, TO, Provider, row
from tests.serve.test_spool import KEY, at, message


class Stage:
    def __init__(self, folder: Path, monkeypatch) -> None:
        self.clock, self.found = SimulatedClock(START), []
        self.spool, self.guard = Spool(folder, KEY), GuardedChannel(Provider(ILL), Pace())
        self.readiness = Readiness(MemoryRecord(), self.clock, self.spool, [self.guard])
        monkeypatch.setattr("bot.serve.readiness.glance", lambda record, clock: self._glanced())

    def _glanced(self):
        if callable(self.found):
            self.found()
        return iter(self.found)

    def pass_by(self, time: timedelta) -> None:
        self.clock.move_to(self.clock.now() + time)

    def look(self) -> tuple[str, ...]:
        self.pass_by(LOOK_EVERY)
        self.readiness.ticked()
        self.readiness.look()
        return self.readiness.reasons()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch) -> Stage:
    return Stage(tmp_path / "spool", monkeypatch)


def test_not_ready_before_the_first_look(stage) -> None:
    assert stage.readiness.reasons() == ("starting",)
    assert stage.look() == ()


@pytest.mark.parametrize("problem", [Unavailable("down"), OSError("gone"), RuntimeError("anything")])
def test_store_down(stage, problem) -> None:
    def fail() -> None:
        raise problem

    stage.look()
    stage.found = fail
    assert stage.look() == ("store-down",)
    stage.found = []
    assert stage.look() == ()


def test_a_record_that_hangs_is_down_within_ten_seconds(stage) -> None:
    assert stage.look() == ()
    released, began = Event(), Event()

    def hang() -> None:
        began.set()
        released.wait(20)

    stage.found = hang
    stage.pass_by(LOOK_EVERY)
    looking = Thread(target=stage.readiness.look)
    looking.start()
    began.wait(5)
    stage.pass_by(timedelta(seconds=4))
    assert "store-down" in stage.readiness.reasons()
    stage.found = []
    released.set()
    looking.join()
    assert stage.look() == ()


@pytest.mark.parametrize(
    ("checked", "code"),
    [
        (worry("messages", "late", ""), "inbox-late"),
        (worry("timers", "late", ""), "timers-late"),
        (fault("outbox", "late", ""), "outbox-late"),
        (check_room("disk", 10**7, "/"), "disk-full"),
        (fault("write", "slow", ""), "store-slow"),
        (fault("clock", "off", ""), "clock-skew"),
    ],
)
def test_what_a_look_finds(stage, checked, code) -> None:
    stage.found = [checked]
    assert stage.look() == (code,)
    stage.found = []
    assert stage.look() == ()


@pytest.mark.parametrize(
    "checked", [worry("write", "slow", ""), worry("clock", "", ""), check_room("disk", 5 * 10**8, "/")]
)
def test_what_is_worth_a_word_only(stage, checked) -> None:
    stage.found = [checked]
    assert stage.look() == ()


def test_spool_waiting_and_provider_down(stage) -> None:
    stage.look()
    stage.spool.put(message(1), at(1))
    assert stage.readiness.reasons() == ("spool-waiting",)
    stage.spool.drain(lambda thing: None)
    for n in range(IN_A_ROW):
        stage.guard.send(TO, row(), at(n))
    assert stage.readiness.reasons() == ("provider-down:p",)


def test_clock_standing_also_when_it_is_set_back(stage) -> None:
    stage.look()
    stage.pass_by(timedelta(seconds=31))
    assert stage.readiness.reasons() == ("clock-standing",)
    stage.readiness.look()
    assert stage.readiness.reasons() == ("clock-standing",), "that somebody looks is no tick"
    assert stage.look() == ()
    stage.clock = stage.readiness._clock = SimulatedClock(START - timedelta(hours=1))
    assert stage.readiness.reasons() == ("clock-standing",)
    assert stage.look() == ()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_outlives_everything_but_its_end(stage) -> None:
    stopping, count = Event(), [0]

    def step() -> bool:
        count[0] += 1
        if count[0] == 1:
            raise Unavailable("down")
        if count[0] == 2:
            raise ValueError("my chest hurts")
        raise SystemExit

    worker = Worker("w", step, stopping, lambda: None)
    stage.readiness.watch("worker-died", lambda: not worker.thread.is_alive())
    stage.look()
    worker.thread.start()
    assert "worker-died" not in stage.readiness.reasons()
    worker.thread.join(10)
    assert count[0] == 3 and stage.readiness.reasons() == ("worker-died",)
