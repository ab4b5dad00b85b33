"""Load the C extensions that were compiled at install time, if any."""

from __future__ import annotations

import ctypes
import os
import warnings
from importlib import machinery
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "csrc"
INTERFACE = 3  # POSE_INTERFACE of processor.h
LEVELS = ("base", "avx2", "avx512")  # of processors, as in processor.h


def load_library(name: str) -> ctypes.CDLL | None:
    """The compiled `pose/csrc/<name>.c`, or None where the install could not build it.

    One that an earlier version compiled is warned of and left alone: it takes other arguments. The environment's
    POSE_LEVEL, one of `LEVELS`, keeps it from using more of the processor than that, for tests and measurements.
    """
    for suffix in machinery.EXTENSION_SUFFIXES:
        path = FOLDER / f"_{name}{suffix}"
        if path.is_file():
            try:
                library = ctypes.CDLL(str(path))
            except OSError:  # built for another machine
                return None
            if getattr(library, "pose_interface", int)() == INTERFACE:
                _limit(library)
                return library
            warnings.warn(
                f"{path} was compiled for another version of pose, so the plain path does its work, which is "
                "slower; install again: pip install -e .",
                stacklevel=2,
            )
            return None
    return None


def _limit(library: ctypes.CDLL) -> None:
    wanted = os.environ.get("POSE_LEVEL")
    if wanted in LEVELS:
        if hasattr(library, "pose_limit"):  # else nothing in it is chosen by level
            library.pose_limit(LEVELS.index(wanted))
    elif wanted:
        warnings.warn(f"POSE_LEVEL must be one of {', '.join(LEVELS)}, got {wanted!r}; it is ignored", stacklevel=3)
