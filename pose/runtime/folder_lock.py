"""Locks on folders that are written into, for the time of the work.

A lock belongs to the process and ends with it, however it ends. Threads of one process are kept apart too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

from pose.runtime.system import try_lock


class FolderBusy(OSError):
    """Somebody else works in the folder."""


class FolderLock:
    """A folder that nobody else gets the lock of, until `close` or the end of the process; see `lock_folder`.

    Args:
        file: in the folder, opened and locked.
        made: folders that were made for it, which go again if nothing is written into them.
    """

    keep = False  # the file, in a folder that holds something else

    def __init__(self, file: IO[bytes], *, made: Sequence[Path] = ()) -> None:
        self.file, self.path, self.made = file, Path(file.name), made
        self.folder = self.path.parent
        self.key = _key(os.fstat(file.fileno()))
        self.process = os.getpid()
        _HELD[self.key] = self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def moved(self) -> str | None:
        """Look whether the folder is still in its place.

        Returns:
            None if it is; else where it is now, or "" if it was deleted or nobody knows.
        """
        left = os.fstat(self.file.fileno()).st_nlink
        if left and os.path.lexists(self.path):
            return None
        if left:
            with contextlib.suppress(OSError):  # Linux knows where an open file is now
                return os.path.dirname(os.readlink(f"/proc/self/fd/{self.file.fileno()}"))
        return ""

    def check(self) -> None:
        """Refuse to go on where the folder is no longer in its place.

        Raises:
            OSError: it was deleted or moved.
        """
        place = self.moved()
        if place is not None:
            raise OSError(self.explain(place))

    def explain(self, place: str) -> str:
        """The message for a folder that is somewhere else, or nowhere ("")."""
        what = f"moved to {place}" if place else "deleted or moved"
        return f"{self.folder} was {what} while it was written to; give the same command again, or another --out"

    def close(self) -> None:
        """Unlock the folder; if nothing was written into it, leave no trace of it."""
        if self.file.closed or self.process != os.getpid():  # a process forked from ours has not the lock
            return
        with contextlib.suppress(OSError):
            # While it is locked: whoever waits for it looks again.
            if not self.keep or {entry.name for entry in self.folder.iterdir()} == {self.path.name}:
                self.path.unlink()
            for folder in self.made:
                folder.rmdir()  # not one that holds something
        _HELD.pop(self.key, None)
        self.file.close()


_HELD: dict[tuple[int, int], FolderLock] = {}
"""The locks of this process. The system's own end when the process closes the file, even if it was opened to look."""


Lock = TypeVar("Lock", bound=FolderLock)


def lock_folder(path: Path, *, busy: str, kind: type[Lock]) -> Lock:
    """Lock a folder by a file in it; both are made if they are not there.

    Args:
        busy: the message if another process, or another thread, has it.
    Raises:
        FolderBusy: somebody has it.
        OSError: the folder cannot be written to.
    """
    made = [place for place in (path.parent, *path.parent.parents) if not place.exists()]
    for _ in range(20):  # who only looks whether a lock is free holds it for a moment
        _make(path.parent, parents=True)
        if own_lock(path) is not None:
            break
        file = path.open("ab")
        if try_lock(file) and os.fstat(file.fileno()).st_nlink:  # not of one who has just removed it
            return kind(file, made=made)
        file.close()
        time.sleep(0.05)
    raise FolderBusy(busy)


def lock_output(folder: Path, *, name: str = "") -> FolderLock:
    """Keep other commands out of the place that one writes its results to.

    Args:
        name: of the one file that is written, where the rest of the folder does not matter.
    Raises:
        FolderBusy: another one writes there.
        OSError: the folder cannot be written to.
    """
    place = folder / name if name else folder
    busy = f"another command writes to {place}; wait for it, or give another --out"
    path = folder / (f".{name}.writing" if name else ".writing")
    try:
        return lock_folder(path, busy=busy, kind=FolderLock)
    except FolderBusy:
        raise
    except OSError as error:
        raise OSError(f"cannot write to {folder}: {error.strerror or error}; choose another --out") from error


def is_locked(path: Path) -> bool:
    """Whether a process, this one too, holds a lock by this file."""
    if own_lock(path) is not None:
        return True
    try:
        with path.open("rb") as file:
            return not try_lock(file, shared=True)
    except OSError:
        return False


def own_lock(path: Path) -> FolderLock | None:
    """This process's lock, found without opening its file."""
    try:
        lock = _HELD.get(_key(os.stat(path)))
    except OSError:
        return None
    return lock if lock is not None and lock.process == os.getpid() else None


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, but never anew one that this process has locked.

    Raises:
        OSError: it was deleted or moved; or the folder cannot be made.
    """
    absolute = folder.absolute()
    locked = next((lock.folder.absolute() for lock in _locks_above(folder)), None)
    if locked is None:
        _make(folder, parents=True)
        return
    refuse_gone(folder)
    for place in (*reversed(absolute.parents), absolute):
        if locked in place.parents:
            _make(place, parents=False)


def _make(folder: Path, *, parents: bool) -> None:
    try:
        folder.mkdir(parents=parents, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "a file stands where a folder has to be", str(folder)) from None


def refuse_gone(folder: Path) -> None:
    """Look whether the folders that this process has locked, at or above this one, are in their places.

    Raises:
        OSError: one was deleted or moved.
    """
    for lock in _locks_above(folder):
        lock.check()


def _locks_above(folder: Path) -> list[FolderLock]:
    places = (folder.absolute(), *folder.absolute().parents)
    ours = (lock for lock in list(_HELD.values()) if lock.process == os.getpid())
    return [lock for lock in ours if lock.folder.absolute() in places]


def _key(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
