"""DY-ReLU B and C with two pieces as one function, and another one for its gradient: the kernels and what they take.

`pose.layers.dyrelu` has the definition, which runs wherever this cannot: other types and numbers of pieces, no
compiled kernel, and whatever `pose.layers.dyrelu_guard` is not sure of. On CPUs the kernel is dyrelu.c, compiled when
the package is installed; on CUDA it is `pose.layers.dyrelu_triton` where Triton is installed, as it is with PyTorch
for CUDA. Kept for the backward pass are x and what is small: coefficients, attention, hidden layer. Where both pieces
are equal the first one gets the gradient; `torch.maximum` gives each half.

Shapes: N batch, C channels, H x W map, R hidden width.
"""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from pose.layers.dyrelu_guard import are_plain, is_memory
from pose.runtime.native import load_library

DTYPES = (torch.float32, torch.bfloat16, torch.float16)

Outputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class _Args(ctypes.Structure):
    """`Args` of dyrelu.c."""

    _fields_ = (
        *[(name, ctypes.c_int64) for name in ("n", "c", "hw", "hidden", "channels_last", "threads")],
        *[(name, ctypes.c_float) for name in ("lambda_a", "lambda_b", "gamma", "tau")],
        *[
            (name, ctypes.c_void_p)
            for name in (
                *("alpha", "beta", "x", "w1", "b1", "w2", "b2", "projection"),
                *("context", "hidden_out", "coefficients", "pi", "y"),
                *("dy", "dx", "dpre", "dhidden", "dprojection"),
            )
        ],
    )


FIRST_POINTER = 10  # of `_Args`
# The compiled dyrelu.c; None where the install could not build it.
CPU_KERNEL = load_library("dyrelu")
HAS_TRITON = find_spec("triton") is not None
MAX_CUDA_CHANNELS = 4096  # a program holds all of them at once


def is_supported(x: Tensor) -> bool:
    """Whether there is a kernel for this tensor: fp32, bf16 or fp16, four dimensions, not empty, not too wide.

    CPUs' works in fp32, and half precision is to be widened for it.
    """
    if x.ndim != 4 or x.numel() == 0 or x.dtype not in DTYPES:
        return False
    return CPU_KERNEL is not None if x.is_cpu else x.is_cuda and HAS_TRITON and x.shape[1] <= MAX_CUDA_CHANNELS


def takes(
    x: Tensor,
    w1: Tensor | None,
    b1: Tensor | None,
    w2: Tensor | None,
    b2: Tensor | None,
    projection: Tensor | None,
    alpha: Tensor | None,
    beta: Tensor | None,
) -> bool:
    """Whether `forward` may read these tensors by their addresses: plain ones, and their shapes fit."""
    if w1 is None or w1.ndim != 2 or not is_memory(x):
        return False
    hidden, c = w1.shape[0], x.shape[1]
    expected: list[tuple[Tensor | None, tuple[int, ...]]] = [
        (w1, (hidden, c)),
        (b1, (hidden,)),
        (w2, (4 * c, hidden)),
        (b2, (4 * c,)),
        (alpha, (2,)),
        (beta, (2,)),
    ]
    if projection is not None:
        if projection.numel() != c:
            return False
        expected.append((projection, projection.shape))
    return are_plain(expected, x)


def forward(
    x: Tensor,
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
    projection: Tensor | None,
    alpha: Tensor,
    beta: Tensor,
    lambda_a: float,
    lambda_b: float,
    gamma: float,
    tau: float,
) -> Outputs:
    """DY-ReLU of x.

    Args:
        x: (N, C, H, W) fp32; on CUDA bf16 or fp16 too.
        w1, b1, w2, b2: (R, C), (R,), (4 C, R), (4 C,) of the hyper function.
        projection: C numbers of variant C's attention, in any shape; None for B.
        alpha, beta: (2,) each.
    Returns:
        y in the memory format of x; and for the backward pass the means (N, C), the hidden layer (N, R), the
        coefficients (N, 4, C) and the attention before its minimum with 1 (N, H * W), empty for B; these are fp32.
    """
    x = dense(x)
    n, c, height, width = x.shape
    y = torch.empty_like(x)
    context, hidden, coefficients = x.new_empty(n, c), x.new_empty(n, len(w1)), x.new_empty(n, 4, c)
    pi = x.new_empty((n, height * width) if projection is not None else (0,))
    _call(
        "dyrelu_forward",
        *(n, c, height * width, len(w1), not x.is_contiguous(), torch.get_num_threads()),
        *(lambda_a, lambda_b, gamma, tau),
        *(alpha, beta, x, w1, b1, w2, b2, projection),
        *(context, hidden, coefficients, None if projection is None else pi, y),
    )
    return y, context, hidden, coefficients, pi


def backward(
    dy: Tensor,
    x: Tensor,
    w1: Tensor,
    w2: Tensor,
    projection: Tensor | None,
    alpha: Tensor,
    beta: Tensor,
    hidden: Tensor,
    coefficients: Tensor,
    pi: Tensor,
    lambda_a: float,
    lambda_b: float,
    gamma: float,
    tau: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients: dx, of fc2's output (N, 4 C), of fc1's output (N, R), of the projection (C,), empty for B."""
    x = dense(x)
    n, c, height, width = x.shape
    dy = _like(dy, x)
    dx = torch.empty_like(x)
    dpre, dhidden = x.new_empty(n, 4 * c), x.new_empty(n, len(w1))
    dprojection = None if projection is None else x.new_empty(n, c)
    _call(
        "dyrelu_backward",
        *(n, c, height * width, len(w1), not x.is_contiguous(), torch.get_num_threads()),
        *(lambda_a, lambda_b, gamma, tau),
        *(alpha, beta, x, w1, None, w2, None, projection),
        *(None, hidden, coefficients, None if projection is None else pi, None),
        *(dy, dx, dpre, dhidden, dprojection),
    )
    return dx, dpre, dhidden, x.new_empty(0) if dprojection is None else dprojection.sum(0)


def dense(x: Tensor) -> Tensor:
    """x itself where its layout is one of the kernel's two, else a copy."""
    return x if x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()


def _like(dy: Tensor, x: Tensor) -> Tensor:
    """dy laid out as x, which is dense."""
    return dy.contiguous() if x.is_contiguous() else dy.contiguous(memory_format=torch.channels_last)


def _call(function: str, *args: float | Tensor | None) -> None:
    assert CPU_KERNEL is not None
    pointers = [a.data_ptr() if isinstance(a, Tensor) else a for a in args]
    if 0 in pointers[FIRST_POINTER:]:
        raise ValueError("a tensor that DY-ReLU needs has no memory: its storage was freed, as by resize_(0)")
    if getattr(CPU_KERNEL, function)(ctypes.byref(_Args(*pointers))):
        raise MemoryError("no memory left for DY-ReLU's sums; use a smaller batch_size")


def kernel(x: Tensor, *args: Any) -> Outputs:
    """`forward`, on the device of x."""
    return forward(x, *args) if x.is_cpu else cuda_forward(x, *args)


def cuda_forward(x: Tensor, *args: Any) -> Outputs:
    from pose.layers import dyrelu_triton  # not before it is needed, and there

    return dyrelu_triton.forward(dense(x), *args)


def cuda_backward(dy: Tensor, x: Tensor, *args: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from pose.layers import dyrelu_triton

    x = dense(x)
    return dyrelu_triton.backward(_like(dy, x), x, *args)
