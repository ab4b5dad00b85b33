"""DY-ReLU for compilers: the kernels of `pose.layers.dyrelu_fused` as one operator, `torch.ops.pose.dyrelu`.

Eager mode does without it: see `pose.layers.dyrelu_autograd`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, library

from pose.layers import dyrelu_autograd, dyrelu_fused
from pose.layers.dyrelu_autograd import Gradients
from pose.layers.dyrelu_fused import CPU_DTYPES, Backward, Outputs, dense
from pose.layers.dyrelu_guard import are_plain, is_memory


def call(x: Tensor, *args: Any) -> Tensor:
    """y of `dyrelu_fused.forward`, for compilers to see."""
    return torch.ops.pose.dyrelu(x, *args)[0]


def _forward(x: Tensor, *args: Any) -> Outputs:
    if x.dtype not in CPU_DTYPES or not dyrelu_fused.takes(x, *args[:7]):
        raise _refusal((x, *args))
    return dyrelu_fused.forward(x, *args)


def _backward(dy: Tensor, x: Tensor, *args: Any) -> Backward:
    if not (is_memory(dy) and is_memory(x) and dy.dtype is x.dtype in CPU_DTYPES and dy.shape == x.shape):
        raise _refusal((dy, x, *args))
    if not are_plain([(a, a.shape) for a in args if isinstance(a, Tensor)], x):
        raise _refusal((dy, x, *args))
    return dyrelu_fused.backward(dy, x, *args)


def _refusal(args: tuple[Any, ...]) -> ValueError:
    got = ", ".join(f"{a.dtype} {tuple(a.shape)} {a.stride()}" for a in args if isinstance(a, Tensor))
    return ValueError(
        "torch.ops.pose.dyrelu takes fp32 tensors whose numbers lie one after another, x may be bf16, of shapes that "
        f"fit; got (dtype, shape, strides) {got}; call the layer's `plain` instead, which takes any"
    )


def _fake_forward(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, projection: Tensor | None, *_: Any
) -> Any:
    n, c, height, width = x.shape
    shapes = ((n, c), (n, w1.shape[0]), (n, 4, c), (n, height * width) if projection is not None else (0,))
    return torch.empty_like(dense(x)), *(x.new_empty(shape, dtype=torch.float32) for shape in shapes)


def _fake_backward(
    dy: Tensor, x: Tensor, w1: Tensor, w2: Tensor, projection: Tensor | None, *_: Any
) -> tuple[Tensor, ...]:
    c = x.shape[1]
    weights = (torch.empty_like(w1), w1.new_empty(len(w1)), torch.empty_like(w2), w1.new_empty(4 * c))
    return torch.empty_like(dense(x)), *weights, w1.new_empty(0 if projection is None else projection.shape)


def _gradients(ctx: Any, dy: Tensor | None, *_: Tensor | None) -> Gradients:
    if dy is None:
        return (None,) * 12
    return dyrelu_autograd.gradients(torch.ops.pose.dyrelu_backward, ctx.settings, dy, ctx.saved_tensors)


# Spelled out, as PyTorch 2.6 cannot read annotations that name an alias.
_NUMBERS = "float lambda_a, float lambda_b, float gamma, float tau"
_FORWARD = (
    "(Tensor x, Tensor w1, Tensor b1, Tensor w2, Tensor b2, Tensor? projection, Tensor alpha, Tensor beta, "
    f"{_NUMBERS}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)"
)
_BACKWARD = (
    "(Tensor dy, Tensor x, Tensor w1, Tensor w2, Tensor? projection, Tensor alpha, Tensor beta, Tensor context, "
    f"Tensor hidden, Tensor coefficients, Tensor pi, {_NUMBERS}) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)
_forward_op = library.custom_op("pose::dyrelu", _forward, mutates_args=(), device_types="cpu", schema=_FORWARD)
_forward_op.register_kernel("cuda", dyrelu_fused.cuda_forward)
_forward_op.register_fake(_fake_forward)
_forward_op.register_autograd(_gradients, setup_context=dyrelu_autograd.save)
_backward_op = library.custom_op(
    "pose::dyrelu_backward", _backward, mutates_args=(), device_types="cpu", schema=_BACKWARD
)
_backward_op.register_kernel("cuda", dyrelu_fused.cuda_backward)
_backward_op.register_fake(_fake_backward)
