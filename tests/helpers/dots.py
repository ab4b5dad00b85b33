"""A stub network that finds dots, and images with dots in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pose.data.transforms import IMAGE_MEAN, IMAGE_STD
from pose.inference.torch_predictor import Predictor
from pose.keypoints.skeletons import Skeleton

INPUT = (256, 192)


THREE = Skeleton.from_names(
    "three", keypoint_names=["l", "r", "m"], flip_pairs=[("l", "r")], edges=[("l", "m"), ("r", "m")]
)


class DotFinder(nn.Module):
    """Heatmaps from dots: red is `l` in the right half of the crop and `r` in the left half, blue is `m`.

    So it sees a mirrored crop as a network does: its left and right change places.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.batches: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        mean, std = torch.tensor(IMAGE_MEAN)[:, None, None], torch.tensor(IMAGE_STD)[:, None, None]
        colors = (x * std + mean)[..., ::4, ::4]  # heatmap pixel i looks at crop pixel 4 i
        red, blue = colors[:, 0], colors[:, 2]
        right_half = torch.arange(red.shape[-1]) >= red.shape[-1] // 2
        return torch.stack([red * right_half, red * ~right_half, blue], dim=1)


def dots(size: tuple[int, int], points: NDArray[Any], sigma: float) -> NDArray[np.uint8]:
    """An image with a soft dot at each of the points l, r (red) and m (blue)."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    image = np.zeros((*size, 3), dtype=np.float32)
    for (px, py), channel in zip(points, (0, 0, 2), strict=True):
        image[..., channel] += np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2))
    return np.rint(image.clip(0, 1) * 255).astype(np.uint8)


def in_box(box: tuple[float, ...], shares: Any) -> NDArray[np.float64]:
    return np.array(box[:2]) + np.array(shares) * np.array(box[2:])


def predictor(**changes: Any) -> Predictor:
    return Predictor(DotFinder(), skeleton=THREE, input_size=INPUT, **changes)


SHARES = [(0.83, 0.31), (0.21, 0.37), (0.46, 0.82)]


BOX = (100.0, 50.0, 150.0, 200.0)


TRUTH = in_box(BOX, SHARES)


def example_image() -> NDArray[np.uint8]:
    return dots((300, 400), TRUTH, 6.0)
