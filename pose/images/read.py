"""Reading image files, and cutting crops out of them."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

# OpenCV from 4.11 decodes to RGB itself, which saves a pass over the image.
_RGB = getattr(cv2, "IMREAD_COLOR_RGB", None)
MAX_IMAGE_SIDE = 32_766  # cv2.warpAffine holds coordinates in 16 bits
MAX_IMAGE_PIXELS = int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"])  # `pose` sets it before OpenCV is imported


class UnreadableImage(ValueError):
    """An image file that is there but cannot be used."""


def read_image(path: Path | str) -> NDArray[np.uint8]:
    """Read an image as (height, width, 3) uint8 RGB, its EXIF orientation ignored as COCO's annotations do.

    Raises:
        FileNotFoundError: no such file.
        UnreadableImage: the file is broken, no image, or too large to crop from.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no image {path}; check the path")
    try:
        color = cv2.IMREAD_COLOR if _RGB is None else _RGB
        image = cv2.imread(str(path), color | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        if "PIXELS" in str(error):
            raise UnreadableImage(
                f"{path} has or claims more than {MAX_IMAGE_PIXELS / 1e6:.0f} million pixels; shrink it, or if it "
                f"is right set OPENCV_IO_MAX_IMAGE_PIXELS to as many"
            ) from None
        raise UnreadableImage(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if image is None:
        raise UnreadableImage(f"cannot read {path}: broken, or not an image; replace the file")
    if max(image.shape[:2]) > MAX_IMAGE_SIDE:
        raise UnreadableImage(
            f"{path} is {image.shape[1]} x {image.shape[0]}; sides go up to {MAX_IMAGE_SIDE} pixels"
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if _RGB is None else image, dtype=np.uint8)


def read_upright(path: Path | str) -> NDArray[np.uint8]:
    """Like `read_image`, but turned by its EXIF orientation, as viewers show it."""
    image = None
    if Path(path).is_file():
        with contextlib.suppress(cv2.error):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    # `read_image` says what is wrong.
    return read_image(path) if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def is_turned(path: Path | str) -> bool:
    """Whether the EXIF orientation tells viewers to turn or mirror an image; False for what is none."""
    from PIL import ExifTags
    from PIL import Image as Pillow

    with contextlib.suppress(OSError, ValueError, SyntaxError), Pillow.open(path) as image:
        return image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    return False


def warn_if_cut_off(path: Path | str) -> None:
    """Warn of a JPEG that ends before its end: decoders fill the rest with grey, and tell only the terminal."""
    if _is_cut_off(Path(path).read_bytes()):
        warnings.warn(f"{path} is cut off; what is missing of the picture is grey", stacklevel=3)


def _is_cut_off(data: bytes) -> bool:
    """Whether no end marker follows a JPEG's first scan. Thumbnails in the headers before it have their own."""
    at = 2
    while data[:2] == b"\xff\xd8" and data[at : at + 1] == b"\xff":
        if data[at + 1 : at + 2] == b"\xda":
            return data.find(b"\xff\xd9", at) < 0  # coded pixels never look like a marker
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False  # no JPEG, or so damaged that it is not decoded


def warp(image: NDArray[np.uint8], affine: ArrayLike, input_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut a crop out of an image: bilinear, black outside of it.

    Args:
        image: (H, W, 3) uint8.
        affine: (2, 3) from image to crop pixels.
        input_size: (height, width) of the crop.
    Returns:
        (height, width, 3) uint8.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    crop = cv2.warpAffine(image, matrix, (input_size[1], input_size[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(crop, dtype=np.uint8)
