"""What an image is: an array (H, W, 3) of uint8 in RGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def check_image(image: Image) -> Image:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"an image is an array (H, W, 3) of uint8 in RGB, got {got}; `read_image` gives one")
    if not image.size:
        raise ValueError(f"the image is empty: {image.shape}")
    return image
