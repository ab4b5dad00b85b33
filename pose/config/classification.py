"""The schema of a run with `task: classification`. The defaults are MobileNetV2's recipe (section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from pose.config.sections import (
    ActivationConfig,
    ImageCount,
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

    train: ImageCount = 2000
    """Number of images to train on."""
    val: ImageCount = 500
    """Number of images to evaluate on."""
    seed: Seed = 0
    """Of everything random."""


class ImagesConfig(Section):
    """Folders with one folder of images a class, relative to root."""

    root: str = "data/imagenet"
    """Folder of the dataset."""
    train: str = "train"
    """Folder below it to train on."""
    val: str = "val"
    """Folder below it to evaluate on."""
    shapes: ShapesConfig | None = None
    """Generate images into `root`; null for data that is there."""
    skip_unreadable: bool = False
    """Train without images that cannot be read."""


class ClassifierConfig(Section):
    """The network that tells the class of an image."""

    backbone: str = "mobilenet_v2"
    """`mobilenet_v2`, `mobilenet_v3_large`, `mobilenet_v3_small`, `resnet10`, `resnet18`, `resnet34`, `resnet50`."""
    width: Width = 1.0
    """Factor of the backbone's channels."""
    activation: ActivationConfig = Field(default_factory=ActivationConfig)
    """Of the backbone."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Probability before the last layer."""
    input_size: tuple[Side, Side] = (224, 224)
    """[height, width] of the crops in pixels, multiples of 32."""
    init: str | None = None
    """Weights to start from: a run, a checkpoint, or torchvision's .pth; null for random ones."""

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
    """How training images are varied; see `pose.classification.dataset.ImageAugment`."""

    min_area: float = Field(default=0.08, gt=0, le=1)
    """Least share of the image's area that a crop has."""
    flip: Probability = 0.5
    """Probability of mirroring."""
    colour_jitter: float = Field(default=0.4, ge=0, lt=1)
    """Range of the factors of brightness, contrast and saturation about 1; the hue moves by a quarter of it."""
    extra: list[dict[str, Any]] = Field(default=[])
    """albumentations transforms, each {name: ..., arguments}."""


class ClassifierTrainConfig(TrainConfig):
    """The training of a classifier; keys that are not here are those of keypoints."""

    epochs: Positive = 300
    """Passes over the training data."""
    batch_size: Positive = 256
    """Images of one update."""
    lr: Rate = 0.05
    """Learning rate of SGD with momentum."""
    milestones: list[Positive] = Field(default=[])
    """Epochs at which the rate is multiplied by `lr_factor`, with `schedule: step`."""
    schedule: Literal["cosine", "step"] = "cosine"
    """`cosine` down to 0, or `step` by milestones."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Of SGD."""
    weight_decay: float = Field(default=3e-5, ge=0, le=1e4)
    """Of SGD."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of the target that is spread over all classes."""
    mixup: float = Field(default=0.0, ge=0)
    """Alpha of the Beta distribution that two images are mixed by; 0 mixes nothing."""

    @model_validator(mode="after")
    def _schedule_fits(self) -> ClassifierTrainConfig:
        if bool(self.milestones) != (self.schedule == "step"):
            raise ValueError("milestones are for schedule: step, which needs some; a cosine has none")
        return self


class ClassifierEvalConfig(Section):
    """Evaluations, in training and by `pose eval`."""

    every: Positive = 10
    """Epochs between evaluations in training."""
    batch_size: Positive = 64
    """Images in a batch."""
    crop: float = Field(default=0.875, gt=0, le=1)
    """Share of the image's height or width that the central crop shows."""


class ClassificationConfig(Section):
    """A run with `task: classification`."""

    task: Literal["classification"] = "classification"
    """What kind of network this is."""
    data: ImagesConfig = ImagesConfig()
    """Folders of images."""
    model: ClassifierConfig = Field(default_factory=ClassifierConfig)
    """The network."""
    augment: ImageAugmentConfig | None = ImageAugmentConfig()
    """How training images are varied; null for not at all."""
    train: ClassifierTrainConfig = ClassifierTrainConfig()
    """The training."""
    eval: ClassifierEvalConfig = ClassifierEvalConfig()
    """Evaluations, in training and by `pose eval`."""

    def to_yaml(self) -> str:
        return format_yaml(self.model_dump(mode="json"))
