"""Start a network from weights that are there (`model.init`): of a run, of torchvision, or by `torch.save`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from pose.checkpoints.checkpoint import Checkpoint, load_checkpoint, read_safetensors
from pose.config.classification import ClassifierConfig
from pose.config.keypoints import Config, ModelConfig
from pose.config.load import AnyConfig
from pose.keypoints.skeletons import Skeleton
from pose.models.classifier import Classifier
from pose.models.weights import can_replace, check_weights, convert_torchvision
from pose.runtime.device import without_memory
from pose.runtime.errors import CheckpointError
from pose.runtime.paths import user_path
from pose.runtime.safe_torch import read_torch
from pose.runtime.text import first_few, plural

LAST_LAYER = "head.heatmaps."
TORCH_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt")
NETWORK_KEYS = {"backbone", "width", "activation", "head"}  # of `model`; any of them says which network is meant
INSIDE = ("state_dict", "model_state_dict", "model", "weights", "net")  # where programs put a network's weights
WRAPPERS = ("module.", "_orig_mod.", "model.")  # what DataParallel, torch.compile and Lightning put before each name
# Names that tell whose weights those are.
FOREIGN = (
    (re.compile(r"(^|\.)(embeddings|embedder|encoder|mobilenet_v[12])\."), "Hugging Face's transformers'"),
    (re.compile(r"(^|\.)(conv_stem\.|conv_head\.|blocks\.\d|stages_?\.?\d)"), "timm's"),
    (re.compile(r"(^|\.)(keypoint_head|final_layer|stage[234]|transition[123])\."), "HRNet's or MMPose's"),
    (re.compile(r"^\d+\.(conv|cv\d|m)\."), "Ultralytics'"),
)


def describe_network(section: ModelConfig | ClassifierConfig) -> str:
    """A network in a few words: "mobilenet_v2 x0.5 with dyrelu_c"."""
    activation = "its own activations" if section.activation.name == "default" else section.activation.name
    return f"{section.backbone} x{section.width:g} with {activation}"


def with_network(config: AnyConfig) -> tuple[AnyConfig, str]:
    """The config with the network of the weights that it starts from, where it names none itself.

    `model: {init: RUN}` alone is a network too: backbone, width, activations and head are those of the file, and so
    are input_size and sigma where they are left out.

    Returns:
        The config, and a line for the user; empty if nothing was taken.
    Raises:
        FileNotFoundError, CheckpointError: no such file, or the weights are not of the network that it claims.
    """
    section = config.model
    file = section.init
    if file is None or section.model_fields_set & NETWORK_KEYS or not _is_run(user_path(file)):
        return config, ""
    checkpoint = load_checkpoint(file)
    if isinstance(checkpoint.config, Config) != isinstance(config, Config):
        return config, ""  # a classifier's backbone; what is to be built on it, this config has to say
    _check_size(checkpoint)
    given = {key: getattr(section, key) for key in section.model_fields_set}
    taken = checkpoint.config.model.model_copy(update=given)
    line = f"the network is that of {checkpoint.path}: {describe_network(taken)}, input {list(taken.input_size)}"
    return config.model_copy(update={"model": taken}), line


def _check_size(checkpoint: Checkpoint) -> None:
    """Make sure that the weights fill the network that is claimed, before any memory is taken for it."""
    config = checkpoint.config
    with without_memory():
        if isinstance(config, Config):
            model: nn.Module = config.model.build(num_keypoints=checkpoint.skeleton.num_keypoints)
        else:
            model = config.model.build(num_classes=len(checkpoint.classes or ()))
    check_weights(model, checkpoint.weights, source=str(checkpoint.path))


def load_initial_weights(
    model: nn.Module,
    path: str | Path,
    *,
    skeleton: Skeleton | None = None,
    classes: Sequence[str] | None = None,
    section: ModelConfig | ClassifierConfig | None = None,
) -> str:
    """Fill a network with other weights where names and shapes agree (`model.init`).

    Args:
        path: of a run of either task, torchvision's weights of the static backbone, or a state dict of this network
            by `torch.save`.
        skeleton: of the network; the last layer of weights for other keypoints is left out, even if their number
            is the same.
        classes: of a classifier; likewise.
        section: that the network was built from, for messages.
    Returns:
        A line that counts the matched tensors, and lists what stays as initialized and what is not used.
    Raises:
        FileNotFoundError, CheckpointError: no such file, or less than half of the convolutions that both backbones
            have match.
    """
    own, note, theirs = model.state_dict(), "", ""
    source = user_path(path)
    if not _is_run(source):
        weights, note = _foreign_weights(source, model)
    else:
        checkpoint = load_checkpoint(path)
        source, theirs = checkpoint.path, describe_network(checkpoint.config.model)
        last, note = _last_of_others(checkpoint, model, skeleton, classes)
        weights = {key: v for key, v in checkpoint.weights.items() if not (last and key.startswith(last))}
    matched = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    # Not all tensors: norms count their batches in scalars, which match between any two networks.
    shared = [k for k, v in own.items() if k.startswith("backbone.") and v.ndim == 4 and k in weights]
    fitting = sum(key in matched for key in shared)
    if 2 * fitting <= len(shared):
        both = f" ({theirs})" if theirs else ""
        ours = f" ({describe_network(section)})" if section is not None else ""
        raise CheckpointError(
            f"{source} holds another network{both}: {fitting} of {len(shared)} convolutions of the backbone match "
            f"this config's{ours}; give weights of the same backbone and width as model.init, or leave "
            "model.backbone, width, activation and head out, and the network is that of the file"
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


def _last_of_others(
    checkpoint: Checkpoint, model: nn.Module, skeleton: Skeleton | None, classes: Sequence[str] | None
) -> tuple[str, str]:
    """How the names of a last layer begin that found other things than the network is to find, and a note; or ""."""
    if skeleton is not None and isinstance(checkpoint.config, Config):
        other = checkpoint.skeleton
        if other.keypoint_names != skeleton.keypoint_names:
            return LAST_LAYER, (
                f"; the last layer starts fresh: it found the {plural(other.num_keypoints, 'keypoint')} of skeleton "
                f"'{other.name}', and is to find the {skeleton.num_keypoints} of '{skeleton.name}'"
            )
    elif isinstance(model, Classifier) and checkpoint.classes not in (None, tuple(classes or ())):
        count = len(checkpoint.classes or ())
        return f"classifier.{len(model.classifier) - 1}.", (
            f"; the last layer starts fresh: the {count} classes there are others"
        )
    return "", ""


def _listed(keys: Sequence[str]) -> str:
    return ": " + ", ".join(keys[:6]) + (" ..." if len(keys) > 6 else "") if keys else ""


def _is_run(path: Path) -> bool:
    """Whether it is for `load_checkpoint`: a run, or a file of `pose train`, or nothing at all."""
    foreign = path.suffix == ".safetensors" and path.is_file() and read_safetensors(path)[1] is None
    return path.suffix not in TORCH_SUFFIXES and not foreign


def _foreign_weights(path: Path, model: nn.Module) -> tuple[dict[str, Tensor], str]:
    """A state dict of torchvision's or of this very network, named as in `model`; and how it was wrapped."""
    if not path.is_file():
        raise FileNotFoundError(f"no weights {path}; download the .pth file of torchvision's model first")
    data: Any
    if path.suffix == ".safetensors":
        data = read_safetensors(path)[0]
    else:
        data = read_torch(path, what="file of weights", name=path)
    weights, note = _unwrap(data)
    if not weights:
        raise CheckpointError(f"{path} holds no weights; expected a state dict of torchvision's")
    if sum(key in weights for key in model.state_dict()) * 2 > len(weights):
        return weights, note
    try:
        return _of_torchvision(weights, model), note
    except ValueError as error:
        whose = next((owner for name, owner in FOREIGN if any(name.search(key) for key in weights)), "")
        if not whose:
            raise
        names = first_few(weights, 3)
        raise CheckpointError(
            f"{path} holds weights of {whose} ({names}), which name and order their layers otherwise; give "
            "torchvision's .pth of the same network, or a run of `pose train`"
        ) from error


def _of_torchvision(weights: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The classifier too where it has as many classes."""
    try:
        return convert_torchvision(weights, model)
    except ValueError:
        backbone = convert_torchvision(weights, cast(nn.Module, model.backbone))
        return {f"backbone.{key}": value for key, value in backbone.items()}


def _unwrap(data: Any) -> tuple[dict[str, Tensor], str]:
    """The state dict in what a file holds, and a note of where it was found; empty if there is none."""
    found: list[str] = []
    while isinstance(data, Mapping) and not _is_state_dict(data):
        key = next((key for key in INSIDE if isinstance(data.get(key), Mapping)), None)
        if key is None:
            return {}, ""
        found.append(f"under '{key}'")
        data = data[key]
    if not isinstance(data, Mapping) or not data:
        return {}, ""
    weights = dict(data)
    while word := next((word for word in WRAPPERS if all(key.startswith(word) for key in weights)), ""):
        found.append(f"their names begin with '{word}', which is left out")
        weights = {key.removeprefix(word): value for key, value in weights.items()}
    return weights, f"; the weights are wrapped: {', '.join(found)}" if found else ""


def _is_state_dict(data: Mapping[Any, Any]) -> bool:
    return bool(data) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in data.items())
