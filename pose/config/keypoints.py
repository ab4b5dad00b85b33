"""The schema of a run with `task: keypoints`. The defaults are the paper's recipe (section 5.3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from pose.config.sections import (
    ActivationConfig,
    Pictures,
    Positive,
    Probability,
    Section,
    Seed,
    Side,
    TrainConfig,
    Width,
    check_network,
)
from pose.config.yaml_text import format_yaml
from pose.keypoints.skeletons import SKELETONS, Skeleton
from pose.runtime.text import did_you_mean

if TYPE_CHECKING:
    from pose.models.pose_net import PoseNet


FROM_ANNOTATIONS = "from_annotations"  # as data.skeleton: all that SkeletonConfig has, left out


class SkeletonConfig(Section):
    """A skeleton of one's own, by names; `pose.config.skeleton` takes what is left out from the annotations."""

    name: str | None = None
    keypoint_names: list[str] | None = Field(default=None, min_length=1)
    flip_pairs: list[tuple[str, str]] | None = None
    edges: list[tuple[str, str]] | None = None
    oks_sigmas: list[float] | None = None
    upper_body: list[str] | None = None


class FiguresConfig(Section):
    """Generated people: made in data.root when training or evaluation first needs them."""

    level: Literal["easy", "normal", "hard", "wild"] = "normal"
    train: Pictures = 2000
    val: Pictures = 500
    seed: Seed = 0


class SplitConfig(Section):
    """One split of a COCO-format dataset; paths are relative to data.root."""

    images: str
    annotations: str
    limit: Positive | None = None
    min_keypoints: Positive = 1
    min_area: float = 0.0


class ValConfig(SplitConfig):
    boxes: str = "gt"

    @model_validator(mode="after")
    def _filters_need_ground_truth(self) -> ValConfig:
        if self.boxes != "gt" and (self.limit or self.min_keypoints > 1 or self.min_area):
            raise ValueError("limit, min_keypoints and min_area choose annotated people; they need boxes: gt")
        return self


class DataConfig(Section):
    """`group_images`: see `pose.data.loader.EpochSampler`; `cache`: see `pose.images.cache.DiskCache`."""

    root: str = "data/coco"
    skeleton: str | SkeletonConfig = "coco17"
    category: str | None = None
    figures: FiguresConfig | None = None
    train: SplitConfig
    val: ValConfig
    group_images: bool = True
    cache: str | None = None
    cache_gb: float = Field(default=64.0, gt=0, le=1e6)
    skip_unreadable: bool = False

    def resolve_skeleton(self) -> Skeleton:
        """The skeleton, with guesses for what the config leaves out.

        Raises:
            ValueError: the keypoints' names are left out, so that the annotations have to be read first.
        """
        if isinstance(self.skeleton, str) and self.skeleton in SKELETONS:
            return SKELETONS[self.skeleton]
        given = self.skeleton if isinstance(self.skeleton, SkeletonConfig) else SkeletonConfig()
        if given.keypoint_names is None:
            raise ValueError("data.skeleton is to be read from the annotations first; see pose.config.skeleton")
        return Skeleton.from_names(
            given.name or "custom",
            keypoint_names=given.keypoint_names,
            flip_pairs=given.flip_pairs,
            edges=given.edges or (),
            oks_sigmas=given.oks_sigmas,
            upper_body=given.upper_body or (),
        )

    @model_validator(mode="after")
    def _skeleton_is_valid(self) -> DataConfig:
        if isinstance(self.skeleton, str):
            valid = [*SKELETONS, FROM_ANNOTATIONS]
            if self.skeleton not in valid:
                raise ValueError(f"skeleton '{self.skeleton}' is unknown; {did_you_mean(self.skeleton, valid)}")
        elif self.skeleton.keypoint_names is not None:
            self.resolve_skeleton()
        return self


Channels = Annotated[int, Field(ge=1, le=4096)]


class HeadConfig(Section):
    activation: ActivationConfig = Field(default_factory=ActivationConfig)
    channels: tuple[Channels, Channels, Channels, Channels] = (256, 256, 128, 128)
    hidden: tuple[Channels, Channels, Channels, Channels] = (256, 768, 768, 384)
    kernel: int = Field(default=3, ge=1, le=63)

    @model_validator(mode="after")
    def _kernel_is_odd(self) -> HeadConfig:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, such as 3 or 5, got {self.kernel}")
        return self


class ModelConfig(Section):
    """`sigma` is of the Gaussians that the network learns to draw, in heatmap pixels (a quarter of the input's)."""

    backbone: str = "mobilenet_v2"
    width: Width = 1.0
    activation: ActivationConfig = Field(default_factory=ActivationConfig)
    head: HeadConfig = Field(default_factory=HeadConfig)
    input_size: tuple[Side, Side] = (256, 192)
    sigma: float = Field(default=2.0, gt=0, le=1000)
    init: str | None = None

    @model_validator(mode="after")
    def _can_be_built(self) -> ModelConfig:
        check_network(self.input_size, backbone=self.backbone, width=self.width, example=[256, 192])
        return self

    def build(self, *, num_keypoints: int) -> PoseNet:
        """The network with fresh weights.

        Raises:
            ValueError: an unknown backbone or activation, or sizes that do not fit together.
        """
        from pose.models.factory import build_model
        from pose.models.head import PoseHead

        head = partial(
            PoseHead,
            channels=self.head.channels,
            hidden=self.head.hidden,
            kernel=self.head.kernel,
            activation=self.head.activation.make(),
        )
        return build_model(
            backbone=self.backbone,
            width=self.width,
            activation=self.activation.make(),
            head=head,
            num_keypoints=num_keypoints,
        )


class AugmentConfig(Section):
    """See `pose.data.transforms.Augment`; `extra` lists albumentations transforms, each {name: ..., arguments}."""

    half_body: Probability = 0.3
    half_body_min_keypoints: int = Field(default=8, ge=0, le=2**31 - 1)
    scale: float = Field(default=0.35, ge=0, lt=1)
    rotation: float = Field(default=45.0, ge=0, le=180)
    rotation_prob: Probability = 0.6
    rotation_mode: Literal["uniform", "hrnet"] = "uniform"
    flip: Probability = 0.5
    extra: list[dict[str, Any]] = Field(default=[])


class EvalConfig(Section):
    """`backend` counts COCO's numbers: see `pose.evaluation.coco_backends`."""

    every: Positive = 10
    flip_test: bool = True
    batch_size: Positive = 64
    backend: Literal["pycocotools", "hotcoco"] = "pycocotools"


class Config(Section):
    task: Literal["keypoints"] = "keypoints"
    data: DataConfig
    model: ModelConfig = Field(default_factory=ModelConfig)
    augment: AugmentConfig | None = AugmentConfig()
    train: TrainConfig = TrainConfig()
    eval: EvalConfig = EvalConfig()

    def to_yaml(self) -> str:
        return format_yaml(self.model_dump(mode="json"))
