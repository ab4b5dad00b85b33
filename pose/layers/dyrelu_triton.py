"""DY-ReLU B and C with two pieces on GPUs: the CUDA kernels of `pose.layers.dyrelu_fused`, in Triton.

Only what touches the whole map is written here: four passes, two each way. What lies between them has a few thousand
numbers and is left to PyTorch. Input may be fp32, bf16 or fp16, contiguous or channels_last; all arithmetic is fp32.
Each program writes its own sums, which are then added in a fixed order, so results do not change from run to run.

No GPU was at hand when this was written: it has been checked in Triton's interpreter only, against the plain path in
fp64. It has not been compiled, and its block sizes are not tuned.

Shapes: N batch, C channels, H x W map, P = H W positions, R hidden width, Q = ceil(P / BLOCK_P) programs an image.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

BLOCK_P, BLOCK_C = 64, 32


@triton.jit
def _tile(image, q, c0, C, P, stride_n, stride_c, stride_p, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr):
    """Channels, positions, offsets in x and mask of a tile."""
    c = c0 + tl.arange(0, BLOCK_C)
    p = q * BLOCK_P + tl.arange(0, BLOCK_P)
    at = image.to(tl.int64) * stride_n + c[:, None].to(tl.int64) * stride_c + p[None, :] * stride_p
    return c, p, at, (c < C)[:, None] & (p < P)[None, :]


@triton.jit
def _pieces(coefficients, image, c, C, x):
    """Slopes (BLOCK_C, 1) of both pieces, and their values (BLOCK_C, BLOCK_P)."""
    row = coefficients + image * 4 * C + c
    a1, a2 = tl.load(row, mask=c < C, other=0.0)[:, None], tl.load(row + C, mask=c < C, other=0.0)[:, None]
    b1, b2 = (
        tl.load(row + 2 * C, mask=c < C, other=0.0)[:, None],
        tl.load(row + 3 * C, mask=c < C, other=0.0)[:, None],
    )
    return a1, a2, a1 * x + b1, a2 * x + b2


@triton.jit
def _read(
    x_ptr,
    projection,
    sums,
    z_ptr,
    C,
    P,
    stride_n,
    stride_c,
    stride_p,
    HAS_PI: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Sums over a program's positions (N, Q, C), and the projection z (N, P)."""
    image, q = tl.program_id(0), tl.program_id(1)
    z = tl.zeros((BLOCK_P,), tl.float32)
    for c0 in range(0, C, BLOCK_C):
        c, _, at, mask = _tile(image, q, c0, C, P, stride_n, stride_c, stride_p, BLOCK_P, BLOCK_C)
        x = tl.load(x_ptr + at, mask=mask, other=0.0).to(tl.float32)
        tl.store(sums + (image * tl.num_programs(1) + q) * C + c, tl.sum(x, 1), mask=c < C)
        if HAS_PI:
            z += tl.sum(tl.load(projection + c, mask=c < C, other=0.0).to(tl.float32)[:, None] * x, 0)
    if HAS_PI:
        p = q * BLOCK_P + tl.arange(0, BLOCK_P)
        tl.store(z_ptr + image * P + p, z, mask=p < P)


@triton.jit
def _write(
    x_ptr,
    coefficients,
    pi_ptr,
    y_ptr,
    C,
    P,
    stride_n,
    stride_c,
    stride_p,
    HAS_PI: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """The result."""
    image, q = tl.program_id(0), tl.program_id(1)
    c, p, at, mask = _tile(image, q, tl.program_id(2) * BLOCK_C, C, P, stride_n, stride_c, stride_p, BLOCK_P, BLOCK_C)
    x = tl.load(x_ptr + at, mask=mask, other=0.0).to(tl.float32)
    _, _, one, two = _pieces(coefficients, image, c, C, x)
    y = tl.where(one >= two, one, two)
    if HAS_PI:
        y *= tl.minimum(tl.load(pi_ptr + image * P + p, mask=p < P, other=0.0), 1.0)[None, :]
    tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), mask=mask)


@triton.jit
def _reduce(
    x_ptr,
    dy_ptr,
    coefficients,
    pi_ptr,
    sums,
    dpi_ptr,
    C,
    P,
    stride_n,
    stride_c,
    stride_p,
    HAS_PI: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Gradients of the coefficients, summed over a program's positions (N, Q, 4, C), and of pi (N, P)."""
    image, q = tl.program_id(0), tl.program_id(1)
    dpi = tl.zeros((BLOCK_P,), tl.float32)
    for c0 in range(0, C, BLOCK_C):
        c, p, at, mask = _tile(image, q, c0, C, P, stride_n, stride_c, stride_p, BLOCK_P, BLOCK_C)
        x = tl.load(x_ptr + at, mask=mask, other=0.0).to(tl.float32)
        dy = tl.load(dy_ptr + at, mask=mask, other=0.0).to(tl.float32)
        _, _, one, two = _pieces(coefficients, image, c, C, x)
        first = one >= two
        if HAS_PI:
            dpi += tl.sum(dy * tl.where(first, one, two), 0)
            dy *= tl.minimum(tl.load(pi_ptr + image * P + p, mask=p < P, other=0.0), 1.0)[None, :]
        d1, d2 = tl.where(first, dy, 0.0), tl.where(first, 0.0, dy)
        row = sums + (image * tl.num_programs(1) + q) * 4 * C + c
        tl.store(row, tl.sum(d1 * x, 1), mask=c < C)
        tl.store(row + C, tl.sum(d2 * x, 1), mask=c < C)
        tl.store(row + 2 * C, tl.sum(d1, 1), mask=c < C)
        tl.store(row + 3 * C, tl.sum(d2, 1), mask=c < C)
    if HAS_PI:
        p = q * BLOCK_P + tl.arange(0, BLOCK_P)
        tl.store(dpi_ptr + image * P + p, dpi, mask=p < P)


@triton.jit
def _scatter(
    x_ptr,
    dy_ptr,
    coefficients,
    pi_ptr,
    dcontext,
    dz_ptr,
    projection,
    dx_ptr,
    sums,
    C,
    P,
    stride_n,
    stride_c,
    stride_p,
    HAS_PI: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """dx, and the projection's gradient, summed over a program's positions (N, Q, C)."""
    image, q = tl.program_id(0), tl.program_id(1)
    c, p, at, mask = _tile(image, q, tl.program_id(2) * BLOCK_C, C, P, stride_n, stride_c, stride_p, BLOCK_P, BLOCK_C)
    x = tl.load(x_ptr + at, mask=mask, other=0.0).to(tl.float32)
    dx = tl.load(dy_ptr + at, mask=mask, other=0.0).to(tl.float32)
    a1, a2, one, two = _pieces(coefficients, image, c, C, x)
    dx *= tl.where(one >= two, a1, a2)
    if HAS_PI:
        dx *= tl.minimum(tl.load(pi_ptr + image * P + p, mask=p < P, other=0.0), 1.0)[None, :]
        dz = tl.load(dz_ptr + image * P + p, mask=p < P, other=0.0)[None, :]
        dx += dz * tl.load(projection + c, mask=c < C, other=0.0).to(tl.float32)[:, None]
        tl.store(sums + (image * tl.num_programs(1) + q) * C + c, tl.sum(dz * x, 1), mask=c < C)
    dx += tl.load(dcontext + image * C + c, mask=c < C, other=0.0)[:, None]
    tl.store(dx_ptr + at, dx.to(dx_ptr.dtype.element_ty), mask=mask)


def _shape(x: Tensor) -> tuple[int, int, int, int, tuple[int, ...]]:
    """N, C, P, Q, and the arguments of a kernel: C, P and the strides of image, channel and position."""
    n, c, height, width = x.shape
    positions = height * width
    strides = (c * positions, positions, 1) if x.is_contiguous() else (c * positions, 1, c)
    return n, c, positions, triton.cdiv(positions, BLOCK_P), (c, positions, *strides)


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
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """As `dyrelu_fused.forward`, x dense; y has x's dtype and all else is fp32."""
    n, c, positions, programs, shape = _shape(x)
    blocks: dict[str, Any] = {"HAS_PI": projection is not None, "BLOCK_P": BLOCK_P, "BLOCK_C": BLOCK_C}
    sums = x.new_empty(n, programs, c, dtype=torch.float32)
    pi = x.new_empty((n, positions) if projection is not None else (0,), dtype=torch.float32)
    with torch.autocast(x.device.type, enabled=False):
        _read[(n, programs)](x, projection, sums, pi, *shape, **blocks)
        context = sums.sum(1) / positions
        hidden = torch.relu(functional.linear(context, w1.float(), b1.float()))
        residuals = 2 * torch.sigmoid(functional.linear(hidden, w2.float(), b2.float())).view(n, 4, c) - 1
        start, scale = _ranges(alpha, beta, lambda_a, lambda_b)
        coefficients = start + scale * residuals
        if projection is not None:
            pi = torch.softmax(pi / tau, dim=1) * (gamma * positions)
        y = torch.empty_like(x)
        _write[(n, programs, triton.cdiv(c, BLOCK_C))](x, coefficients, pi, y, *shape, **blocks)
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
    """As `dyrelu_fused.backward`, x and dy dense and laid out alike; dx has x's dtype and all else is fp32."""
    n, c, positions, programs, shape = _shape(x)
    blocks: dict[str, Any] = {"HAS_PI": projection is not None, "BLOCK_P": BLOCK_P, "BLOCK_C": BLOCK_C}
    sums = x.new_empty(n, programs, 4, c, dtype=torch.float32)
    dz = torch.empty_like(pi)
    with torch.autocast(x.device.type, enabled=False):
        _reduce[(n, programs)](x, dy, coefficients, pi, sums, dz, *shape, **blocks)
        start, scale = _ranges(alpha, beta, lambda_a, lambda_b)
        # A residual is 2 s - 1 with s a sigmoid, whose derivative is s (1 - s).
        residuals = torch.where(scale == 0, 0.0, (coefficients - start) / scale)
        dpre = (sums.sum(1) * scale * 0.5 * (1 - residuals.square())).view(n, 4 * c)
        dhidden = dpre @ w2.float() * (hidden > 0)
        dcontext = dhidden @ w1.float() / positions
        if projection is not None:
            dz = torch.where(pi <= 1, dz, 0.0)  # a minimum with 1 that is reached passes nothing on
            softmax = pi / (gamma * positions)
            dz = pi * (dz - (dz * softmax).sum(1, keepdim=True)) / tau
        dx = torch.empty_like(x)
        sums = x.new_empty((n, programs, c) if projection is not None else (0,), dtype=torch.float32)
        grid = (n, programs, triton.cdiv(c, BLOCK_C))
        _scatter[grid](x, dy, coefficients, pi, dcontext, dz, projection, dx, sums, *shape, **blocks)
    return dx, dpre, dhidden, sums if projection is None else sums.sum((0, 1))


def _ranges(alpha: Tensor, beta: Tensor, lambda_a: float, lambda_b: float) -> tuple[Tensor, Tensor]:
    """What coefficients start from and how far they go: (4, 1) each, rows a1, a2, b1, b2."""
    start = torch.cat([alpha, beta]).float()[:, None]
    return start, torch.cat([torch.full_like(alpha, lambda_a), torch.full_like(beta, lambda_b)]).float()[:, None]
