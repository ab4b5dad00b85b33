"""Write images whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import cv2

from pose.images.types import Image, check_image
from pose.runtime.files import write_atomic

WRITABLE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def write_image(path: str | os.PathLike[str], image_rgb: Image, *, quality: int = 92) -> None:
    """Write a whole image or nothing; the suffix says the format.

    Args:
        path: ends in .jpg, .jpeg, .png or .webp.
        quality: 1 to 100, of .jpg and .webp.
    Raises:
        ValueError: another suffix, or more pixels than the format holds.
        OSError: not writable.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in WRITABLE_SUFFIXES:
        raise ValueError(
            f"cannot write {target} as '{target.suffix}'; name it with one of {', '.join(WRITABLE_SUFFIXES)}"
        )
    try:
        data = encode_image(suffix, image_rgb, quality=quality)
    except ValueError as error:
        raise ValueError(f"cannot write {target}: {error}; use .png") from None
    write_atomic(target, data)


def encode_image(suffix: str, image_rgb: Image, *, quality: int = 92) -> bytes:
    """The bytes of an image file.

    Args:
        suffix: .jpg, .jpeg, .png or .webp.
        quality: 1 to 100, of .jpg and .webp.
    Raises:
        ValueError: more pixels than the format holds.
    """
    key = {".png": cv2.IMWRITE_PNG_COMPRESSION, ".webp": cv2.IMWRITE_WEBP_QUALITY}.get(
        suffix, cv2.IMWRITE_JPEG_QUALITY
    )
    try:
        done, data = cv2.imencode(
            suffix, check_image(image_rgb)[..., ::-1], [key, 3 if suffix == ".png" else quality]
        )
        why = ""
    except cv2.error as error:
        done, why = False, f" ({str(error).strip()})"
    if not done:
        height, width = image_rgb.shape[:2]
        raise ValueError(f"{width} x {height} does not fit the format{why}")
    return bytes(data.tobytes())
