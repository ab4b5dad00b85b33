"""Ctrl-C, SIGTERM and SIGHUP: what they do to a command, and to a training, which saves what it has."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import resource_tracker
from types import FrameType, TracebackType
from typing import Any

from pose.runtime.ctrl_c import leave

_IMPORTS = "<frozen importlib._bootstrap>"  # the file of the frames that import a module
_LATER = 0.05  # seconds
Handler = Callable[[int, FrameType | None], None]


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


def _take(numbers: Iterable[signal.Signals], handler: Handler) -> dict[signal.Signals, Any]:
    """Let a handler answer signals.

    A signal that C code of the surrounding program answers is left to that: Python could not give it back.

    Returns:
        What answered each that was taken, to be put back.
    """
    return {number: signal.signal(number, handler) for number in numbers if signal.getsignal(number) is not None}


def _put_back(before: dict[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


class Interruption:
    """Inside `with`, signals end a command in order: what is open is closed.

    SIGINT raises KeyboardInterrupt, SIGTERM and SIGHUP raise SystemExit. The second SIGINT ends the process at once.

    Nothing is raised while a module is imported, which could stay half made, or whose C++ code could end the process:
    it is tried again a little later. While PyTorch is, which takes long, nothing is open yet.
    """

    def __init__(self) -> None:
        self.came = False  # SIGINT
        self._process = os.getpid()
        self._waiting = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        self._hook = sys.unraisablehook
        if threading.current_thread() is threading.main_thread():
            numbers = list(ending_signals())
            if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as it is in a background
                numbers.append(signal.SIGINT)
            self._before = _take(numbers, self._answer)
            sys.unraisablehook = self._not_lost
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _put_back(self._before)
        sys.unraisablehook = self._hook

    def _answer(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a helper that has not begun yet; its parent has the word
            os._exit(128 + number)
        if self._waiting and number == signal.SIGINT:
            leave(number)
        if _imports(frame):
            if getattr(getattr(sys.modules.get("torch"), "__spec__", None), "_initializing", False):
                leave(number)
            self._try_again(number)
            return
        if number != signal.SIGINT:
            sys.exit(128 + number)
        self.came = True
        signal.signal(number, leave)
        raise KeyboardInterrupt

    def _not_lost(self, lost: Any) -> None:
        """An interruption that came in the end of an object, from where nothing is raised, comes again."""
        if lost.exc_type is KeyboardInterrupt and self.came:
            signal.signal(signal.SIGINT, self._answer)
            self._try_again(signal.SIGINT)
        else:
            self._hook(lost)

    def _try_again(self, number: int) -> None:
        def send() -> None:
            self._waiting = False
            if os.name == "nt":  # where os.kill ends the process
                signal.raise_signal(number)
            else:
                os.kill(self._process, number)

        self._waiting = True
        timer = threading.Timer(_LATER, send)
        timer.daemon = True
        timer.start()


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported in this frame or one of its callers."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            return True
        frame = frame.f_back
    return False


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
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        # Python allows handlers in the main thread only; elsewhere the caller stops training its own way.
        if threading.current_thread() is threading.main_thread():
            self._before = _take((signal.SIGINT, *ending_signals()), self._note)
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
        _put_back(self._before)
        self._before = {}
