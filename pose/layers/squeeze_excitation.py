"""Squeeze-and-excitation: channels are weighted by a function of their means.

Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, section 3. The gate's kind is an argument, since
MobileNetV3 (Howard et al., ICCV 2019, section 5.3) has a hard sigmoid. Names of weights are torchvision's, whose
weights load; its own class would import all of torchvision and PyTorch's compiler, three times as slow as PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """x * gate(fc2(relu(fc1(mean of x over positions)))).

    Args:
        channels: of x.
        squeezed: width of the hidden layer.
        gate: makes the function into (0, 1).
    """

    def __init__(self, channels: int, squeezed: int, *, gate: Callable[[], nn.Module] = nn.Sigmoid) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = gate()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return x * self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x)))))
