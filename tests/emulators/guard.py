"""Runs one command and ends it, with all that it started, when the process that asked for it is gone.

    python guard.py COMMAND ARGUMENT...     # standard input is a pipe that the asking process holds open

A test that is killed cannot tidy up; its end of the pipe closes all the same, and that is the signal here.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from threading import Thread


def end(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def main() -> int:
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        while os.read(0, 1024):
            pass
        end(child.pid)

    Thread(target=watch, daemon=True).start()
    code = child.wait()
    end(child.pid)  # what it left behind
    return code


if __name__ == "__main__":
    sys.exit(main())
