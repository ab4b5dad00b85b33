"""A backbone and a classifier: an image in, one number per class out.

Source: the classifiers of MobileNetV2, MobileNetV3 and ResNet, sizes and order of weights as in torchvision.
"""

from __future__ import annotations

from torch import Tensor, nn

from pose.layers.activations import STATIC


class Classifier(nn.Module):
    """(N, 3, H, W) normalized images -> (N, num_classes) logits; H and W multiples of 32.

    Args:
        backbone: -> (N, `out_channels`, H / 32, W / 32).
        hidden: width of a layer between pooling and the last one, with h-swish (MobileNetV3); None for none. It
            has no norm and is no convolution, so it keeps h-swish with any activation of the backbone.
        dropout: probability, before the last layer.
    """

    def __init__(
        self, backbone: nn.Module, num_classes: int, *, hidden: int | None = None, dropout: float = 0.2
    ) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"a classifier needs at least 2 classes, got {num_classes}")
        self.backbone = backbone
        self.pool = nn.AdaptiveAvgPool2d(1)
        channels: int = backbone.out_channels  # type: ignore[assignment]
        layers: list[nn.Module] = []
        if hidden is not None:
            layers += [nn.Linear(channels, hidden), STATIC["hswish"]()]
            channels = hidden
        self.classifier = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(channels, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.backbone(x)).flatten(1))
