"""DY-ReLU B and C with two pieces as one operator, `torch.ops.pose.dyrelu`, and its gradient.

`pose.layers.dyrelu` has the definition, which runs wherever this cannot: other types and numbers of pieces, no
compiled kernel, exporters. On CPUs the operator is dyrelu.c, compiled when the package is installed; on CUDA it
is `pose.layers.dyrelu_triton` where Triton is installed, as it is with PyTorch for CUDA. Kept for the backward pass
are x and what is small: coefficients, attention, hidden layer. Where both pieces are equal the first one gets the
gradient; `torch.maximum` gives each half.

Shapes: N batch, C channels, H x W map, R hidden width.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, library

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


# The compiled dyrelu.c; None where the install could not build it.
CPU_KERNEL = load_library("dyrelu")
HAS_TRITON = find_spec("triton") is not None


def is_supported(x: Tensor) -> bool:
    """Whether there is a kernel for this tensor: fp32, bf16 or fp16, four dimensions, not empty.

    CPUs' works in fp32, and half precision is to be widened for it.
    """
    if x.ndim != 4 or x.numel() == 0 or x.dtype not in DTYPES:
        return False
    return CPU_KERNEL is not None if x.is_cpu else x.is_cuda and HAS_TRITON


def operator(x: Tensor) -> Callable[..., Outputs]:
    """What computes `forward` for x: `torch.ops.pose.dyrelu` where gradients or a compiler need an operator, else, on
    a CPU, the function itself, as the dispatcher takes as long as a small layer."""
    if torch.compiler.is_compiling() or torch.is_grad_enabled() or not x.is_cpu:
        return torch.ops.pose.dyrelu
    return forward


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
        projection: (C,) of variant C's attention; None for B.
        alpha, beta: (2,) each.
    Returns:
        y in the memory format of x; and for the backward pass the means (N, C), the hidden layer (N, R), the
        coefficients (N, 4, C) and the attention before its minimum with 1 (N, H * W), empty for B; these are fp32.
    """
    x = _dense(x)
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
    x = _dense(x)
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


def _dense(x: Tensor) -> Tensor:
    """x itself where its layout is one of the kernel's two, else a copy."""
    return x if x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()


def _like(dy: Tensor, x: Tensor) -> Tensor:
    """dy laid out as x, which is dense."""
    return dy.contiguous() if x.is_contiguous() else dy.contiguous(memory_format=torch.channels_last)


def _call(function: str, *args: float | Tensor | None) -> None:
    assert CPU_KERNEL is not None
    pointers = [a.data_ptr() if isinstance(a, Tensor) else a for a in args]
    if getattr(CPU_KERNEL, function)(ctypes.byref(_Args(*pointers))):
        raise MemoryError("no memory left for DY-ReLU's sums; use a smaller batch_size")


def _save(ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
    x, w1, _, w2, _, projection, alpha, beta, *ctx.settings = inputs
    _, context, hidden, coefficients, pi = output
    ctx.save_for_backward(x, w1, w2, projection, alpha, beta, hidden, coefficients, pi, context)
    ctx.set_materialize_grads(False)


def _gradients(ctx: Any, dy: Tensor | None, *_: Tensor | None) -> tuple[Tensor | None, ...]:
    if dy is None:
        return (None,) * 12
    *saved, context = ctx.saved_tensors
    hidden = saved[6]
    dx, dpre, dhidden, dprojection = torch.ops.pose.dyrelu_backward(dy, *saved, *ctx.settings)
    return (
        *(dx, dhidden.T @ context, dhidden.sum(0), dpre.T @ hidden, dpre.sum(0)),
        *(None if saved[3] is None else dprojection, *(None,) * 6),
    )


def _cuda_forward(x: Tensor, *args: Any) -> Outputs:
    from pose.layers import dyrelu_triton  # not before it is needed, and there

    return dyrelu_triton.forward(_dense(x), *args)


def _cuda_backward(dy: Tensor, x: Tensor, *args: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from pose.layers import dyrelu_triton

    x = _dense(x)
    return dyrelu_triton.backward(_like(dy, x), x, *args)


def _fake_forward(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, projection: Tensor | None, *_: Any
) -> Any:
    n, c, height, width = x.shape
    shapes = ((n, c), (n, w1.shape[0]), (n, 4, c), (n, height * width) if projection is not None else (0,))
    return torch.empty_like(x), *(x.new_empty(shape, dtype=torch.float32) for shape in shapes)


def _fake_backward(
    dy: Tensor, x: Tensor, w1: Tensor, w2: Tensor, projection: Tensor | None, *_: Any
) -> tuple[Tensor, ...]:
    n, c = x.shape[:2]
    shapes = ((n, 4 * c), (n, w1.shape[0]), (0 if projection is None else c,))
    return torch.empty_like(x), *(x.new_empty(shape, dtype=torch.float32) for shape in shapes)


_forward_op = library.custom_op("pose::dyrelu", forward, mutates_args=(), device_types="cpu")
_forward_op.register_kernel("cuda", _cuda_forward)
_forward_op.register_fake(_fake_forward)
_forward_op.register_autograd(_gradients, setup_context=_save)
_backward_op = library.custom_op("pose::dyrelu_backward", backward, mutates_args=(), device_types="cpu")
_backward_op.register_kernel("cuda", _cuda_backward)
_backward_op.register_fake(_fake_backward)
