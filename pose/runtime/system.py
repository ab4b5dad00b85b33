"""What differs between operating systems: the lock on a run's folder, the processors and the memory.

Linux and macOS have `fcntl` and `resource`, Windows has `msvcrt`. No other module imports any of them.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
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


def processors() -> int:
    """How many processors this process may run on, which Slurm and `taskset` make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """The memory that this process may take: the machine's, or what a container or `ulimit -v` leaves of it.

    Returns:
        None where the system does not tell.
    """
    limits = control_group_limits()
    if hasattr(os, "sysconf"):  # not on Windows
        with contextlib.suppress(ValueError, OSError):
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if resource is not None:
        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        limits += [] if most == resource.RLIM_INFINITY else [most]
    return min(limits, default=None)


def control_group_limits(own: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """The limits of memory that Linux sets this process by its control groups, as containers and Slurm do.

    Those of the groups above count too. Both versions of control groups name the file of a limit by themselves; where
    there is none, it holds a word or a number beyond any memory.
    """
    limits = []
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8").splitlines():
            number, controllers, group = line.split(":", 2)
            if "memory" in controllers.split(","):
                folder, name = root / "memory", "memory.limit_in_bytes"
            elif number == "0":
                folder, name = root, "memory.max"
            else:
                continue
            place = folder / group.lstrip("/")
            for file in (place / name, *(above / name for above in place.parents if above.is_relative_to(folder))):
                with contextlib.suppress(OSError, ValueError):
                    limits.append(int(file.read_text(encoding="utf-8")))
    return limits
