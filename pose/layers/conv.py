"""Convolution, batch norm, activation: the unit that all networks here are built of."""

from __future__ import annotations

from torch import nn

from pose.layers.related import Maxout


class ConvNormAct(nn.Sequential):
    """A convolution without bias and with "same" padding, a batch norm, and the given activation.

    `Maxout` as the activation takes several convolutions, here one with that many times the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int,
        activation: nn.Module,
        stride: int = 1,
        groups: int = 1,
        norm_eps: float = 1e-5,
    ) -> None:
        width = out_channels * (activation.num_pieces if isinstance(activation, Maxout) else 1)
        super().__init__(
            nn.Conv2d(in_channels, width, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(width, eps=norm_eps),
            activation,
        )
