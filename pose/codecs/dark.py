"""Heatmaps that keep what rounding to pixels loses: DARK's targets and decoding.

Shapes: B batch, K keypoints, H x W heatmap. Points are (x, y) in heatmap pixels, integers are pixel centers.
Source: Distribution-Aware Coordinate Representation (Zhang et al., CVPR 2020), section 3; borders and the size of the
kernel as the authors' code has them. Deviations are named where they are.

On a CPU without gradients the compiled `pose.codecs.heatmap_cpu` decodes where there is one, else PyTorch's operators
do.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from pose.codecs import heatmap_cpu
from pose.codecs.heatmap import round_points

REACH = 2  # pixels: how far the derivatives look, and how far a peak may move


def encode(
    keypoints_hm: Tensor, weights: Tensor, *, heatmap_size: tuple[int, int], sigma: float
) -> tuple[Tensor, Tensor]:
    """Draw a Gaussian of peak 1 at each keypoint, which may lie between pixels, over the whole map.

    Args:
        keypoints_hm: (B, K, 2) heatmap pixels.
        weights: (B, K) 1 for a labeled keypoint, 0 for one without a label.
        heatmap_size: (height, width).
        sigma: heatmap pixels.
    Returns:
        heatmaps: (B, K, H, W) float32; zero where the weight given is 0.
        weights: (B, K) float32, set to 0 for the same keypoints as by `pose.codecs.heatmap.encode`.
    Raises:
        ValueError: shapes do not fit, or sigma is not positive.
    Source: DARK, section 3.3.
    """
    _, weights = round_points(keypoints_hm, weights, heatmap_size=heatmap_size, sigma=sigma)

    def along(center: Tensor, length: int) -> Tensor:
        offset = torch.arange(length, device=center.device) - center[..., None]
        return torch.exp(-(offset.float() ** 2) / (2 * sigma**2))

    along_x, along_y = along(keypoints_hm[..., 0], heatmap_size[1]), along(keypoints_hm[..., 1], heatmap_size[0])
    there = weights[..., None] > 0
    along_x, along_y = torch.where(there, along_x, 0.0), torch.where(there, along_y, 0.0)
    return along_y[..., :, None] * along_x[..., None, :], weights


def decode(heatmaps: Tensor, *, sigma: float) -> tuple[Tensor, Tensor]:
    """Locate each heatmap's peak between pixels, by a Taylor expansion of the blurred map's logarithm.

    The logarithm of a Gaussian is a parabola, so that a step by Newton's method from the highest pixel ends at its
    center. The map is blurred first by a Gaussian of the width that the targets have, with zeros around it. The
    paper's scaling of the blurred map to its old maximum changes no derivative of its logarithm.

    Args:
        heatmaps: (B, K, H, W), un-normalized, any float dtype.
        sigma: of the targets, heatmap pixels.
    Returns:
        xy: (B, K, 2) float32 heatmap pixels; integers are pixel centers. A peak is not moved in the outer two rows
            and columns, as in the authors' code, and (unlike there, where it may land anywhere) where the blurred
            map is not positive around it, has no maximum, or has it over 2 px away.
        scores: (B, K) float32 peak value; at <= 0 there is no peak and xy is 0.
    Raises:
        ValueError: heatmaps do not have four dimensions, or sigma is not positive.
    Source: DARK, section 3.2: equations 3 to 10.
    """
    if heatmaps.ndim != 4:
        raise ValueError(f"decode needs heatmaps (B, K, H, W), got {tuple(heatmaps.shape)}")
    heatmaps = heatmaps.float()
    height, width = heatmaps.shape[-2:]
    longest = max(height, width)
    if heatmap_cpu.is_supported(heatmaps):
        return heatmap_cpu.decode(heatmaps, taps=_taps(sigma, longest))
    bell = blur_kernel(sigma, longest=longest)
    scores, index = heatmaps.flatten(2).max(-1)
    x, y = index % width, index // width
    xy = torch.stack([x, y], -1).to(heatmaps.dtype)
    step, good = _taylor_step(_blurred_around(heatmaps, x, y, bell))
    good &= (x > 1) & (x < width - REACH) & (y > 1) & (y < height - REACH)
    xy = torch.where(good[..., None], (xy + step).float(), xy)
    return torch.where(scores[..., None] > 0, xy, 0.0), scores


def blur_kernel(sigma: float, *, longest: int) -> Tensor:
    """Make the Gaussian along an axis that maps are blurred by: (2 * radius + 1,) float64.

    The radius is 2.5 sigma: 5 for 2 and 8 for 3, as the authors' kernels of 11 and 17 pixels.

    Args:
        longest: side of the maps, which a kernel need not reach beyond.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    radius = min(max(int(2.5 * sigma + 0.5), 1), longest)
    return torch.exp(-(torch.arange(-radius, radius + 1, dtype=torch.float64) ** 2) / (2 * sigma**2))


@cache
def _taps(sigma: float, longest: int) -> tuple[float, ...]:
    """`blur_kernel` as numbers, which takes longer to make than a batch of one to decode."""
    return tuple(blur_kernel(sigma, longest=longest).tolist())


def _blurred_around(heatmaps: Tensor, x: Tensor, y: Tensor, bell: Tensor) -> Tensor:
    """Blur maps (B, K, H, W) at the 5 x 5 pixels about x, y (B, K), with zeros outside: (B, K, 5, 5)."""
    reach = len(bell) // 2 + REACH
    side = 2 * reach + 1
    padded = pad(heatmaps, (reach, reach, reach, reach))
    offset = torch.arange(side, device=x.device)
    rows = (y[..., None] + offset) * padded.shape[-1]
    places = rows[..., :, None] + (x[..., None] + offset)[..., None, :]
    window = padded.flatten(2).gather(-1, places.flatten(2)).unflatten(-1, (side, side))
    if heatmaps.device.type != "mps":  # which knows no float64
        window = window.double()
    taps = bell.tolist()
    rows = sum(tap * window[..., i : i + 2 * REACH + 1, :] for i, tap in enumerate(taps))
    return sum(tap * rows[..., i : i + 2 * REACH + 1] for i, tap in enumerate(taps))


def _taylor_step(near: Tensor) -> tuple[Tensor, Tensor]:
    """Solve for the step from the middle of maps (B, K, 5, 5) to the maximum of their logarithm's parabola.

    Returns:
        step: (B, K, 2) x, y.
        good: (B, K) whether there is a maximum, at most `REACH` away.
    """

    def at(dx: int, dy: int) -> Tensor:
        return near[..., REACH + dy, REACH + dx]

    center = at(0, 0)
    dx = 0.5 * torch.log(at(1, 0) / at(-1, 0))
    dy = 0.5 * torch.log(at(0, 1) / at(0, -1))
    dxx = 0.25 * torch.log(at(2, 0) * at(-2, 0) / (center * center))
    dyy = 0.25 * torch.log(at(0, 2) * at(0, -2) / (center * center))
    dxy = 0.25 * torch.log(at(1, 1) * at(-1, -1) / (at(-1, 1) * at(1, -1)))
    determinant = dxx * dyy - dxy * dxy
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], -1) / determinant[..., None]
    offsets = range(-REACH, REACH + 1)
    used = [at(i, j) for i in offsets for j in offsets if abs(i) + abs(j) <= REACH]
    positive = torch.stack(used).amin(0) > 0
    return step, positive & (dxx < 0) & (determinant > 0) & (step.abs() <= REACH).all(-1)
