"""Habits of other programs that boxes of x, y, width, height betray: corners, shares of the image, empty boxes.

Nothing is converted, since a guess may be wrong; what looks so is warned of wherever boxes are taken.
Shapes: N boxes, each with the (height, width) of its image, NaN where that is unknown.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.runtime.arrays import Array, Bools
from pose.runtime.text import plural


def looks_xyxy(boxes: Array, sizes: Array) -> Bools:
    """Say which boxes (N,) look like corners; none unless nearly all fit as corners and many do not as they are."""
    x, y, w, h = boxes.T
    height, width = sizes.T
    known = np.isfinite(boxes).all(axis=1) & np.isfinite(sizes).all(axis=1)
    corners = known & (w > x) & (h > y) & (w <= width + 1) & (h <= height + 1)
    leaves = known & leave_image(boxes, sizes)
    if known.sum() == 1:  # alone it has to reach far out
        leaves &= leave_image(boxes, 1.1 * sizes)
    enough = known.any() and corners.sum() >= 0.98 * known.sum() and leaves.sum() >= 0.2 * known.sum()
    return np.asarray(leaves & corners if enough else np.zeros(len(boxes), dtype=bool))


def are_shares(boxes: Array) -> Bools:
    """Say which boxes (N,) lie in one pixel, as those do that are written as shares of the image, 0 to 1."""
    return np.asarray((boxes > 0).any(axis=1) & (np.abs(boxes) <= 1.001).all(axis=1))


def leave_image(boxes: Array, sizes: Array) -> Bools:
    """Say which boxes (N,) reach more than a pixel over the right or lower edge."""
    x, y, w, h = boxes.T
    height, width = sizes.T
    result: Bools = (x + w > width + 1) | (y + h > height + 1)
    return result


def fit_only_turned(boxes: Array, sizes: Array) -> Bools:
    """Say which boxes (N,) reach out of the image, but would not if its height and width were exchanged."""
    return leave_image(boxes, sizes) & ~leave_image(boxes, sizes[:, ::-1])


def reach_from_corner(boxes: Array, keypoints: NDArray[Any]) -> Bools:
    """Say which boxes (N,) reach from the image's corner (0, 0) to the labeled keypoints (N, K, 3); none if few do.

    So they do where keypoints that are missing were counted as lying at (0, 0).
    """
    labeled = keypoints[..., 2] > 0
    some = labeled.any(axis=1)
    low = np.where(labeled[..., None], keypoints[..., :2], np.inf).min(axis=1)
    high = np.where(labeled[..., None], keypoints[..., :2], -np.inf).max(axis=1)
    with np.errstate(invalid="ignore"):
        at_corner = (np.abs(boxes[:, :2]) <= 1).all(axis=1)
        ends = (np.abs(boxes[:, :2] + boxes[:, 2:] - high) <= 2).all(axis=1)
        beside = (low > 2).all(axis=1) & (low > 0.25 * boxes[:, 2:]).any(axis=1)
    found = some & at_corner & ends & beside
    return np.asarray(found if found.sum() >= max(1, 0.02 * some.sum()) else np.zeros(len(boxes), dtype=bool))


def odd_boxes(boxes: Array, sizes: Array) -> str:
    """What is odd about the boxes (N, 4) of one file or call, to be said of them; "" for nothing.

    They are compared together, as a few that reach out of their images are usual.
    """
    if not len(boxes):
        return ""
    small = are_shares(boxes) & (sizes > 2).all(axis=1)
    if small.sum() > 0.5 * len(boxes):
        return (
            f"{small.sum()} of {plural(len(boxes), 'box', 'boxes')} lie in one pixel, "
            f"e.g. {boxes[small][0].tolist()}; if they are shares of the image, "
            f"multiply x and width by its width, y and height by its height"
        )
    corners = looks_xyxy(boxes, sizes)
    if corners.any():
        return (
            f"{corners.sum()} of {plural(len(boxes), 'box', 'boxes')} reach out of the image, and all would fit as "
            f"corners x1, y1, x2, y2, e.g. {boxes[corners][0].tolist()}; boxes are x, y, width, height"
        )
    return ""


def warn_of_odd_boxes(boxes: Array, sizes: Array, source: str, *, stacklevel: int = 3) -> None:
    """Warn of boxes (N, 4) with the sizes (N, 2) of their images, if most look like something else."""
    said = odd_boxes(boxes, sizes)
    if said:
        warnings.warn(f"{source}: {said}", stacklevel=stacklevel)
