"""The head, and the multiply-adds of Table 10 counted here with hooks on the layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pose.config.zoo import create_model
from pose.layers.activations import Activation
from pose.layers.dyrelu import DyReLU
from pose.models.head import PoseHead


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def multiply_adds(module: nn.Module, *shape: int) -> int:
    """Of all convolutions and FCs for one input, biases excluded; runs without memory on the meta device."""
    total = 0

    def hook(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            height, width = layer.kernel_size
            total += output.numel() * layer.in_channels // layer.groups * height * width
        elif isinstance(layer, nn.Linear):
            total += output.numel() * layer.in_features

    handles = [layer.register_forward_hook(hook) for layer in module.modules()]
    module(torch.empty(1, *shape, device="meta"))
    for handle in handles:
        handle.remove()
    return total


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "madds", "params", "paper_madds"),
    [
        ("mobilenet_v2_x1.0_relu", 997.24, 3.44, 993.7),
        ("mobilenet_v2_x0.5_relu", 797.75, 1.90, 794.8),
        ("mobilenet_v3_large_relu", 897.87, 4.10, 896.4),
        ("mobilenet_v3_small_relu", 723.04, 1.96, 726.9),
    ],
)
def test_counts_of_table_10(name: str, madds: float, params: float, paper_madds: float) -> None:
    with torch.device("meta"):
        network = create_model(name).eval()
    counted = multiply_adds(network, 3, 256, 192) / 1e6
    assert counted == pytest.approx(madds, abs=0.005)
    assert counted == pytest.approx(paper_madds, rel=0.006)
    assert count(network) / 1e6 == pytest.approx(params, abs=0.005)


@pytest.mark.parametrize(
    ("in_channels", "madds", "params"), [(1280, 703.86, 1.21), (960, 688.13, 1.13), (576, 669.25, 1.03)]
)
def test_counts_of_the_head_alone(in_channels: int, madds: float, params: float) -> None:
    with torch.device("meta"):
        head = PoseHead(in_channels, 17).eval()
    assert multiply_adds(head, in_channels, 8, 6) / 1e6 == pytest.approx(madds, abs=0.005)
    assert count(head) / 1e6 == pytest.approx(params, abs=0.005)


def test_equals_its_layers_applied_by_hand() -> None:
    """up, block, block, up, block, up, block, 1x1: the second and the fourth block add their input."""
    torch.manual_seed(0)
    channels, hidden = (16, 16, 8, 8), (16, 48, 48, 24)
    head = PoseHead(24, 5, channels=channels, hidden=hidden).double().eval()
    nn.init.normal_(head.heatmaps.weight)
    x = 100 * torch.randn(2, 24, 3, 2, dtype=torch.float64)  # far enough for ReLU6 to clip
    convs = [m for m in head.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(convs) == 13
    assert len(norms) == 12
    y = x
    for i in range(4):
        if i != 1:
            y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        z = F.relu6(norms[3 * i](F.conv2d(y, convs[3 * i].weight)))
        z = F.relu6(norms[3 * i + 1](F.conv2d(z, convs[3 * i + 1].weight, padding=1, groups=hidden[i])))
        z = norms[3 * i + 2](F.conv2d(z, convs[3 * i + 2].weight))
        y = y + z if i in (1, 3) else z
    expected = F.conv2d(y, head.heatmaps.weight, head.heatmaps.bias)
    torch.testing.assert_close(head(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("keypoints", [1, 17, 133])
def test_shape(keypoints: int) -> None:
    with torch.device("meta"):
        assert PoseHead(32, keypoints)(torch.empty(2, 32, 5, 3)).shape == (2, keypoints, 40, 24)


def test_last_convolution_starts_near_zero() -> None:
    torch.manual_seed(0)
    last = PoseHead(32, 64).heatmaps
    assert last.weight.std().item() == pytest.approx(0.001, rel=0.05)
    assert abs(last.weight.mean().item()) < 1e-4
    assert last.bias is not None
    assert (last.bias == 0).all()


def test_settings() -> None:
    with torch.device("meta"):
        head = PoseHead(64, 4, channels=(8, 16, 24, 32), hidden=(10, 20, 30, 40), kernel=5)
    shapes = [tuple(m.weight.shape) for m in head.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [
        *((10, 64, 1, 1), (10, 1, 5, 5), (8, 10, 1, 1)),
        *((20, 8, 1, 1), (20, 1, 5, 5), (16, 20, 1, 1)),
        *((30, 16, 1, 1), (30, 1, 5, 5), (24, 30, 1, 1)),
        *((40, 24, 1, 1), (40, 1, 5, 5), (32, 40, 1, 1)),
        (4, 32, 1, 1),
    ]


@pytest.mark.parametrize("variant", ["a", "b", "c"])
def test_dyrelu_after_all_but_the_last_convolution(variant: str) -> None:
    with torch.device("meta"):
        head = PoseHead(64, 17, activation=Activation(f"dyrelu_{variant}"))
    layers = [m for m in head.modules() if isinstance(m, DyReLU)]
    assert len(layers) == 12
    assert {layer.variant for layer in layers} == {variant.upper()}
    assert not [m for m in head.modules() if isinstance(m, (nn.ReLU, nn.ReLU6))]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": (8, 8, 8)}, r"channels are four positive numbers, one a block, got \[8, 8, 8\]"),
        ({"hidden": (8, 8, 8, 0)}, "hidden are four positive numbers"),
        ({"hidden": ()}, "hidden are four positive numbers"),
        ({"kernel": 4}, "kernel must be odd, got 4"),
        ({"kernel": -1}, "kernel must be odd, got -1"),
    ],
)
def test_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PoseHead(64, 17, **settings)
