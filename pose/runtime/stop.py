"""Ctrl-C, SIGTERM and SIGHUP as a request that the trainer answers between two steps, so that nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from types import FrameType, TracebackType
from typing import Any


class Stopped(Exception):
    """Training was asked to stop and has saved its state; `signal` is the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.signal = number


class Ended(Exception):
    """Another of the processes that work together has failed and has told the user why; the text is its message."""


def ending_signals() -> list[signal.Signals]:
    """The signals by which a system ends a process in order: SIGTERM, and SIGHUP of a terminal that was closed.

    Without SIGHUP where there is none, or where it is ignored, as `nohup` and `disown -h` want it.
    """
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hangup]


@contextlib.contextmanager
def hold_back_ctrl_c() -> Iterator[None]:
    """Start processes that work for this one and that a Ctrl-C in the terminal, which reaches all, does not concern.

    They inherit that SIGINT is held back for good; this process gets one that came meanwhile at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # Python's own helper, at whose start SIGINT is let through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StopRequest:
    """Inside `with`, the first SIGINT, SIGTERM or SIGHUP is only noted; a second one acts at once.

    Below torchrun later signals are only noted too: torchrun passes on signals that the scheduler may already have
    sent to every process, and kills after a time limit of its own.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        # Python allows handlers in the main thread only; elsewhere the caller stops training its own way.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *ending_signals()):
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
                with contextlib.suppress(OSError):  # the reader of the messages may have ended by the same Ctrl-C
                    os.write(2, b"\nstopping as soon as nothing is lost by it; Ctrl-C again stops at once\n")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
