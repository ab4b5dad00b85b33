"""Where the boxes of images or frames come from: the whole image, a detector, or a JSON file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.box_habits import fit_only_turned, warn_of_odd_boxes
from pose.data.boxes import Boxes, BoxFile, read_boxes
from pose.data.image_sizes import MEND, OTHER, WRONG, judge_sizes, tell_sizes
from pose.images.files import ImageInput, check_names
from pose.images.read import read_header
from pose.images.types import Image
from pose.inference.base import PredictorBase
from pose.inference.detector import CheckedDetector
from pose.inference.inputs import whole_box
from pose.keypoints.skeletons import Skeleton
from pose.runtime.arrays import Array
from pose.runtime.errors import DataError
from pose.runtime.paths import user_path
from pose.runtime.text import first_few, plural


@dataclass(frozen=True)
class BoxSource:
    """What gives the boxes of one image after the other.

    Attributes:
        label: for the headers of results and for summaries.
        file: None unless they come from one; then they are for the pixels as stored.
        find: gives the boxes of an image by its key, which `read` of `box_source` knows, and its pixels.
        warn: says what was left out, at the end.
    """

    label: str
    file: Path | None
    find: Callable[[Any, Image], Boxes]
    warn: Callable[[], None] = lambda: None


def box_source(
    predictor: PredictorBase,
    boxes: Path | str,
    *,
    what: str,
    read: Callable[[Path], Callable[[Any], Boxes]],
    min_score: float,
) -> BoxSource:
    """Choose where boxes come from; that a whole image is taken as one person is warned of.

    Args:
        boxes: "whole", "detect" (by the predictor's detector), or a JSON file.
        what: "image" or "frame".
        read: from a file to what gives the boxes of an image by its key.
        min_score: what a detector scores less is left out.
    Raises:
        FileNotFoundError, ValueError: what `read` raises.
    """
    if boxes == "whole":
        warnings.warn(
            f"each whole {what} is taken as one person; for several give --boxes detect or FILE", stacklevel=3
        )
        return BoxSource(f"whole {what}", None, lambda key, pixels: (whole_box(pixels), np.ones(1)))
    if boxes == "detect":
        finder = CheckedDetector(predictor.detector, min_score=min_score)
        return BoxSource(f"found by {finder.name}", None, lambda key, pixels: finder([pixels])[0], finder.warn)
    file = user_path(boxes)
    boxes_of = read(file)
    return BoxSource(str(file), file, lambda key, pixels: boxes_of(key))


def boxes_of_images(
    file: Path,
    *,
    images: Sequence[ImageInput],
    skeleton: Skeleton,
    min_score: float,
    tell: Callable[[str], None] = lambda line: None,
) -> Callable[[str], Boxes]:
    """What gives the boxes of a file by the name of the image; see `read_boxes`.

    Boxes that look like corners or shares of the image are warned of, and images that are stored turned.

    Args:
        tell: gets a line of how many boxes are used, unless all are.
    Raises:
        FileNotFoundError, DataError: see `read_boxes`; or the file gives images another size, and boxes seem to be
            of it.
    """
    check_names(images)
    files = {image.name: image.path for image in images if image.path is not None}
    found = read_boxes(file, [image.name for image in images], skeleton=skeleton, min_score=min_score, files=files)
    if found.usage.left_out:
        tell(f"{file}: {found.usage}")
    boxes = found.boxes
    all_boxes: list[Array] = []
    sizes: list[Array] = []
    turned: list[str] = []
    differ: list[tuple[str, tuple[int, int], int]] = []
    upright = 0
    for image in images:
        xywh, _ = boxes[image.name]
        if not len(xywh):
            continue
        if image.path is not None:
            size, orientation = read_header(image.path)
        else:
            size, orientation = image.array.shape[:2] if image.array is not None else None, 1
        size_of_each = np.tile(np.array(size or (np.nan, np.nan), dtype=np.float64), (len(xywh), 1))
        all_boxes.append(xywh)
        sizes.append(size_of_each)
        if size is not None and found.sizes.get(image.name, size) != size:
            differ.append((image.name, size, orientation))
        if orientation != 1:
            turned.append(image.name)
        if orientation >= 5:
            upright += int(np.sum(fit_only_turned(xywh, size_of_each)))
    if differ:
        _check_sizes(file, differ, found)
    if all_boxes:
        warn_of_odd_boxes(np.concatenate(all_boxes), np.concatenate(sizes), str(file), stacklevel=5)
    if turned:
        fix = "if they are for the images as shown, turn these, e.g. with `mogrify -auto-orient`"
        if upright:
            fix = f"{upright} would fit only the image as shown; turn the images, e.g. with `mogrify -auto-orient`"
        warnings.warn(
            f"{plural(len(turned), 'image is', 'images are')} stored turned ({first_few(turned, 3)}), and the boxes "
            f"of {file} are taken for the pixels as stored; {fix}",
            stacklevel=4,
        )
    return boxes.__getitem__


def _check_sizes(file: Path, differ: Sequence[tuple[str, tuple[int, int], int]], found: BoxFile) -> None:
    """Warn of images (name, size as stored, orientation) of which the file of boxes says another size.

    Raises:
        DataError: the boxes seem to be of images of that other size.
    """
    given = np.array([found.sizes[name] for name, _, _ in differ], dtype=np.float64)
    stored = np.array([size for _, size, _ in differ], dtype=np.float64)
    corners = [found.boxes[name][0] for name, _, _ in differ]
    reach = np.array([(xywh[:, :2] + xywh[:, 2:]).max(axis=0) for xywh in corners])
    # Images that are stored turned have a warning of their own.
    judged = judge_sizes(given, stored, reach, turned=np.zeros(len(differ), dtype=bool))
    names = [name for name, _, _ in differ]
    turned = np.array([orientation != 1 for _, _, orientation in differ])
    if (judged.other & ~turned).any():
        told = tell_sizes(OTHER, judged.other & ~turned, len(found.boxes), names, given, stored)
        raise DataError(f"{file}: {told}; {MEND}")
    if (judged.wrong & ~turned).any():
        told = tell_sizes(WRONG, judged.wrong & ~turned, len(found.boxes), names, given, stored)
        warnings.warn(f"{file}: {told}; taken from the image files", stacklevel=5)
