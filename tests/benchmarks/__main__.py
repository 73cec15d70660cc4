"""`make bench`: every benchmark, each a ratio against a named peer or goal in the same run."""

import importlib
import pkgutil
import sys

import tests.benchmarks as folder


def main() -> int:
    """Run those named on the command line, or all."""
    wanted = sys.argv[1:]
    for module in sorted(m.name for m in pkgutil.iter_modules(folder.__path__) if m.name.startswith("bench_")):
        if not wanted or module.removeprefix("bench_") in wanted:
            sys.stdout.write(f"{module.removeprefix('bench_')}\n")
            importlib.import_module(f"tests.benchmarks.{module}").main(sys.stdout.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
