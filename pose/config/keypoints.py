"""The schema of a run with `task: keypoints`. The defaults are the paper's recipe (section 5.3)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from pose.config.sections import (
    ActivationConfig,
    ImageCount,
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
from pose.keypoints.known import SKELETONS
from pose.keypoints.oks import MAX_DETECTIONS
from pose.keypoints.skeletons import Skeleton
from pose.runtime.text import did_you_mean

if TYPE_CHECKING:
    from pose.codecs.codec import Codec
    from pose.models.pose_net import PoseNet


FROM_ANNOTATIONS = "from_annotations"  # as data.skeleton: all that SkeletonConfig has, left out


class SkeletonConfig(Section):
    """A skeleton of one's own, by names; `pose.config.skeleton` takes what is left out from the annotations."""

    name: str | None = None
    """Of the skeleton, for messages and files; null for the category's."""
    keypoint_names: list[str] | None = Field(default=None, min_length=1)
    """In the order of the annotations; null for the category's."""
    flip_pairs: list[tuple[str, str]] | None = None
    """Pairs of names, left first, that change places in mirrored images; null guesses from the names."""
    edges: list[tuple[str, str]] | None = None
    """Pairs of names between which drawings have a line; null for the category's."""
    oks_sigmas: list[float] | None = None
    """Standard deviation of annotators over the square root of the area, one per keypoint; AP allows errors in their
    proportion. Null takes COCO's for parts of the same name, else 0.072."""
    upper_body: list[str] | None = None
    """Names for half-body crops; null or [] for none."""


class FiguresConfig(Section):
    """Generated people: made in data.root when training or evaluation first needs them."""

    level: Literal["easy", "normal", "hard", "wild"] = "normal"
    """How hard the images are; see generated_people.md."""
    train: ImageCount = 2000
    """Number of images to train on."""
    val: ImageCount = 500
    """Number of images to evaluate on."""
    seed: Seed = 0
    """Of everything random."""
    stream: bool = False
    """Make the images to train on while training, in the loader's workers (`train.workers`): `train` is the number in
    an epoch, none comes twice, and none is written to the disk."""


class SplitConfig(Section):
    """One split of a COCO-format dataset; paths are relative to data.root."""

    images: str
    """Folder of the images."""
    annotations: str
    """COCO-format JSON."""
    limit: Positive | None = None
    """Take only so many people; null for all."""
    min_keypoints: Positive = 1
    """Leave out people with fewer labeled keypoints."""
    min_area: float = 0.0
    """Leave out people with a smaller area, in square pixels."""


class ValConfig(SplitConfig):
    """The split to evaluate on."""

    boxes: str = "gt"
    """`gt` for the annotated boxes, or a detections JSON."""

    @model_validator(mode="after")
    def _filters_need_ground_truth(self) -> ValConfig:
        if self.boxes != "gt" and (self.limit or self.min_keypoints > 1 or self.min_area):
            raise ValueError("limit, min_keypoints and min_area choose annotated people; they need boxes: gt")
        return self


class GrowBoxesConfig(Section):
    """What is added on each side of annotated boxes, for boxes that are just the extent of their keypoints.

    Boxes that other programs detect are not grown.
    """

    share: float = Field(default=0.0, ge=0, le=10)
    """Of the box's longer side."""
    pixels: float = Field(default=0.0, ge=0, le=1e5)
    """Of the image, besides; it gives a box to a single point too."""


class DataConfig(Section):
    """Images and annotations; `group_images` is explained in `pose.data.loader.EpochSampler`."""

    root: str = "data/coco"
    """Folder of the dataset; the other paths are below it."""
    skeleton: str | SkeletonConfig = "coco17"
    """`coco17` or another known skeleton (formats.md), `from_annotations` for all of the section taken from the
    training annotations, or the section."""
    category: str | Annotated[list[str], Field(min_length=1)] | None = None
    """Name of the category with the keypoints, or a list of several that are read as one; null for all with
    keypoints, which must be the same."""
    grow_boxes: GrowBoxesConfig = GrowBoxesConfig()
    """How annotated boxes are grown, in training and evaluation; by default not at all."""
    figures: FiguresConfig | None = None
    """Generate people into `root`; null for data that is there."""
    train: SplitConfig
    """The split to train on."""
    val: ValConfig
    """The split to evaluate on."""
    group_images: bool = True
    """Shuffle so that an image is decoded once for all of its people; see performance.md."""
    cache: str | None = None
    """Folder to keep decoded images in; null for none."""
    cache_gb: float = Field(default=64.0, gt=0, le=1e6)
    """How large the cache may become, in GB."""
    skip_unreadable: bool = False
    """Train without images that cannot be read."""
    downscale: Literal["bilinear", "average"] = "bilinear"
    """How training and evaluation cut crops of less than half the image's scale: `bilinear` from single pixels, as
    HRNet does, or `average` of all that a crop's pixel covers, as prediction does; see use_a_model.md."""

    def resolve_skeleton(self) -> Skeleton:
        """The skeleton, with guesses for what the config leaves out.

        Raises:
            ValueError: the keypoints' names are left out, so that the annotations have to be read first.
        """
        if isinstance(self.skeleton, str) and self.skeleton in SKELETONS:
            return SKELETONS[self.skeleton]
        given = self.skeleton if isinstance(self.skeleton, SkeletonConfig) else SkeletonConfig()
        if given.keypoint_names is None:
            raise ValueError(
                "data.skeleton is to be read from the annotations first, which only training does; name a skeleton, "
                "or list data.skeleton.keypoint_names"
            )
        return Skeleton.from_names(
            given.name or "custom",
            keypoint_names=given.keypoint_names,
            flip_pairs=given.flip_pairs,
            edges=given.edges or (),
            oks_sigmas=given.oks_sigmas,
            upper_body=given.upper_body or (),
        )

    @model_validator(mode="after")
    def _stream_reads_no_files(self) -> DataConfig:
        if self.figures is None or not self.figures.stream:
            return self
        if self.skeleton != "coco17":
            raise ValueError("figures.stream makes COCO's keypoints: leave out skeleton")
        set_ = {"train.limit": self.train.limit, "cache": self.cache, "category": self.category}
        set_ |= {"grow_boxes": self.grow_boxes != GrowBoxesConfig(), "group_images": not self.group_images}
        set_ |= {"skip_unreadable": self.skip_unreadable}
        unused = [key for key, value in set_.items() if value]
        if unused:
            raise ValueError(f"figures.stream trains on no files, so {', '.join(unused)} has no use: leave it out")
        return self

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
    """The four upsampling blocks."""

    activation: ActivationConfig = Field(default_factory=ActivationConfig)
    """As `model.activation`."""
    channels: tuple[Channels, Channels, Channels, Channels] = (256, 256, 128, 128)
    """Output channels of the four blocks."""
    hidden: tuple[Channels, Channels, Channels, Channels] = (256, 768, 768, 384)
    """Expanded channels of the four blocks."""
    kernel: int = Field(default=3, ge=1, le=63)
    """Side of their depthwise convolutions, in pixels; odd."""

    @model_validator(mode="after")
    def _kernel_is_odd(self) -> HeadConfig:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, such as 3 or 5, got {self.kernel}")
        return self


class ModelConfig(Section):
    """The network that finds keypoints in a crop."""

    backbone: str = "mobilenet_v2"
    """`mobilenet_v2`, `mobilenet_v3_large`, `mobilenet_v3_small`, `resnet10`, `resnet18`, `resnet34`, `resnet50`."""
    width: Width = 1.0
    """Factor of the backbone's channels."""
    activation: ActivationConfig = Field(default_factory=ActivationConfig)
    """Of the backbone."""
    head: HeadConfig = Field(default_factory=HeadConfig)
    """Of the upsampling head."""
    input_size: tuple[Side, Side] = (256, 192)
    """[height, width] of the crops in pixels, multiples of 32."""
    sigma: float = Field(default=2.0, gt=0, le=1000)
    """Of the Gaussians that the network learns to draw, in pixels of the heatmap, a quarter of the input's."""
    codec: Literal["quarter", "dark", "udp", "udp_dark"] = "quarter"
    """How keypoints become heatmaps and heatmaps keypoints: `quarter` as HRNet and the paper; see codecs.md."""
    init: str | None = None
    """Weights to start from: a run, a checkpoint, or torchvision's .pth of the backbone; null for random ones."""

    @model_validator(mode="after")
    def _can_be_built(self) -> ModelConfig:
        check_network(self.input_size, backbone=self.backbone, width=self.width, example=[256, 192])
        return self

    def make_codec(self) -> Codec:
        """The codec with this section's sigma."""
        from pose.codecs.codec import CODECS

        return replace(CODECS[self.codec], sigma=self.sigma)

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
    """How training samples are varied; see `pose.data.transforms.Augment`."""

    half_body: Probability = 0.3
    """Probability of cropping half the body only, where enough keypoints are labeled and an upper body is known."""
    half_body_min_keypoints: int = Field(default=8, ge=0, le=2**31 - 1)
    """More labeled keypoints than so many are enough for it."""
    scale: float = Field(default=0.35, ge=0, lt=1)
    """Standard deviation of the box's factor, and its bounds: from 1 - scale to 1 + scale."""
    rotation: float = Field(default=45.0, ge=0, le=180)
    """Degrees."""
    rotation_prob: Probability = 0.6
    """Probability of any rotation."""
    rotation_mode: Literal["uniform", "hrnet"] = "uniform"
    """`uniform` within the degrees both ways, or `hrnet`: normal with that deviation, clipped at twice it."""
    flip: Probability = 0.5
    """Probability of mirroring."""
    extra: list[dict[str, Any]] = Field(default=[])
    """albumentations transforms, each {name: ..., arguments}."""


class EvalConfig(Section):
    """Evaluations, in training and by `pose eval`."""

    every: Positive = 10
    """Epochs between evaluations in training."""
    flip_test: bool = True
    """Average with the mirrored crop's heatmaps."""
    batch_size: Positive = 64
    """People in a batch."""
    backend: Literal["pycocotools", "hotcoco"] = "pycocotools"
    """The library that counts COCO's numbers; `hotcoco` is faster and gives the same."""
    max_detections: int = Field(default=MAX_DETECTIONS, ge=1, le=100_000)
    """People of an image whose answers count, the best ones; COCO has 20."""


class Config(Section):
    """A run with `task: keypoints`."""

    task: Literal["keypoints"] = "keypoints"
    """What kind of network this is."""
    data: DataConfig
    """Images and annotations."""
    model: ModelConfig = Field(default_factory=ModelConfig)
    """The network."""
    augment: AugmentConfig | None = AugmentConfig()
    """How training samples are varied; null for not at all."""
    train: TrainConfig = TrainConfig()
    """The training."""
    eval: EvalConfig = EvalConfig()
    """Evaluations, in training and by `pose eval`."""

    def to_yaml(self) -> str:
        return format_yaml(self.model_dump(mode="json"))
