"""DY-ReLU in few ONNX nodes, in the order that is fastest on CPUs: equal to `DyReLU.plain` but for rounding.

    y = pi * max_k (a_k x + b_k),    a, b = hyper(mean x),    pi = min(G softmax(p x), 1),    G = gamma H W

- Coefficients are (N, C, 1), never broadcast to the maps, and what is constant about them is folded.
- pi is min(softmax, 1 / G) here, and G a factor of the coefficients. It is multiplied in as late as possible: after
  the 1x1 convolution that follows, if that has fewer outputs than inputs.
- Where x is a 1x1 convolution of fewer channels, x = W u + c, the mean of x is W times the mean of u plus c, and p x
  is (p W) u plus what a softmax does not see: the large x need not be read for them. c goes into the intercepts.
- Where u is still to be upsampled, x is upsampled behind the convolution, at a quarter of its cost. The mean is the
  same before: each pixel has the same weight, 4, in what bilinear doubling makes of a map.

Only operators that every runtime of docs/runtimes.md computes rightly: no batch norm with computed scale and offset,
which onnxruntime runs a tenth faster and others refuse. docs/export.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pose.export.graph import Array, Graph, Map, lay_out, settle, settle_scale, to_numpy
from pose.layers.dyrelu import DyReLU


@dataclass(frozen=True)
class Pointwise:
    """x = weight u + bias, a 1x1 convolution: u as `lay_out` gives it, weight (C, channels of u), bias (C,)."""

    u: Map
    weight: Array
    bias: Array


def emit_dyrelu(g: Graph, layer: DyReLU, x: Map) -> Map:
    """Add the DY-ReLU of maps that are there."""
    x = lay_out(g, settle(g, x))
    gain, pi = _attention(g, layer, x)
    a, minus_b = _coefficients(g, layer, x, gain=gain)
    return _pieces(g, layer, x, a=a, minus_b=minus_b, pi=pi)


def emit_pointwise_dyrelu(g: Graph, layer: DyReLU, of: Pointwise) -> Map:
    """Add a 1x1 convolution and its DY-ReLU."""
    widens = len(of.weight) > of.u.channels
    if widens:
        of = replace(of, u=settle_scale(g, of.u))
    has_bias = not of.u.flat and of.u.scale is None  # convolutions add it for nothing, but before the scale
    x = _product(g, of, bias=has_bias)
    seen = of if widens else None
    gain, pi = _attention(g, layer, x, seen)
    a, minus_b = _coefficients(g, layer, x, seen, gain=gain, offset=None if has_bias else of.bias)
    return _pieces(g, layer, lay_out(g, settle(g, x)), a=a, minus_b=minus_b, pi=pi)


def emit_pointwise(g: Graph, of: Pointwise) -> Map:
    """Add a 1x1 convolution."""
    x = _product(g, of)
    return replace(x, name=g.op("Sub", x.name, g.constant(_column(x, -of.bias), name="minus_bias")))


def _product(g: Graph, of: Pointwise, *, bias: bool = False) -> Map:
    """Add weight u, with u's scale multiplied in on the side that has fewer channels; of a map in four dimensions
    without a scale also the bias, if asked for. Doubling is left to do.
    """
    channels = len(of.weight)
    u = settle_scale(g, of.u) if channels > of.u.channels else of.u
    name = _multiply(g, of.weight, u, bias=of.bias if bias else None)
    return settle_scale(g, replace(u, name=name, channels=channels))


def _multiply(g: Graph, weight: Array, u: Map, *, bias: Array | None = None) -> str:
    """Add a product of weights (C, channels of u) and a map; whatever scale the map has is left out."""
    if u.flat:
        return g.op("MatMul", g.constant(weight, name="weight"), u.name)
    more = [] if bias is None else [g.constant(bias, name="bias")]
    return g.op("Conv", u.name, g.constant(weight[:, :, None, None], name="weight"), *more, kernel_shape=[1, 1])


def _column(x: Map, values: Array) -> Array:
    """Shape one value a channel so that it is broadcast to a map."""
    return values.reshape((-1, 1) if x.flat else (1, -1, 1, 1))


def _pieces(g: Graph, layer: DyReLU, x: Map, *, a: Sequence[str], minus_b: Sequence[str], pi: str | None) -> Map:
    """Add max_k (a_k x + b_k), with pi still to be multiplied in."""
    pieces = [g.op("Mul", x.name, slope) for slope in a]
    if minus_b:
        pieces = [g.op("Sub", piece, m) for piece, m in zip(pieces, minus_b, strict=True)]
    y = _maximum(g, pieces)
    if layer.zero_piece:
        y = g.op("Relu", y)
    return replace(x, name=y, scale=pi)


def _maximum(g: Graph, pieces: Sequence[str]) -> str:
    return g.op("Max", *pieces) if len(pieces) > 1 else pieces[0]


def _attention(g: Graph, layer: DyReLU, x: Map, seen: Pointwise | None = None) -> tuple[float, str | None]:
    """Add pi / G of variant C, laid out and as large as x will be; returns G and its name, or 1 and None for the
    other variants.
    """
    if layer.variant != "C":
        return 1.0, None
    projection = to_numpy(layer.attention.weight).reshape(1, -1) / layer.tau
    if seen is not None:
        projection, x = projection @ seen.weight, seen.u
    z = lay_out(g, settle(g, replace(x, name=_multiply(g, projection, x), channels=1)))
    gain = layer.gamma * z.pixels
    pi = g.op("Softmax", z.name if z.flat else g.reshape(z.name, 0, 1, -1), axis=-1)
    pi = pi if z.flat else g.reshape(pi, 0, 1, z.height, z.width)
    # The limit last, where OpenVINO has it done with what the attention is multiplied by.
    return gain, g.op("Min", pi, g.constant(1 / gain, name="limit")) if gain > 1 else pi


def _coefficients(
    g: Graph,
    layer: DyReLU,
    x: Map,
    seen: Pointwise | None = None,
    *,
    gain: float,
    offset: Array | None = None,
) -> tuple[list[str], list[str]]:
    """Add K slopes and K intercepts with their signs turned; no intercepts where they are 0.

    Each is (N, C, 1), or (N, 1, 1) for variant A, with another 1 where x is (N, C, H, W).

    Args:
        seen: what x comes from, to compute its means from it.
        gain: factor of all coefficients.
        offset: (C,) that `x` lacks: the intercepts make up for it.
    """
    pieces = layer.num_pieces
    weight, bias = to_numpy(layer.fc1.weight), to_numpy(layer.fc1.bias)
    if seen is not None:
        weight, bias, x = weight @ seen.weight, bias + weight @ seen.bias, seen.u
    elif offset is not None:
        bias = bias + weight @ offset
    has_intercepts = layer.intercept
    mean = g.op("ReduceMean", x.name, g.constant([2] if x.flat else [2, 3], name="axes"), keepdims=int(not x.flat))
    hidden = g.op("Relu", _linear(g, mean, weight, bias))
    rows = _linear(g, hidden, to_numpy(layer.fc2.weight), to_numpy(layer.fc2.bias))
    # a = alpha + lambda (2 sigmoid - 1), the gain counted in, and -b likewise.
    per_piece = layer.fc2.out_features // (pieces * (1 + has_intercepts))
    ranges = [layer.lambda_a] * pieces + [-layer.lambda_b] * pieces * has_intercepts
    starts = [*to_numpy(layer.alpha), *(-to_numpy(layer.beta) if has_intercepts else ())]
    span = np.repeat([2 * gain * r for r in ranges], per_piece)
    start = np.repeat([gain * (s - r) for s, r in zip(starts, ranges, strict=True)], per_piece)
    if not x.flat:
        span, start = _column(x, span), _column(x, start)
    values = g.op("Mul", g.op("Sigmoid", rows), g.constant(span, name="span"))
    values = g.op("Add", values, g.constant(start, name="start"))
    values = g.reshape(values, 0, -1, 1) if x.flat else values
    split = g.ops("Split", values, outputs=len(ranges), axis=1, num_outputs=len(ranges))
    a, minus_b = split[:pieces], split[pieces:]
    if offset is not None and offset.any():
        moved = [g.op("Mul", slope, g.constant(_column(x, -offset), name="offset")) for slope in a]
        minus_b = [g.op("Add", m, i) for m, i in zip(moved, minus_b, strict=True)] if minus_b else moved
    return a, minus_b


def _linear(g: Graph, x: str, weight: Array, bias: Array) -> str:
    """Add weight x + bias of (N, C), or of (N, C, 1, 1) where all are convolutions."""
    if g.only_convolutions:
        return g.op("Conv", x, *_constants(g, weight[:, :, None, None], bias), kernel_shape=[1, 1])
    return g.op("Gemm", x, *_constants(g, weight, bias), transB=1)


def _constants(g: Graph, weight: Array, bias: Array) -> tuple[str, str]:
    return g.constant(weight, name="weight"), g.constant(bias, name="bias")
