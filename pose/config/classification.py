"""The schema of a run with `task: classification`. The defaults are MobileNetV2's recipe (section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from pose.config.sections import (
    ActivationConfig,
    Pictures,
    Positive,
    Probability,
    Rate,
    Section,
    Seed,
    Side,
    TrainConfig,
    Width,
    check_network,
)
from pose.config.yaml_text import format_yaml

if TYPE_CHECKING:
    from pose.models.classifier import Classifier


class ShapesConfig(Section):
    """Generated images of ten classes: made in data.root when training or evaluation first needs them."""

    train: Pictures = 2000
    val: Pictures = 500
    seed: Seed = 0


class ImagesConfig(Section):
    """Folders with one folder of images a class, relative to root."""

    root: str = "data/imagenet"
    train: str = "train"
    val: str = "val"
    shapes: ShapesConfig | None = None
    skip_unreadable: bool = False


class ClassifierConfig(Section):
    backbone: str = "mobilenet_v2"
    width: Width = 1.0
    activation: ActivationConfig = Field(default_factory=ActivationConfig)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    input_size: tuple[Side, Side] = (224, 224)
    init: str | None = None

    @model_validator(mode="after")
    def _can_be_built(self) -> ClassifierConfig:
        check_network(self.input_size, backbone=self.backbone, width=self.width, example=[224, 224])
        return self

    def build(self, *, num_classes: int) -> Classifier:
        """The network with fresh weights.

        Raises:
            ValueError: an unknown backbone or activation.
        """
        from pose.models.factory import build_classifier

        return build_classifier(
            backbone=self.backbone,
            width=self.width,
            activation=self.activation.make(),
            dropout=self.dropout,
            num_classes=num_classes,
        )


class ImageAugmentConfig(Section):
    """See `pose.classification.dataset.ImageAugment`; `extra` lists albumentations: {name: ..., arguments}."""

    min_area: float = Field(default=0.08, gt=0, le=1)
    flip: Probability = 0.5
    colour_jitter: float = Field(default=0.4, ge=0, lt=1)
    extra: list[dict[str, Any]] = Field(default=[])


class ClassifierTrainConfig(TrainConfig):
    epochs: Positive = 300
    batch_size: Positive = 256
    lr: Rate = 0.05
    milestones: list[Positive] = Field(default=[])
    schedule: Literal["cosine", "step"] = "cosine"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=3e-5, ge=0, le=1e4)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    mixup: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _schedule_fits(self) -> ClassifierTrainConfig:
        if bool(self.milestones) != (self.schedule == "step"):
            raise ValueError("milestones are for schedule: step, which needs some; a cosine has none")
        return self


class ClassifierEvalConfig(Section):
    every: Positive = 10
    batch_size: Positive = 64
    crop: float = Field(default=0.875, gt=0, le=1)


class ClassificationConfig(Section):
    task: Literal["classification"] = "classification"
    data: ImagesConfig = ImagesConfig()
    model: ClassifierConfig = Field(default_factory=ClassifierConfig)
    augment: ImageAugmentConfig | None = ImageAugmentConfig()
    train: ClassifierTrainConfig = ClassifierTrainConfig()
    eval: ClassifierEvalConfig = ClassifierEvalConfig()

    def to_yaml(self) -> str:
        return format_yaml(self.model_dump(mode="json"))
