"""Reading image files, and cutting crops out of them.

A file is read once and decoded from memory: OpenCV opens no path with other than ASCII letters on Windows, and some
damaged files end the whole process where it reads them by path.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose.images.avif import avif_bits, is_avif
from pose.images.depth import to_8_bits
from pose.images.header import exif_orientation, image_size, is_tiff, pnm_maximum, tiff_as_stored, tiff_bits
from pose.images.names import explain_missing
from pose.images.types import Image
from pose.runtime.errors import DataError

# OpenCV from 4.11 decodes to RGB itself, which saves a pass over the image.
_RGB = getattr(cv2, "IMREAD_COLOR_RGB", None)
MAX_IMAGE_SIDE = 32_766  # cv2.warpAffine holds coordinates in 16 bits
_LONG_HEAD = 2**18  # bytes in which a JPEG has its size and EXIF data, mostly also behind a large preview
# From memory, OpenCV does not decode a JPEG that is cut off; from a file it does, since libjpeg puts end markers
# behind the end of a file as long as it wants more. These outlast the longest segment (64 KB): pixels come out equal.
_JPEG_ENDS = b"\xff\xd9" * 33_000
_ALWAYS_8_BITS = (b"\xff\xd8", b"RIFF", b"BM", b"GIF8")  # JPEG, WebP, BMP and GIF
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def _max_pixels(text: str) -> int:
    """A number such as OpenCV reads it, "200000000" or "200MB"; 2^27 (some 16,384 x 8,192) if there is none.

    OpenCV ends the process when it is imported with any other text.
    """
    number = re.fullmatch(r"\s*(\d+)\s*(|kb|mb)\s*", text, flags=re.IGNORECASE)
    return int(number[1]) * {"": 1, "kb": 2**10, "mb": 2**20}[number[2].lower()] if number else 2**27


# OpenCV has a limit of its own, 2^30, which it reads from this variable when it is first imported. Ours is checked
# here, so that no program gets another limit for its own images by importing this package.
MAX_IMAGE_PIXELS = _max_pixels(os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS", ""))


_told: list[str] = []  # what `read_image` warned of
_told_of_frames: list[str] = []


class UnreadableImage(DataError):
    """An image file that is there but cannot be used."""


def read_image(path: Path | str) -> Image:
    """Read an image as (height, width, 3) uint8 RGB, its orientation ignored as COCO's annotations do.

    An image of 16 bits that is nearly black because it uses few of them is warned of, once in a process.

    Raises:
        FileNotFoundError: no such file.
        UnreadableImage: the file is broken, no image, or too large to crop from.
    """
    image, dark = _decode(_read_bytes(path), path, upright=False)
    if dark:
        _warn_of_dark_once(dark)
    return image


def read_upright(path: Path | str) -> Image:
    """Like `read_image`, but turned by its EXIF orientation, as viewers show it, and each dark image is warned of."""
    return read_and_check(path, upright=True)[0]


def read_and_check(path: Path | str, *, upright: bool) -> tuple[Image, bool]:
    """The image, and whether its file is cut off (`is_cut_off`)."""
    data = _read_bytes(path)
    image, dark = _decode(data, path, upright=upright)
    if dark:
        warnings.warn(dark, stacklevel=3)
    if not _told_of_frames and (count := _count_frames(data)) > 1:
        _told_of_frames.append(str(path))
        warnings.warn(
            f"{path} has {count} frames or pages, of which the first is read; other such images are not named. Make "
            "a video of it to have them all",
            stacklevel=3,
        )
    return image, is_cut_off(data)


def _count_frames(data: bytes) -> int:
    """How many images an animated GIF, WebP or PNG or a TIFF of several pages holds; 1 where nobody knows."""
    moving = data.startswith(b"GIF8") or b"ANIM" in data[:64] or b"acTL" in data[:4096]
    if not (moving or is_tiff(data)):
        return 1
    try:
        from PIL import Image as Pillow
    except ModuleNotFoundError:  # of the install without PyTorch
        return 1
    unreadable = (OSError, ValueError, SyntaxError, EOFError, Pillow.DecompressionBombError)
    with contextlib.suppress(*unreadable), Pillow.open(io.BytesIO(data)) as image:
        return int(getattr(image, "n_frames", 1))
    return 1


def _warn_of_dark_once(text: str) -> None:
    """Training reads each image many times, and a dataset's are of one kind: the first speaks for the others."""
    if not _told:
        _told.append(text)
        warnings.warn(f"{text}; other such images are not named", stacklevel=3)


def _read_bytes(path: Path | str) -> bytes:
    if not Path(path).is_file():
        raise FileNotFoundError(f"no image {path}; {explain_missing(path)}")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnreadableImage(f"cannot read {path}: {error.strerror or error}") from None


def _decode(data: bytes, path: Path | str, *, upright: bool) -> tuple[Image, str]:
    """The image, and what to warn of; "" for nothing."""
    _check_size(image_size(data), path)
    try:
        image = _imdecode(data, upright=upright)
        if image is None and data.startswith(b"\xff\xd8"):
            image = _imdecode(data + _JPEG_ENDS, upright=upright)
    except cv2.error as error:
        if "PIXELS" in str(error):
            raise UnreadableImage(_too_many_pixels(path)) from None
        raise UnreadableImage(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if image is None and data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        raise UnreadableImage(f"cannot read {path}: HEIC, as telephones store it; convert it to JPEG")
    if image is None:
        raise UnreadableImage(f"cannot read {path}: broken, or not an image; replace the file")
    _check_size(image.shape[:2], path)  # of formats whose header `image_size` does not know
    if (most := pnm_maximum(data)) is not None:
        image = _to_8_bits_of(image, most)
    try:
        return to_8_bits(image, str(path))
    except DataError as error:
        raise UnreadableImage(f"cannot read {error}") from None


def _imdecode(data: bytes, *, upright: bool) -> Any:
    """RGB of the depth that the file has; None if it cannot be decoded."""
    if not data:
        return None
    orientation = 0 if upright else cv2.IMREAD_IGNORE_ORIENTATION
    if not upright and is_tiff(data):
        data = tiff_as_stored(data)
    array = np.frombuffer(data, dtype=np.uint8)
    if data.startswith(_ALWAYS_8_BITS) or (data.startswith(b"\x89PNG") and data[24:25] <= b"\x08"):
        image = cv2.imdecode(array, (cv2.IMREAD_COLOR if _RGB is None else _RGB) | orientation)
        return image if image is None or _RGB is not None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    if is_tiff(data) and tiff_bits(data) > 16:  # of these OpenCV makes no color image
        image = cv2.imdecode(array, cv2.IMREAD_UNCHANGED)
        if image is not None and image.ndim == 2:
            return np.repeat(image[..., None], 3, axis=2)
        return image if image is None else np.ascontiguousarray(image[..., 2::-1])
    if is_avif(data):
        return _from_avif(data, upright=upright)
    # Not _RGB, with which OpenCV 5.0 garbles TIFFs of three channels of 16 bits.
    image = cv2.imdecode(array, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | orientation)
    return image if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _from_avif(data: bytes, *, upright: bool) -> Any:
    """OpenCV leaves turning to us, and the scale: of 10 or 12 bits it gives the numbers as they are, in 16."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    if image is None:
        return None
    if image.dtype != np.uint8:
        image = _to_8_bits_of(image, (1 << avif_bits(data)) - 1)
    return cv2.cvtColor(_turn(image, exif_orientation(data)) if upright else image, cv2.COLOR_BGR2RGB)


def _to_8_bits_of(image: Any, most: int) -> Any:
    """Numbers of which `most` is white, as 0 to 255."""
    return np.minimum((image.astype(np.uint32) * 255 + most // 2) // most, 255).astype(np.uint8)


def _turn(image: Any, orientation: int) -> Any:
    """Turn pixels upright by an EXIF orientation, where OpenCV does not."""
    if orientation >= 5:  # stored with the axes exchanged
        image = image.transpose(1, 0, 2)
    down, across = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}[
        orientation
    ]
    return np.ascontiguousarray(image[::down, ::across])


def _check_size(size: tuple[int, ...] | None, path: Path | str) -> None:
    if size is None:
        return
    if size[0] * size[1] > MAX_IMAGE_PIXELS:
        raise UnreadableImage(_too_many_pixels(path))
    if max(size) > MAX_IMAGE_SIDE:
        raise UnreadableImage(f"{path} is {size[1]} x {size[0]}; sides go up to {MAX_IMAGE_SIDE} pixels")


def _too_many_pixels(path: Path | str) -> str:
    return (
        f"{path} has or claims more than {MAX_IMAGE_PIXELS / 1e6:.0f} million pixels; shrink it, or if it is right "
        f"set OPENCV_IO_MAX_IMAGE_PIXELS to as many"
    )


def read_header(path: Path | str) -> tuple[tuple[int, int] | None, int]:
    """The (height, width) as stored, and the EXIF orientation, 1 to 8; (None, 1) of what is no image.

    Viewers turn or mirror an image by any orientation but 1. Formats without a header that is known here need pillow.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LONG_HEAD)
            if not data.startswith(b"\xff\xd8") or image_size(data) is None:  # the EXIF data of others may come last
                data += file.read()
    except OSError:
        return None, 1
    size = image_size(data)
    return (size, exif_orientation(data)) if size is not None else (_size_by_pillow(path), 1)


def _size_by_pillow(path: Path | str) -> tuple[int, int] | None:
    try:
        from PIL import Image as Pillow
    except ModuleNotFoundError:  # of the install without PyTorch
        return None
    unreadable = (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError)
    with contextlib.suppress(*unreadable), Pillow.open(path) as image:
        return image.height, image.width
    return None


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG ends before its end: decoders fill the rest with gray, and tell only the terminal.

    Then no end marker follows the first scan. Thumbnails in the headers before it have their own.
    """
    at = 2
    while data[:2] == b"\xff\xd8" and data[at : at + 1] == b"\xff":
        if data[at + 1 : at + 2] == b"\xda":
            return data.find(b"\xff\xd9", at) < 0  # coded pixels never look like a marker
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False  # no JPEG, or so damaged that it is not decoded


def warn_of_cut_off(path: Path | str, *, stacklevel: int = 3) -> None:
    """Tell the user which file is incomplete."""
    warnings.warn(f"{path} is cut off; what is missing of the image is gray", stacklevel=stacklevel)
