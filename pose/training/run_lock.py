"""The lock on a run folder, for the time of a training."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType

from pose.runtime.errors import DataError
from pose.runtime.files import remove_leftovers
from pose.runtime.folder_lock import FolderLock, is_locked, lock_folder


class RunLock:
    """A run folder that this process alone works in, until `close` or the end of the process; see `lock_run`."""

    def __init__(self, run: Path, lock: FolderLock) -> None:
        self.run, self.lock = run, lock

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
        number = self.lock.file.fileno()
        left = os.fstat(number).st_nlink
        if left and os.path.lexists(self.run / ".lock"):
            return
        place = ""
        with contextlib.suppress(OSError):  # Linux knows where an open file is now
            place = os.path.dirname(os.readlink(f"/proc/self/fd/{number}"))
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
        self.lock.close()


def lock_run(run: Path) -> RunLock:
    """Lock a run folder for this process, and remove files that a killed process left half written.

    Raises:
        OSError: it is trained in already, or it cannot be written to.
    """
    busy = f"another process trains in {run}; wait for it or stop it (`pose runs {run.parent}` shows it)"
    lock = lock_folder(run / ".lock", busy=busy, keep=True)
    remove_leftovers(run)
    return RunLock(run, lock)


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
            claimed = lock_run(place)
            claimed.lock.made = (place,)
            return claimed
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


def is_running(run: Path) -> bool:
    """Whether a process, this one too, has locked the run folder."""
    return is_locked(run / ".lock")
