"""Names to networks: the backbones, the models of the paper's tables, and building one from a config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from pose.config.classification import ClassifierConfig
from pose.config.keypoints import ActivationConfig, HeadConfig, ModelConfig
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


@dataclass(frozen=True)
class PaperRow:
    """One row of Table 10; None where our copy of the paper lost the value."""

    backbone: str
    width: float
    activation: str
    params: str | None
    madds: str
    ap: float


# The stems of configs/coco/*.yaml.
MODELS: dict[str, PaperRow] = {
    "mobilenet_v2_x1.0_relu": PaperRow("mobilenet_v2", 1.0, "default", "3.4M", "993.7M", 64.6),
    "mobilenet_v2_x1.0_dyrelu": PaperRow("mobilenet_v2", 1.0, "dyrelu_c", "9.0M", "1026.9M", 68.1),
    "mobilenet_v2_x0.5_relu": PaperRow("mobilenet_v2", 0.5, "default", "1.9M", "794.8M", 59.2),
    "mobilenet_v2_x0.5_dyrelu": PaperRow("mobilenet_v2", 0.5, "dyrelu_c", None, "820.3M", 63.3),
    "mobilenet_v3_large_relu": PaperRow("mobilenet_v3_large", 1.0, "default", None, "896.4M", 65.7),
    "mobilenet_v3_large_dyrelu": PaperRow("mobilenet_v3_large", 1.0, "dyrelu_c", "10.1M", "926.6M", 67.2),
    "mobilenet_v3_small_relu": PaperRow("mobilenet_v3_small", 1.0, "default", "2.1M", "726.9M", 57.1),
    "mobilenet_v3_small_dyrelu": PaperRow("mobilenet_v3_small", 1.0, "dyrelu_c", "4.8M", "747.9M", 60.7),
}


def list_models() -> list[str]:
    """Names that `create_model` takes."""
    return list(MODELS)


def create_model(name: str, *, num_keypoints: int = 17) -> PoseNet:
    """A model of Table 10 by name, with fresh weights.

    Raises:
        ValueError: no such model; the closest name is suggested.
    """
    return build_model(model_config(name), num_keypoints=num_keypoints)


def model_config(name: str) -> ModelConfig:
    """The config section of a model of Table 10."""
    row = MODELS[check_name(name, MODELS, what="model")]
    activation = ActivationConfig(name=row.activation)
    return ModelConfig(
        backbone=row.backbone, width=row.width, activation=activation, head=HeadConfig(activation=activation)
    )


def build_model(config: ModelConfig, *, num_keypoints: int) -> PoseNet:
    """The network of a config's `model` section, with fresh weights.

    Raises:
        ValueError: an unknown backbone or activation, or sizes that do not fit together.
    """
    backbone = _build_backbone(config)
    head = PoseHead(
        backbone.out_channels,
        num_keypoints,
        channels=config.head.channels,
        hidden=config.head.hidden,
        kernel=config.head.kernel,
        activation=Activation(**config.head.activation.model_dump()),
    )
    return PoseNet(backbone, head)


def build_classifier(config: ClassifierConfig, *, num_classes: int) -> Classifier:
    """The same for a config with `task: classification`."""
    backbone = _build_backbone(config)
    hidden = CLASSIFIER_HIDDEN.get(config.backbone)
    return Classifier(
        backbone,
        num_classes,
        hidden=make_divisible(hidden * config.width) if hidden else None,
        dropout=config.dropout,
    )


def check_backbone(name: str, width: float) -> None:
    """Raises ValueError for an unknown name, or a width that it does not come at."""
    check_name(name, BACKBONES, what="backbone")
    if name in RESNETS and width != 1:
        raise ValueError(f"{name} comes at width 1 only, got {width}; leave model.width out")


def _build_backbone(config: ModelConfig | ClassifierConfig) -> Backbone:
    return BACKBONES[config.backbone](config.width, Activation(**config.activation.model_dump()))


def check_weights(model: nn.Module, weights: Mapping[str, object], *, source: str) -> None:
    """Compare a state dict with a model's, which may be on the meta device.

    Raises:
        ValueError: keys or shapes that do not match, all of them counted and the first few listed.
    """
    own = model.state_dict()
    missing = [key for key in own if key not in weights]
    unexpected = [key for key in weights if key not in own]
    shapes = [
        f"{key} is {tuple(getattr(weights[key], 'shape', ()))}, expected {tuple(own[key].shape)}"
        for key in own
        if key in weights and getattr(weights[key], "shape", None) != own[key].shape
    ]
    problems = [
        f"{len(keys)} {what}: {', '.join(keys[:4])}{' ...' if len(keys) > 4 else ''}"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if keys
    ]
    if problems:
        matched = len(own) - len(missing) - len(shapes)
        raise ValueError(
            f"{source} holds the weights of another model: {matched} of {len(own)} tensors match; "
            + "; ".join(problems)
        )


def load_weights(model: nn.Module, weights: Mapping[str, object], *, source: str) -> None:
    """Fill a model with a state dict, strictly: `check_weights` first."""
    check_weights(model, weights, source=source)
    model.load_state_dict(weights)
