"""Cut crops out of images."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.images.types import Image
from pose.keypoints.geometry import apply_affine, invert_affine


def warp(image: Image, affine: ArrayLike, input_size: tuple[int, int], *, average: bool = False) -> Image:
    """Cut a crop out of an image, black outside of it.

    It is sampled bilinearly, as HRNet does, from four pixels of the image however much it is made smaller: what the
    other pixels hold is lost, and noise stays as strong as it is.

    Args:
        image: (H, W, 3) uint8.
        affine: (2, 3) from image to crop pixels.
        input_size: (height, width) of the crop.
        average: where a crop pixel is as large as two image pixels or more, take means over blocks of the image
            first; nothing changes elsewhere.
    Returns:
        (height, width, 3) uint8.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    if average:
        image, matrix = _shrink(image, matrix, input_size)
    crop = cv2.warpAffine(image, matrix, (input_size[1], input_size[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(crop, dtype=np.uint8)


def _shrink(
    image: Image, affine: NDArray[np.float64], input_size: tuple[int, int]
) -> tuple[Image, NDArray[np.float64]]:
    """The part of an image that a crop shows, made smaller by a whole number, and the affine from there to the crop.

    Each new pixel is the mean of a block of so many pixels a side, so that a crop pixel is left with one to two.
    """
    block = math.floor(1e-6 + 1 / math.sqrt(max(abs(np.linalg.det(affine[:, :2])), 1e-12)))
    if block < 2:
        return image, affine
    height, width = input_size
    corners = apply_affine([[0, 0], [width, 0], [0, height], [width, height]], invert_affine(affine))
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)) - block, 0, size).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + block, 0, size).astype(int)
    block = min(block, *(high - low).tolist())  # a box of any size asks for no more memory than its image takes
    if block < 2:
        return image, affine
    high = np.minimum(low + -(-(high - low) // block) * block, size)  # whole blocks, as far as the image reaches
    part = image[low[1] : high[1], low[0] : high[0]]
    missing_x, missing_y = (-(high - low) % block).tolist()
    if missing_x or missing_y:
        part = np.asarray(cv2.copyMakeBorder(part, 0, missing_y, 0, missing_x, cv2.BORDER_CONSTANT), dtype=np.uint8)
    small = cv2.resize(part, (part.shape[1] // block, part.shape[0] // block), interpolation=cv2.INTER_AREA)
    # The center of the first block is at low + (block - 1) / 2.
    moved = np.concatenate(
        [block * affine[:, :2], affine[:, 2:] + affine[:, :2] @ (low[:, None] + (block - 1) / 2)], axis=1
    )
    return np.asarray(small, dtype=np.uint8), moved
