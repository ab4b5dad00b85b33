"""Load torchvision's MobileNet weights into the static backbones.

Both list the same tensors in the same order under other names, so the order is the mapping, and every shape is
checked.
"""

from __future__ import annotations

from torch import Tensor, nn


def convert_torchvision(weights: dict[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    """Rename a torchvision MobileNet state dict for `backbone`.

    Args:
        weights: of `torchvision.models.mobilenet_v2` or `mobilenet_v3_*`; the classifier's are ignored.
        backbone: `MobileNetV2` or `MobileNetV3` of the same size, with its own (static) activations.
    Returns:
        A state dict for `backbone.load_state_dict`.
    Raises:
        ValueError: another number of tensors, or a tensor of another shape.
    """
    theirs = [(key, value) for key, value in weights.items() if key.startswith("features.")]
    ours = list(backbone.state_dict().items())
    if len(theirs) != len(ours):
        raise ValueError(
            f"the torchvision weights hold {len(theirs)} tensors under features., this backbone has {len(ours)}; "
            "they fit a MobileNet of the same kind and width with its default activation"
        )
    for (their_key, theirs_value), (our_key, our_value) in zip(theirs, ours, strict=True):
        if theirs_value.shape != our_value.shape:
            raise ValueError(
                f"torchvision's {their_key} is {tuple(theirs_value.shape)}, but {our_key} is "
                f"{tuple(our_value.shape)}; is it the same network and width?"
            )
    return {our_key: value for (our_key, _), (_, value) in zip(ours, theirs, strict=True)}
