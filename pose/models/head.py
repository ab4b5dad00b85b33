"""The pose head: bilinear upsampling and inverted residual blocks, then one heatmap per keypoint.

Source: section 5.3 of the Dynamic ReLU paper names it (from Dynamic Convolution, CVPR 2020) without its sizes;
the defaults here reproduce the multiply-adds of Table 10 within 0.6 %.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pose.layers.activations import STATIC, Activation
from pose.layers.inverted_residual import InvertedResidual

UPSAMPLE_BEFORE_BLOCK = (True, False, True, True)
LAST_CONV_STD = 0.001  # SimpleBaselines and HRNet: the first heatmaps are near zero, where most of the target is


class PoseHead(nn.Module):
    """(N, in_channels, H, W) -> heatmaps (N, num_keypoints, 8 H, 8 W).

    Args:
        channels: output channels of the four blocks.
        hidden: their expanded channels.
        kernel: of their depthwise convolutions; odd.
        activation: ReLU6 by default.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        *,
        channels: Sequence[int] = (256, 256, 128, 128),
        hidden: Sequence[int] = (256, 768, 768, 384),
        kernel: int = 3,
        activation: Activation = Activation(),
    ) -> None:
        super().__init__()
        for name, values in (("channels", channels), ("hidden", hidden)):
            if len(values) != len(UPSAMPLE_BEFORE_BLOCK) or min(values) < 1:
                raise ValueError(f"the head's {name} are four positive numbers, one a block, got {list(values)}")
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"the head's kernel must be odd, got {kernel}")
        layers: list[nn.Module] = []
        for upsample, hidden_channels, out_channels in zip(UPSAMPLE_BEFORE_BLOCK, hidden, channels, strict=True):
            if upsample:
                layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
            block = InvertedResidual(
                in_channels,
                hidden_channels,
                out_channels,
                kernel=kernel,
                activation=activation,
                default=STATIC["relu6"],
            )
            layers.append(block)
            in_channels = out_channels
        self.blocks = nn.Sequential(*layers)
        self.heatmaps = nn.Conv2d(in_channels, num_keypoints, kernel_size=1)
        nn.init.normal_(self.heatmaps.weight, std=LAST_CONV_STD)
        assert self.heatmaps.bias is not None
        nn.init.zeros_(self.heatmaps.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.heatmaps(self.blocks(x))
