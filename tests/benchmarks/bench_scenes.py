"""1,000 scenes like the demo's on one core against the goal of 60 s, and what dumping between steps costs."""

import time
from collections.abc import Callable
from importlib.resources import files

from bot.scene.keeping import InMemory
from bot.scene.reader import read
from bot.scene.run import run
from bot.wire import standard_kit, standard_parser

GOAL_S, SCENES, CONTROL = 60.0, 1_000, 100


def main(write: Callable[[str], object]) -> None:
    """Play, and print seconds and ratios."""
    text = (files("bot.demo") / "one_night.scene").read_text(encoding="utf-8")
    kit, parser = standard_kit(), standard_parser()

    def play(times: int, *, reload: bool) -> float:
        began = time.process_time()
        for number in range(times):
            # Every scene has people of its own, so that no row was ever seen before.
            own = text.replace("+1555", f"+1{number:03}55").replace("A-17", f"A-{number}")
            result = run(read(own, "one_night.scene")[0], kit, parser, InMemory(), reload=reload)
            assert result.passed, result.failure
        return time.process_time() - began

    play(3, reload=True)
    whole = play(SCENES, reload=True)
    with_dumps, without = play(CONTROL, reload=True), play(CONTROL, reload=False)
    write(f"  {SCENES} scenes in {whole:.1f} s of CPU on one core\n")
    write(f"  goal of {GOAL_S:.0f} s / ours: {GOAL_S / whole:.1f} x\n")
    write(f"  with dump and reload between steps / without: {with_dumps / without:.2f} x\n")
