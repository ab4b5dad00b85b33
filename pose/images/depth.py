"""Pixels of more than 8 bits made into 8, by one rule for files and PIL images; the advice for arrays says the same.

Full-range 16 bits are divided by 257, so that 65535 becomes 255. What uses less of the range stays as dark as it
is, since stretching each image by its own maximum would change its light at random; but it is told.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.runtime.errors import DataError

DARK = 2**14  # 16-bit images without any value so large come from cameras of 10, 12 or 14 bits


def to_8_bits(pixels: NDArray[Any], name: str) -> tuple[NDArray[np.uint8], str]:
    """Scale pixels to 0 to 255.

    Args:
        pixels: of any shape: uint8 as they are, truth values, whole numbers up to 65535, or numbers from 0 to 1.
        name: of the image, for messages.
    Returns:
        The pixels, and what to warn of; "" for nothing.
    Raises:
        DataError: other numbers.
    """
    if pixels.dtype == np.uint8:
        return pixels, ""
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255), ""
    low, high = pixels.min(), pixels.max()
    if pixels.dtype.kind in "ui" and low >= 0 and high < 2**16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8), dark_note(int(high), name)  # rounded
    if pixels.dtype.kind == "f" and low >= 0 and high <= 1:
        return np.round(pixels * 255).astype(np.uint8), ""
    raise DataError(
        f"{name} holds {pixels.dtype} from {low:g} to {high:g}; expected 8 bits, 16 bits, or numbers from 0 to 1; "
        f"convert it to 8 bits"
    )


def dark_note(high: int, name: str) -> str:
    """What to warn of in an image of 16 bits whose largest value is `high`; "" for nothing."""
    if not 0 < high < DARK:
        return ""
    bits = high.bit_length()
    return (
        f"{name} uses {bits} of its 16 bits (values up to {high}), so it is taken as nearly black; store it "
        f"multiplied by {2 ** (16 - bits)}"
    )


def few_bits(image: NDArray[Any]) -> str:
    """ " of 12 bits" for whole numbers from 9 to 14 bits, as cameras give them; "" for others."""
    high = image.max()
    return f" of {int(high).bit_length()} bits" if image.dtype.kind in "ui" and 255 < high < DARK else ""


def advice(image: NDArray[Any]) -> str:
    """How to make an array of another type uint8, e.g. "(image / 257).round().astype(np.uint8)"."""
    if image.dtype == np.bool_:
        return "image.astype(np.uint8) * 255"
    low, high = image.min(), image.max()
    if image.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
        return "np.nan_to_num and then scaling them"
    if high <= 255 and low >= 0 and image.dtype.kind in "ui":
        return "image.astype(np.uint8)"
    if low >= 0 and high > 256:  # of cameras of 10 to 16 bits
        full = 2 ** int(high).bit_length() - 1 if high < DARK else 65535
        return f"(image / {full / 255:g}).round().astype(np.uint8)"
    if -1 <= low < 0 and high <= 1:
        return "((image + 1) * 127.5).round().astype(np.uint8)"
    return "(image * 255).round().astype(np.uint8)" if high <= 1 else "image.round().clip(0, 255).astype(np.uint8)"
