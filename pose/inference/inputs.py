"""What people give as images and boxes, checked and made into upright RGB arrays.

Images are (H, W, 3) uint8 RGB, sizes (height, width), boxes left, top, width, height. numpy and OpenCV only.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose.data.box_habits import fit_only_turned, odd_boxes
from pose.data.boxes import LARGEST_COORDINATE, SMALLEST_SIDE, Boxes, usable_boxes
from pose.images.depth import dark_note, to_8_bits
from pose.images.header import image_size
from pose.images.names import explain_missing, is_pattern, is_url
from pose.images.read import MAX_IMAGE_SIDE, read_and_check, warn_of_cut_off
from pose.images.types import Image, check_image
from pose.runtime.errors import DataError
from pose.runtime.paths import user_path
from pose.runtime.text import plural

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    ImageLike = str | os.PathLike[str] | Image | PilImage
Images = list[Any] | tuple[Any, ...]  # of what `read_input` takes
ChannelOrder = Literal["rgb", "bgr"]

READ_AT_ONCE = 8  # images that are held to be searched for people together
WIDE = 2.0  # nobody stands alone in an image so wide for its height
_EXPECTED = "a path, an array (H, W, 3) of uint8, a PIL image, or a list of those"


@dataclass(frozen=True, eq=False)
class PredictRequest:
    """An image and where to look in it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        boxes_xywh: (N, 4) image pixels.
        box_scores: (N,) of a detector.
        path: of the image's file.
    """

    image: Image
    boxes_xywh: ArrayLike
    box_scores: ArrayLike | None = None
    path: Path | None = None


def read_requests(
    images: Sequence[Any],
    boxes: Sequence[Any] | str | None,
    *,
    color: ChannelOrder,
    detect: Callable[[Sequence[Image]], list[Boxes]],
) -> Iterator[PredictRequest]:
    """Read images when their turn comes, each with its boxes.

    Args:
        boxes: one (N, 4) or None for each image, "detect", or None for the whole images.
        detect: finds the people of some images at a time.
    Raises:
        FileNotFoundError, DataError: see `read_input`; or boxes of another kind or number.
    """
    if isinstance(boxes, str) and boxes != "detect":
        raise DataError(f'boxes is "{boxes:.60}"; expected an array (N, 4), "detect", or None for the whole image')
    if boxes is not None and not isinstance(boxes, str) and len(boxes) != len(images):
        raise DataError(f"{len(images)} images need a list of {len(images)} box arrays (N, 4), got {len(boxes)}")
    odd = False
    for start in range(0, len(images), READ_AT_ONCE):
        chunk = range(start, min(start + READ_AT_ONCE, len(images)))
        names = [f"images[{i}]" if len(images) > 1 else "the image" for i in chunk]
        read = (read_input(images[i], color=color, name=name) for i, name in zip(chunk, names, strict=True))
        if isinstance(boxes, str):
            found = list(read)
            people = detect([image for image, _ in found])
            for (image, path), (xywh, scores) in zip(found, people, strict=True):
                yield PredictRequest(image, xywh, scores, path)
            continue
        given_boxes: list[tuple[NDArray[np.float64], Image]] = []
        for index, name, (image, path) in zip(chunk, names, read, strict=True):
            given = None if boxes is None else boxes[index]
            if given is None:
                _warn_of_whole_image(image, path or name)
                given = whole_box(image)
            else:
                given = check_boxes(given)
                given_boxes.append((given, image))
                if path is not None:
                    _warn_of_turned(given, image, path)
            yield PredictRequest(image, given, None, path)
        if not odd:  # said once
            odd = _warn_of_odd(given_boxes)


def _warn_of_odd(given: Sequence[tuple[NDArray[np.float64], Image]]) -> bool:
    """Say if boxes look like corners or shares of the image."""
    sizes = [np.tile(np.array(image.shape[:2], dtype=np.float64), (len(boxes), 1)) for boxes, image in given]
    said = odd_boxes(np.concatenate([boxes for boxes, _ in given]), np.concatenate(sizes)) if given else ""
    if said:
        warnings.warn(f"boxes: {said}", stacklevel=6)
    return bool(said)


def _warn_of_turned(boxes: NDArray[np.float64], image: Image, path: Path) -> None:
    """Say if boxes are for the pixels as stored, while the image was turned upright."""
    sizes = np.tile(np.array(image.shape[:2], dtype=np.float64), (len(boxes), 1))
    stored = int(fit_only_turned(boxes, sizes).sum())
    if stored and image_size(path.read_bytes()) == image.shape[1::-1]:
        warnings.warn(
            f"{path} is stored turned and was turned upright, but {stored} of "
            f"{plural(len(boxes), 'box', 'boxes')} would fit only the pixels as stored; "
            f"give boxes of the upright image",
            stacklevel=6,
        )


def _warn_of_whole_image(image: Image, name: str | Path) -> None:
    """Say what is assumed without boxes: once of usual images, and of each wide one by its name."""
    height, width = image.shape[:2]
    said = 'a whole image without boxes is taken as one person; for several give their boxes, or boxes="detect"'
    if width >= WIDE * height:
        said = (
            f"{name}, {width} x {height}, is taken as one person; it is so wide that there may be several: give "
            f'their boxes, or boxes="detect"'
        )
    # The line that called the predictor; there Python's usual filter shows equal warnings once.
    warnings.warn(said, stacklevel=6)


def read_input(image: ImageLike, *, color: ChannelOrder, name: str = "the image") -> tuple[Image, Path | None]:
    """An image as it is to be looked at, and its path if it is a file.

    Args:
        image: a file is read and turned upright by its EXIF orientation, and so is a PIL image; an array is taken
            as it is.
        color: the order of an array's channels; OpenCV's are "bgr". Files and PIL images know theirs.
        name: of the image in errors.
    Raises:
        FileNotFoundError, DataError: no such file, a URL, or none of the above.
    """
    if color not in ("rgb", "bgr"):
        raise DataError(f'color is {color!r}; give "rgb", or "bgr" for arrays as OpenCV reads them')
    if isinstance(image, str | os.PathLike):
        path = _local_path(image)
        read, cut_off = read_and_check(path, upright=True)
        if cut_off:
            warn_of_cut_off(path)
        return read, path
    if isinstance(image, np.ndarray):
        array = _croppable(image, name)
        return (array if color == "rgb" else np.ascontiguousarray(array[..., ::-1])), None
    pillow = sys.modules.get("PIL.Image")  # whoever has such an image has imported it
    if pillow is not None and isinstance(image, pillow.Image):
        from PIL import ImageOps

        deep = any(";16" in str(part) for part in getattr(image, "tile", ()))  # it keeps the upper 8 of 16 bits
        upright = ImageOps.exif_transpose(image)
        if not upright.mode.startswith(("I", "F")):
            array = _croppable(np.asarray(upright.convert("RGB")), name)
            if deep and (dark := dark_note(256 * int(array.max()) + 255, name)):
                warnings.warn(dark, stacklevel=3)
            return array, None
        gray, dark = to_8_bits(np.asarray(upright), name)  # Pillow's own conversion makes these white
        if dark:
            warnings.warn(dark, stacklevel=3)
        return _croppable(np.repeat(gray[..., None], 3, axis=2), name), None
    hint = "; of a tensor make one by tensor.permute(1, 2, 0).cpu().numpy()" if hasattr(image, "permute") else ""
    raise DataError(f"{name} is of type {type(image).__name__}; expected {_EXPECTED}{hint}")


def _local_path(given: str | os.PathLike[str]) -> Path:
    text = os.fspath(given)
    if is_url(text):
        raise DataError(f"cannot read {text:.80}: {explain_missing(text)}")
    path = user_path(text)
    if path.is_dir():
        raise DataError(f'{path} is a folder; give its images as a list: sorted(Path("{path}").glob("*.jpg"))')
    if is_pattern(text) and not path.exists():
        raise DataError(f'{text} is a pattern; give its images as a list: sorted(glob.glob("{path}"))')
    return path


def _croppable(image: NDArray[Any], name: str) -> Image:
    """The image, in one piece of memory.

    Raises:
        DataError: no (H, W, 3) of uint8, empty, or too large; with what to do about it.
    """
    checked = check_image(image, name)
    if max(checked.shape) > MAX_IMAGE_SIDE:
        height, width = checked.shape[:2]
        raise DataError(f"{name} is {width} x {height}; sides go up to {MAX_IMAGE_SIDE} pixels; shrink it")
    return np.ascontiguousarray(checked)


def check_boxes(boxes_xywh: ArrayLike) -> NDArray[np.float64]:
    """(N, 4) numbers that images can have, with positive widths and heights.

    Raises:
        DataError: they are not; with the first wrong one.
    """
    try:
        boxes = np.asarray(boxes_xywh, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"boxes must be numbers, (N, 4) x, y, width, height; got {boxes_xywh!r:.80}") from None
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"boxes must be (N, 4) x, y, width, height in pixels, got {boxes.shape}; one box is [[...]]")
    wrong = ~usable_boxes(boxes)
    if wrong.any():
        index = int(wrong.argmax())
        raise DataError(
            f"box {index} is {boxes[index].tolist()}; it needs finite x, y and a positive width and height "
            f"(not a second corner), at least {SMALLEST_SIDE:g} pixels and below {LARGEST_COORDINATE:.0e}"
        )
    return boxes


def whole_box(image_rgb: Image) -> NDArray[np.float64]:
    """(1, 4) xywh that covers the image."""
    height, width = image_rgb.shape[:2]
    return np.array([[0.0, 0.0, width, height]])
