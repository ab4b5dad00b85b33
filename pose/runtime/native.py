"""C code of this package that its install compiled, where it could."""

from __future__ import annotations

import ctypes
from importlib import machinery
from pathlib import Path


def load_library(name: str) -> ctypes.CDLL | None:
    """The library made of an extension of setup.py, such as "pose.layers._dyrelu_cpu"; None where there is none."""
    stem = Path(__file__).parent.joinpath(*name.split(".")[1:])
    for suffix in machinery.EXTENSION_SUFFIXES:
        path = stem.with_name(stem.name + suffix)
        if path.is_file():
            try:
                return ctypes.CDLL(str(path))
            except OSError:  # built for another machine
                return None
    return None
