"""What an image is: an array (H, W, 3) of uint8 in RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.images.depth import advice, few_bits
from pose.runtime.errors import DataError

Image = NDArray[np.uint8]


def check_image(image: NDArray[Any], name: str = "the image") -> Image:
    """The same image.

    Args:
        name: of the image in errors.
    Raises:
        DataError: it is no array (H, W, 3) of uint8, or empty; with what to do about it.
    """
    if not isinstance(image, np.ndarray):
        raise DataError(
            f"{name} is of type {type(image).__name__}; expected an array (H, W, 3) of uint8 in RGB, such as "
            f"`read_image` gives"
        )
    shape = image.shape
    if image.ndim == 3 and shape[2] == 3 and image.dtype == np.uint8 and image.size:
        return image
    fixes = []
    if not image.size:
        fixes = ["it is empty"]
    elif image.ndim == 4:
        fixes = ["for several images give a list of arrays"]
    elif image.ndim in (2, 3):
        if image.ndim == 2 or shape[2] == 1:
            fixes = ["make a gray image one by cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)"]
        elif shape[2] == 4:
            fixes = ["leave the fourth channel out: image[..., :3]"]
        elif shape[0] == 3 and shape[2] != 3:
            fixes = ["put the channels last: image.transpose(1, 2, 0)"]
        if image.dtype.kind in "buif" and image.dtype != np.uint8:
            fixes.insert(0, f"make its numbers{few_bits(image)} 0 to 255 by {advice(image)}")
    fix = "".join(f"; {each}" for each in fixes)
    raise DataError(f"{name} is an array {shape} of {image.dtype}; expected (H, W, 3) of uint8{fix}")
