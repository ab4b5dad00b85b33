"""Shared memory that holds batches from the start, so that a lack of it is an error of the loader process.

Left to themselves, PyTorch's loader processes move a finished batch there in a thread; what fails in that thread is
printed and the batch is lost, and training waits for it for ever.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor
from torch.utils.data import get_worker_info


def share(batches: list[Any]) -> list[Any]:
    """Return the same batches; in a loader process, move their tensors to shared memory.

    Args:
        batches: tensors, or dataclasses of them.
    Raises:
        RuntimeError: there is no room for them.
    """
    if get_worker_info() is not None:
        for batch in batches:
            _share(batch)
    return batches


def _share(value: Any) -> None:
    if isinstance(value, Tensor):
        value.share_memory_()
    elif is_dataclass(value):
        for field in fields(value):
            _share(getattr(value, field.name))
