"""What an image is: an array (H, W, 3) of uint8 in RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    fix = ""
    if not image.size:
        fix = "; it is empty"
    elif image.ndim == 4:
        fix = "; for several images give a list of arrays"
    elif image.ndim == 2 or (image.ndim == 3 and shape[2] == 1):
        fix = "; make a gray image one by cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)"
    elif image.ndim == 3 and shape[2] == 4:
        fix = "; leave the fourth channel out: image[..., :3]"
    elif image.ndim == 3 and shape[0] == 3 and shape[2] != 3:
        fix = "; put the channels last: image.transpose(1, 2, 0)"
    elif image.ndim == 3 and image.dtype != np.uint8:
        fix = "; make numbers from 0 to 1 such by (image * 255).round().astype(np.uint8)"
    raise DataError(f"{name} is an array {shape} of {image.dtype}; expected (H, W, 3) of uint8{fix}")
