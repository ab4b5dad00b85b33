"""The entries of `annotations` of a COCO file: each read, or left out for a reason that is counted.

Frames: `_img` is the original image's pixels. Points are (x, y), sizes (height, width), boxes (left, top, width,
height).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.image_entries import ImageInfo
from pose.data.left_out import Unusable, warn_left_out
from pose.data.outlines import find_outlines
from pose.data.records import LARGEST, read_flag, read_id, read_number, read_numbers, read_whole
from pose.keypoints.skeletons import Skeleton
from pose.runtime.text import plural

OUTLINES = "that are the outlines of others"


@dataclass(frozen=True, eq=False)
class Annotation:
    """One annotated object as the file has it, its box not yet cleaned.

    Attributes:
        box_xywh: in image pixels.
        area: inside the object's outline, in square pixels; COCOeval scales distances by it.
        keypoints_img: (K, 3) float32 x, y, visibility (0 no label, 1 hidden, 2 visible).
        num_keypoints: how many are labeled; COCOeval ignores people with 0.
    """

    id: int
    image_id: int
    box_xywh: tuple[float, float, float, float]
    area: float
    keypoints_img: NDArray[np.float32]
    num_keypoints: int
    is_crowd: bool
    category_id: int = 1


def of_category(record: Mapping[str, Any], category_ids: Sequence[int | str | None]) -> bool:
    """Say whether an annotation is of the categories, as one that names none, or nothing readable, is taken to be."""
    number = read_id(record.get("category_id"))
    return number is None or number in category_ids


def read_annotations(
    path: Path,
    records: Sequence[tuple[int, Any]],
    images: Mapping[int, ImageInfo],
    skeleton: Skeleton,
    left_out: Counter[str],
    *,
    category_id: int,
) -> tuple[Annotation, ...]:
    """Read annotations, given with their positions.

    Args:
        left_out: counts those that cannot be read.
        category_id: of those that name none.
    Raises:
        DataError: none can be read.
    """
    found: list[Annotation] = []
    used: list[Mapping[str, Any]] = []
    problems = []
    for index, record in records:
        try:
            found.append(_read_annotation(record, index, len(found) + 1, images, skeleton, category_id))
            used.append(record)
        except Unusable as problem:
            problems.append(problem)
    left_out.update(warn_left_out(path, "annotations", problems, len(records)))
    found, used = _drop_outlines(path, found, used, left_out)

    notes = _repairs(found, used)
    ids = [read_id(record.get("id")) for record in used]
    if all(i is not None and i > 0 for i in ids) and len(set(ids)) == len(ids):
        found = [replace(a, id=i) for i, a in zip(ids, found, strict=True) if i is not None]
    else:
        found = [replace(a, id=number) for number, a in enumerate(found, start=1)]
        notes.append("annotation ids that are missing, 0 or doubled (all renumbered from 1)")
    message = f"repaired {'; '.join(notes)}" if notes else ""
    zero_area = sum(a.area <= 0 < a.num_keypoints for a in found)
    if zero_area:
        message += (
            f"{'; ' * bool(notes)}{plural(zero_area, 'person has', 'people have')} area 0, with which OKS is 0, "
            "left out unless data.grow_boxes makes them boxes: set it to width * height"
        )
    if message:
        warnings.warn(f"{path}: {message}; `pose check` shows which", stacklevel=3)
    return tuple(found)


def _drop_outlines(
    path: Path, found: list[Annotation], used: list[Mapping[str, Any]], left_out: Counter[str]
) -> tuple[list[Annotation], list[Mapping[str, Any]]]:
    bare = np.array([record.get("keypoints") in (None, []) for record in used], dtype=bool)
    if not bare.any():
        return found, used
    outlines = find_outlines(
        np.array([a.image_id for a in found]),
        np.array([a.box_xywh for a in found]),
        np.array([a.keypoints_img for a in found]),
        bare,
    )
    if not outlines:
        return found, used
    left_out[OUTLINES] += len(outlines)
    warnings.warn(
        f"{path}: {plural(len(outlines), 'annotation')} without keypoints left out: each is the outline of a "
        "person with keypoints; `pose check --fix` joins them",
        stacklevel=4,
    )
    kept = [row for row in range(len(found)) if row not in outlines]
    return [found[row] for row in kept], [used[row] for row in kept]


def _read_annotation(
    record: Any,
    index: int,
    number: int,
    images: Mapping[int, ImageInfo],
    skeleton: Skeleton,
    category_id: int,
) -> Annotation:
    if not isinstance(record, dict):
        raise Unusable("that are no objects", f"annotations[{index}] is {record!r:.60}, not an object")
    where = f"annotation {record['id'] if record.get('id') is not None else f'[{index}]'!s:.40}"
    own = record.get("category_id")
    category = category_id if own is None else read_id(own)
    if category is None:
        raise Unusable(
            "whose category_id is no number", f"{where} has category_id {own!r:.40}; give the category's id"
        )
    image_id = read_id(record.get("image_id"))
    if image_id is None or image_id not in images:
        got = f"{record.get('image_id')!r:.40}"
        message = f"{where} has image_id {got}, which is not in 'images'; add the image or drop it"
        raise Unusable("of images that are not listed", message)
    crowd = read_flag(record.get("iscrowd"))
    if crowd is None:
        message = f"{where} has iscrowd {record['iscrowd']!r:.40}; it needs 0, or 1 for a group"
        raise Unusable("whose iscrowd is neither 0 nor 1", message)
    try:
        box = numbers(record.get("bbox"), where, "bbox")
        if len(box) != 4:
            raise ValueError(f"{where} has a bbox of {len(box)} numbers; it needs x, y, width, height")
    except ValueError as error:
        raise Unusable("without a bbox of four numbers", str(error)) from None
    x, y, w, h = box.tolist()
    points = _read_points(record.get("keypoints"), where, skeleton)
    count = int((points[:, 2] > 0).sum())
    area = read_number(record.get("area"))
    area = w * h if area is None else area
    return Annotation(number, image_id, (x, y, w, h), area, points, count, crowd, category)


def _read_points(value: Any, where: str, skeleton: Skeleton) -> NDArray[np.float32]:
    if value is None or value == []:
        return np.zeros((skeleton.num_keypoints, 3), np.float32)
    try:
        keypoints = numbers(value, where, "keypoints")
    except ValueError as error:
        raise Unusable("with keypoints that are no finite numbers", str(error)) from None
    if len(keypoints) != 3 * skeleton.num_keypoints:
        message = (
            f"{where} has {len(keypoints)} numbers, skeleton '{skeleton.name}' with "
            f"{skeleton.num_keypoints} keypoints needs {3 * skeleton.num_keypoints}; "
            f"set data.skeleton to from_annotations, or to the keypoints of this file"
        )
        raise Unusable("with another number of keypoints than the skeleton", message)
    return keypoints.astype(np.float32).reshape(-1, 3)


def _repairs(found: Sequence[Annotation], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """List what was taken instead of what the records have, with counts."""
    no_area = sum(read_number(r.get("area")) is None for r in records)
    counts = [read_whole(r.get("num_keypoints")) for r in records]
    no_count = counts.count(None)
    differ = sum(c is not None and c != a.num_keypoints for c, a in zip(counts, found, strict=True))
    no_points = sum(not r.get("keypoints") for r in records)
    odd = sum(bool((~np.isin(a.keypoints_img[:, 2], (0, 1, 2))).any()) for a in found)
    notes = {
        "without area (took width * height of the box)": no_area,
        "without num_keypoints (counted the labeled)": no_count,
        "whose num_keypoints is not the number of labeled ones (counted the labeled)": differ,
        "without keypoints (taken as not labeled)": no_points,
        "with a visibility other than 0, 1, 2 (above 0 taken as labeled)": odd,
    }
    return [f"{plural(count, 'annotation')} {what}" for what, count in notes.items() if count]


def numbers(value: Any, where: str, key: str) -> NDArray[np.float64]:
    """Convert a flat list of finite numbers, none beyond `LARGEST`, to an array."""
    if not isinstance(value, list):
        raise ValueError(f"{where} has no list '{key}', got {value!r:.60}")
    array = read_numbers(value)
    if array is None:
        raise ValueError(f"{where}: '{key}' must hold finite numbers up to {LARGEST:g} only, got {value!r:.100}")
    return array
