"""Batch norms folded into the convolutions before them, for inference."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """Copy a model in evaluation mode to one that computes the same with fewer operators; see `fold_batch_norms_`."""
    return fold_batch_norms_(copy.deepcopy(model))


def fold_batch_norms_(model: nn.Module) -> nn.Module:
    """Change a model in evaluation mode to one that computes the same with fewer operators.

    In evaluation a batch norm is a fixed scale and shift of each channel, which the weights and the bias of the
    convolution before it can take over. Folded are those that follow their convolution in an `nn.Sequential`, as all
    do in this package; an `nn.Identity` takes their place. The result is not for training.

    Raises:
        ValueError: the model is in training mode, where a batch norm depends on the batch.
    """
    if model.training:
        raise ValueError("batch norms are folded in evaluation mode only; call model.eval() first")
    for sequence in model.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for i in range(len(sequence) - 1):
            conv, norm = sequence[i], sequence[i + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[i], sequence[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return model
