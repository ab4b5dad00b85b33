"""An ONNX graph under construction.

Shapes: N batch, C channels, H x W map. H and W are known when a graph is made, N is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from torch import Tensor

from pose.runtime.arrays import Array

OPSET = 18
IR_VERSION = 8  # what came with the opset: older runtimes refuse newer ones


class Graph:
    """Nodes and constants, in the order of their use.

    Args:
        only_convolutions: write 1x1 convolutions as such, never as matrix products, and leave maps (N, C, H, W):
            compilers that keep channels last would turn flat ones around before and after each.
    """

    def __init__(self, *, only_convolutions: bool = False) -> None:
        self.only_convolutions = only_convolutions
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        # What several places use, by whatever they agree on.
        self.shared: dict[tuple[Any, ...], str] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        name = f"{kind}_{len(self.nodes)}"
        names = [name] if outputs == 1 else [f"{name}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names

    def constant(self, value: Array | Sequence[float] | float, *, name: str = "constant") -> str:
        """Add a constant: floats as float32, whole numbers as int64, bytes as uint8."""
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        elif array.dtype != np.uint8:
            array = array.astype(np.int64)
        name = f"{name}_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def rename(self, old: str, new: str) -> None:
        """Give a tensor that no node uses yet the name of an output of the model."""
        for node in self.nodes:
            node.output[:] = [new if name == old else name for name in node.output]

    def reshape(self, x: str, *shape: int) -> str:
        """Reshape a tensor; 0 keeps a dimension, -1 takes what is left."""
        if ("shape", *shape) not in self.shared:
            self.shared["shape", *shape] = self.constant(shape, name="shape")
        return self.op("Reshape", x, self.shared["shape", *shape])

    def model(self, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]) -> ModelProto:
        """Finish the model; `outputs` are names of tensors of this graph with their types and shapes."""
        graph: GraphProto = helper.make_graph(self.nodes, "pose", list(inputs), list(outputs), self.constants)
        made: ModelProto = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="pose"
        )
        return made


@dataclass(frozen=True)
class Map:
    """Feature maps (N, C, H, W), perhaps still to be multiplied, or else to be upsampled.

    Attributes:
        name: the tensor's.
        flat: whether it is (N, C, H * W).
        scale: (N, 1, H * W) or (N, 1, H, W), as the map is, that it is to be multiplied by: DY-ReLU-C's attention,
            which a 1x1 convolution to fewer channels lets through. None if there is nothing to do.
        doubled: whether rows and columns are still to be doubled: bilinear upsampling, which a 1x1 convolution lets
            through, as the weights of the pixels it mixes add up to 1. Sizes are those before it. Has no scale.
    """

    name: str
    channels: int
    height: int
    width: int
    flat: bool = False
    scale: str | None = None
    doubled: bool = False

    @property
    def pixels(self) -> int:
        return self.height * self.width


def settle(g: Graph, x: Map) -> Map:
    """Do what is still to be done to a map; one that is upsampled here is (N, C, H, W)."""
    return _double(g, x) if x.doubled else settle_scale(g, x)


def settle_scale(g: Graph, x: Map) -> Map:
    """Multiply the scale of a map in, if it has one.

    The scale first: OpenVINO computes operands in this order, so the map that attention comes from is in the cache.
    """
    return x if x.scale is None else replace(x, name=g.op("Mul", x.scale, x.name), scale=None)


def _double(g: Graph, x: Map) -> Map:
    size = (2 * x.height, 2 * x.width)
    if not x.flat:
        scales = g.constant([1.0, 1.0, 2.0, 2.0], name="scales")
        name = g.op("Resize", x.name, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")
        return Map(name, x.channels, *size)
    # Matrix products take half the time of Resize where onnxruntime does not keep the map in its own blocks. One for
    # both directions would be faster on small maps, but behind a DY-ReLU-C OpenVINO takes it for attention.
    down, across = bilinear(x.height), bilinear(x.width)
    rows = g.op("MatMul", g.constant(down, name="upsample"), unflatten(g, replace(x, doubled=False)).name)
    return Map(g.op("MatMul", rows, g.constant(across.T, name="upsample")), x.channels, *size)


def bilinear(length: int) -> Array:
    """Make the (2 * length, length) matrix that doubles a row of pixels as `nn.Upsample` does."""
    at = np.clip((np.arange(2 * length) + 0.5) / 2 - 0.5, 0, length - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(length)), 0)


def flatten(g: Graph, x: Map) -> Map:
    """Turn a map to (N, C, H * W), which costs nothing."""
    return x if x.flat else replace(x, name=g.reshape(x.name, 0, x.channels, -1), flat=True)


def lay_out(g: Graph, x: Map) -> Map:
    """Give a map the shape that 1x1 convolutions and DY-ReLUs have in this graph."""
    if g.only_convolutions:
        return unflatten(g, x) if x.flat else x
    return flatten(g, x)


def unflatten(g: Graph, x: Map) -> Map:
    """Turn a map to (N, C, H, W), with all done that is still to be done to it."""
    x = settle(g, x)
    return replace(x, name=g.reshape(x.name, 0, x.channels, x.height, x.width), flat=False) if x.flat else x


def to_numpy(weights: Tensor) -> Array:
    """Convert weights to double precision, in which constants are folded."""
    return weights.detach().cpu().double().numpy()
