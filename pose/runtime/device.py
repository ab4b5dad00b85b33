"""Choose the device to run on, or none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

DRAWS = ("normal_", "uniform_", "trunc_normal_")


def pick_device(name: str = "auto") -> torch.device:
    """The device to run on.

    Args:
        name: "auto" (CUDA, else Apple's MPS, else the CPU), "cpu", "cuda", "cuda:N" or "mps".
    Raises:
        ValueError: no such device here; the message lists those that are.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    present = [*(["cuda"] if gpus else []), *(f"cuda:{i}" for i in range(gpus)), *(["mps"] if mps else []), "cpu"]
    if name == "auto":
        return torch.device(present[0])
    if name not in present:
        known = name in ("cuda", "mps") or re.fullmatch(r"cuda:\d+", name)
        raise ValueError(
            f"{'no device' if known else 'unknown device'} '{name}' on this machine; it has {', '.join(present)} "
            f"('auto' takes {present[0]})"
        )
    return torch.device(name)


@contextmanager
def without_memory() -> Iterator[None]:
    """Networks made within have shapes alone: nothing is allocated, and no weights are drawn.

    PyTorch's meta device does the first. To draw numbers there it imports its compiler, which takes a second.
    """
    with torch.device("meta"), _Undrawn():
        yield


class _Undrawn(TorchFunctionMode):
    """Leave out what fills tensors with random numbers."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in DRAWS:
            return args[0] if args else kwargs["tensor"]  # methods, and functions of torch.nn.init
        return func(*args, **kwargs)
