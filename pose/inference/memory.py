"""How many crops fit into the memory. Networks for images of usual sizes never come near it."""

from __future__ import annotations

import warnings

import numpy as np

from pose.runtime.system import memory_bytes

# By the peak resident memory of two crops of 512 x 512 in PyTorch, with DY-ReLU: MobileNetV2 x1.0 takes 277. The
# mirrored crops take as much again (557 with them; MobileNetV3-Large 443, ResNet-50 180).
BYTES_PER_PIXEL = 300
SHARE = 0.5  # of the memory that this process may take


def check_batch_size(batch_size: object) -> None:
    """Raises ValueError unless it is a whole number and at least 1."""
    if not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number and at least 1, got {batch_size!r}")


def fitting_batch_size(batch_size: int, input_size: tuple[int, int], *, device: object, mirrored: bool = True) -> int:
    """The batch size, or as many crops as half of the memory can hold, with a warning.

    A system ends processes for which its memory does not suffice, without a message.

    Args:
        input_size: (height, width) of the crops.
        device: that the network runs on; a GPU has its own memory, and says when it is full.
        mirrored: the mirrored crops may be in the batch too.
    """
    memory = memory_bytes()
    if memory is None or str(device).startswith("cuda"):
        return batch_size
    height, width = input_size
    each = (2 if mirrored else 1) * BYTES_PER_PIXEL * height * width
    fitting = max(1, int(SHARE * memory / each))
    why = (
        f"a crop of {height} x {width} (height x width) pixels takes about {each / 1e9:.1f} GB, and this process "
        f"may take {memory / 1e9:.1f} GB"
    )
    if fitting < batch_size:
        warnings.warn(f"batches of {fitting} instead of {batch_size}: {why}", stacklevel=3)
    if each > memory:
        warnings.warn(f"the system may end this process: {why}", stacklevel=3)
    return min(fitting, batch_size)
