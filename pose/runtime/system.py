"""What differs between operating systems: the lock on a run's folder, and what memory a process has used.

Linux and macOS have `fcntl` and `resource`, Windows has `msvcrt`. No other module imports any of them.
"""

from __future__ import annotations

import importlib
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
        shared: so that others can have it `shared` too. Windows has no such lock: there it is as any other.
    Returns:
        False if another process has it. True also where there are no locks, for training matters more than the list
        of runs.
    """
    try:
        if fcntl is not None:
            # lockf, not flock: it also works between machines that share a folder, and loader processes do not
            # inherit it.
            fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        elif msvcrt is not None:
            file.seek(0)  # where the locked byte is; it need not exist
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):  # which of them depends on the system
        return False
    except OSError:  # a file system without locks
        return True
    return True


def peak_memory_mb() -> int | None:
    """The most resident memory that this process has had so far, in MiB; None where the system does not say."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)
