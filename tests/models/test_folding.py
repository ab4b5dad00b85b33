"""Folding against the model that it was made from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pose.layers.activations import Activation
from pose.models.folding import fold_batch_norms
from pose.models.head import PoseHead
from pose.models.mobilenet_v2 import MobileNetV2
from pose.models.mobilenet_v3 import MobileNetV3
from pose.models.pose_net import PoseNet
from pose.models.resnet import ResNet

BACKBONES = {
    "mobilenet_v2": lambda activation: MobileNetV2(0.1, activation=activation),
    "mobilenet_v3": lambda activation: MobileNetV3("small", width=0.25, activation=activation),
    "resnet": lambda activation: ResNet(10, activation=activation),
}


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("activation", ["default", "dyrelu_c"])
def test_folded_model_computes_the_same(backbone: str, activation: str) -> None:
    torch.manual_seed(0)
    body = BACKBONES[backbone](Activation(activation))
    head = PoseHead(body.out_channels, 3, channels=(16,) * 4, hidden=(16,) * 4, activation=Activation(activation))
    model = PoseNet(body, head)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:  # as after training: at their start they would be the identity
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.3)
        nn.init.normal_(norm.running_mean, std=0.3)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    model.double().eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    folded = fold_batch_norms(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    with torch.no_grad():
        expected, ours = model(x), folded(x)
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert expected.abs().max() > 0
    # The model itself is untouched.
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert len(norms) > 5


def test_training_mode_is_an_error() -> None:
    with pytest.raises(ValueError, match="evaluation mode"):
        fold_batch_norms(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))
