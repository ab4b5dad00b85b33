"""The examples of an analysis as images: what is annotated beside what was found, as data URIs."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose.data.image_entries import leaves_folder
from pose.drawing.people import draw_people
from pose.drawing.sheets import FAINTEST
from pose.images.read import read_image
from pose.images.types import Image
from pose.keypoints.skeletons import Skeleton

CELL = (300, 240)  # (height, width) of each half, pixels
MARGIN = 1.35  # of what is shown against the people in it
JPEG_QUALITY = 84
OUTSIDE = (38, 42, 50)  # beyond the image's edge


@dataclass(frozen=True)
class ExampleImage:
    """One example.

    Attributes:
        uri: "data:image/jpeg;base64,..."; empty if the image could not be read.
        size: (height, width), pixels.
        caption: file, OKS and score; plain text.
        problem: why there is none; empty if there is one.
    """

    uri: str
    size: tuple[int, int]
    caption: str
    problem: str = ""


def draw_examples(examples: Sequence[dict[str, Any]], images: Path, skeleton: Skeleton) -> list[ExampleImage]:
    """Draw examples of analysis.json from the images below a folder."""
    return [_draw_example(example, images, skeleton) for example in examples]


def _draw_example(example: dict[str, Any], images: Path, skeleton: Skeleton) -> ExampleImage:
    score = example["score"]
    caption = f"{example['file_name']} · OKS {example['oks']:.2f}" + (
        f" · score {score:.2f}" if score is not None else " · not found"
    )
    path = images / example["file_name"]
    # By its name: an image may well be a link to where the data really lies.
    if leaves_folder(example["file_name"]):
        return ExampleImage("", CELL, caption, "the file name leaves the images folder")
    try:
        image = read_image(path)
    except (ValueError, OSError) as error:
        said = str(error).replace(f"{images}{os.sep}", "")  # the page may be handed on
        return ExampleImage("", CELL, caption, said)
    truth = np.array(example["truth"], dtype=np.float64).reshape(-1, 3)
    found = None if example["found"] is None else np.array(example["found"], dtype=np.float64).reshape(-1, 3)
    affine = _frame(np.array(example["box_xywh"], dtype=np.float64), truth, found)
    crop = np.asarray(
        cv2.warpAffine(image, affine, CELL[::-1], flags=cv2.INTER_LINEAR, borderValue=OUTSIDE), dtype=np.uint8
    )
    left = _draw(crop, affine, truth, skeleton)
    right = crop.copy()
    if found is not None:
        found[:, 2] = np.maximum(found[:, 2], FAINTEST)
        right = _draw(crop, affine, found, skeleton)
    pair = np.concatenate([left, np.full((CELL[0], 4, 3), 128, dtype=np.uint8), right], axis=1)
    done, data = cv2.imencode(".jpg", pair[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    uri = "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
    return ExampleImage(uri, (pair.shape[0], pair.shape[1]), caption)


def _frame(box: Any, truth: Any, found: Any) -> Any:
    """(2, 3) from the image to a cell that shows the box and most of what was found."""
    corners = [box[None, :2], box[None, :2] + box[None, 2:], truth[truth[:, 2] > 0, :2]]
    if found is not None:
        # A point far away would leave the person a dot: at most one box aside.
        corners.append(np.clip(found[:, :2], box[:2] - box[2:], box[:2] + 2 * box[2:]))
    points = np.concatenate(corners)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min(np.array(CELL[::-1]) / np.maximum(high - low, 8.0) / MARGIN)
    shift = np.array(CELL[::-1]) / 2 - scale * (low + high) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def _draw(crop: Image, affine: Any, points: Any, skeleton: Skeleton) -> Image:
    placed = points[None, :, :2] @ affine[:, :2].T + affine[:, 2]
    return draw_people(crop, placed, points[None, :, 2], skeleton=skeleton, threshold=0.0)
