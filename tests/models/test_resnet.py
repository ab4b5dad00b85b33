"""ResNets and classifiers against torchvision's, and DY-ReLU in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from pose.config.classification import ClassifierConfig
from pose.config.keypoints import ActivationConfig, HeadConfig, ModelConfig
from pose.layers.activations import ACTIVATIONS, Activation
from pose.layers.dyrelu import DyReLU
from pose.layers.related import Maxout
from pose.models.classifier import Classifier
from pose.models.factory import BACKBONES, check_backbone
from pose.models.resnet import ResNet
from pose.models.weights import convert_torchvision

V = torchvision.models
MOBILENETS = [
    *(("mobilenet_v2", width, V.mobilenet_v2) for width in (0.35, 0.5, 0.75, 1.0)),
    *(("mobilenet_v3_large", width, V.mobilenet_v3_large) for width in (0.75, 1.0)),
    *(("mobilenet_v3_small", width, V.mobilenet_v3_small) for width in (0.75, 1.0)),
]
RESNETS = [
    ("resnet18", 1.0, lambda width_mult: V.resnet18()),
    ("resnet34", 1.0, lambda width_mult: V.resnet34()),
    ("resnet50", 1.0, lambda width_mult: V.resnet50()),
    ("resnet10", 1.0, lambda width_mult: V.ResNet(V.resnet.BasicBlock, [1, 1, 1, 1])),
]
Make = Callable[..., nn.Module]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def randomise(module: nn.Module) -> None:
    """Weights and statistics of which none is the default, so that a mix-up shows."""
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.weight, 0.5, 1.0)
            nn.init.normal_(m.bias, std=0.3)
            nn.init.normal_(m.running_mean, std=0.3)
            nn.init.uniform_(m.running_var, 0.5, 1.5)
        elif isinstance(m, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(m.weight)
            if m.bias is not None:
                nn.init.normal_(m.bias)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width", "theirs"), MOBILENETS + RESNETS)
def test_parameters_equal_torchvision(name: str, width: float, theirs: Make) -> None:
    with torch.device("meta"):
        ours = ClassifierConfig(backbone=name, width=width).build(num_classes=1000)
        assert count(ours) == count(theirs(width_mult=width))


@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet10", 4.906), ("resnet18", 11.177), ("resnet34", 21.285), ("resnet50", 23.508)],
)
def test_published_sizes_without_the_classifier(name: str, millions: float) -> None:
    """The paper prints 11.1M, 21.3M and 23.5M (and 5.2M for ResNet-10, which agrees with nothing)."""
    with torch.device("meta"):
        assert count(BACKBONES[name](1.0, Activation())) / 1e6 == pytest.approx(millions, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width", "theirs"), [MOBILENETS[0], MOBILENETS[5], MOBILENETS[7], RESNETS[0], RESNETS[2], RESNETS[3]]
)
def test_outputs_equal_torchvision(name: str, width: float, theirs: Make) -> None:
    torch.manual_seed(0)
    expected_network = theirs(width_mult=width)
    randomise(expected_network)
    network = ClassifierConfig(backbone=name, width=width).build(num_classes=1000)
    network.load_state_dict(convert_torchvision(expected_network.state_dict(), network))
    network, expected_network = network.double().eval(), expected_network.double().eval()
    x = torch.randn(2, 3, 32, 64, dtype=torch.float64)
    with torch.no_grad():
        y, expected = network(x), expected_network(x)
    assert expected.std() > 0.1
    torch.testing.assert_close(y, expected, rtol=1e-9, atol=1e-9)
    backbone = BACKBONES[name](width, Activation())
    backbone.load_state_dict(convert_torchvision(expected_network.state_dict(), backbone))
    with torch.no_grad():
        torch.testing.assert_close(backbone.double().eval()(x), network.backbone(x), rtol=1e-9, atol=1e-9)


def test_weights_of_other_networks_are_refused() -> None:
    with torch.device("meta"):
        weights = V.resnet18().state_dict()
        with pytest.raises(ValueError, match=r"hold 120 tensors, this backbone has 216"):
            convert_torchvision(weights, ResNet(34))
        with pytest.raises(ValueError, match=r"hold 120 tensors, this backbone has \d+.* its default activation"):
            convert_torchvision(weights, ResNet(18, activation=Activation("dyrelu_b")))
        ten = ClassifierConfig(backbone="resnet18").build(num_classes=10)
        with pytest.raises(ValueError, match=r"fc.weight is \(1000, 512\), but classifier.1.weight is \(10, 512\)"):
            convert_torchvision(weights, ten)


@pytest.mark.parametrize(("depth", "convolutions"), [(10, 9), (18, 17), (34, 33), (50, 49)])
def test_each_relu_becomes_a_dyrelu_in_place(depth: int, convolutions: int) -> None:
    """One behind each convolution but the downsampling ones, those at a block's end after the addition."""
    with torch.device("meta"):
        network = ResNet(depth, activation=Activation("dyrelu_b"))
        static = ResNet(depth)
    assert sum(isinstance(m, DyReLU) for m in network.modules()) == convolutions
    assert sum(isinstance(m, nn.ReLU) for m in static.modules()) == convolutions
    assert all(isinstance(block.last, DyReLU) for block in network.blocks)
    for block in network.blocks:
        assert not any(isinstance(m, DyReLU) for m in block.downsample.modules())


def test_the_last_activation_stands_after_the_addition() -> None:
    network = ResNet(10).eval()
    block = network.blocks[0]
    x = torch.randn(1, 64, 4, 4)
    torch.testing.assert_close(block(x), torch.relu(block.layers(x) + x))


def test_maxout_leaves_the_relu_behind_an_addition() -> None:
    block = ResNet(18, activation=Activation("maxout")).blocks[0]
    assert isinstance(block.layers[0][2], Maxout)
    assert isinstance(block.last, nn.ReLU)


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("depth", [10, 50])
def test_every_activation_takes_a_step(name: str, depth: int) -> None:
    torch.manual_seed(0)
    network = Classifier(ResNet(depth, activation=Activation(name)), 3)
    loss = nn.functional.cross_entropy(network(torch.randn(2, 3, 32, 32)), torch.tensor([0, 2]))
    loss.backward()
    for key, weight in network.named_parameters():
        assert weight.grad is not None, key
        assert weight.grad.isfinite().all(), key


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("activation", ["default", "dyrelu_c"])
def test_every_backbone_stands_under_the_pose_head(backbone: str, activation: str) -> None:
    choice = ActivationConfig(name=activation)
    config = ModelConfig(
        backbone=backbone, activation=choice, head=HeadConfig(activation=choice, channels=(8,) * 4, hidden=(16,) * 4)
    )
    network = config.build(num_keypoints=5)
    heatmaps = network(torch.randn(2, 3, 64, 32))
    assert heatmaps.shape == (2, 5, 16, 8)
    heatmaps.square().mean().backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResNet(20), "depth is one of 10, 18, 34, 50, got 20"),
        (lambda: ResNet(18, activation=Activation("dyrelu_b", sites=("a1",))), r"\['a1'\] name places in inverted"),
        (lambda: check_backbone("resnet18", 0.5), "resnet18 comes at width 1 only, got 0.5"),
        (lambda: Classifier(ResNet(10), 1), "at least 2 classes, got 1"),
    ],
)
def test_errors(make: Callable[[], object], message: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        make()
