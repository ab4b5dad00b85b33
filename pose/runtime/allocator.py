"""Keep the memory of large tensors between the steps of a computation on a CPU."""

from __future__ import annotations

import os
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # of glibc's malloc.h
KEPT = 1 << 30  # bytes; what is larger still goes back to the kernel at once
SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Ask glibc to keep up to a gigabyte of freed memory at hand.

    It gives memory of more than 32 MB back to the kernel whenever it is freed, and fetches it anew, page by page, for
    the next tensor of that size. Training at batch 32 on a CPU spent two fifths of its time on that. The price is
    memory that lies idle between two tensors of different size.

    Returns:
        Whether it does so: not where the C library is another one or cannot be asked, and not if the environment says
        otherwise.
    """
    if sys.platform != "linux" or any(name in os.environ for name in SETTINGS):
        return False
    try:
        import ctypes  # which a Python built without libffi lacks

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    except (ImportError, OSError):  # OSError: this Python is linked statically
        return False
    return mallopt is not None and all(mallopt(what, KEPT) for what in (MMAP_THRESHOLD, TRIM_THRESHOLD))
