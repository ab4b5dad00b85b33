"""DY-ReLU B and C with two pieces as one function, and another one for its gradient: the kernels and what they take.

`pose.layers.dyrelu` has the definition, which runs wherever this cannot: other types and numbers of pieces, no
compiled kernel, and whatever `pose.layers.dyrelu_guard` is not sure of. On CPUs the kernel is dyrelu.c, compiled when
the package is installed; on CUDA it is `pose.layers.dyrelu_triton` where Triton is installed, as it is with PyTorch
for CUDA. Kept for the backward pass are x and what is small: coefficients, attention, hidden layer. Where both pieces
are equal the first one gets the gradient; `torch.maximum` gives each half.

Shapes: N batch, C channels, H x W map, R hidden width.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from pose.layers.dyrelu_guard import are_plain, is_memory
from pose.runtime.native import load_library

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
CPU_DTYPES = (torch.float32, torch.bfloat16)  # the compiled kernel's

Outputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
Backward = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


# `Args` of dyrelu.h: n, c, hw, hidden, channels_last, half, threads; lambda_a, lambda_b, gamma, tau; 20 addresses.
_ARGS = struct.Struct("@7q4f20P")
# The compiled dyrelu.c; None where the install could not build it.
CPU_KERNEL = load_library("dyrelu")
HAS_TRITON = find_spec("triton") is not None
MAX_CUDA_CHANNELS = 4096  # a program holds all of them at once


def is_supported(x: Tensor) -> bool:
    """Whether there is a kernel for this tensor: fp32, bf16 or fp16, four dimensions, not empty, not too wide.

    CPUs' takes fp32 and bf16; fp16 is to be widened for it.
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
        x: (N, C, H, W) fp32 or bf16; on CUDA fp16 too.
        w1, b1, w2, b2: (R, C), (R,), (4 C, R), (4 C,) of the hyper function.
        projection: C numbers of variant C's attention, in any shape; None for B.
        alpha, beta: (2,) each.
    Returns:
        y in the memory format and dtype of x; and for the backward pass the means (N, C), the hidden layer (N, R),
        the coefficients (N, 4, C) and the attention before its minimum with 1 (N, H * W), empty for B; all fp32.
    """
    x = dense(x)
    n, c, height, width = x.shape
    hidden_width, positions = w1.shape[0], height * width
    y = torch.empty_like(x)
    context, hidden, coefficients = w1.new_empty(n, c), w1.new_empty(n, hidden_width), w1.new_empty(n, 4, c)
    pi = w1.new_empty((n, positions) if projection is not None else (0,))
    attention = (None, None) if projection is None else (projection, pi)
    _call(
        "dyrelu_forward",
        (n, c, positions, hidden_width, not x.is_contiguous(), x.dtype is torch.bfloat16, torch.get_num_threads()),
        (lambda_a, lambda_b, gamma, tau),
        *(alpha, beta, x, w1, b1, w2, b2, attention[0]),
        *(context, hidden, coefficients, attention[1], y),
        *(None,) * 7,
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
    context: Tensor,
    hidden: Tensor,
    coefficients: Tensor,
    pi: Tensor,
    lambda_a: float,
    lambda_b: float,
    gamma: float,
    tau: float,
) -> Backward:
    """Gradients of x, w1, b1, w2, b2 and of the projection, empty for B."""
    x = dense(x)
    n, c, height, width = x.shape
    hidden_width = w1.shape[0]
    dy = _like(dy, x)
    dx = torch.empty_like(x)
    dw1, db1 = w1.new_empty(hidden_width, c), w1.new_empty(hidden_width)
    dw2, db2 = w1.new_empty(4 * c, hidden_width), w1.new_empty(4 * c)
    dprojection = w1.new_empty(0 if projection is None else projection.shape)
    attention = (None, None, None) if projection is None else (projection, pi, dprojection)
    positions, is_half = height * width, x.dtype is torch.bfloat16
    _call(
        "dyrelu_backward",
        (n, c, positions, hidden_width, not x.is_contiguous(), is_half, torch.get_num_threads()),
        (lambda_a, lambda_b, gamma, tau),
        *(alpha, beta, x, w1, None, w2, None, attention[0]),
        *(context, hidden, coefficients, attention[1], None),
        *(dy, dx, dw1, db1, dw2, db2, attention[2]),
    )
    return dx, dw1, db1, dw2, db2, dprojection


def dense(x: Tensor) -> Tensor:
    """x itself where its layout is one of the kernel's two, else a copy."""
    return x if x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()


def _like(dy: Tensor, x: Tensor) -> Tensor:
    """dy laid out as x, which is dense."""
    return dy.contiguous() if x.is_contiguous() else dy.contiguous(memory_format=torch.channels_last)


def _call(function: str, sizes: Sequence[int], settings: Sequence[float], *tensors: Tensor | None) -> None:
    assert CPU_KERNEL is not None
    addresses = [0 if tensor is None else tensor.data_ptr() for tensor in tensors]
    if addresses.count(0) != [tensor is None for tensor in tensors].count(True):
        raise ValueError("a tensor that DY-ReLU needs has no memory: its storage was freed, as by resize_(0)")
    if getattr(CPU_KERNEL, function)(_ARGS.pack(*sizes, *settings, *addresses)):
        raise MemoryError("no memory left for DY-ReLU's sums; use a smaller batch_size")


def kernel(x: Tensor, *args: Any) -> Outputs:
    """`forward`, on the device of x."""
    return forward(x, *args) if x.is_cpu else cuda_forward(x, *args)


def cuda_forward(x: Tensor, *args: Any) -> Outputs:
    from pose.layers import dyrelu_triton  # not before it is needed, and there

    return dyrelu_triton.forward(dense(x), *args)


def cuda_backward(
    dy: Tensor,
    x: Tensor,
    w1: Tensor,
    w2: Tensor,
    projection: Tensor | None,
    alpha: Tensor,
    beta: Tensor,
    context: Tensor,
    hidden: Tensor,
    *args: Any,
) -> Backward:
    from pose.layers import dyrelu_triton

    x = dense(x)
    tensors = (x, w1, w2, projection, alpha, beta, hidden)
    dx, dpre, dhidden, dprojection = dyrelu_triton.backward(_like(dy, x), *tensors, *args)
    if projection is not None:
        dprojection = dprojection.view(projection.shape)
    return dx, dhidden.T @ context, dhidden.sum(0), dpre.T @ hidden, dpre.sum(0), dprojection
