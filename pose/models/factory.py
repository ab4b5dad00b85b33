"""Names to networks: every backbone, and pose networks and classifiers built on it from plain values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pose.layers.activations import Activation, check_name
from pose.layers.inverted_residual import make_divisible
from pose.models.classifier import Classifier
from pose.models.head import PoseHead
from pose.models.mobilenet_v2 import MobileNetV2
from pose.models.mobilenet_v3 import MobileNetV3
from pose.models.pose_net import PoseNet
from pose.models.resnet import ResNet

Backbone = MobileNetV2 | MobileNetV3 | ResNet


def _resnet(depth: int, width: float, activation: Activation) -> ResNet:
    return ResNet(depth, activation=activation)  # at width 1: see `check_backbone`


RESNETS = {f"resnet{depth}": depth for depth in (10, 18, 34, 50)}
BACKBONES: dict[str, Callable[[float, Activation], Backbone]] = {
    "mobilenet_v2": lambda width, activation: MobileNetV2(width, activation=activation),
    "mobilenet_v3_large": lambda width, activation: MobileNetV3("large", width=width, activation=activation),
    "mobilenet_v3_small": lambda width, activation: MobileNetV3("small", width=width, activation=activation),
    **{name: partial(_resnet, depth) for name, depth in RESNETS.items()},
}
# Width of the classifiers' middle layer at width 1, where there is one.
CLASSIFIER_HIDDEN = {"mobilenet_v3_large": 1280, "mobilenet_v3_small": 1024}


def build_model(
    *,
    backbone: str,
    width: float = 1.0,
    activation: Activation = Activation(),
    head: Callable[[int, int], PoseHead] = PoseHead,
    num_keypoints: int,
) -> PoseNet:
    """Build a pose network with fresh weights.

    Args:
        backbone: a name in `BACKBONES`.
        width: factor on the backbone's channels.
        activation: of the backbone.
        head: makes the head from the number of channels that the backbone gives and the number of keypoints, such
            as `functools.partial(PoseHead, kernel=5)`.
        num_keypoints: heatmaps that the network gives.
    Raises:
        ValueError: an unknown backbone or activation, or sizes that do not fit together.
    """
    network = build_backbone(backbone, width=width, activation=activation)
    return PoseNet(network, head(network.out_channels, num_keypoints))


def build_classifier(
    *,
    backbone: str,
    width: float = 1.0,
    activation: Activation = Activation(),
    dropout: float = 0.0,
    num_classes: int,
) -> Classifier:
    """Build a classifier with fresh weights; see `build_model`.

    Args:
        dropout: probability, before the last layer.
    Raises:
        ValueError: an unknown backbone or activation.
    """
    network = build_backbone(backbone, width=width, activation=activation)
    hidden = CLASSIFIER_HIDDEN.get(backbone)
    return Classifier(
        network, num_classes, hidden=make_divisible(hidden * width) if hidden else None, dropout=dropout
    )


def build_backbone(name: str, *, width: float = 1.0, activation: Activation = Activation()) -> Backbone:
    """Build a backbone with fresh weights.

    Raises:
        ValueError: see `check_backbone`.
    """
    check_backbone(name, width)
    return BACKBONES[name](width, activation)


def check_backbone(name: str, width: float) -> None:
    """Refuse an unknown name, or a width that it does not come at, with a ValueError."""
    check_name(name, BACKBONES, what="backbone")
    if name in RESNETS and width != 1:
        raise ValueError(f"{name} comes at width 1 only, got {width}; leave model.width out")
