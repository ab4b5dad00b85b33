"""The models of the paper's Table 10 by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pose.config.keypoints import HeadConfig, ModelConfig
from pose.config.sections import ActivationConfig
from pose.layers.activations import check_name

if TYPE_CHECKING:
    from pose.models.pose_net import PoseNet


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
    return model_config(name).build(num_keypoints=num_keypoints)


def model_config(name: str) -> ModelConfig:
    """The config section of a model of Table 10."""
    row = MODELS[check_name(name, MODELS, what="model")]
    activation = ActivationConfig(name=row.activation)
    return ModelConfig(
        backbone=row.backbone, width=row.width, activation=activation, head=HeadConfig(activation=activation)
    )
