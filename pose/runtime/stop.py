"""Ctrl-C and SIGTERM as a request that the trainer answers between two steps, so that nothing is lost."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Stopped(Exception):
    """Training was asked to stop and has saved its state; `signal` is the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.signal = number


class Ended(Exception):
    """Another of the processes that work together has failed and has told the user why; the text is its message."""


class StopRequest:
    """Inside `with`, the first SIGINT or SIGTERM is only noted; a second one acts at once.

    Below torchrun later signals are only noted too: torchrun passes on signals that the scheduler may already have
    sent to every process, and kills after a time limit of its own.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        # Python allows handlers in the main thread only; elsewhere the caller stops training its own way.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    def check(self) -> None:
        """Raise `Stopped` if a signal has come."""
        if self.received is not None:
            raise Stopped(self.received)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            self._restore()
            if number == signal.SIGINT:  # an evaluation, or a slow disk, may keep the user waiting
                os.write(2, b"\nstopping as soon as nothing is lost by it; Ctrl-C again stops at once\n")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
