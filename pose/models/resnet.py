"""ResNet-10, 18, 34 and 50 without their classifiers.

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1; channels, strides and order
of weights as in torchvision, whose weights load by `pose.models.weights`. ResNet-10, which it lacks,
has one basic block a stage.
"""

from __future__ import annotations

from torch import Tensor, nn

from pose.layers.activations import STATIC, Activation
from pose.layers.conv import ConvNormAct

# blocks in the four stages; bottleneck blocks widen their output four times
DEPTHS: dict[int, tuple[tuple[int, int, int, int], int]] = {
    10: ((1, 1, 1, 1), 1),
    18: ((2, 2, 2, 2), 1),
    34: ((3, 4, 6, 3), 1),
    50: ((3, 4, 6, 3), 4),
}


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3 and 1x1 ("bottleneck"); the input is added before the last activation.

    Shapes: (N, in_channels, H, W) -> (N, channels * expansion, ceil(H / stride), ceil(W / stride)).

    Args:
        channels: of the 3x3 convolutions.
        expansion: 1 for the basic block, 4 for the bottleneck.
        stride: of the first 3x3 convolution.
        activation: the choice for "outer" (inside) and "sum" (after the addition); none on the downsampled input.
    """

    def __init__(
        self, in_channels: int, channels: int, *, expansion: int, stride: int = 1, activation: Activation
    ) -> None:
        super().__init__()
        out_channels = channels * expansion

        def conv(ins: int, outs: int, kernel: int, stride: int, act: nn.Module) -> ConvNormAct:
            return ConvNormAct(ins, outs, kernel=kernel, stride=stride, activation=act)

        def inner() -> nn.Module:
            return activation.at("outer", channels, default=STATIC["relu"])

        self.layers = nn.Sequential(
            *(
                [conv(in_channels, channels, 3, stride, inner()), conv(channels, channels, 3, 1, nn.Identity())]
                if expansion == 1
                else [
                    conv(in_channels, channels, 1, 1, inner()),
                    conv(channels, channels, 3, stride, inner()),
                    conv(channels, out_channels, 1, 1, nn.Identity()),
                ]
            )
        )
        self.downsample = (
            conv(in_channels, out_channels, 1, stride, nn.Identity())
            if stride != 1 or in_channels != out_channels
            else nn.Identity()
        )
        self.last = activation.at("sum", out_channels, default=STATIC["relu"])

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layers(x) + self.downsample(x))


class ResNet(nn.Module):
    """(N, 3, H, W) -> (N, out_channels, H / 32, W / 32), H and W multiples of 32.

    Args:
        depth: 10, 18, 34 or 50.
        activation: ReLU by default. Its `sites` are places in inverted residuals, of which there are none here.
    Raises:
        ValueError: another depth, or sites that are not there.
    """

    def __init__(self, depth: int, *, activation: Activation = Activation()) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"ResNet's depth is one of {', '.join(map(str, DEPTHS))}, got {depth}")
        if tuple(activation.sites) != Activation().sites:
            raise ValueError(
                f"activation sites {list(activation.sites)} name places in inverted residuals, and ResNet has none; "
                "leave sites out"
            )
        stages, expansion = DEPTHS[depth]
        self.stem = ConvNormAct(
            3, 64, kernel=7, stride=2, activation=activation.at("outer", 64, default=STATIC["relu"])
        )
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        blocks: list[nn.Module] = []
        channels = 64
        for stage, num_blocks in enumerate(stages):
            width = 64 * 2**stage
            for i in range(num_blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                block = ResidualBlock(channels, width, expansion=expansion, stride=stride, activation=activation)
                blocks.append(block)
                channels = width * expansion
        self.blocks = nn.Sequential(*blocks)
        self.out_channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.pool(self.stem(x)))
