"""COCO keypoint annotations, read and checked.

Frames: `_img` is the original image's pixels. Points are (x, y), sizes (height, width), boxes (left, top,
width, height). Images are found by `file_name` and carried by their id. Imports neither torch nor albumentations.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pose.data.category import check_names, find_category
from pose.keypoints.skeletons import Skeleton

LARGEST = 1e12  # of coordinates, areas and scores; more is no measure of an image, and overflows float32


@dataclass(frozen=True)
class ImageInfo:
    """One entry of `images`: the file's name below the images folder and its (height, width)."""

    id: int
    file_name: str
    image_size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Annotation:
    """One annotated object as the file has it, its box not yet cleaned.

    Attributes:
        box_xywh: in image pixels.
        area: inside the object's outline, in square pixels; COCOeval scales distances by it.
        keypoints_img: (K, 3) float32 x, y, visibility (0 no label, 1 hidden, 2 visible).
        num_keypoints: how many the file says are labelled; COCOeval ignores people with 0.
    """

    id: int
    image_id: int
    box_xywh: tuple[float, float, float, float]
    area: float
    keypoints_img: NDArray[np.float32]
    num_keypoints: int
    is_crowd: bool


@dataclass(frozen=True, eq=False)
class CocoFile:
    """A checked COCO keypoint file.

    Attributes:
        images: by image id, in the file's order, each id once.
        annotations: those of `category_id`; None if the file has none at all (test-dev).
        category_id: the category that has keypoints; 1, COCO's person, where the file does not say.
    """

    path: Path
    images: dict[int, ImageInfo]
    annotations: tuple[Annotation, ...] | None
    category_id: int


def load_coco(
    path: Path | str, skeleton: Skeleton, *, category: str | None = None, need_annotations: bool = True
) -> CocoFile:
    """Read and check a COCO keypoint file.

    What is safe to mend is mended, with one warning: a missing `area` becomes the box's width * height, a
    missing `num_keypoints` the number of labelled keypoints, and ids that are missing, 0 or doubled are
    renumbered from 1 (COCOeval counts a match with id 0 as none). An image listed twice counts once.

    Args:
        category: name of the category to read; by default the only one with keypoints.
        need_annotations: False allows a file with images only, to write results for.
    Raises:
        FileNotFoundError: no such file.
        ValueError: not a COCO keypoint file for this skeleton; the message names the entry and what it lacks.
    """
    path = Path(path)
    data = read_json(path)
    if not isinstance(data, dict):
        kind = "list (detections?)" if isinstance(data, list) else type(data).__name__
        raise ValueError(f"{path} holds a {kind}, not a COCO file; it needs an object with images and annotations")
    given = data.get("annotations")
    wanted = ["images", "annotations"] if need_annotations or given is not None else ["images"]
    for key in wanted:
        if not isinstance(data.get(key), list):
            raise ValueError(f"{path} has no list '{key}'; a COCO keypoint file needs images and annotations")
    images = _read_images(path, data["images"])
    found = find_category(path, data.get("categories"), given, name=category)
    category_id = found.id if found else 1  # COCO's person: test-dev lists no keypoints
    if found:
        check_names(path, found, skeleton)
    if given is None:
        return CocoFile(path, images, None, category_id)
    records = [a for a in given if not isinstance(a, dict) or a.get("category_id", category_id) == category_id]
    return CocoFile(path, images, _read_annotations(path, records, images, skeleton), category_id)


def read_json(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; check the path, or download the annotations first")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; the download may have been cut off, fetch it again")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}); the download may have been cut off") from error


def leaves_folder(name: str) -> bool:
    """Say whether a name from someone else's file reaches outside of the folder it is put below, on any system."""
    windows = PureWindowsPath(name)
    return PurePosixPath(name).is_absolute() or bool(windows.anchor) or ".." in windows.parts or "\0" in name


def local_name(name: str) -> str:
    """A file's name below its folder as every system reads it: files written on Windows have backslashes."""
    return name.replace("\\", "/")


def is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _read_images(path: Path, records: Sequence[Any]) -> dict[int, ImageInfo]:
    images: dict[int, ImageInfo] = {}
    for index, record in enumerate(records):
        where = f"{path}: images[{index}]"
        if not isinstance(record, dict) or not is_int(record.get("id")):
            raise ValueError(f"{where} has no integer 'id', got {record!r:.100}")
        name = record.get("file_name")
        if not isinstance(name, str) or not name:
            raise ValueError(f"{where} (id {record['id']}) has no 'file_name'")
        if leaves_folder(name):
            raise ValueError(f"{where}: file_name {name!r} leaves the images folder; give a path below it")
        name = local_name(name)
        height, width = record.get("height"), record.get("width")
        if not (is_int(height) and is_int(width) and 0 < height <= LARGEST and 0 < width <= LARGEST):
            raise ValueError(f"{where} needs 'height' and 'width' in pixels, got {height!r} and {width!r}")
        image = ImageInfo(record["id"], name, (height, width))
        if images.setdefault(image.id, image).file_name != name:
            raise ValueError(
                f"{path}: image id {image.id} stands for two files, {images[image.id].file_name} and {name}"
            )
    return images


def _read_annotations(
    path: Path, records: Sequence[Any], images: Mapping[int, ImageInfo], skeleton: Skeleton
) -> tuple[Annotation, ...]:
    found: list[Annotation] = []
    ids: list[Any] = []
    no_area = no_count = zero_area = 0
    for index, record in enumerate(records):
        if not isinstance(record, dict):
            raise ValueError(f"{path}: annotations[{index}] is {record!r:.60}, not an object")
        number = record.get("id")
        where = f"{path}: annotation {number if number is not None else f'[{index}]'}"
        image_id = record.get("image_id")
        if not is_int(image_id) or image_id not in images:
            raise ValueError(f"{where} has image_id {image_id!r}, which is not in 'images'; add the image or drop it")
        keypoints = numbers(record.get("keypoints"), where, "keypoints")
        if len(keypoints) != 3 * skeleton.num_keypoints:
            raise ValueError(
                f"{where} has {len(keypoints)} numbers, skeleton '{skeleton.name}' with "
                f"{skeleton.num_keypoints} keypoints needs {3 * skeleton.num_keypoints}; "
                f"set data.skeleton to from_annotations, or to the keypoints of this file"
            )
        points = keypoints.astype(np.float32).reshape(-1, 3)
        box = numbers(record.get("bbox"), where, "bbox")
        if len(box) != 4:
            raise ValueError(f"{where} has a bbox of {len(box)} numbers; it needs x, y, width, height")
        x, y, w, h = box.tolist()
        given_count, given_area = record.get("num_keypoints"), record.get("area")
        no_count += given_count is None
        no_area += given_area is None
        count = (points[:, 2] > 0).sum() if given_count is None else given_count
        area = float(numbers([w * h if given_area is None else given_area], where, "area")[0])
        count = int(numbers([count], where, "num_keypoints")[0])
        zero_area += area <= 0 and count > 0
        crowd = bool(record.get("iscrowd", 0))
        ids.append(number)
        found.append(Annotation(len(ids), image_id, (x, y, w, h), area, points, count, crowd))

    notes = []
    if no_area:
        notes.append(f"{no_area} annotations without area (took width * height of the box)")
    if no_count:
        notes.append(f"{no_count} annotations without num_keypoints (counted the labelled)")
    if all(is_int(i) and i > 0 for i in ids) and len(set(ids)) == len(ids):
        found = [replace(a, id=i) for i, a in zip(ids, found, strict=True)]
    else:
        notes.append("annotation ids that are missing, 0 or doubled (all renumbered from 1)")
    message = f"repaired {'; '.join(notes)}" if notes else ""
    if zero_area:
        message += f"{'; ' * bool(notes)}{zero_area} people have area 0 and are left out: set it to width * height"
    if message:
        warnings.warn(f"{path}: {message}; `pose check` shows which", stacklevel=3)
    return tuple(found)


def numbers(value: Any, where: str, key: str) -> NDArray[np.float64]:
    """Convert a flat list of finite numbers, none beyond `LARGEST`, to an array."""
    if not isinstance(value, list):
        raise ValueError(f"{where} has no list '{key}', got {value!r:.60}")
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.array([np.nan])
    if array.ndim != 1 or not (np.abs(array) <= LARGEST).all():
        raise ValueError(f"{where}: '{key}' must hold finite numbers up to {LARGEST:g} only, got {value!r:.100}")
    return array
