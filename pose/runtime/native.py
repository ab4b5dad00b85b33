"""Load the C extensions that were compiled at install time, if any."""

from __future__ import annotations

import ctypes
import warnings
from importlib import machinery
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "csrc"
INTERFACE = 3  # POSE_INTERFACE of processor.h


def load_library(name: str) -> ctypes.CDLL | None:
    """The compiled `pose/csrc/<name>.c`, or None where the install could not build it.

    One that an earlier version compiled is warned of and left alone: it takes other arguments.
    """
    for suffix in machinery.EXTENSION_SUFFIXES:
        path = FOLDER / f"_{name}{suffix}"
        if path.is_file():
            try:
                library = ctypes.CDLL(str(path))
            except OSError:  # built for another machine
                return None
            if getattr(library, "pose_interface", int)() == INTERFACE:
                return library
            warnings.warn(
                f"{path} was compiled for another version of pose, so PyTorch's operators do its work, which is "
                "slower; install again: pip install -e .",
                stacklevel=2,
            )
            return None
    return None
