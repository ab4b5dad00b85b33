"""MobileNetV2 without its classifier, at any width.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2; channels and
order of weights as in torchvision, whose weights load by `pose.models.weights`.
"""

from __future__ import annotations

from torch import Tensor, nn

from pose.layers.activations import STATIC, Activation
from pose.layers.conv import ConvNormAct
from pose.layers.inverted_residual import InvertedResidual, make_divisible

# expansion, output channels at width 1, blocks, stride of the first
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(nn.Module):
    """(N, 3, H, W) -> (N, out_channels, H / 32, W / 32), H and W multiples of 32.

    Args:
        width: multiplier of all channels; the last layer keeps 1280 where it is below 1.
        activation: ReLU6 by default.
    """

    def __init__(self, width: float = 1.0, *, activation: Activation = Activation()) -> None:
        super().__init__()
        if width <= 0:
            raise ValueError(f"MobileNetV2's width is a positive multiplier such as 0.5, got {width}")
        relu6 = STATIC["relu6"]
        channels = make_divisible(32 * width)
        self.stem = ConvNormAct(
            3, channels, kernel=3, stride=2, activation=activation.at("outer", channels, default=relu6)
        )
        blocks: list[nn.Module] = []
        for expansion, stage_channels, num_blocks, first_stride in STAGES:
            out_channels = make_divisible(stage_channels * width)
            for i in range(num_blocks):
                block = InvertedResidual(
                    channels,
                    channels * expansion,
                    out_channels,
                    kernel=3,
                    stride=first_stride if i == 0 else 1,
                    activation=activation,
                    default=relu6,
                )
                blocks.append(block)
                channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.out_channels = make_divisible(1280 * max(1.0, width))
        self.last = ConvNormAct(
            channels,
            self.out_channels,
            kernel=1,
            activation=activation.at("outer", self.out_channels, default=relu6),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.blocks(self.stem(x)))
