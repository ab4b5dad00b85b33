"""The layers of this project's networks as ONNX nodes, batch norms folded into the convolutions before them.

Written out instead of traced by `torch.onnx.export`: the fused forms of pose.export.dyrelu need to see what stands
before a DY-ReLU, and a trace of the 64 of a MobileNetV2 takes minutes to optimize. A module that is not in `EMITTERS`
is an error, and every export is compared with PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from pose.export.dyrelu import Pointwise, emit_dyrelu, emit_pointwise, emit_pointwise_dyrelu
from pose.export.graph import Array, Graph, Map, flatten, lay_out, settle, settle_scale, to_numpy, unflatten
from pose.layers.conv import ConvNormAct
from pose.layers.dyrelu import DyReLU
from pose.layers.inverted_residual import InvertedResidual
from pose.layers.related import Maxout, SEReLU
from pose.layers.squeeze_excitation import SqueezeExcitation
from pose.models.head import PoseHead
from pose.models.mobilenet_v2 import MobileNetV2
from pose.models.mobilenet_v3 import MobileNetV3
from pose.models.pose_net import PoseNet
from pose.models.resnet import ResidualBlock, ResNet


def emit(g: Graph, module: nn.Module, x: Map) -> Map:
    """Add a module's nodes.

    Raises:
        ValueError: no way is known to export this kind of module.
    """
    emitter = EMITTERS.get(type(module))
    if emitter is None:
        raise ValueError(f"{type(module).__name__} cannot be exported to ONNX; known are {', '.join(_NAMES)}")
    return emitter(g, module, x)


def _chain(g: Graph, modules: Any, x: Map) -> Map:
    for module in modules:
        x = emit(g, module, x)
    return x


def _conv_norm_act(g: Graph, module: ConvNormAct, x: Map) -> Map:
    conv, norm, activation = module
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    weight, bias = fold(conv, norm)
    if isinstance(activation, DyReLU) and _is_pointwise(conv):
        of = Pointwise(lay_out(g, x), weight[:, :, 0, 0], bias)
        return emit_pointwise_dyrelu(g, activation, of)
    return emit(g, activation, emit_convolve(g, conv, x, weight=weight, bias=bias))


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Array, Array]:
    """Compute weight and bias of the convolution that does what `conv` and then `norm` do in evaluation mode."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = to_numpy(norm.weight) / np.sqrt(to_numpy(norm.running_var) + norm.eps)
    before = 0 if conv.bias is None else to_numpy(conv.bias)
    bias = to_numpy(norm.bias) + factor * (before - to_numpy(norm.running_mean))
    return to_numpy(conv.weight) * factor[:, None, None, None], bias


def _conv(g: Graph, conv: nn.Conv2d, x: Map) -> Map:
    bias = np.zeros(conv.out_channels) if conv.bias is None else to_numpy(conv.bias)
    return emit_convolve(g, conv, x, weight=to_numpy(conv.weight), bias=bias)


def _is_pointwise(conv: nn.Conv2d) -> bool:
    return conv.kernel_size == (1, 1) and conv.stride == (1, 1) and conv.groups == 1


def emit_convolve(g: Graph, conv: nn.Conv2d, x: Map, *, weight: Array, bias: Array) -> Map:
    if _is_pointwise(conv) and (x.flat or x.scale is not None):
        return emit_pointwise(g, Pointwise(lay_out(g, x), weight[:, :, 0, 0], bias))
    x = x if _is_pointwise(conv) else unflatten(g, x)
    assert isinstance(conv.padding, tuple)
    (top, left), (down, right) = conv.padding, conv.stride
    name = g.op(
        "Conv",
        x.name,
        g.constant(weight, name="weight"),
        g.constant(bias, name="bias"),
        group=conv.groups,
        kernel_shape=list(conv.kernel_size),
        strides=[down, right],
        pads=[top, left, top, left],
    )
    return replace(x, name=name, channels=conv.out_channels, height=-(-x.height // down), width=-(-x.width // right))


def _inverted_residual(g: Graph, module: InvertedResidual, x: Map) -> Map:
    # An expansion lets upsampling through, though both sides are upsampled then.
    x = settle_scale(g, x) if module.residual else x
    y = emit(g, module.layers, x)
    return emit_add(g, x, y) if module.residual else y


def _residual_block(g: Graph, module: ResidualBlock, x: Map) -> Map:
    x = settle(g, x)
    return emit(g, module.last, emit_add(g, emit(g, module.layers, x), emit(g, module.downsample, x)))


def emit_add(g: Graph, x: Map, y: Map) -> Map:
    x, y = settle(g, x), settle(g, y)
    if x.flat or y.flat:
        x, y = flatten(g, x), flatten(g, y)
    return replace(x, name=g.op("Add", x.name, y.name))


def _pool(g: Graph, module: nn.MaxPool2d, x: Map) -> Map:
    x = unflatten(g, x)
    name = g.op("MaxPool", x.name, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    return Map(name, x.channels, -(-x.height // 2), -(-x.width // 2))


def _upsample(g: Graph, module: nn.Upsample, x: Map) -> Map:
    return replace(settle(g, x), doubled=True)


def _elementwise(kind: str, **attributes: float) -> Callable[[Graph, Any, Map], Map]:
    def emitter(g: Graph, module: nn.Module, x: Map) -> Map:
        x = settle(g, x)
        return replace(x, name=g.op(kind, x.name, **attributes))

    return emitter


def _relu6(g: Graph, module: nn.ReLU6, x: Map) -> Map:
    x = settle(g, x)
    return replace(x, name=g.op("Clip", x.name, g.constant(0.0), g.constant(6.0)))


def _hardsigmoid(g: Graph, module: nn.Hardsigmoid, x: Map) -> Map:
    # Not by `HardSigmoid`: OpenCV takes its product with another map, a gate, for h-swish.
    x = settle(g, x)
    line = g.op("Add", g.op("Mul", x.name, g.constant(1 / 6)), g.constant(0.5))
    return replace(x, name=g.op("Clip", line, g.constant(0.0), g.constant(1.0)))


def _leaky_relu(g: Graph, module: nn.LeakyReLU | nn.RReLU, x: Map) -> Map:
    slope = module.negative_slope if isinstance(module, nn.LeakyReLU) else (module.lower + module.upper) / 2
    return _elementwise("LeakyRelu", alpha=slope)(g, module, x)


def _prelu(g: Graph, module: nn.PReLU, x: Map) -> Map:
    x = settle(g, x)
    slope = to_numpy(module.weight).reshape((-1, 1) if x.flat else (-1, 1, 1))
    # PRelu itself takes onnxruntime ten times as long.
    below = g.op("Mul", g.op("Min", x.name, g.constant(0.0)), g.constant(slope, name="slope"))
    return replace(x, name=g.op("Add", g.op("Relu", x.name), below))


def emit_squeeze_excitation(g: Graph, module: SqueezeExcitation, x: Map) -> Map:
    x = unflatten(g, x)
    mean = Map(g.op("GlobalAveragePool", x.name), x.channels, 1, 1)
    hidden = emit(g, module.activation, _conv(g, module.fc1, mean))
    scale = emit(g, module.scale_activation, _conv(g, module.fc2, hidden))
    return replace(x, name=g.op("Mul", x.name, scale.name))


def _maxout(g: Graph, module: Maxout, x: Map) -> Map:
    x = unflatten(g, x)
    channels = x.channels // module.num_pieces
    pieces = g.reshape(x.name, 0, channels, module.num_pieces, x.height * x.width)
    name = g.op("ReduceMax", pieces, g.constant([2]), keepdims=0)
    return Map(name, channels, x.height, x.width, flat=True)


EMITTERS: dict[type[nn.Module], Callable[[Graph, Any, Map], Map]] = {
    PoseNet: lambda g, m, x: _chain(g, (m.backbone, m.head), x),
    PoseHead: lambda g, m, x: _chain(g, (m.blocks, m.heatmaps), x),
    MobileNetV2: lambda g, m, x: _chain(g, (m.stem, m.blocks, m.last), x),
    MobileNetV3: lambda g, m, x: _chain(g, (m.stem, m.blocks, m.last), x),
    ResNet: lambda g, m, x: _chain(g, (m.stem, m.pool, m.blocks), x),
    nn.Sequential: _chain,
    ConvNormAct: _conv_norm_act,
    InvertedResidual: _inverted_residual,
    ResidualBlock: _residual_block,
    SqueezeExcitation: emit_squeeze_excitation,
    SEReLU: lambda g, m, x: _elementwise("Relu")(g, m, emit(g, m.gate, x)),
    Maxout: _maxout,
    DyReLU: emit_dyrelu,
    nn.Conv2d: _conv,
    nn.MaxPool2d: _pool,
    nn.Upsample: _upsample,
    nn.Identity: lambda g, m, x: x,
    nn.ReLU: _elementwise("Relu"),
    nn.ReLU6: _relu6,
    nn.Sigmoid: _elementwise("Sigmoid"),
    nn.Hardswish: _elementwise("HardSwish"),
    nn.Hardsigmoid: _hardsigmoid,
    nn.LeakyReLU: _leaky_relu,
    nn.RReLU: _leaky_relu,
    nn.PReLU: _prelu,
}
_NAMES = [kind.__name__ for kind in EMITTERS]
