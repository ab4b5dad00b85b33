"""Weights with their config and skeleton inside (safetensors), and the file that training resumes from."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

import pose
from pose.config import Config, make_config
from pose.files import write_atomic
from pose.models.factory import build_model, load_weights
from pose.models.pose_net import PoseNet
from pose.skeleton import Skeleton

FORMAT = "pose-checkpoint-1"


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        config: of the run that made it.
        weights: the network's state dict, on the CPU.
        epoch: number of epochs trained.
        metrics: of the last evaluation; empty before the first.
    """

    path: Path
    config: Config
    weights: dict[str, Tensor]
    epoch: int
    metrics: dict[str, float]

    @property
    def skeleton(self) -> Skeleton:
        return self.config.data.resolve_skeleton()

    def build(self, device: torch.device | str = "cpu") -> PoseNet:
        """The network with its weights, in evaluation mode."""
        model = build_model(self.config.model, num_keypoints=self.skeleton.num_keypoints)
        load_weights(model, self.weights, source=str(self.path))
        return model.to(device).eval()


def save_checkpoint(path: Path, model: nn.Module, *, config: Config, epoch: int, metrics: dict[str, float]) -> None:
    """Write weights and everything needed to use them into one safetensors file, atomically."""
    header = {
        "format": FORMAT,
        "pose": pose.__version__,
        "config": config.model_dump(mode="json"),
        "epoch": epoch,
        "metrics": metrics,
    }
    weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    write_atomic(path, save(weights, metadata={"pose": json.dumps(header)}))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a file that `save_checkpoint` wrote; a run folder stands for its best.safetensors.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a checkpoint of this project, or damaged.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "best.safetensors"
    if not file.is_file():
        raise FileNotFoundError(
            f"no checkpoint {file}; `pose train` writes best.safetensors and last.safetensors into its run folder"
        )
    try:
        with safe_open(file, framework="pt", device="cpu") as tensors:
            metadata = (tensors.metadata() or {}).get("pose")
            weights = {key: tensors.get_tensor(key) for key in tensors.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is no safetensors checkpoint, or a damaged one: {error}") from None
    header = _parse_header(metadata)
    if header is None:
        raise ValueError(
            f"{file} holds tensors but no header of this project; expected a file written by `pose train` "
            "(for foreign weights see model.init)"
        )
    return Checkpoint(
        path=file,
        config=make_config(header["config"], source=f"the config inside {file}"),
        weights=weights,
        epoch=header["epoch"],
        metrics=header["metrics"],
    )


def load_initial_weights(model: nn.Module, path: str | Path) -> str:
    """Fill a network with the weights of another run where names and shapes agree (`model.init`).

    Returns:
        A line that counts the matched tensors and lists what stays as initialised.
    Raises:
        ValueError: nothing of the backbone matches.
    """
    checkpoint = load_checkpoint(path)
    own = model.state_dict()
    matched = {k: v for k, v in checkpoint.weights.items() if k in own and own[k].shape == v.shape}
    if not any(key.startswith("backbone.") for key in matched):
        raise ValueError(f"{checkpoint.path} holds another network: no tensor of the backbone matches this config")
    model.load_state_dict(matched, strict=False)
    fresh = [key for key in own if key not in matched]
    listed = ": " + ", ".join(fresh[:6]) + (" ..." if len(fresh) > 6 else "") if fresh else ""
    return f"{len(matched)} of {len(own)} tensors taken from {checkpoint.path}; {len(fresh)} start fresh{listed}"


def save_resume(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain Python data with torch.save, atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def load_resume(path: Path) -> dict[str, Any]:
    """Read a file that `save_resume` wrote; nothing in it can run code.

    Raises:
        FileNotFoundError, ValueError: missing, foreign or damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; only a folder in which `pose train` finished a step can be resumed")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path} is no resume file, or a damaged one: {str(error).splitlines()[0]}") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by this project's `pose train`")
    return state


def _parse_header(text: str | None) -> dict[str, Any] | None:
    try:
        header = json.loads(text or "")
    except json.JSONDecodeError:
        return None
    keys = ("config", "epoch", "metrics")
    if not isinstance(header, dict) or header.get("format") != FORMAT or any(k not in header for k in keys):
        return None
    return header
