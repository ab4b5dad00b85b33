"""Run heatmaps.c: the work of `pose.codecs.heatmap` on a CPU, in one pass over the heatmaps and equal to the bit.

Decoding as `pose.codecs.dark` does is equal but for rounding in double precision.

Shapes: B batch, K keypoints, H x W heatmap.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence

import torch
from torch import Tensor

from pose.runtime.native import load_library

# The compiled heatmaps.c; None where the install could not build it.
CPU_KERNEL = load_library("heatmaps")

if CPU_KERNEL is not None:
    _MAPS, _SIZE = ctypes.c_void_p, ctypes.c_int64
    CPU_KERNEL.codec_encode.argtypes = (*(_MAPS,) * 3, *(_SIZE,) * 5, _MAPS)
    CPU_KERNEL.codec_decode.argtypes = (_MAPS, *(_SIZE,) * 6, _MAPS, _SIZE, *(_MAPS,) * 3)
    CPU_KERNEL.codec_merge_flip.argtypes = (*(_MAPS,) * 3, *(_SIZE,) * 7, _MAPS)


def is_supported(*tensors: Tensor) -> bool:
    """Say whether the kernel can work on tensors.

    It can on the CPU, in float32, without gradients, where they are not empty, and nobody records the operators.
    """
    if CPU_KERNEL is None or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    return all(
        type(t) is Tensor
        and t.device.type == "cpu"
        and t.dtype == torch.float32
        and not t.requires_grad
        and t.numel() > 0
        for t in tensors
    )


def encode(mu: Tensor, weights: Tensor, *, bell: Tensor, heatmap_size: tuple[int, int]) -> Tensor:
    """Draw Gaussians at mu (B, K, 2), whole pixels, where weights (B, K) are positive: (B, K, H, W).

    Args:
        bell: (2 * radius + 1,) a Gaussian along an axis.
    """
    assert CPU_KERNEL is not None
    height, width = heatmap_size
    mu, weights, bell = mu.contiguous(), weights.contiguous(), bell.contiguous()
    heatmaps = weights.new_empty(*weights.shape, height, width)
    sizes = (len(bell) // 2, weights.numel(), height, width, torch.get_num_threads())
    CPU_KERNEL.codec_encode(mu.data_ptr(), weights.data_ptr(), bell.data_ptr(), *sizes, heatmaps.data_ptr())
    return heatmaps


def decode(heatmaps: Tensor, *, taps: Sequence[float] = ()) -> tuple[Tensor, Tensor]:
    """Locate the peaks (B, K, 2) of heatmaps (B, K, H, W), and their values (B, K).

    Args:
        taps: the 2 * radius + 1 values of the Gaussian along an axis that DARK modulates by; none for a quarter
            offset.
    """
    assert CPU_KERNEL is not None
    heatmaps = _dense(heatmaps)
    count = heatmaps.shape[:2]
    scores, xy, index = (
        heatmaps.new_empty(count),
        heatmaps.new_empty(*count, 2),
        heatmaps.new_empty(count, dtype=torch.int32),
    )
    sizes = (*heatmaps.shape, not heatmaps.is_contiguous(), torch.get_num_threads())
    # Zeros beside the kernel are what one loop over several of its places reads; see heatmaps.c.
    smooth = array("d", (*(0.0,) * 4, *taps, *(0.0,) * 7)).tobytes() if taps else None, len(taps) // 2
    found = index.data_ptr(), scores.data_ptr(), xy.data_ptr()
    CPU_KERNEL.codec_decode(heatmaps.data_ptr(), *sizes, *smooth, *found)
    return xy, scores


def merge_flip(heatmaps: Tensor, flipped: Tensor, order: Tensor, *, shift: bool) -> Tensor:
    """Average heatmaps as `pose.codecs.heatmap.merge_flip` does, with `order` (K,) int64.

    Raises:
        ValueError: `order` is no permutation.
    """
    assert CPU_KERNEL is not None
    if sorted(order.tolist()) != list(range(heatmaps.shape[1])):
        raise ValueError(f"flip indices must be each of 0 to {heatmaps.shape[1] - 1} once, got {order.tolist()}")
    heatmaps, order = _dense(heatmaps), order.contiguous()
    contiguous = heatmaps.is_contiguous()
    flipped = flipped.contiguous(memory_format=torch.contiguous_format if contiguous else torch.channels_last)
    merged = torch.empty_like(heatmaps)
    sizes = (*heatmaps.shape, not contiguous, shift, torch.get_num_threads())
    CPU_KERNEL.codec_merge_flip(heatmaps.data_ptr(), flipped.data_ptr(), order.data_ptr(), *sizes, merged.data_ptr())
    return merged


def _dense(maps: Tensor) -> Tensor:
    """Return the maps themselves where their layout is one of the kernel's two, else a copy."""
    return (
        maps if maps.is_contiguous() or maps.is_contiguous(memory_format=torch.channels_last) else maps.contiguous()
    )
