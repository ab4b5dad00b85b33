"""The lock on a run folder, for the time of a training."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pose.runtime.errors import DataError
from pose.runtime.files import remove_leftovers
from pose.runtime.folder_lock import FolderBusy, FolderLock, is_locked, lock_folder
from pose.runtime.text import resume_command, shell_word


class RunLock(FolderLock):
    """A run folder that this process alone works in, until `close` or the end of the process; see `lock_run`."""

    keep = True

    def explain(self, place: str) -> str:
        """The message for a run that was moved, with the command that goes on, or deleted ("")."""
        if place:
            return (
                f"{self.folder} was moved to {place} while it trained, so this training ends; what was saved by then "
                f"is there. Go on with: {resume_command(place)}"
            )
        return f"{self.folder} was deleted or moved while it trained, so this training ends; nothing is left there"


def lock_run(run: Path) -> RunLock:
    """Lock a run folder for this process, and remove files that a killed process left half written.

    Raises:
        OSError: it is trained in already, or it cannot be written to.
    """
    busy = f"another process trains in {run}; wait for it or stop it (`pose runs {shell_word(run.parent)}` shows it)"
    try:
        lock = lock_folder(run / ".lock", busy=busy, kind=RunLock)
    except FolderBusy:
        raise
    except OSError as error:
        raise OSError(
            f"cannot write to {run}: {error.strerror or error}; a run is trained in its folder, so copy it to "
            "one that can be written to"
        ) from error
    remove_leftovers(run)
    return lock


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


def refuse_folders(run: Path) -> None:
    """Look before the first step for folders that have the names of a run's files.

    Raises:
        DataError: one is there.
    """
    names = ["config.yaml", "versions.json", "metrics.csv", "state.json", "batch0.jpg", "bad_batches.json"]
    weights = ["resume.pt", "resume.previous.pt", "best.safetensors", "last.safetensors"]
    for place in (run / name for name in names + weights):
        if place.is_dir():
            raise DataError(f"{place} is a folder, and training writes a file of this name; move it away")


def is_running(run: Path) -> bool:
    """Whether a process, this one too, has locked the run folder."""
    return is_locked(run / ".lock")
