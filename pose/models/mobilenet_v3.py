"""MobileNetV3 Large and Small without their classifiers.

Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 and 2; channels and order of weights as in
torchvision, whose weights load by `pose.models.weights`.
"""

from __future__ import annotations

from torch import Tensor, nn

from pose.layers.activations import STATIC, Activation
from pose.layers.conv import ConvNormAct
from pose.layers.inverted_residual import InvertedResidual, make_divisible

# kernel, hidden channels, output channels, squeeze-excite, activation, stride
LARGE = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hswish", 2),
    (3, 200, 80, False, "hswish", 1),
    (3, 184, 80, False, "hswish", 1),
    (3, 184, 80, False, "hswish", 1),
    (3, 480, 112, True, "hswish", 1),
    (3, 672, 112, True, "hswish", 1),
    (5, 672, 160, True, "hswish", 2),
    (5, 960, 160, True, "hswish", 1),
    (5, 960, 160, True, "hswish", 1),
)
SMALL = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hswish", 2),
    (5, 240, 40, True, "hswish", 1),
    (5, 240, 40, True, "hswish", 1),
    (5, 120, 48, True, "hswish", 1),
    (5, 144, 48, True, "hswish", 1),
    (5, 288, 96, True, "hswish", 2),
    (5, 576, 96, True, "hswish", 1),
    (5, 576, 96, True, "hswish", 1),
)
NORM_EPS = 1e-3  # as in torchvision; its momentum of 0.01 is left out, being too slow for short schedules


class MobileNetV3(nn.Module):
    """(N, 3, H, W) -> (N, out_channels, H / 32, W / 32), H and W multiples of 32.

    Args:
        size: "large" or "small".
        width: multiplier of all channels.
        activation: ReLU and h-swish with SE by default; a dynamic one replaces all three.
    """

    def __init__(self, size: str, *, width: float = 1.0, activation: Activation = Activation()) -> None:
        super().__init__()
        if size not in ("large", "small"):
            raise ValueError(f"MobileNetV3's size is 'large' or 'small', got {size!r}")
        if width <= 0:
            raise ValueError(f"MobileNetV3's width is a positive multiplier such as 1.0, got {width}")
        hswish = STATIC["hswish"]
        channels = make_divisible(16 * width)
        self.stem = ConvNormAct(
            3,
            channels,
            kernel=3,
            stride=2,
            activation=activation.at("outer", channels, default=hswish),
            norm_eps=NORM_EPS,
        )
        blocks: list[nn.Module] = []
        for kernel, hidden, out, squeeze_excite, own_activation, stride in LARGE if size == "large" else SMALL:
            out_channels = make_divisible(out * width)
            block = InvertedResidual(
                channels,
                make_divisible(hidden * width),
                out_channels,
                kernel=kernel,
                stride=stride,
                activation=activation,
                default=STATIC[own_activation],
                squeeze_excite=squeeze_excite,
                norm_eps=NORM_EPS,
            )
            blocks.append(block)
            channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.out_channels = 6 * channels
        self.last = ConvNormAct(
            channels,
            self.out_channels,
            kernel=1,
            activation=activation.at("outer", self.out_channels, default=hswish),
            norm_eps=NORM_EPS,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.blocks(self.stem(x)))
