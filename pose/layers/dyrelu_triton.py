"""DY-ReLU B and C with two pieces on GPUs: the CUDA kernels of `pose.layers.dyrelu_fused`, in Triton.

Two kernels each way: one reads the map and sums, the other one writes the map. What lies between is little, but in
PyTorch's own operators it is thirty calls, which on a small map take longer than all else. With POSE_TRITON=1 it is
one kernel too, of a program an image.

Input may be fp32, bf16 or fp16, contiguous or channels_last; all arithmetic is fp32. Each program writes sums of its
own, which are then added in a fixed order, so results do not change from run to run.

Of an H200 (PyTorch 2.11, Triton 3.6): the kernels over the map equal the plain path in fp64 in fp32, bf16 and fp16,
in both layouts, and run near the memory's speed. Those between them have run in Triton's interpreter only, and so
are not the default; `tools/gpu_check.sh` tries both.

Shapes: N batch, C channels, H x W map, P = H W positions, R hidden width, Q = ceil(P / BLOCK_P) programs an image.
"""

from __future__ import annotations

import os
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

BLOCK_P, BLOCK_C = 64, 32
BETWEEN = os.environ.get("POSE_TRITON") == "1"  # the kernels between the passes, instead of PyTorch's operators


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
def _total(sums, image, Q, width, column, inside, BLOCK_Q: tl.constexpr, CHANNELS: tl.constexpr):
    """What all programs of an image summed: columns of its rows in sums (N, Q, width), added in a fixed order."""
    total = tl.zeros((CHANNELS,), tl.float32)
    for q0 in range(0, Q, BLOCK_Q):
        q = q0 + tl.arange(0, BLOCK_Q)
        at = (image * Q + q)[:, None] * width + column[None, :]
        total += tl.sum(tl.load(sums + at, mask=(q < Q)[:, None] & inside[None, :], other=0.0), 0)
    return total


@triton.jit
def _hyper(
    sums,
    w1,
    b1,
    w2,
    b2,
    alpha,
    beta,
    context,
    hidden_out,
    coefficients,
    pi,
    C,
    R,
    P,
    Q,
    lambda_a,
    lambda_b,
    tau,
    limit,
    HAS_PI: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """An image's means (N, C), hidden layer (N, R) and coefficients (N, 4, C); and z in pi (N, P) becomes
    limit softmax(z / tau), in place."""
    image = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, CHANNELS)
    inside = c < C
    means = _total(sums, image, Q, C, c, inside, BLOCK_Q, CHANNELS) / P
    tl.store(context + image * C + c, means, mask=inside)
    a1, a2 = tl.load(b2 + c, mask=inside, other=0.0), tl.load(b2 + C + c, mask=inside, other=0.0)
    i1, i2 = tl.load(b2 + 2 * C + c, mask=inside, other=0.0), tl.load(b2 + 3 * C + c, mask=inside, other=0.0)
    for r0 in range(0, R, BLOCK_R):
        r = r0 + tl.arange(0, BLOCK_R)
        weights = tl.load(w1 + r[:, None] * C + c[None, :], mask=(r < R)[:, None] & inside[None, :], other=0.0)
        hidden = tl.sum(weights * means[None, :], 1) + tl.load(b1 + r, mask=r < R, other=0.0)
        hidden = tl.where(hidden < 0, 0.0, hidden)  # unlike a maximum, this keeps NaN
        tl.store(hidden_out + image * R + r, hidden, mask=r < R)
        row, mask = w2 + c[:, None] * R + r[None, :], inside[:, None] & (r < R)[None, :]
        a1 += tl.sum(tl.load(row, mask=mask, other=0.0) * hidden[None, :], 1)
        a2 += tl.sum(tl.load(row + C * R, mask=mask, other=0.0) * hidden[None, :], 1)
        i1 += tl.sum(tl.load(row + 2 * C * R, mask=mask, other=0.0) * hidden[None, :], 1)
        i2 += tl.sum(tl.load(row + 3 * C * R, mask=mask, other=0.0) * hidden[None, :], 1)
    out = coefficients + image * 4 * C + c
    tl.store(out, tl.load(alpha) + lambda_a * (2 * tl.sigmoid(a1) - 1), mask=inside)
    tl.store(out + C, tl.load(alpha + 1) + lambda_a * (2 * tl.sigmoid(a2) - 1), mask=inside)
    tl.store(out + 2 * C, tl.load(beta) + lambda_b * (2 * tl.sigmoid(i1) - 1), mask=inside)
    tl.store(out + 3 * C, tl.load(beta + 1) + lambda_b * (2 * tl.sigmoid(i2) - 1), mask=inside)
    if HAS_PI:
        peak = tl.full((BLOCK_P,), float("-inf"), tl.float32)
        for p0 in range(0, P, BLOCK_P):
            p = p0 + tl.arange(0, BLOCK_P)
            peak = tl.maximum(peak, tl.load(pi + image * P + p, mask=p < P, other=float("-inf")) / tau)
        top = tl.max(peak, 0)
        total = tl.zeros((BLOCK_P,), tl.float32)
        for p0 in range(0, P, BLOCK_P):
            p = p0 + tl.arange(0, BLOCK_P)
            total += tl.exp(tl.load(pi + image * P + p, mask=p < P, other=float("-inf")) / tau - top)
        scale = limit / tl.sum(total, 0)
        for p0 in range(0, P, BLOCK_P):
            p = p0 + tl.arange(0, BLOCK_P)
            z = tl.load(pi + image * P + p, mask=p < P, other=float("-inf"))
            tl.store(pi + image * P + p, tl.exp(z / tau - top) * scale, mask=p < P)


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
    y = tl.where((one >= two) | (one != one), one, two)  # NaN of either piece is kept
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
def _before_sigmoid(gradient, coefficient, start, reach):
    """The gradient of what goes into a sigmoid s: a coefficient is start + reach (2 s - 1), and s' is s (1 - s)."""
    residual = tl.where(reach == 0, 0.0, (coefficient - start) / reach)
    return gradient * reach * 0.5 * (1 - residual * residual)


@triton.jit
def _hyper_gradient(
    sums,
    coefficients,
    hidden,
    w1,
    w2,
    alpha,
    beta,
    pi,
    dz,
    dpre,
    dhidden,
    dcontext,
    C,
    R,
    P,
    Q,
    lambda_a,
    lambda_b,
    tau,
    limit,
    HAS_PI: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """An image's gradients of fc2's output (N, 4 C), of fc1's output (N, R), of each position's share in the means
    (N, C); and the gradient of pi in dz (N, P) becomes that of z, in place."""
    image = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, CHANNELS)
    inside = c < C
    row, out = coefficients + image * 4 * C + c, dpre + image * 4 * C + c
    a1 = _total(sums, image, Q, 4 * C, c, inside, BLOCK_Q, CHANNELS)
    a2 = _total(sums, image, Q, 4 * C, C + c, inside, BLOCK_Q, CHANNELS)
    i1 = _total(sums, image, Q, 4 * C, 2 * C + c, inside, BLOCK_Q, CHANNELS)
    i2 = _total(sums, image, Q, 4 * C, 3 * C + c, inside, BLOCK_Q, CHANNELS)
    a1 = _before_sigmoid(a1, tl.load(row, mask=inside, other=0.0), tl.load(alpha), lambda_a)
    a2 = _before_sigmoid(a2, tl.load(row + C, mask=inside, other=0.0), tl.load(alpha + 1), lambda_a)
    i1 = _before_sigmoid(i1, tl.load(row + 2 * C, mask=inside, other=0.0), tl.load(beta), lambda_b)
    i2 = _before_sigmoid(i2, tl.load(row + 3 * C, mask=inside, other=0.0), tl.load(beta + 1), lambda_b)
    tl.store(out, a1, mask=inside)
    tl.store(out + C, a2, mask=inside)
    tl.store(out + 2 * C, i1, mask=inside)
    tl.store(out + 3 * C, i2, mask=inside)
    means = tl.zeros((CHANNELS,), tl.float32)
    for r0 in range(0, R, BLOCK_R):
        r = r0 + tl.arange(0, BLOCK_R)
        at, mask = w2 + c[:, None] * R + r[None, :], inside[:, None] & (r < R)[None, :]
        gradient = tl.sum(tl.load(at, mask=mask, other=0.0) * a1[:, None], 0)
        gradient += tl.sum(tl.load(at + C * R, mask=mask, other=0.0) * a2[:, None], 0)
        gradient += tl.sum(tl.load(at + 2 * C * R, mask=mask, other=0.0) * i1[:, None], 0)
        gradient += tl.sum(tl.load(at + 3 * C * R, mask=mask, other=0.0) * i2[:, None], 0)
        gradient = tl.where(tl.load(hidden + image * R + r, mask=r < R, other=0.0) > 0, gradient, 0.0)
        tl.store(dhidden + image * R + r, gradient, mask=r < R)
        weights = tl.load(w1 + r[:, None] * C + c[None, :], mask=(r < R)[:, None] & inside[None, :], other=0.0)
        means += tl.sum(weights * gradient[:, None], 0)
    tl.store(dcontext + image * C + c, means / P, mask=inside)
    if HAS_PI:
        total = tl.zeros((BLOCK_P,), tl.float32)
        for p0 in range(0, P, BLOCK_P):
            at = image * P + p0 + tl.arange(0, BLOCK_P)
            attention = tl.load(pi + at, mask=at < (image + 1) * P, other=0.0)
            gradient = tl.load(dz + at, mask=at < (image + 1) * P, other=0.0)
            total += tl.where(attention <= 1, gradient, 0.0) * attention
        mean = tl.sum(total, 0) / limit
        for p0 in range(0, P, BLOCK_P):
            at = image * P + p0 + tl.arange(0, BLOCK_P)
            attention = tl.load(pi + at, mask=at < (image + 1) * P, other=0.0)
            gradient = tl.load(dz + at, mask=at < (image + 1) * P, other=0.0)
            # A minimum with 1 that is reached passes nothing on.
            gradient = attention * (tl.where(attention <= 1, gradient, 0.0) - mean) / tau
            tl.store(dz + at, gradient, mask=at < (image + 1) * P)


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
    _read[(n, programs)](x, projection, sums, pi, *shape, **blocks)
    between = _between if BETWEEN else _between_in_operators
    numbers = (lambda_a, lambda_b, tau, gamma * positions)
    context, hidden, coefficients, pi = between(sums, w1, b1, w2, b2, alpha, beta, pi, positions, *numbers)
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
    _reduce[(n, programs)](x, dy, coefficients, pi, sums, dz, *shape, **blocks)
    between = _between_back if BETWEEN else _between_back_in_operators
    tensors = (sums, coefficients, hidden, w1, w2, alpha, beta, pi, dz)
    dpre, dhidden, dcontext, dz = between(*tensors, positions, lambda_a, lambda_b, tau, gamma * positions)
    dx = torch.empty_like(x)
    sums = sums.new_empty((n, programs, c) if projection is not None else (0,))
    grid = (n, programs, triton.cdiv(c, BLOCK_C))
    _scatter[grid](x, dy, coefficients, pi, dcontext, dz, projection, dx, sums, *shape, **blocks)
    return dx, dpre, dhidden, sums if projection is None else sums.sum((0, 1))


def _between(
    sums: Tensor,
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
    alpha: Tensor,
    beta: Tensor,
    pi: Tensor,
    positions: int,
    *numbers: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Means (N, C), hidden layer (N, R), coefficients (N, 4, C) and attention (N, P) by a kernel.

    Args:
        sums: (N, Q, C) of each program.
        pi: (N, P) the projection z, or empty.
        numbers: lambda_a, lambda_b, tau, and gamma times the number of positions.
    """
    n, programs, c = sums.shape
    context, hidden, coefficients = (sums.new_empty(n, *size) for size in ((c,), (len(w1),), (4, c)))
    tensors = (sums, w1, b1, w2, b2, alpha, beta, context, hidden, coefficients, pi)
    _hyper[(n,)](*tensors, c, len(w1), positions, programs, *numbers, **_blocks(c, pi))
    return context, hidden, coefficients, pi


def _between_in_operators(
    sums: Tensor,
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
    alpha: Tensor,
    beta: Tensor,
    pi: Tensor,
    positions: int,
    lambda_a: float,
    lambda_b: float,
    tau: float,
    limit: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`_between` in PyTorch's operators."""
    with torch.autocast(sums.device.type, enabled=False):
        context = sums.sum(1) / positions
        hidden = torch.relu(functional.linear(context, w1, b1))
        residuals = 2 * torch.sigmoid(functional.linear(hidden, w2, b2)).unflatten(1, (4, -1)) - 1
        start, reach = _ranges(alpha, beta, lambda_a, lambda_b)
        pi = torch.softmax(pi / tau, dim=1) * limit if pi.numel() else pi
        return context, hidden, start + reach * residuals, pi


def _between_back(
    sums: Tensor,
    coefficients: Tensor,
    hidden: Tensor,
    w1: Tensor,
    w2: Tensor,
    alpha: Tensor,
    beta: Tensor,
    pi: Tensor,
    dz: Tensor,
    positions: int,
    *numbers: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of fc2's output (N, 4 C), of fc1's output (N, R), of each position's share in the means (N, C), and
    of the projection (N, P), by a kernel.

    Args:
        sums: (N, Q, 4, C) gradients of the coefficients, of each program.
        dz: (N, P) gradient of the attention, or empty.
        numbers: as for `_between`.
    """
    n, programs, _, c = sums.shape
    dpre, dhidden, dcontext = (sums.new_empty(n, size) for size in (4 * c, len(w1), c))
    tensors = (sums, coefficients, hidden, w1, w2, alpha, beta, pi, dz, dpre, dhidden, dcontext)
    _hyper_gradient[(n,)](*tensors, c, len(w1), positions, programs, *numbers, **_blocks(c, pi))
    return dpre, dhidden, dcontext, dz


def _between_back_in_operators(
    sums: Tensor,
    coefficients: Tensor,
    hidden: Tensor,
    w1: Tensor,
    w2: Tensor,
    alpha: Tensor,
    beta: Tensor,
    pi: Tensor,
    dz: Tensor,
    positions: int,
    lambda_a: float,
    lambda_b: float,
    tau: float,
    limit: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`_between_back` in PyTorch's operators."""
    with torch.autocast(sums.device.type, enabled=False):
        start, reach = _ranges(alpha, beta, lambda_a, lambda_b)
        # A residual is 2 s - 1 with s a sigmoid, whose derivative is s (1 - s).
        residuals = torch.where(reach == 0, 0.0, (coefficients - start) / reach)
        dpre = (sums.sum(1) * reach * 0.5 * (1 - residuals.square())).flatten(1)
        dhidden = dpre @ w2 * (hidden > 0)
        dcontext = dhidden @ w1 / positions
        if pi.numel():
            dz = torch.where(pi <= 1, dz, 0.0)  # a minimum with 1 that is reached passes nothing on
            dz = pi * (dz - (dz * pi).sum(1, keepdim=True) / limit) / tau
        return dpre, dhidden, dcontext, dz


def _blocks(c: int, pi: Tensor) -> dict[str, Any]:
    """Constants of the kernels between the passes, which hold all channels at once."""
    channels = max(16, triton.next_power_of_2(c))
    part = max(1, min(16, 4096 // channels))
    return {"HAS_PI": pi.numel() > 0, "CHANNELS": channels, "BLOCK_Q": part, "BLOCK_R": part, "BLOCK_P": 1024}


def _ranges(alpha: Tensor, beta: Tensor, lambda_a: float, lambda_b: float) -> tuple[Tensor, Tensor]:
    """What coefficients start from and how far they go: (4, 1) each, rows a1, a2, b1, b2."""
    start = torch.cat([alpha, beta])[:, None]
    return start, torch.cat([torch.full_like(alpha, lambda_a), torch.full_like(beta, lambda_b)])[:, None]
