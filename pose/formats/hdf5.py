"""HDF5 files of others, whose readers unpickle what they hold, follow links, and take what memory they ask for.

Here they run no code, lead to no other file and do not grow, and the process does not end with its library.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from pose.runtime.errors import DataError
from pose.runtime.stop import hold_back_ctrl_c

Found = TypeVar("Found")

LARGEST = 2**31  # bytes of a file's arrays; a hundred thousand frames of a thousand columns take 0.8 GB
# All that a pickle of numbers and text in numpy arrays asks for.
_ARRAYS = {("numpy", "dtype"), ("numpy", "ndarray"), ("_codecs", "encode")}
_ARRAYS |= {(f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")}
_asked: ContextVar[list[str] | None] = ContextVar("asked", default=None)


def apart(path: Path, read: Callable[..., Found], *arguments: Any) -> Found:
    """Call a function that reads a file in a process of its own: on some damaged files HDF5's library ends that.

    Raises:
        DataError: it ended; and all that the function raises.
    """
    start = "fork" if sys.platform == "linux" else "spawn"  # where it is safe: it needs no `if __name__ == ...`
    with ProcessPoolExecutor(1, multiprocessing.get_context(start)) as pool:
        with hold_back_ctrl_c():
            found = pool.submit(read, *arguments)
        try:
            return found.result()
        except BrokenProcessPool:
            raise DataError(f"{path} ends the library that reads HDF5, so it is damaged; export it again") from None


@contextlib.contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Around a library that reads a file: no pickle in it finds anything that could run code.

    Args:
        what: the file should be, for the message.
    Raises:
        DataError: the library cannot read it, or it holds such a pickle.
    """
    _watch()
    asked: list[str] = []
    token = _asked.set(asked)
    problem: Exception | None = None
    try:
        yield
    except Exception as error:  # damaged bytes make a library fail in any way
        problem = error
    finally:
        _asked.reset(token)
    if asked:  # which the library may have passed over
        raise DataError(f"{path} holds a pickle that asks for {asked[0]}, which could run code; it is not read")
    if isinstance(problem, DataError):
        raise problem
    if problem is not None:
        reason = " ".join(str(problem).split()) or type(problem).__name__
        raise DataError(f"{path} is no {what} ({reason:.300})") from problem


def check_size(path: Path, sizes: Iterable[int]) -> None:
    """Refuse a file whose arrays take more memory than any table of labels.

    Args:
        sizes: of its arrays in bytes.
    """
    total = sum(sizes)
    if total > LARGEST:
        raise DataError(f"{path} holds arrays of {total / 1e9:,.1f} GB; files of labels have up to 2.1 GB")


@functools.cache
def _watch() -> None:
    """Once, as such a hook stays."""
    sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and (asked := _asked.get()) is not None and tuple(args[:2]) not in _ARRAYS:
        asked.append(f"{args[0]}.{args[1]}")
        raise pickle.UnpicklingError(f"{args[0]}.{args[1]} is refused")
