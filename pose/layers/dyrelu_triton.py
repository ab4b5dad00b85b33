"""DY-ReLU B and C with two pieces on GPUs: the CUDA kernels of `pose.layers.dyrelu_fused`, in Triton.

Three kernels each way: one reads the map and sums, one program an image does what lies between, and one writes the
map. What lies between is little, but in PyTorch's own operators it is thirty calls, which take longer than all else.
Input may be fp32, bf16 or fp16, contiguous or channels_last; all arithmetic is fp32. Each program writes sums of its
own, which are then added in a fixed order, so results do not change from run to run.

`tools/gpu_check.sh` compiles them and compares them with the plain path in fp64; docs/performance.md says what was
measured and on what.

Shapes: N batch, C channels, H x W map, P = H W positions, R hidden width, Q = ceil(P / BLOCK_P) programs an image.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

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
    blocks, middle = _blocks(c, projection)
    sums = x.new_empty(n, programs, c, dtype=torch.float32)
    pi = x.new_empty((n, positions) if projection is not None else (0,), dtype=torch.float32)
    context, hidden, coefficients = (sums.new_empty(n, *size) for size in ((c,), (len(w1),), (4, c)))
    y = torch.empty_like(x)
    numbers = (c, len(w1), positions, programs, lambda_a, lambda_b, tau, gamma * positions)
    _read[(n, programs)](x, projection, sums, pi, *shape, **blocks)
    _hyper[(n,)](sums, w1, b1, w2, b2, alpha, beta, context, hidden, coefficients, pi, *numbers, **middle)
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
    blocks, middle = _blocks(c, projection)
    sums = x.new_empty(n, programs, 4, c, dtype=torch.float32)
    dz, dx = torch.empty_like(pi), torch.empty_like(x)
    dpre, dhidden, dcontext = (sums.new_empty(n, size) for size in (4 * c, len(w1), c))
    numbers = (c, len(w1), positions, programs, lambda_a, lambda_b, tau, gamma * positions)
    _reduce[(n, programs)](x, dy, coefficients, pi, sums, dz, *shape, **blocks)
    tensors = (sums, coefficients, hidden, w1, w2, alpha, beta, pi, dz, dpre, dhidden, dcontext)
    _hyper_gradient[(n,)](*tensors, *numbers, **middle)
    sums = sums.new_empty((n, programs, c) if projection is not None else (0,))
    grid = (n, programs, triton.cdiv(c, BLOCK_C))
    _scatter[grid](x, dy, coefficients, pi, dcontext, dz, projection, dx, sums, *shape, **blocks)
    return dx, dpre, dhidden, sums if projection is None else sums.sum((0, 1))


def _blocks(c: int, projection: Tensor | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Constants of the kernels that pass over the map, and of those between them, which hold all channels at once."""
    has_pi, channels = projection is not None, max(16, triton.next_power_of_2(c))
    part = max(1, min(16, 4096 // channels))
    middle = {"CHANNELS": channels, "BLOCK_Q": part, "BLOCK_R": part, "BLOCK_P": 1024}
    return {"HAS_PI": has_pi, "BLOCK_P": BLOCK_P, "BLOCK_C": BLOCK_C}, {"HAS_PI": has_pi, **middle}
