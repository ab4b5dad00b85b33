"""From a person's box to the network's crop and back, as one affine matrix, in pixels.

Frames: `_img` the original image, `_crop` the network's input, `_hm` its heatmaps. Points are (x, y), sizes
(height, width). Source: HRNet, `lib/utils/transforms.py`, without its unit of 200 pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BOX_PADDING = 1.25  # factor on the box of a whole person
HALF_BODY_PADDING = 1.5  # factor on the box of half a person, which reaches no further than its keypoints

Affine = NDArray[np.float64]


def clean_boxes(boxes_xywh: ArrayLike, image_sizes: ArrayLike) -> NDArray[np.float64]:
    """Clip annotated boxes to their images, and take one pixel off their widths and heights.

    Args:
        boxes_xywh: (N, 4) left, top, width, height in image pixels.
        image_sizes: (N, 2) height, width.
    Returns:
        (N, 4), the boxes between the centers of their first and their last pixels; NaN if nothing, or a single
        pixel, is left, or the size is NaN.
    Source: HRNet, `lib/dataset/coco.py`, which keeps a single pixel; it has no size to scale to the crop's.
    """
    boxes = np.asarray(boxes_xywh, dtype=np.float64)
    last = np.asarray(image_sizes, dtype=np.float64)[:, ::-1] - 1
    low = np.where(boxes[:, :2] > 0, boxes[:, :2], 0.0)
    sides = boxes[:, 2:] - 1
    high = low + np.where(sides > 0, sides, 0.0)
    high = np.where(high < last, high, last)
    result = np.concatenate([low, high - low], axis=1)
    result[~(high >= low).all(axis=1) | (high == low).all(axis=1)] = np.nan
    return result


def grow_box(
    box_xywh: ArrayLike, input_size: tuple[int, int], *, padding: float = BOX_PADDING
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grow boxes about their center to the crop's aspect ratio, then by `padding`.

    Args:
        box_xywh: (..., 4) left, top, width, height in image pixels.
        input_size: (height, width) of the crop.
    Returns:
        center_img: (..., 2) x, y.
        size_img: (..., 2) height, width of the grown box.
    """
    box = np.asarray(box_xywh, dtype=np.float64)
    center = box[..., :2] + box[..., 2:] / 2
    aspect = input_size[1] / input_size[0]
    width = np.maximum(box[..., 2], box[..., 3] * aspect) * padding
    return center, np.stack([width / aspect, width], axis=-1)


def crop_affine(
    center_img: ArrayLike,
    width_img: float,
    input_size: tuple[int, int],
    *,
    rotation: float = 0.0,
    flip: bool = False,
    unbiased: bool = False,
) -> Affine:
    """Make the affine from image to crop pixels: center to center, the grown box's width to the crop's width.

    Args:
        center_img: (2,) x, y of the grown box.
        width_img: width of the grown box; its height follows from the crop's aspect ratio.
        input_size: (height, width) of the crop; give the heatmap's size for the affine to the heatmap.
        rotation: degrees; positive turns the content counterclockwise on screen.
        flip: mirror the crop, x' -> width - x' (mirroring the image by x -> W - 1 - x, then cropping the
            mirrored box, is the same map with the rotation reversed).
        unbiased: take the crop's width and height as the steps from its first to its last pixel, one less than the
            number of pixels, as UDP does (Huang et al., CVPR 2020). The grown box's center then lies in the middle
            of the crop, and the flip, x' -> width - 1 - x', is the one that mirrors its pixels.
    Returns:
        (2, 3) float64 matrix.
    """
    cx, cy = np.asarray(center_img, dtype=np.float64)
    height, width = (length - unbiased for length in input_size)
    scale = width / width_img
    cos, sin = scale * math.cos(math.radians(rotation)), scale * math.sin(math.radians(rotation))
    m = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    m[0, 2] = width / 2 - m[0, 0] * cx - m[0, 1] * cy
    m[1, 2] = height / 2 - m[1, 0] * cx - m[1, 1] * cy
    if flip:
        m[0] = -m[0]
        m[0, 2] += width
    return m


def invert_affine(matrix: ArrayLike) -> Affine:
    """Invert affine matrices (..., 2, 3)."""
    m = np.asarray(matrix, dtype=np.float64)
    linear = np.linalg.inv(m[..., :2])
    return np.concatenate([linear, -linear @ m[..., 2:]], axis=-1)


def apply_affine(points: ArrayLike, matrix: ArrayLike) -> NDArray[np.float64]:
    """Map points (..., N, 2) by affine matrices (..., 2, 3)."""
    m = np.asarray(matrix, dtype=np.float64)
    return np.asarray(points, dtype=np.float64) @ np.swapaxes(m[..., :2], -1, -2) + m[..., None, :, 2]


def iou(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Compute the intersection over union of boxes (N, 4) and (M, 4), each x, y, width, height: (N, M)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    total = a[:, 2:].prod(axis=-1)[:, None] + b[:, 2:].prod(axis=-1)[None] - shared
    result: NDArray[np.float64] = shared / np.maximum(total, np.spacing(1))
    return result
