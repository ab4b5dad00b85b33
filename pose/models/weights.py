"""Load torchvision's MobileNet and ResNet weights into the static networks.

Both list the same tensors in the same order under other names, so the order is the mapping, and every shape is
checked.
"""

from __future__ import annotations

from torch import Tensor, nn

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
