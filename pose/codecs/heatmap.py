"""From keypoints to heatmaps and back: training targets, peaks, and the average with a mirrored crop's heatmaps.

Shapes: B batch, K keypoints, H x W heatmap. Points are (x, y) in heatmap pixels, integers are pixel centers.
Source: HRNet / SimpleBaselines (`lib/dataset/JointsDataset.py`, `lib/core/inference.py`,
`lib/utils/transforms.py`); their loops over keypoints are batched here, with equal values.

On a CPU without gradients the compiled `pose.codecs.heatmap_cpu` does the work where there is one, else PyTorch's
operators do.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pose.codecs import heatmap_cpu as codec_cpu


def encode(
    keypoints_hm: Tensor, weights: Tensor, *, heatmap_size: tuple[int, int], sigma: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Draw a Gaussian of peak 1 at each keypoint, rounded to a pixel.

    Args:
        keypoints_hm: (B, K, 2) heatmap pixels before rounding, i.e. crop pixels / 4.
        weights: (B, K) 1 for a labeled keypoint, 0 for one without a label.
        heatmap_size: (height, width).
        sigma: heatmap pixels; the Gaussian is cut off outside a window of 2 * int(3 * sigma) + 1 pixels.
    Returns:
        heatmaps: (B, K, H, W) float32; zero where the weight given is 0.
        weights: (B, K) float32, set to 0 where the whole window lies outside the map. One pixel further in
            than that (mu + 3 sigma = -1) the weight stays 1 over an empty map, as in HRNet.
    Raises:
        ValueError: shapes do not fit, or sigma is not positive.
    Source: HRNet, JointsDataset.generate_target.
    """
    radius = int(3 * sigma)
    mu, weights = round_points(keypoints_hm, weights, heatmap_size=heatmap_size, sigma=sigma)

    def bell(offset: Tensor) -> Tensor:
        gauss = torch.exp(-(offset.float() ** 2) / (2 * sigma**2))
        return torch.where(offset.abs() <= radius, gauss, 0.0)

    if codec_cpu.is_supported(mu.float(), weights):
        whole = bell(torch.arange(-radius, radius + 1, device=mu.device))
        return codec_cpu.encode(mu.float(), weights, bell=whole, heatmap_size=heatmap_size), weights

    def along(center: Tensor, length: int) -> Tensor:
        return bell(torch.arange(length, device=center.device) - center[..., None])

    along_x, along_y = along(mu[..., 0], heatmap_size[1]), along(mu[..., 1], heatmap_size[0])
    along_y = torch.where(weights[..., None] > 0, along_y, 0.0)
    return along_y[..., :, None] * along_x[..., None, :], weights


def round_points(
    keypoints_hm: Tensor, weights: Tensor, *, heatmap_size: tuple[int, int], sigma: float
) -> tuple[Tensor, Tensor]:
    """Round keypoints to pixels, and set the weight of those to 0 whose Gaussian lies outside of the map.

    The arguments are those of `encode`.

    Returns:
        mu: (B, K, 2) whole numbers.
        weights: (B, K) float32.
    Raises:
        ValueError: shapes do not fit, or sigma is not positive.
    """
    if keypoints_hm.ndim != 3 or keypoints_hm.shape[-1] != 2 or weights.shape != keypoints_hm.shape[:2]:
        raise ValueError(
            f"encode needs keypoints (B, K, 2) and weights (B, K), "
            f"got {tuple(keypoints_hm.shape)} and {tuple(weights.shape)}"
        )
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    radius = int(3 * sigma)
    size = keypoints_hm.new_tensor([heatmap_size[1], heatmap_size[0]])  # (width, height), as the points
    mu = torch.trunc(keypoints_hm + 0.5)  # towards zero, as C's and Python's int()
    inside = ((mu - radius < size) & (mu + radius + 1 >= 0)).all(-1)
    return mu, weights.float() * inside


def decode(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Locate each heatmap's peak, moved 1/4 px towards its higher neighbor.

    Shapes: B batch, K keypoints, H x W heatmap.

    Args:
        heatmaps: (B, K, H, W), un-normalized, any float dtype.
    Returns:
        xy: (B, K, 2) float32 heatmap pixels; integers are pixel centers. Peaks within 1 px of the border are
            not moved.
        scores: (B, K) float32 peak value; at <= 0 there is no peak and xy is 0.
    Raises:
        ValueError: heatmaps do not have four dimensions.
    Source: SimpleBaselines (Xiao et al., ECCV 2018), get_final_preds.
    """
    if heatmaps.ndim != 4:
        raise ValueError(f"decode needs heatmaps (B, K, H, W), got {tuple(heatmaps.shape)}")
    heatmaps = heatmaps.float()
    if codec_cpu.is_supported(heatmaps):
        return codec_cpu.decode(heatmaps)
    height, width = heatmaps.shape[-2:]
    flat = heatmaps.flatten(2)
    scores, index = flat.max(-1)
    x, y = index % width, index // width
    inner = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)

    def slope(step: int) -> Tensor:
        # Clamped only so that the gather stays in range; such peaks are not `inner`.
        ahead = flat.gather(-1, (index + step).clamp(max=flat.shape[-1] - 1)[..., None])
        behind = flat.gather(-1, (index - step).clamp(min=0)[..., None])
        return torch.sign(ahead - behind)[..., 0]

    quarter = 0.25 * inner[..., None] * torch.stack([slope(1), slope(width)], -1)
    xy = torch.stack([x, y], -1) + quarter
    return torch.where(scores[..., None] > 0, xy, 0.0), scores


def merge_flip(
    heatmaps: Tensor, flipped: Tensor, flip_indices: Tensor | NDArray[np.int64], *, shift: bool = True
) -> Tensor:
    """Average heatmaps with those of the mirrored crop.

    The crop is mirrored by pixels, x' -> W - 1 - x', which is no mirror image of the stride-4 heatmap's grid:
    hence the shift by one pixel to the right. Column 0 is not shifted.

    Args:
        heatmaps: (B, K, H, W) of the crop.
        flipped: (B, K, H, W) of the mirrored crop, as the network gave them.
        flip_indices: (K,) permutation that swaps left and right (`Skeleton.flip_indices`).
        shift: False where heatmap and crop have the same middle, as with UDP; then there is nothing to make up for.
    Returns:
        (B, K, H, W) in the frame of the crop.
    Raises:
        ValueError: shapes differ.
    Source: HRNet, `lib/core/function.py` with TEST.SHIFT_HEATMAP.
    """
    if heatmaps.shape != flipped.shape or len(flip_indices) != heatmaps.shape[1]:
        raise ValueError(
            f"merge_flip needs two equal shapes (B, K, H, W) and K flip indices, got "
            f"{tuple(heatmaps.shape)}, {tuple(flipped.shape)} and {len(flip_indices)} indices"
        )
    order = torch.as_tensor(flip_indices, device=flipped.device)
    if codec_cpu.is_supported(heatmaps, flipped):
        return codec_cpu.merge_flip(heatmaps, flipped, order.long(), shift=shift)
    back = flipped[:, order].flip(-1)
    if shift:
        back = torch.cat([back[..., :1], back[..., :-1]], -1)
    return (heatmaps + back) * 0.5
