"""Convolution, batch norm, activation: the unit that all networks here are built of."""

from __future__ import annotations

from torch import nn


class ConvNormAct(nn.Sequential):
    """A convolution without bias and with "same" padding, a batch norm, and the given activation."""

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
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out_channels, eps=norm_eps),
            activation,
        )
