"""Weights with their config and skeleton inside (safetensors)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

import pose
from pose.config.classification import ClassificationConfig
from pose.config.keypoints import Config
from pose.config.load import AnyConfig, make_config
from pose.config.yaml_text import parse_yaml
from pose.keypoints.skeletons import Skeleton
from pose.models.classifier import Classifier
from pose.models.pose_net import PoseNet
from pose.models.weights import can_replace, check_weights, convert_torchvision, load_weights
from pose.runtime.device import without_memory
from pose.runtime.errors import CheckpointError
from pose.runtime.files import write_atomic
from pose.runtime.headers import parse_header
from pose.runtime.paths import portable, user_path
from pose.runtime.safe_torch import read_torch
from pose.runtime.text import plural

FORMAT = "pose-checkpoint-1"
DEMO_MODEL = Path(pose.__file__).parent / "assets" / "demo.safetensors"
OTHER_FILES = {
    ".onnx": "an exported file; `pose predict` and `pose eval` take it, this needs the checkpoint it came from",
    ".yaml": "a config, not a checkpoint; `pose train` makes one from it",
    ".yml": "a config, not a checkpoint; `pose train` makes one from it",
    ".json": "a JSON, not a checkpoint; give a .safetensors file of `pose train`, or a run folder",
}
LAST_LAYER = "head.heatmaps."
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
    if not file.is_file():
        raise FileNotFoundError(
            f"no checkpoint {file}; `pose train` writes best.safetensors and last.safetensors into its run folder; "
            f"'demo' is the small model of the package"
        )
    if file.suffix.lower() in OTHER_FILES:
        raise CheckpointError(f"{file} is {OTHER_FILES[file.suffix.lower()]}")
    try:
        with safe_open(file, framework="pt", device="cpu") as tensors:
            metadata = (tensors.metadata() or {}).get("pose")
            weights = {key: tensors.get_tensor(key) for key in tensors.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, RuntimeError, TypeError, MemoryError) as error:  # shapes that lie, too
        raise CheckpointError(f"{file} is no safetensors checkpoint, or a damaged one: {error}") from None
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


def with_paths_of_run(config: AnyConfig, folder: Path) -> AnyConfig:
    """The config with the data's paths as they are written in the run folder, if the file lies in its own."""
    try:
        there = make_config(parse_yaml((folder / "config.yaml").read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError):  # none, or no config
        return config
    if portable(there.data.model_dump(mode="json")) != config.data.model_dump(mode="json"):
        return config  # of another run, or changed since
    return config.model_copy(update={"data": there.data})


def load_initial_weights(model: nn.Module, path: str | Path, *, skeleton: Skeleton | None = None) -> str:
    """Fill a network with other weights where names and shapes agree (`model.init`).

    Args:
        path: of a run of either task, or torchvision's weights of the static backbone (.pth).
        skeleton: of the network; the last layer of weights for other keypoints is left out, even if their number
            is the same.
    Returns:
        A line that counts the matched tensors, and lists what stays as initialized and what is not used.
    Raises:
        FileNotFoundError, CheckpointError: no such file, or less than half of the convolutions that both backbones
            have match.
    """
    own, note = model.state_dict(), ""
    if Path(path).suffix in (".pth", ".pt"):
        source, weights = Path(path), _torchvision_weights(Path(path), model)
    else:
        checkpoint = load_checkpoint(path)
        source, weights = checkpoint.path, checkpoint.weights
        if skeleton is not None and isinstance(checkpoint.config, Config):
            other = checkpoint.skeleton
            if other.keypoint_names != skeleton.keypoint_names:
                weights = {key: value for key, value in weights.items() if not key.startswith(LAST_LAYER)}
                note = (
                    f"; the last layer starts fresh: it found the {other.num_keypoints} keypoints of skeleton "
                    f"'{other.name}', and is to find the {skeleton.num_keypoints} of '{skeleton.name}'"
                )
    matched = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    # Not all tensors: norms count their batches in scalars, which match between any two networks.
    shared = [k for k, v in own.items() if k.startswith("backbone.") and v.ndim == 4 and k in weights]
    fitting = sum(key in matched for key in shared)
    if 2 * fitting <= len(shared):
        raise CheckpointError(
            f"{source} holds another network: {fitting} of {len(shared)} convolutions of the backbone match "
            "this config; give weights of the same backbone and width as model.init"
        )
    wrong = [f"{key} is {value.dtype}" for key, value in matched.items() if not can_replace(value, own[key])]
    if wrong:
        raise CheckpointError(
            f"{source} holds {plural(len(wrong), 'tensor')} of a type that is none of weights{_listed(wrong)}; "
            "give weights in 16, 32 or 64 bits"
        )
    model.load_state_dict(matched, strict=False)
    fresh, unused = [key for key in own if key not in matched], [key for key in weights if key not in own]
    line = f"{len(matched)} of {len(own)} tensors taken from {source}; {len(fresh)} start fresh{_listed(fresh)}"
    return line + (f"; {len(unused)} not used{_listed(unused)}" if unused else "") + note


def _listed(keys: Sequence[str]) -> str:
    return ": " + ", ".join(keys[:6]) + (" ..." if len(keys) > 6 else "") if keys else ""


def _torchvision_weights(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """A file of torchvision's, named as in `model`: the classifier too where it has as many classes."""
    if not path.is_file():
        raise FileNotFoundError(f"no weights {path}; download the .pth file of torchvision's model first")
    weights = read_torch(path, what="file of weights", name=path)
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise CheckpointError(f"{path} holds no weights; expected a state dict of torchvision's")
    try:
        return convert_torchvision(weights, model)
    except ValueError:
        backbone = convert_torchvision(weights, cast(nn.Module, model.backbone))
        return {f"backbone.{key}": value for key, value in backbone.items()}
