"""Each kind of network as an ONNX graph, run by onnxruntime, against PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from pose.config.keypoints import ActivationConfig, HeadConfig, ModelConfig
from pose.export.graph import Graph, Map, bilinear, unflatten
from pose.export.layers import emit
from pose.layers.activations import Activation
from pose.layers.conv import ConvNormAct
from pose.layers.dyrelu import DyReLU
from pose.layers.inverted_residual import InvertedResidual
from tests.helpers.randomize import assert_alive, randomise

ort = pytest.importorskip("onnxruntime")


class DoubleGraph(Graph):
    """With constants in double precision."""

    def constant(self, value: Any, *, name: str = "constant") -> str:
        made = super().constant(value, name=name)
        if self.constants[-1].data_type == TensorProto.FLOAT and name != "scales":  # Resize has its own type
            self.constants[-1] = numpy_helper.from_array(np.asarray(value, dtype=np.float64), made)
        return made


def as_onnx(g: Graph, module: nn.Module, x: Tensor) -> ModelProto:
    """A graph x -> y around a module."""
    y = unflatten(g, emit(g, module, Map("x", *x.shape[1:])))
    name = g.op("Identity", y.name)
    kind = TensorProto.DOUBLE if isinstance(g, DoubleGraph) else TensorProto.FLOAT
    model = g.model(
        [helper.make_tensor_value_info("x", kind, ["batch", *x.shape[1:]])],
        [helper.make_tensor_value_info(name, kind, ["batch", y.channels, y.height, y.width])],
    )
    checker.check_model(model, full_check=True)
    return model


@torch.no_grad()
def assert_equal(module: nn.Module, x: Tensor, **settings: Any) -> ModelProto:
    """Equal in double precision, and in onnxruntime equal but for rounding, in batches of any size.

    In single precision alone, rounding that grows from layer to layer would hide mistakes.
    """
    double = copy.deepcopy(module).double()
    exact = double(x.double())
    (found,) = ReferenceEvaluator(as_onnx(DoubleGraph(**settings), double, x)).run(None, {"x": x.double().numpy()})
    largest = float(exact.abs().max())
    np.testing.assert_allclose(found, exact.numpy(), rtol=0, atol=1e-5 * largest)  # attributes have seven digits

    model = as_onnx(Graph(**settings), module, x)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rounding = float((module(x) - exact).abs().max())
    for batch in (x, x[:1]):
        (found,) = session.run(None, {"x": batch.numpy()})
        atol = max(20 * rounding, 1e-4 * largest)
        np.testing.assert_allclose(found, exact[: len(batch)].numpy(), rtol=0, atol=atol)
    return model


def images(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


SMALL = HeadConfig(channels=(16, 16, 8, 8), hidden=(16, 24, 24, 16))
NETWORKS = {
    "v2 relu": {"width": 0.25},
    "v2 C": {"width": 0.25, "activation": "dyrelu_c"},
    "v2 C at a1 and a2": {"width": 0.25, "activation": {"name": "dyrelu_c", "sites": ["a1", "a2"]}},
    "v2 C literal": {"width": 0.25, "activation": {"name": "dyrelu_c", "form": "literal"}},
    "v2 B": {"width": 0.25, "activation": "dyrelu_b"},
    "v2 A": {"width": 0.25, "activation": "dyrelu_a"},
    "v2 C of three pieces": {"width": 0.25, "activation": {"name": "dyrelu_c", "num_pieces": 3}},
    "v2 C without intercepts": {"width": 0.25, "activation": {"name": "dyrelu_c", "intercept": False}},
    "v2 C with a zero piece": {"width": 0.25, "activation": {"name": "dyrelu_c", "zero_piece": True}},
    "v2 prelu": {"width": 0.25, "activation": "prelu"},
    "v2 shared prelu": {"width": 0.25, "activation": "prelu_shared"},
    "v2 se": {"width": 0.25, "activation": "se_relu"},
    "v2 maxout": {"width": 0.25, "activation": "maxout"},
    "v2 leaky": {"width": 0.25, "activation": "leaky_relu"},
    "v2 rrelu": {"width": 0.25, "activation": "rrelu"},
    "v3 small": {"backbone": "mobilenet_v3_small", "width": 0.5},
    "v3 small C": {"backbone": "mobilenet_v3_small", "width": 0.5, "activation": "dyrelu_c"},
    "v3 large": {"backbone": "mobilenet_v3_large", "width": 0.25},
    "resnet10": {"backbone": "resnet10"},
    "resnet10 C": {"backbone": "resnet10", "activation": "dyrelu_c"},
    "resnet50": {"backbone": "resnet50"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "only_convolutions"), [*((name, False) for name in NETWORKS), ("v2 C", True), ("v3 small C", True)]
)
def test_network(name: str, only_convolutions: bool) -> None:
    settings = NETWORKS[name]
    activation = ActivationConfig.model_validate(settings.get("activation", "default"))
    head = SMALL.model_copy(update={"activation": activation})
    config = ModelConfig.model_validate({**settings, "activation": activation, "head": head, "input_size": (64, 32)})
    torch.manual_seed(0)
    network = config.build(num_keypoints=5)
    nn.init.normal_(network.head.heatmaps.weight)
    randomise(network, images(8, 3, 64, 32))
    with torch.no_grad():
        assert_alive(network(images(2, 3, 64, 32)))
    assert_equal(network, images(2, 3, 64, 32), only_convolutions=only_convolutions)


@pytest.mark.parametrize("tau", [10.0, 0.5])
@pytest.mark.parametrize("gamma", [1 / 3, 1e-3])
def test_dyrelu_c_on_maps_of_any_size(tau: float, gamma: float) -> None:
    """gamma * H * W follows the map; at 1e-3 the minimum with 1 can never bind, at tau 0.5 it binds often."""
    layer = randomise(DyReLU(12, "C", tau=tau, gamma=gamma))
    for height, width in ((8, 6), (16, 12), (5, 7)):
        assert_equal(layer, images(3, 12, height, width))


@pytest.mark.parametrize("activation", ["A", "B", "C"])
def test_dyrelu_of_convolutions(activation: str) -> None:
    """Four dimensions throughout, and nothing is a product."""
    depthwise = ConvNormAct(12, 12, kernel=3, groups=12, activation=DyReLU(12, activation))
    narrowing = ConvNormAct(12, 4, kernel=1, activation=DyReLU(4, activation, intercept=False))
    module = randomise(nn.Sequential(depthwise, narrowing)).eval()
    model = assert_equal(module, images(2, 12, 7, 5), only_convolutions=True)
    assert not {"Gemm", "MatMul"} & {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("channels", [4, 12, 40])
def test_pointwise_convolution_before_dyrelu(channels: int) -> None:
    """Narrowing, equal and widening: by widening the large map is not read for its means and attention."""
    block = randomise(ConvNormAct(12, channels, kernel=1, activation=DyReLU(channels, "C")))
    assert_equal(block, images(2, 12, 9, 6))
    assert_equal(nn.Sequential(DyReLU(12, "C"), block).eval(), images(2, 12, 9, 6))


def test_reduced_forms_without_attention() -> None:
    for settings in ({"intercept": False}, {"zero_piece": True}):
        assert_equal(randomise(DyReLU(8, "B", **settings)), images(2, 8, 6, 5))  # type: ignore[arg-type]


def test_no_coefficient_is_broadcast_to_the_map() -> None:
    """No tensor is larger than the input but by the products' own output."""
    layer, x = randomise(DyReLU(64, "C")), images(1, 64, 32, 24)
    g = Graph()
    emit(g, layer, Map("x", 64, 32, 24))
    kinds = {node.op_type for node in g.nodes}
    assert not kinds & {"Expand", "Tile", "Gather", "ConstantOfShape"}
    assert all(np.prod(constant.dims) <= 4 * 64 * 8 for constant in g.constants)
    assert all(node.domain == "" for node in as_onnx(Graph(), layer, x).graph.node)


@pytest.mark.parametrize("size", [(2, 3), (9, 8), (16, 12)])
def test_upsampling_by_products(size: tuple[int, int]) -> None:
    x = images(2, 8, *size)
    module = nn.Sequential(randomise(DyReLU(8, "B")), nn.Upsample(scale_factor=2, mode="bilinear")).eval()
    model = assert_equal(module, x)
    assert "Resize" not in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("out_channels", [6, 12])
@pytest.mark.parametrize("activation", ["B", "C", "relu6"])
@pytest.mark.parametrize("only_convolutions", [False, True])
def test_convolutions_before_upsampling(out_channels: int, activation: str, only_convolutions: bool) -> None:
    """A 1x1 convolution behind upsampling reads the small map, and so do the means and the attention."""
    kind = nn.ReLU6() if activation == "relu6" else DyReLU(out_channels, activation)
    before = nn.ReLU() if activation == "relu6" else DyReLU(8, "C")
    convolution = ConvNormAct(8, out_channels, kernel=1, activation=kind)
    module = randomise(nn.Sequential(before, nn.Upsample(scale_factor=2, mode="bilinear"), convolution)).eval()
    model = assert_equal(module, images(2, 8, 7, 5), only_convolutions=only_convolutions)
    graph = shape_inference.infer_shapes(model).graph
    pixels = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim[2:]] for v in graph.value_info}
    weights = {tensor.name for tensor in graph.initializer if tensor.dims[:2] == [out_channels, 8]}
    products = [node for node in graph.node if node.op_type in ("Conv", "MatMul") and weights & set(node.input)]
    assert [np.prod(pixels[node.output[0]]) for node in products] == [35]


def test_an_expansion_between_upsampling_and_a_sum() -> None:
    upsample = nn.Upsample(scale_factor=2, mode="bilinear")
    block = InvertedResidual(8, 16, 8, kernel=3, activation=Activation("dyrelu_c"), default=nn.ReLU6)
    assert block.residual
    for only_convolutions in (False, True):
        module = randomise(nn.Sequential(copy.deepcopy(upsample), block)).eval()
        assert_equal(module, images(2, 8, 7, 5), only_convolutions=only_convolutions)


def test_bilinear() -> None:
    row = torch.randn(1, 1, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = nn.functional.interpolate(row, scale_factor=2, mode="linear", align_corners=False)
    np.testing.assert_allclose(bilinear(7) @ row[0, 0].numpy(), expected[0, 0].numpy(), rtol=1e-12)


def test_unknown_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="GELU cannot be exported to ONNX; known are"):
        emit(Graph(), nn.Sequential(nn.GELU()), Map("x", 3, 8, 8))
