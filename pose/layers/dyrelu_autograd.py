"""The gradient of DY-ReLU's kernels, for autograd and for compilers.

Eager mode calls the kernels in an `autograd.Function` and makes no operator of them: PyTorch's Python around one
takes longer than a small layer.

Shapes: N batch, C channels, H x W map, R hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pose.layers import dyrelu_fused
from pose.layers.dyrelu_fused import Outputs
from pose.layers.dyrelu_guard import are_plain, is_memory, is_unwatched

Gradients = tuple[Tensor | None, ...]  # of the twelve arguments of `dyrelu_fused.forward`


def run(x: Tensor, *args: Any) -> Tensor:
    """y of `dyrelu_fused.forward`, with a gradient where there are any."""
    return _Fused.apply(x, *args) if torch.is_grad_enabled() else dyrelu_fused.kernel(x, *args)[0]


def save(ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
    """Keep for `gradients` what `forward` took and gave."""
    ctx.save_for_backward(*inputs[:8], *output[1:])
    ctx.settings = inputs[8:]
    ctx.set_materialize_grads(False)


def gradients(function: Any, settings: Sequence[float], dy: Tensor, saved: Sequence[Tensor]) -> Gradients:
    """Gradients of all that `forward` takes, by `backward` or what does the same."""
    x, w1, _, w2, _, *others = saved
    *found, dprojection = function(dy, x, w1, w2, *others, *settings)
    return (*found, None if others[0] is None else dprojection, *(None,) * 6)


class _Fused(torch.autograd.Function):
    """The kernels and their gradient."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        outputs = dyrelu_fused.kernel(*args)
        save(ctx, args, outputs)
        return outputs[0]

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None) -> Gradients:
        if dy is None:
            return (None,) * 12
        saved = ctx.saved_tensors
        if torch.is_grad_enabled() or not is_unwatched() or not _takes_back(dy, saved):
            return _differentiable_gradients(ctx, dy, saved)
        if torch.compiler.is_compiling():
            return gradients(torch.ops.pose.dyrelu_backward, ctx.settings, dy, saved)
        return gradients(dyrelu_fused.backward if dy.is_cpu else dyrelu_fused.cuda_backward, ctx.settings, dy, saved)


def _takes_back(dy: Tensor, saved: Sequence[Tensor]) -> bool:
    """`dyrelu_fused.takes` for the backward pass, for what its kernel reads: hooks may have changed what was saved,
    and dy can be anything."""
    x, w1, _, w2, _, projection, alpha, beta, context, hidden, coefficients, pi = saved
    if w1.ndim != 2 or not is_memory(x) or not is_memory(dy):
        return False
    if dy.shape != x.shape or dy.dtype is not x.dtype or dy.device != x.device:
        return False
    n, c, height, width = x.shape
    r = w1.shape[0]
    weights = [(w1, (r, c)), (w2, (4 * c, r)), (alpha, (2,)), (beta, (2,))]
    kept = [(context, (n, c)), (hidden, (n, r)), (coefficients, (n, 4, c))]
    attention = []
    if projection is not None:
        if projection.numel() != c:
            return False
        attention = [(projection, projection.shape), (pi, (n, height * width))]
    return are_plain((*weights, *kept, *attention), x)


def _differentiable_gradients(ctx: Any, dy: Tensor, saved: Sequence[Tensor]) -> Gradients:
    """Gradients by PyTorch's own operators: themselves differentiable, and for gradients that are no plain tensor."""
    wanted = [tensor for tensor, needed in zip(saved, ctx.needs_input_grad, strict=False) if needed]
    arguments: Any = (*saved[:8], *ctx.settings)
    with torch.enable_grad():
        y = definition(*arguments)
    found = iter(torch.autograd.grad(y, wanted, dy, create_graph=torch.is_grad_enabled()))
    return tuple(next(found) if needed else None for needed in ctx.needs_input_grad)


def definition(
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
) -> Tensor:
    """`DyReLU.plain` as a function of what `forward` takes."""
    with torch.autocast(x.device.type, enabled=False):
        wide = x.float()
        hidden = torch.relu(functional.linear(wide.mean((2, 3)), w1, b1))
        residuals = (2 * torch.sigmoid(functional.linear(hidden, w2, b2)) - 1).unflatten(1, (4, -1))
        first, second, third, fourth = residuals[..., None, None].unbind(1)
        y = torch.maximum(
            (alpha[0] + lambda_a * first) * wide + (beta[0] + lambda_b * third),
            (alpha[1] + lambda_a * second) * wide + (beta[1] + lambda_b * fourth),
        )
        if projection is not None:
            z = torch.matmul(projection.view(1, -1), wide.flatten(2))
            pi = torch.softmax(z / tau, dim=2) * (gamma * z.shape[2])
            y = y * pi.clamp(max=1.0).unflatten(2, x.shape[2:])
        return y.to(x.dtype)
