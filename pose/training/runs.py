"""What became of runs: state.json with the progress of a training, and the list of runs.

A run whose state.json says "running" and whose lock is free has crashed. This module imports nothing heavy, so that
`pose runs` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pose.runtime.files import write_json
from pose.runtime.stop import Stopped
from pose.runtime.text import resume_command
from pose.training.run_lock import RunLock, is_running

BEAT_SECONDS = 30.0
STATES = ("running", "done", "stopped", "failed")


class Heartbeat:
    """Keeps state.json up to date inside `with`: running, then done, stopped or failed.

    Args:
        lock: of `lock_run`, released at the end; None in processes that write nothing.
        progress: gives the numbers to write, such as epoch, step and best.
    """

    def __init__(self, run: Path, lock: RunLock | None, *, progress: Callable[[], dict[str, Any]]) -> None:
        self.path, self.lock, self.progress = run / "state.json", lock, progress
        self.next = 0.0

    def __enter__(self) -> Heartbeat:
        self.beat()
        return self

    def beat(self, *, now: bool = False) -> None:
        """Write the file, but not more often than every `BEAT_SECONDS` unless `now`."""
        if now or time.monotonic() >= self.next:
            self._write("running", "")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stopped = isinstance(error, Stopped | KeyboardInterrupt)
        state = "done" if error is None else "stopped" if stopped else "failed"
        # The error to hear of is the one that ended the training; on a full disk there may be no room for this file.
        with contextlib.suppress(OSError) if error is not None else contextlib.nullcontext():
            self._write(state, str(error or ""))
        if self.lock is not None:
            self.lock.close()

    def _write(self, state: str, message: str) -> None:
        if self.lock is None:
            return
        self.next = time.monotonic() + BEAT_SECONDS
        beat = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        data = {"state": state, "heartbeat": beat, "pid": os.getpid(), **self.progress(), "message": message}
        write_json(self.path, data)


@dataclass(frozen=True)
class Run:
    """What is known of one run folder.

    Attributes:
        state: running, done, stopped, failed, crashed (it says running, and its process is gone), or unknown (made
            by a version that wrote no state.json).
        epoch: number of epochs done; None if unknown, as all numbers that follow.
        best: best value of the metric that chooses the best checkpoint.
        message: why the run stopped or failed.
    """

    path: Path
    state: str
    epoch: int | None
    epochs: int | None
    best: float | None
    metric: str | None
    heartbeat: str | None
    message: str

    @property
    def resume(self) -> str | None:
        """The command that continues the run; None if it is running or done."""
        return None if self.state in ("running", "done") else resume_command(self.path)


def find_runs(folder: Path) -> list[Run]:
    """The runs in a folder in the order of their names, or the one run that the folder itself is.

    Raises:
        FileNotFoundError: no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; `pose train` makes its runs in runs/")
    places = [folder] if (folder / "config.yaml").is_file() else sorted(p for p in folder.iterdir() if p.is_dir())
    return [_read_run(place) for place in places if _is_run(place)]


def _is_run(folder: Path) -> bool:
    # Evaluations have a config.yaml too.
    return (folder / "config.yaml").is_file() and any((folder / n).exists() for n in ("versions.json", "resume.pt"))


def _read_run(run: Path) -> Run:
    running = is_running(run)
    try:
        data = json.loads((run / "state.json").read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            data = {}
    except (OSError, ValueError, RecursionError):
        data = {}
    state = data.get("state")
    if state not in STATES:
        state = "unknown"
    if running:
        state = "running"
    elif state == "running":
        state = "crashed"
    return Run(
        path=run,
        state=state,
        epoch=_number(data, "epoch"),
        epochs=_number(data, "epochs"),
        best=_number(data, "best"),
        metric=str(data["metric"]) if data.get("metric") else None,
        heartbeat=str(data["heartbeat"]) if data.get("heartbeat") else None,
        message=str(data.get("message", "")),
    )


def _number(data: dict[str, Any], key: str) -> Any:
    value = data.get(key)
    usual = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15  # not NaN either
    return value if usual else None
