"""The lock on a run folder, for the time of a training.

It belongs to the process and ends with it, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from pose.runtime.errors import DataError
from pose.runtime.files import remove_leftovers
from pose.runtime.system import try_lock


class RunLock:
    """A run folder that this process alone works in, until `close` or the end of the process; see `lock_run`."""

    def __init__(self, run: Path, file: IO[bytes], *, made: Sequence[Path] = ()) -> None:
        self.run, self.file, self.made = run, file, made
        self.key = _key(os.fstat(file.fileno()))
        self.process = os.getpid()
        _HELD[self.key] = self

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def check(self) -> None:
        """Look whether the folder is still there; to be called before anything is written, which would make it anew.

        Raises:
            OSError: it was deleted or moved; with what is left.
        """
        left = os.fstat(self.file.fileno()).st_nlink
        if left and os.path.lexists(self.run / ".lock"):
            return
        place = ""
        with contextlib.suppress(OSError):  # Linux knows where an open file is now
            place = os.path.dirname(os.readlink(f"/proc/self/fd/{self.file.fileno()}"))
        if left and place:
            raise OSError(
                f"{self.run} was moved to {place} while it trained, so this training ends; what was saved by then is "
                f"there. Go on with: pose train --resume {place}"
            )
        raise OSError(
            f"{self.run} was deleted or moved while it trained, so this training ends; nothing is left there"
        )

    def close(self) -> None:
        """Unlock the folder; if nothing was written into it, leave no trace of it."""
        if self.file.closed or self.process != os.getpid():  # a process forked from ours has not the lock
            return
        with contextlib.suppress(OSError):
            if {entry.name for entry in self.run.iterdir()} == {".lock"}:
                (self.run / ".lock").unlink()  # while it is locked: whoever waits for it looks again
                for folder in self.made:
                    folder.rmdir()
        _HELD.pop(self.key, None)
        self.file.close()


_HELD: dict[tuple[int, int], RunLock] = {}
"""The locks of this process. The system's own end when the process closes the file, even if it was opened to look."""


def lock_run(run: Path) -> RunLock:
    """Lock a run folder for this process, and remove files that a killed process left half written.

    Raises:
        OSError: it is trained in already, or it cannot be written to.
    """
    made = [place for place in (run, *run.parents) if not place.exists()]
    for _ in range(20):  # `pose runs` holds the lock for a moment to see whether it is free
        run.mkdir(parents=True, exist_ok=True)
        if _own_lock(run) is not None:
            break
        file = (run / ".lock").open("ab")
        if try_lock(file) and os.fstat(file.fileno()).st_nlink:  # not of one who has just removed it
            remove_leftovers(run)
            return RunLock(run, file, made=made)
        file.close()
        time.sleep(0.05)
    raise OSError(f"another process trains in {run}; wait for it or stop it (`pose runs {run.parent}` shows it)")


def claim_run(run: Path) -> RunLock:
    """Lock the folder of a new run, and look under the lock whether it is free.

    Raises:
        DataError: it holds something.
        OSError: another process trains in it, or it cannot be written to.
    """
    check_free(run)
    lock = lock_run(run)
    try:
        check_free(run)  # a run may have ended while this one waited
    except BaseException:
        lock.close()
        raise
    return lock


def claim_numbered_run(run: Path) -> RunLock:
    """Claim RUN, or RUN-2, RUN-3 and so on if another training was given that name in the same second."""
    number, place = 1, run
    while True:
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            place.mkdir()
            lock = lock_run(place)
            lock.made = (place,)
            return lock
        number += 1
        place = run.with_name(f"{run.name}-{number}")


def check_free(run: Path) -> None:
    """Look whether a new run can have this folder.

    The hidden files of a training that was killed before it had written anything else do not count.

    Raises:
        DataError: it holds something.
    """
    if run.exists() and (not run.is_dir() or any(not entry.name.startswith(".") for entry in run.iterdir())):
        raise DataError(f"{run} exists already; choose another --out, or continue it with --resume {run}")


def _key(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _own_lock(run: Path) -> RunLock | None:
    """This process's lock on a folder, found without opening its file."""
    try:
        lock = _HELD.get(_key(os.stat(run / ".lock")))
    except OSError:
        return None
    return lock if lock is not None and lock.process == os.getpid() else None


def is_running(run: Path) -> bool:
    """Whether a process, this one too, has locked the run folder."""
    if _own_lock(run) is not None:
        return True
    try:
        with (run / ".lock").open("rb") as file:
            return not try_lock(file, shared=True)
    except OSError:
        return False
