"""Activations that the paper compares DY-ReLU with, where PyTorch has no layer for them.

Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018; Goodfellow et al., "Maxout Networks", ICML 2013.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose.layers.squeeze_excitation import SqueezeExcitation


class SEReLU(nn.Module):
    """relu(s(x) * x), with one factor s in (0, 1) a channel, computed from the channels' means.

    Args:
        channels: C of the input (N, C, H, W).
        reduction: the hidden layer has max(1, C // reduction) channels.
    """

    def __init__(self, channels: int, *, reduction: int) -> None:
        super().__init__()
        self.gate = SqueezeExcitation(channels, max(1, channels // reduction))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.gate(x))


class Maxout(nn.Module):
    """The largest of K convolutions, which `ConvNormAct` computes as one convolution with K times the channels.

    (N, C * K, H, W) -> (N, C, H, W). Maps c * K to c * K + K - 1 belong to channel c: the order in which a depthwise
    convolution has the outputs of a channel.
    """

    def __init__(self, num_pieces: int) -> None:
        super().__init__()
        if num_pieces < 1:
            raise ValueError(f"Maxout's num_pieces must be at least 1, got {num_pieces}")
        self.num_pieces = num_pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.num_pieces)).amax(dim=2)

    def extra_repr(self) -> str:
        return f"num_pieces={self.num_pieces}"
