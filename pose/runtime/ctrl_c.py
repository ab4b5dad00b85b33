"""The end of a command by Ctrl-C: a line that says so, and exit code 130. It is imported first, and imports little.

What a command does meanwhile is in `pose.runtime.stop`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

STOPPED = "stopped by SIGINT; to start again, give the same command"


def leave(number: int, frame: FrameType | None = None) -> NoReturn:
    """End the process at once: a handler for when nothing is open, or for who does not want to wait any longer."""
    with contextlib.suppress(Exception):
        for child in sys.modules["multiprocessing"].active_children() if "multiprocessing" in sys.modules else ():
            child.kill()
    if number == signal.SIGINT:
        with contextlib.suppress(OSError):
            os.write(2, f"{STOPPED}\n".encode())
    os._exit(128 + number)
