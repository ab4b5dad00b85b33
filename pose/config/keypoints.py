"""The YAML file of a run: its schema, reading, overrides, and errors that say what to write instead.

Only the command line, the engine and the model factory know these classes; layers, models and data take plain
arguments.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from pose.config.classification import ClassificationConfig
from pose.config.errors import closest, explain_all
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
from pose.config.yaml_text import format_yaml, parse_yaml
from pose.keypoints.skeletons import SKELETONS, Skeleton

MAX_ENTRIES, MAX_DEPTH = 100_000, 50


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
                raise ValueError(f"skeleton '{self.skeleton}' is unknown; {closest(self.skeleton, valid)}")
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


AnyConfig = Config | ClassificationConfig
SCHEMAS: dict[str, type[Config] | type[ClassificationConfig]] = {
    "keypoints": Config,
    "classification": ClassificationConfig,
}


def load_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> AnyConfig:
    """Read a YAML file, apply `a.b=c` overrides, expand `${VAR}`, and check the whole.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not YAML, empty, an unset variable, or wrong keys or values: all of them in one message.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no config file {file}; the ones that come with the project are in configs/"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read config {file}: {error}; expected a YAML text file") from None
    try:
        data = parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"config {file} is not valid YAML: {error}") from None
    if not isinstance(data, dict):
        got = "an empty file" if data is None else f"a {type(data).__name__}"
        raise ValueError(f"config {file} holds {got}; expected keys such as data:, model:, train:")
    return make_config(data, overrides, source=str(file))


def make_config(data: dict[str, Any], overrides: Sequence[str] = (), *, source: str = "config") -> AnyConfig:
    """`load_config` of data already read; `source` names it in errors."""
    for override in overrides:
        data = _override(data, override)
    _check_size(data, source)
    data = _expand(data, source)
    task = data.get("task", "keypoints")
    schema = SCHEMAS.get(task, Config) if isinstance(task, str) else Config
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        lines = explain_all(error, schema, tasks=SCHEMAS)
        raise ValueError(
            f"{source} has {len(lines)} wrong entr{'y' if len(lines) == 1 else 'ies'}:\n  " + "\n  ".join(lines)
        ) from None


def _override(data: dict[str, Any], override: str) -> dict[str, Any]:
    """A copy of `data` with one `a.b=c` applied; the value is YAML."""
    key, equals, text = override.partition("=")
    if not equals or not re.fullmatch(r"[\w]+(\.[\w]+)*", key):
        raise ValueError(f"an override looks like train.lr=0.001, got '{override}'")
    try:
        value = parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"the value of override '{override}' is not valid YAML: {error}") from None
    result = dict(data)
    section = result
    *parents, last = key.split(".")
    for parent in parents:
        child = section.get(parent)
        if isinstance(child, str) and parent == "activation":
            child = {"name": child}
        if child is not None and not isinstance(child, dict):
            raise ValueError(f"override '{override}': {parent} is a value, not a section")
        section[parent] = dict(child or {})
        section = section[parent]
    section[last] = value
    return result


def _check_size(data: dict[str, Any], source: str) -> None:
    """Refuse YAML whose aliases (`*name`) multiply or contain themselves, before anything walks through it."""
    stack: list[tuple[Any, int]] = [(data, 0)]
    for _ in range(MAX_ENTRIES):
        if not stack:
            return
        item, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise ValueError(
                f"{source} is nested deeper than {MAX_DEPTH} levels; write it without nested aliases (*name)"
            )
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        stack.extend((each, depth + 1) for each in inner)
    raise ValueError(f"{source} has more than {MAX_ENTRIES} entries; write it without nested aliases (*name)")


def _expand(value: Any, source: str) -> Any:
    """Replace ${VAR} in all strings by the environment's value."""
    if isinstance(value, dict):
        return {key: _expand(item, source) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, source) for item in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise ValueError(f"{source} uses ${{{match[1]}}}, which is not set; run: export {match[1]}=/the/folder")
        return found

    return re.sub(r"\$\{(\w+)\}", variable, value)
