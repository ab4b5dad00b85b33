"""Choose the device to run on."""

from __future__ import annotations

import re

import torch


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
