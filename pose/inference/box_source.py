"""Where the boxes of images or frames come from: the whole image, a detector, or a JSON file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.boxes import Boxes
from pose.images.types import Image
from pose.inference.base import PredictorBase
from pose.inference.detector import CheckedDetector
from pose.inference.inputs import whole_box


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
    boxes_of = read(Path(boxes))
    return BoxSource(str(boxes), Path(boxes), lambda key, pixels: boxes_of(key))
