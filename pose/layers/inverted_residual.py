"""The inverted residual block of MobileNetV2 and V3, which is also the pose head's block.

Source: Sandler et al., "MobileNetV2", CVPR 2018; Howard et al., "Searching for MobileNetV3", ICCV 2019.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from pose.layers.activations import Activation
from pose.layers.conv import ConvNormAct
from pose.layers.squeeze_excitation import SqueezeExcitation


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a channel count to a multiple of `divisor`, but never down by more than 10 % (MobileNetV2's code)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class InvertedResidual(nn.Module):
    """1x1 expansion (a1), depthwise convolution (a2), 1x1 projection (a3), and the input added where shapes allow.

    Shapes: (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        hidden_channels: width of the depthwise convolution; equal to in_channels, there is no expansion.
        kernel: of the depthwise convolution; odd.
        activation: the choice for a1, a2, a3.
        default: the block's own activation at a1 and a2; a3's own is none ("linear bottleneck").
        squeeze_excite: MobileNetV3's SE after a2; left out where the activation is dynamic (section 5.1), or SE.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        kernel: int,
        stride: int = 1,
        activation: Activation,
        default: Callable[[], nn.Module],
        squeeze_excite: bool = False,
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == out_channels
        layers: list[nn.Module] = []
        if hidden_channels != in_channels:
            a1 = activation.at("a1", hidden_channels, default=default)
            layers.append(ConvNormAct(in_channels, hidden_channels, kernel=1, activation=a1, norm_eps=norm_eps))
        a2 = activation.at("a2", hidden_channels, default=default)
        layers.append(
            ConvNormAct(
                hidden_channels,
                hidden_channels,
                kernel=kernel,
                stride=stride,
                groups=hidden_channels,
                activation=a2,
                norm_eps=norm_eps,
            )
        )
        if squeeze_excite and not activation.is_dynamic and activation.name != "se_relu":
            squeezed = make_divisible(hidden_channels // 4)
            layers.append(SqueezeExcitation(hidden_channels, squeezed, gate=nn.Hardsigmoid))
        a3 = activation.at("a3", out_channels, default=nn.Identity)
        layers.append(ConvNormAct(hidden_channels, out_channels, kernel=1, activation=a3, norm_eps=norm_eps))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.residual else y
