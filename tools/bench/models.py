"""What the benchmarks of whole networks share: the networks of the configs, and their plain copies."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn

from pose.config.keypoints import Config
from pose.config.load import load_config
from pose.layers.conv import DepthwiseConv2d
from pose.layers.dyrelu import DyReLU

CONFIGS = Path(__file__).parents[2] / "configs" / "coco"
DYRELU, RELU6 = "mobilenet_v2_x1.0_dyrelu", "mobilenet_v2_x1.0_relu"
NUM_KEYPOINTS = 17


def build(name: str) -> nn.Module:
    """The network of configs/coco/NAME.yaml with fresh weights, channels_last as in training.

    DY-ReLU's last layers, which start at zero there, get small weights: a network that has trained a while.
    """
    torch.manual_seed(0)
    config = load_config(CONFIGS / f"{name}.yaml")
    assert isinstance(config, Config)
    model = config.model.build(num_keypoints=NUM_KEYPOINTS)
    for layer in model.modules():
        if isinstance(layer, DyReLU):
            nn.init.normal_(layer.fc2.weight, std=0.01)
            nn.init.normal_(layer.attention.weight, std=0.01)
    return model.to(memory_format=torch.channels_last)


def plain_copy(model: nn.Module) -> nn.Module:
    """A copy whose DY-ReLUs run in PyTorch's own operators."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, DyReLU):
            layer.forward = layer.plain  # type: ignore[method-assign]
    return model


def torch_gradients(model: nn.Module) -> nn.Module:
    """A copy whose depthwise convolutions have PyTorch's own gradients in bf16."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, DepthwiseConv2d):
            layer.__class__ = nn.Conv2d  # type: ignore[assignment]
    return model


def images(count: int, *, quick: bool) -> torch.Tensor:
    """(count, 3, 256, 192) normalized crops in channels_last; 64 x 64 if `quick`."""
    size = (64, 64) if quick else (256, 192)
    return torch.randn(count, 3, *size).contiguous(memory_format=torch.channels_last)
