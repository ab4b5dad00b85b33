"""Load the C extensions that were compiled at install time, if any."""

from __future__ import annotations

import ctypes
from importlib import machinery
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "csrc"


def load_library(name: str) -> ctypes.CDLL | None:
    """The compiled `pose/csrc/<name>.c`, or None where the install could not build it."""
    for suffix in machinery.EXTENSION_SUFFIXES:
        path = FOLDER / f"_{name}{suffix}"
        if path.is_file():
            try:
                return ctypes.CDLL(str(path))
            except OSError:  # built for another machine
                return None
    return None
