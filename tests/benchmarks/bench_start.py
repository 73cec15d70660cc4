"""Start of `phms parse` on a warm install, against the goal of 1.5 s and against a bare interpreter."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

GOAL_S, RUNS = 1.5, 9


def main(write: Callable[[str], object]) -> None:
    """Start both in turn and print medians and the ratio."""
    code = "import sys; from bot.cli.main import main; sys.exit(main())"
    ours = [sys.executable, "-c", code, "parse", "bp 150/95, dizzy but no chest pain"]
    bare = [sys.executable, "-c", "pass"]
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(RUNS + 1):
        for name, command in (("ours", ours), ("bare", bare)):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - began)
    took, start = (statistics.median(times[name][1:]) for name in ("ours", "bare"))
    write(f"  phms parse in {took:.2f} s: {GOAL_S / took:.1f} x faster than the goal of {GOAL_S} s\n")
    write(f"  phms parse / bare interpreter: {took / start:.1f} x\n")
