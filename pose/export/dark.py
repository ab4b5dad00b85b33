"""DARK's decoding as part of an exported graph: float32 and ordinary operators only.

Shapes: N batch, K keypoints, h x w heatmap.
"""

from __future__ import annotations

import functools

import numpy as np
from onnx import TensorProto

from pose.codecs.dark import REACH, blur_kernel
from pose.export.graph import Graph, Map
from pose.inference.onnx_predictor import OUTPUTS
from pose.runtime.arrays import Array

# The pixels (x, y) about a peak that the derivatives are made of, and their parts in dx, dy, dxx, dyy, dxy.
PARTS = {
    (0, 0): (0, 0, -0.5, -0.5, 0),
    (1, 0): (0.5, 0, 0, 0, 0),
    (-1, 0): (-0.5, 0, 0, 0, 0),
    (0, 1): (0, 0.5, 0, 0, 0),
    (0, -1): (0, -0.5, 0, 0, 0),
    (2, 0): (0, 0, 0.25, 0, 0),
    (-2, 0): (0, 0, 0.25, 0, 0),
    (0, 2): (0, 0, 0, 0.25, 0),
    (0, -2): (0, 0, 0, 0.25, 0),
    (1, 1): (0, 0, 0, 0, 0.25),
    (-1, -1): (0, 0, 0, 0, 0.25),
    (1, -1): (0, 0, 0, 0, -0.25),
    (-1, 1): (0, 0, 0, 0, -0.25),
}


def emit_decode_dark(g: Graph, heatmaps: str, size: Map, steps: tuple[float, float], *, sigma: float) -> None:
    """Add `pose.codecs.dark.decode`, in crop pixels.

    Args:
        steps: crop pixels from one heatmap pixel to the next, along x and y.
    """
    width = g.constant([size.width])
    flat = g.reshape(heatmaps, 0, size.channels, -1)
    index = g.op("ArgMax", flat, axis=2, keepdims=1)  # (N, K, 1), the first of equal maxima
    scores = g.op("GatherElements", flat, index, axis=2)
    x = g.op("Mod", index, width)
    y = g.op("Div", g.op("Sub", index, x), width)
    # The blur along each axis as a product with a matrix whose bands are the kernel.
    blurred = g.op("MatMul", heatmaps, g.constant(_bands(size.width, sigma, longest=max(size.height, size.width))))
    down = _bands(size.height, sigma, longest=max(size.height, size.width))
    blurred = g.reshape(g.op("MatMul", g.constant(down), blurred), 0, size.channels, -1)

    bounds = [(at, side) for at, side in ((x, size.width), (y, size.height))]
    is_inner = [_is(g, "Greater", at, 1) for at, _ in bounds] + [_is(g, "Less", at, n - REACH) for at, n in bounds]
    inner = _all(g, is_inner)
    # At the border a peak is not moved; any index with such neighbors will do there, and in a map without one, none.
    middle = min(REACH, size.height - 1) * size.width + min(REACH, size.width - 1)
    index = g.op("Where", g.op("Greater", inner, g.constant(0.5)), index, g.constant([middle]))
    last = size.height * size.width - 1
    places = g.op("Add", index, g.constant(np.array([[[dy * size.width + dx for dx, dy in PARTS]]])))  # (N, K, 13)
    places = g.op("Max", g.op("Min", places, g.constant([last])), g.constant([0]))
    near = g.op("GatherElements", blurred, places, axis=2)
    count = g.op("MatMul", _is(g, "Greater", near, 0.0), g.constant(np.ones((len(PARTS), 1))))
    positive = _is(g, "Greater", count, len(PARTS) - 0.5)
    # Not gathered anew: of several `GatherElements` of a map WebGPU (onnxruntime-web 1.30) gives what the first gave.
    center = g.op("Gather", near, g.constant([list(PARTS).index((0, 0))]), axis=2)
    # Over the middle's, so that the logarithms are small numbers; where they mean nothing they are those of 1.
    near = g.op("Where", g.op("Greater", positive, g.constant(0.5)), g.op("Div", near, center), g.constant(1.0))
    derivatives = g.op("MatMul", g.op("Log", near), g.constant(np.array(list(PARTS.values()))))
    dx, dy, dxx, dyy, dxy = g.ops("Split", derivatives, outputs=5, axis=2, num_outputs=5)

    def minor(a: str, b: str, c: str, d: str) -> str:
        return g.op("Sub", g.op("Mul", a, b), g.op("Mul", c, d))

    determinant = minor(dxx, dyy, dxy, dxy)
    curved = g.op("Mul", _is(g, "Greater", determinant, 0.0), _is(g, "Less", dxx, 0.0))
    divisor = g.op("Where", g.op("Greater", curved, g.constant(0.5)), determinant, g.constant(1.0))
    step = g.op("Div", g.op("Concat", minor(dxy, dy, dyy, dx), minor(dxy, dx, dxx, dy), axis=2), divisor)
    far = g.op("MatMul", _is(g, "Greater", g.op("Abs", step), float(REACH)), g.constant(np.ones((2, 1))))
    good = _all(g, [inner, positive, curved, _is(g, "Less", far, 0.5)])
    peak = g.op("Cast", g.op("Concat", x, y, axis=2), to=TensorProto.FLOAT)
    points = g.op("Mul", g.op("Add", peak, g.op("Mul", step, good)), g.constant(steps))
    g.rename(g.op("Where", g.op("Greater", scores, g.constant(0.0)), points, g.constant(0.0)), OUTPUTS[0])
    g.rename(g.reshape(scores, 0, size.channels), OUTPUTS[1])


def _bands(side: int, sigma: float, *, longest: int) -> Array:
    """Make a matrix (side, side) that blurs along an axis, with zeros outside."""
    bell = blur_kernel(sigma, longest=longest).numpy()
    offset = np.arange(side)[:, None] - np.arange(side) + len(bell) // 2
    return np.where((offset >= 0) & (offset < len(bell)), bell[offset.clip(0, len(bell) - 1)], 0.0)


def _is(g: Graph, kind: str, x: str, bound: float) -> str:
    """Compare with a number: 1 or 0, as products of these work in runtimes that lack `And`."""
    return g.op("Cast", g.op(kind, x, g.constant([bound])), to=TensorProto.FLOAT)


def _all(g: Graph, conditions: list[str]) -> str:
    return functools.reduce(lambda one, other: g.op("Mul", one, other), conditions)
