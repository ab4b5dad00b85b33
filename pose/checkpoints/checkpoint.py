"""Weights with their config and skeleton inside (safetensors)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

import pose
from pose.config.classification import ClassificationConfig
from pose.config.keypoints import Config
from pose.config.load import AnyConfig, make_config
from pose.config.yaml_text import parse_yaml
from pose.images.names import explain_missing, is_url
from pose.keypoints.skeletons import Skeleton
from pose.models.classifier import Classifier
from pose.models.pose_net import PoseNet
from pose.models.weights import check_weights, load_weights
from pose.runtime.device import without_memory
from pose.runtime.errors import CheckpointError
from pose.runtime.files import read_unchanged, write_atomic
from pose.runtime.headers import parse_header
from pose.runtime.paths import portable, user_path

FORMAT = "pose-checkpoint-1"
DEMO_MODEL = Path(pose.__file__).parent / "assets" / "demo.safetensors"
OTHER_FILES = {
    ".onnx": "an exported file; `pose predict` and `pose eval` take it, this needs the checkpoint it came from",
    ".yaml": "a config, not a checkpoint; `pose train` makes one from it",
    ".yml": "a config, not a checkpoint; `pose train` makes one from it",
    ".json": "a JSON, not a checkpoint; give a .safetensors file of `pose train`, or a run folder",
}
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        config: of the run that made it.
        weights: the network's state dict, on the CPU.
        epoch: number of epochs trained.
        metrics: of the last evaluation; empty before the first.
        classes: of a classifier, in the order of its outputs.
    """

    path: Path
    config: AnyConfig
    weights: dict[str, Tensor]
    epoch: int
    metrics: dict[str, float]
    classes: tuple[str, ...] | None = None

    @property
    def pose_config(self) -> Config:
        """The config of a pose network.

        Raises:
            CheckpointError: the file holds a classifier.
        """
        if not isinstance(self.config, Config):
            raise CheckpointError(
                f"{self.path} holds a classifier, not a pose network; `pose eval` and `inspect` take it"
            )
        return self.config

    @property
    def skeleton(self) -> Skeleton:
        return self.pose_config.data.resolve_skeleton()

    def build(self, device: torch.device | str = "cpu") -> PoseNet:
        """The pose network with its weights, in evaluation mode."""
        section, count = self.pose_config.model, self.skeleton.num_keypoints
        return self._filled(lambda: section.build(num_keypoints=count), device)

    def build_classifier(self, device: torch.device | str = "cpu") -> Classifier:
        """The same for a file that holds a classifier."""
        assert isinstance(self.config, ClassificationConfig)
        assert self.classes is not None
        section, count = self.config.model, len(self.classes)
        return self._filled(lambda: section.build(num_classes=count), device)

    def _filled(self, make: Callable[[], Network], device: torch.device | str) -> Network:
        with without_memory():  # the config may speak of a network that no memory holds
            check_weights(make(), self.weights, source=str(self.path))
        model = make()
        load_weights(model, self.weights, source=str(self.path))
        return model.to(device).to(memory_format=torch.channels_last).eval()


def save_checkpoint(
    path: Path,
    model: nn.Module,
    *,
    config: AnyConfig,
    epoch: int,
    metrics: dict[str, float],
    classes: Sequence[str] | None = None,
) -> None:
    """Write weights and everything needed to use them into one safetensors file, atomically.

    Absolute paths of the config are shortened (`portable`), since the file may be handed on.
    """
    header = {
        "format": FORMAT,
        "pose": pose.__version__,
        "config": portable(config.model_dump(mode="json")),
        "epoch": epoch,
        "metrics": metrics,
        **({} if classes is None else {"classes": list(classes)}),
    }
    weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    write_atomic(path, save(weights, metadata={"pose": json.dumps(header)}))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a file that `save_checkpoint` wrote.

    Args:
        path: the file; a run folder for its best.safetensors; the word "demo" for the model in the package.
    Raises:
        FileNotFoundError: no such file.
        CheckpointError: not a checkpoint of this project, or damaged.
    """
    file = user_path(path)
    if str(path) == "demo":
        if not DEMO_MODEL.is_file():
            raise FileNotFoundError(
                f"this installation has no demo model ({DEMO_MODEL}); train one by `pose demo --out demo` and give "
                "demo/run"
            )
        file = DEMO_MODEL
    elif file.is_dir():
        file, last = file / "best.safetensors", file / "last.safetensors"
        if last.is_file() and not file.is_file():
            raise FileNotFoundError(f"no checkpoint {file}: the run has not been evaluated yet; give {last}")
    if is_url(str(file)):
        raise FileNotFoundError(f"no checkpoint {file}; {explain_missing(file)}")
    if not file.is_file():
        raise FileNotFoundError(
            f"no checkpoint {file}; `pose train` writes best.safetensors and last.safetensors into its run folder; "
            f"'demo' is the small model of the package"
        )
    if file.suffix.lower() in OTHER_FILES:
        raise CheckpointError(f"{file} is {OTHER_FILES[file.suffix.lower()]}")
    weights, metadata = read_safetensors(file)
    header = parse_header(metadata, format=FORMAT, kinds={"config": dict, "epoch": int, "metrics": dict})
    if header is None:
        raise CheckpointError(
            f"{file} holds tensors but no header of this project; expected a file written by `pose train` "
            "(for foreign weights see model.init)"
        )
    config, classes = make_config(header["config"], source=f"the config inside {file}"), header.get("classes")
    named = isinstance(classes, list) and bool(classes) and all(isinstance(name, str) for name in classes)
    if not named and (classes is not None or not isinstance(config, Config)):
        raise CheckpointError(f"{file} has classes {classes!r:.60} in its header; expected their names")
    return Checkpoint(
        path=file,
        config=with_paths_of_run(config, file.parent),
        weights=weights,
        epoch=header["epoch"],
        metrics=header["metrics"],
        classes=None if classes is None else tuple(classes),
    )


def read_safetensors(file: Path) -> tuple[dict[str, Tensor], str | None]:
    """The tensors of a file by their names, and the header of this project; None in files of others.

    Raises:
        CheckpointError: no such file, or a damaged one.
    """
    try:
        data = read_unchanged(file)  # safetensors maps files, and one that is cut meanwhile ends the process
        weights, length = load(data), int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
        return weights, metadata.get("pose")
    except (SafetensorError, OSError, RuntimeError, TypeError, KeyError, MemoryError) as error:  # lying shapes, too
        raise CheckpointError(f"{file} is no safetensors checkpoint, or a damaged one: {error}") from None


def with_paths_of_run(config: AnyConfig, folder: Path) -> AnyConfig:
    """The config with the data's paths as they are written in the run folder, if the file lies in its own."""
    try:
        there = make_config(parse_yaml((folder / "config.yaml").read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError):  # none, or no config
        return config
    if portable(there.data.model_dump(mode="json")) != config.data.model_dump(mode="json"):
        return config  # of another run, or changed since
    return config.model_copy(update={"data": there.data})
