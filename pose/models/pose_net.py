"""A backbone and a head: an image of one person in, one heatmap per keypoint out."""

from __future__ import annotations

from torch import Tensor, nn

from pose.models.head import PoseHead

STRIDE = 4  # input pixels a heatmap pixel
INPUT_MULTIPLE = 32  # the backbones halve their input five times


class PoseNet(nn.Module):
    """(N, 3, H, W) normalized crops -> heatmaps (N, K, H / 4, W / 4); H and W multiples of 32."""

    def __init__(self, backbone: nn.Module, head: PoseHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))
