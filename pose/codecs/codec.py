"""What stands between keypoints in a crop and the heatmaps of a network, as one value: the codecs by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pose.codecs import dark, heatmap


@dataclass(frozen=True)
class Codec:
    """How keypoints become heatmaps and heatmaps keypoints, and how a crop's pixels are counted.

    Two networks whose codecs differ in `unbiased` see different crops; those that differ in `dark` alone see the
    same, so that either may decode the other's heatmaps.

    Attributes:
        dark: Gaussians between pixels, and peaks between pixels (`pose.codecs.dark`), instead of rounded ones and a
            quarter offset (`pose.codecs.heatmap`).
        unbiased: lengths of crops and heatmaps are the steps from the first pixel to the last, one less than the
            number of pixels (UDP, Huang et al., CVPR 2020): then the mirrored crop's heatmaps are mirror images,
            and no shift is needed where they are merged.
        sigma: of the Gaussians, in heatmap pixels.
    """

    dark: bool = False
    unbiased: bool = False
    sigma: float = 2.0

    def encode(
        self, keypoints_crop: Tensor, weights: Tensor, *, input_size: tuple[int, int], heatmap_size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Draw the heatmaps that a network is to learn.

        Args:
            keypoints_crop: (B, K, 2) crop pixels.
            weights: (B, K) 1 for a labeled keypoint, 0 for one without a label.
            input_size: (height, width) of the crop.
            heatmap_size: (height, width).
        Returns:
            heatmaps: (B, K, H, W) float32.
            weights: (B, K) float32, 0 also where the Gaussian lies outside of the map.
        """
        step_x, step_y = self.steps(input_size, heatmap_size)
        points = torch.stack([keypoints_crop[..., 0] / step_x, keypoints_crop[..., 1] / step_y], -1)
        draw = dark.encode if self.dark else heatmap.encode
        return draw(points, weights, heatmap_size=heatmap_size, sigma=self.sigma)

    def decode(self, heatmaps: Tensor, *, input_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Find the keypoints in heatmaps.

        Args:
            heatmaps: (B, K, H, W).
            input_size: (height, width) of the crop.
        Returns:
            xy: (B, K, 2) float32 crop pixels.
            scores: (B, K) float32 peak value; at <= 0 there is no peak and xy is 0.
        """
        xy, scores = dark.decode(heatmaps, sigma=self.sigma) if self.dark else heatmap.decode(heatmaps)
        step_x, step_y = self.steps(input_size, (heatmaps.shape[-2], heatmaps.shape[-1]))
        return torch.stack([xy[..., 0] * step_x, xy[..., 1] * step_y], -1), scores

    def merge_flip(self, heatmaps: Tensor, flipped: Tensor, flip_indices: Tensor | NDArray[np.int64]) -> Tensor:
        """Average heatmaps with those of the mirrored crop; see `pose.codecs.heatmap.merge_flip`."""
        return heatmap.merge_flip(heatmaps, flipped, flip_indices, shift=not self.unbiased)

    def steps(self, input_size: tuple[int, int], heatmap_size: tuple[int, int]) -> tuple[float, float]:
        """Crop pixels from one heatmap pixel to the next, along x and y."""
        along_y, along_x = (
            (length - self.unbiased) / (cells - self.unbiased)
            for length, cells in zip(input_size, heatmap_size, strict=True)
        )
        return along_x, along_y


QUARTER = Codec()
CODECS = {
    "quarter": QUARTER,
    "dark": Codec(dark=True),
    "udp": Codec(unbiased=True),
    "udp_dark": Codec(dark=True, unbiased=True),
}
