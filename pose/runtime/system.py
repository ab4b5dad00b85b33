"""What differs between operating systems: the lock on a run's folder, and what memory there is and was used.

Linux and macOS have `fcntl` and `resource`, Windows has `msvcrt`. No other module imports any of them.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import IO, Any


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


fcntl, msvcrt, resource = (_optional(name) for name in ("fcntl", "msvcrt", "resource"))


def try_lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Lock an open file for this process, until it is closed or the process ends.

    Args:
        shared: other processes can hold a `shared` lock at the same time. Windows has no such lock; there it is an
            ordinary one.
    Returns:
        False if another process holds it. True also on file systems without locks, because training matters more
        than the list of runs.
    """
    try:
        if fcntl is not None:
            # lockf and not flock: it also works between machines that share a folder, and loader processes do not
            # inherit the lock.
            fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        elif msvcrt is not None:
            file.seek(0)  # the byte to lock; it need not exist
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):  # which of them depends on the system
        return False
    except OSError:  # a file system without locks
        return True
    return True


def peak_memory_mb() -> int | None:
    """The peak of this process's resident memory so far, in MiB; None where the system does not tell."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def memory_bytes() -> int | None:
    """The memory of this machine; None where the system does not tell."""
    if not hasattr(os, "sysconf"):  # Windows
        return None
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
