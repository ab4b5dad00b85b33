"""The exported graph around the network: crops in, keypoints out.

    crops (N, H, W, 3) uint8 RGB -> normalize -> [mirror] -> network -> [merge] -> decode -> keypoints, scores

Shapes: N batch, K keypoints, h x w heatmap.
"""

from __future__ import annotations

import functools

import numpy as np
from onnx import ModelProto, TensorProto, helper
from torch import nn

from pose.codecs.codec import QUARTER, Codec
from pose.data.transforms import IMAGE_MEAN, IMAGE_STD
from pose.export.dark import emit_decode_dark
from pose.export.graph import Graph, Map, unflatten
from pose.export.layers import emit
from pose.inference.onnx_predictor import INPUT, OUTPUTS
from pose.keypoints.skeletons import Skeleton

IMAGES = "images"


def build_graph(
    model: nn.Module,
    *,
    skeleton: Skeleton,
    input_size: tuple[int, int],
    stride: int,
    flip_test: bool,
    codec: Codec = QUARTER,
    only_convolutions: bool = False,
) -> ModelProto:
    """Build a graph that gives keypoints and scores, and heatmaps as its last output.

    Args:
        model: a pose network; batch norms are taken as in evaluation mode.
        input_size: (height, width) of the crops.
        stride: crop pixels per heatmap pixel.
        flip_test: merge the heatmaps of the mirrored crops.
        codec: of the network's training.
        only_convolutions: write all convolutions as such, which int8 needs and OpenVINO runs faster; onnxruntime and
            others run matrix products faster.
    Raises:
        ValueError: the network has a layer that cannot be exported.
    """
    g = Graph(only_convolutions=only_convolutions)
    height, width = input_size
    images = emit_normalize(g, INPUT)
    if flip_test:
        mirrored = _mirror(g, images, width)
        images = g.op("Concat", images, mirrored, axis=0)
    heatmaps = unflatten(g, emit(g, model, Map(images, 3, height, width)))
    maps = heatmaps.name
    if flip_test:
        maps = emit_merge_flip(g, heatmaps, skeleton.flip_indices, shift=not codec.unbiased)
    g.rename(maps, OUTPUTS[2])
    steps = codec.steps(input_size, (heatmaps.height, heatmaps.width))
    if codec.dark:
        emit_decode_dark(g, OUTPUTS[2], heatmaps, steps, sigma=codec.sigma)
    else:
        emit_decode(g, OUTPUTS[2], heatmaps, steps if codec.unbiased else stride)
    k = skeleton.num_keypoints
    shapes = ([k, 2], [k], [k, heatmaps.height, heatmaps.width])
    return g.model(
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", height, width, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
            for name, shape in zip(OUTPUTS, shapes, strict=True)
        ],
    )


def build_network(model: nn.Module, *, input_size: tuple[int, int], batch: int) -> ModelProto:
    """Build a graph of the network alone, for compilers: normalized images (batch, 3, H, W) float32 in, heatmaps out.

    All sizes are constants, and 1x1 convolutions are written as such.
    """
    g = Graph(only_convolutions=True)
    heatmaps = unflatten(g, emit(g, model, Map(IMAGES, 3, *input_size)))
    g.rename(heatmaps.name, OUTPUTS[2])
    shapes = {
        IMAGES: [batch, 3, *input_size],
        OUTPUTS[2]: [batch, heatmaps.channels, heatmaps.height, heatmaps.width],
    }
    images, maps = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    return g.model([images], [maps])


def emit_normalize(g: Graph, crops: str) -> str:
    """Add `pose.data.transforms.normalize` of (N, H, W, 3): (N, 3, H, W)."""
    pixels = g.op("Cast", g.op("Transpose", crops, perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    mean, std = np.array(IMAGE_MEAN)[:, None, None], np.array(IMAGE_STD)[:, None, None]
    scaled = g.op("Mul", pixels, g.constant(1 / (255 * std), name="scale"))
    return g.op("Sub", scaled, g.constant(mean / std, name="mean"))


def _mirror(g: Graph, x: str, width: int) -> str:
    """Turn left and right around. Not by a `Slice` backwards, which MNN computes wrongly in batches."""
    return g.op("Gather", x, g.constant(np.arange(width)[::-1]), axis=3)


def emit_merge_flip(g: Graph, both: Map, flip_indices: np.ndarray, *, shift: bool = True) -> str:
    """Add `pose.codecs.heatmap.merge_flip` of (2 N, K, h, w), the mirrored ones last."""
    heatmaps, flipped = g.ops("Split", both.name, outputs=2, axis=0, num_outputs=2)
    swapped = g.op("Gather", flipped, g.constant(flip_indices), axis=1)
    back = _mirror(g, swapped, both.width)
    if shift:
        first = g.op("Slice", back, *(g.constant([v]) for v in (0, 1, 3)))
        rest = g.op("Slice", back, *(g.constant([v]) for v in (0, -1, 3)))
        back = g.op("Concat", first, rest, axis=3)
    return g.op("Mul", g.op("Add", heatmaps, back), g.constant(0.5))


def emit_decode(g: Graph, heatmaps: str, size: Map, stride: float | tuple[float, float]) -> None:
    """Add `pose.codecs.heatmap.decode`, in crop pixels.

    Args:
        stride: crop pixels from one heatmap pixel to the next; a pair if they differ along x and y.
    """
    flat = g.reshape(heatmaps, 0, size.channels, -1)
    width = g.constant([size.width])
    index = g.op("ArgMax", flat, axis=2, keepdims=1)  # (N, K, 1), the first of equal maxima
    x = g.op("Mod", index, width)
    y = g.op("Div", g.op("Sub", index, x), width)  # without a rest, as some runtimes divide whole numbers as floats

    # Products of numbers in the place of `And`, which several runtimes lack.
    bounds = ((x, "Greater", 1), (x, "Less", size.width - 1), (y, "Greater", 1), (y, "Less", size.height - 1))
    within = [g.op("Cast", g.op(kind, at, g.constant([bound])), to=TensorProto.FLOAT) for at, kind, bound in bounds]
    inner = functools.reduce(lambda one, other: g.op("Mul", one, other), within)
    # At the border a peak is not moved; any index with neighbors will do there.
    middle = g.op("Where", g.op("Greater", inner, g.constant(0.5)), index, g.constant([size.width + 1]))
    around = g.op("Add", middle, g.constant(np.array([[[1, size.width, -1, -size.width]]])))
    # All at once: of several `GatherElements` of a map WebGPU (onnxruntime-web 1.30) gives what the first gave.
    values = g.op("GatherElements", flat, g.op("Concat", index, around, axis=2), axis=2)
    scores, ahead, behind = (
        g.op("Slice", values, *(g.constant([v]) for v in (*part, 2))) for part in ((0, 1), (1, 3), (3, 5))
    )
    quarter = g.op("Mul", g.op("Sign", g.op("Sub", ahead, behind)), g.constant(0.25))
    quarter = g.op("Mul", quarter, inner)
    peak = g.op("Cast", g.op("Concat", x, y, axis=2), to=TensorProto.FLOAT)
    points = g.op("Mul", g.op("Add", peak, quarter), g.constant(np.asarray(stride, dtype=np.float64)))
    found = g.op("Greater", scores, g.constant(0.0))
    g.rename(g.op("Where", found, points, g.constant(0.0)), OUTPUTS[0])
    g.rename(g.reshape(scores, 0, size.channels), OUTPUTS[1])
