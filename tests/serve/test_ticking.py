"""The clock: a night's upkeep holds up no timer, and neither does a fault of either."""

from pathlib import Path
from threading import Event

from bot.serve.ticking import Ticking
from bot.settings import read_settings
from data.errors import Conflict, Unavailable
from tests.bot.clinic import house
from tests.serving.served import eventually


class Ready:
    ticks = 0

    def ticked(self) -> None:
        self.ticks += 1


def test_timers_fire_while_the_upkeep_hangs(tmp_path: Path, monkeypatch) -> None:
    built, ready, hanging, released = house(), Ready(), Event(), Event()
    ticking = Ticking(built, read_settings({"PHMS_HOME": str(tmp_path)}), ready, Event(), lambda: None)

    def hang(now: object) -> None:
        hanging.set()
        released.wait(20)

    monkeypatch.setattr(ticking, "_nightly", hang)
    ticking.start()
    try:
        assert hanging.wait(5)
        before = ready.ticks
        eventually(lambda: ready.ticks >= before + 2, within=5, what="the clock stands while upkeep hangs")
    finally:
        released.set()
        ticking.stop()


def test_a_fault_ends_no_tick_and_tells_nothing_of_anybody(tmp_path: Path, monkeypatch, caplog) -> None:
    built, ready = house(), Ready()
    ticking = Ticking(built, read_settings({"PHMS_HOME": str(tmp_path)}), ready, Event(), lambda: None)
    named = Conflict("event due:A-17/flag/chest-pain lost 20 races")
    for problem in (Unavailable("down"), named, ValueError("my chest hurts")):
        monkeypatch.setattr(built, "work_due", lambda problem=problem: (_ for _ in ()).throw(problem))
        ticking.tick()
    assert ready.ticks == 3
    assert "chest" not in caplog.text and "Conflict" in caplog.text
