"""Load torchvision's MobileNet and ResNet weights into the static networks.

Both list the same tensors in the same order under other names, so the order is the mapping, and every shape is
checked.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

FRACTIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
CLASSIFIER = ("classifier.", "fc.")  # what torchvision calls the layers behind the backbone


def convert_torchvision(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Rename a torchvision state dict for `network`.

    Args:
        weights: of `torchvision.models.mobilenet_v2`, `mobilenet_v3_*` or `resnet*`.
        network: a backbone of the same size with its own (static) activations; the classifier's weights are then
            ignored. Or a whole `Classifier` of as many classes.
    Returns:
        A state dict for `network.load_state_dict`.
    Raises:
        ValueError: another number of tensors, or a tensor of another shape.
    """
    ours = list(network.state_dict().items())
    whole = any(key.startswith("classifier.") for key, _ in ours)
    theirs = [(key, value) for key, value in weights.items() if whole or not key.startswith(CLASSIFIER)]
    if len(theirs) != len(ours):
        under = " under features." if all(key.startswith("features.") for key, _ in theirs) else ""
        kind = "network" if whole else "backbone"
        raise ValueError(
            f"the torchvision weights hold {len(theirs)} tensors{under}, this {kind} has {len(ours)}; "
            "they fit a network of the same kind and width with its default activation"
        )
    for (their_key, theirs_value), (our_key, our_value) in zip(theirs, ours, strict=True):
        if theirs_value.shape != our_value.shape:
            raise ValueError(
                f"torchvision's {their_key} is {tuple(theirs_value.shape)}, but {our_key} is "
                f"{tuple(our_value.shape)}; is it the same network and width?"
            )
    return {our_key: value for (our_key, _), (_, value) in zip(ours, theirs, strict=True)}


def check_weights(model: nn.Module, weights: Mapping[str, object], *, source: str) -> None:
    """Compare a state dict with a model's, which may be on the meta device.

    Fractional numbers may be of 16, 32 or 64 bits. Any other type, which loading would convert without a word, holds
    something else than weights.

    Raises:
        ValueError: keys, shapes or types that do not match, all of them counted and the first few listed.
    """
    own = model.state_dict()
    missing = [key for key in own if key not in weights]
    unexpected = [key for key in weights if key not in own]
    shapes = [
        f"{key} is {tuple(getattr(weights[key], 'shape', ()))}, expected {tuple(own[key].shape)}"
        for key in own
        if key in weights and getattr(weights[key], "shape", None) != own[key].shape
    ]
    types = [
        f"{key} is {_type_name(weights[key])}, expected {_type_name(own[key])}"
        for key in own
        if getattr(weights.get(key), "shape", None) == own[key].shape and not can_replace(weights[key], own[key])
    ]
    problems = [
        f"{len(keys)} {what}: {', '.join(keys[:4])}{' ...' if len(keys) > 4 else ''}"
        for what, keys in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", shapes),
            ("of another type", types),
        )
        if keys
    ]
    if problems:
        matched = len(own) - len(missing) - len(shapes) - len(types)
        raise ValueError(
            f"{source} holds the weights of another model: {matched} of {len(own)} tensors match; "
            + "; ".join(problems)
        )


def can_replace(given: object, own: Tensor) -> bool:
    """Whether a tensor can take the place of another one at no more than a rounding."""
    kinds = FRACTIONS if own.dtype in FRACTIONS else INTEGERS if own.dtype in INTEGERS else (own.dtype,)
    return getattr(given, "dtype", None) in kinds


def _type_name(tensor: object) -> str:
    return str(getattr(tensor, "dtype", type(tensor).__name__)).removeprefix("torch.")


def load_weights(model: nn.Module, weights: Mapping[str, object], *, source: str) -> None:
    """Fill a model with a state dict, strictly: `check_weights` first."""
    check_weights(model, weights, source=source)
    model.load_state_dict(weights)
