"""COCO keypoint annotations, read and checked.

Frames: `_img` is the original image's pixels. Points are (x, y), sizes (height, width), boxes (left, top,
width, height). Images are found by `file_name` and carried by their id. Imports neither torch nor albumentations.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.category import check_names, find_category
from pose.data.records import LARGEST, LARGEST_ID, read_flag, read_id, read_number, read_numbers, read_whole
from pose.keypoints.skeletons import Skeleton


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
        num_keypoints: how many are labelled; COCOeval ignores people with 0.
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
        left_out: why annotations of the file are not among these, and how many.
    """

    path: Path
    images: dict[int, ImageInfo]
    annotations: tuple[Annotation, ...] | None
    category_id: int
    left_out: Mapping[str, int] = field(default_factory=dict)


def load_coco(
    path: Path | str, skeleton: Skeleton, *, category: str | None = None, need_annotations: bool = True
) -> CocoFile:
    """Read and check a COCO keypoint file.

    What is safe to mend is mended, with one warning: a missing `area` becomes the box's width * height, missing
    or empty `keypoints` are taken as not labelled, `num_keypoints` is counted, and ids that are missing, 0 or
    doubled are renumbered from 1 (COCOeval counts a match with id 0 as none). An image listed twice counts once.
    Images and annotations that cannot be read are left out, and counted in the warning.

    Args:
        category: name of the category to read; by default the only one with keypoints.
        need_annotations: False allows a file with images only, to write results for.
    Raises:
        FileNotFoundError: no such file.
        ValueError: not a COCO keypoint file for this skeleton, or no entry of it can be read; the message names the
            first and what it lacks.
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
    records = [(i, a) for i, a in enumerate(given) if not isinstance(a, dict) or of_category(a, category_id)]
    left_out = Counter({"of other categories": len(given) - len(records)})
    annotations = _read_annotations(path, records, images, skeleton, left_out)
    return CocoFile(path, images, annotations, category_id, +left_out)


def read_json(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; check the path, or download the annotations first")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; the download may have been cut off, fetch it again")
    content = path.read_bytes()
    if content.lstrip()[:1] == b"<":
        raise ValueError(f"{path} is XML, as CVAT exports for images; export COCO Keypoints instead")
    if path.suffix.lower() == ".txt":
        raise ValueError(f"{path} is text, as YOLO's labels are; convert them to one COCO keypoint JSON")
    try:
        return json.loads(content)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error}); save it as UTF-8, e.g. from GBK or Latin-1") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}); the download may have been cut off") from error


def leaves_folder(name: str) -> bool:
    """Say whether a name from someone else's file reaches outside of the folder it is put below, on any system."""
    windows = PureWindowsPath(name)
    return PurePosixPath(name).is_absolute() or bool(windows.anchor) or ".." in windows.parts or "\0" in name


def local_name(name: str) -> str:
    """A file's name below its folder as every system reads it: files written on Windows have backslashes."""
    return name.replace("\\", "/")


def of_category(record: Mapping[str, Any], category_id: int | str | None) -> bool:
    """Say whether an annotation is of a category, as one that names none, or nothing readable, is taken to be."""
    return read_id(record.get("category_id")) in (category_id, None)


class _Unusable(ValueError):
    """Why a record is left out: what is counted, and the whole message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _warn_left_out(path: Path, what: str, problems: Sequence[_Unusable], total: int) -> Counter[str]:
    """Count why records are left out, and warn; nothing left is an error.

    Raises:
        ValueError: all of them are left out.
    """
    if not problems:
        return Counter()
    if len(problems) == total:
        raise ValueError(f"{path}: none of the {total} {what} can be read; the first: {problems[0]}")
    reasons = Counter(problem.reason for problem in problems)
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    warnings.warn(
        f"{path}: {len(problems)} of {total} {what} are left out: {listed}; the first: {problems[0]}; "
        "`pose check` shows which",
        stacklevel=4,
    )
    return reasons


def _read_images(path: Path, records: Sequence[Any]) -> dict[int, ImageInfo]:
    images: dict[int, ImageInfo] = {}
    problems = []
    for index, record in enumerate(records):
        try:
            image = _read_image(record, f"images[{index}]")
        except _Unusable as problem:
            problems.append(problem)
            continue
        if images.setdefault(image.id, image).file_name != image.file_name:
            names = f"{images[image.id].file_name} and {image.file_name}"
            raise ValueError(f"{path}: image id {image.id} stands for two files, {names}")
    _warn_left_out(path, "images", problems, len(records))
    return images


def _read_image(record: Any, where: str) -> ImageInfo:
    number = read_id(record.get("id")) if isinstance(record, dict) else None
    if number is None:
        raise _Unusable(
            "without a readable id", f"{where} has no integer 'id' up to {LARGEST_ID}, got {record!r:.100}"
        )
    name = record.get("file_name")
    if not isinstance(name, str) or not name:
        raise _Unusable("without a file_name", f"{where} (id {number}) has no 'file_name'")
    if leaves_folder(name):
        raise _Unusable(
            "whose file_name leaves the images folder",
            f"{where}: file_name {name!r} leaves the images folder; give a path below it",
        )
    height, width = read_whole(record.get("height")), read_whole(record.get("width"))
    if not (height and width):
        got = f"{record.get('height')!r:.40} and {record.get('width')!r:.40}"
        raise _Unusable("without height and width", f"{where} needs 'height' and 'width' in pixels, got {got}")
    return ImageInfo(number, local_name(name), (height, width))


def _read_annotations(
    path: Path,
    records: Sequence[tuple[int, Any]],
    images: Mapping[int, ImageInfo],
    skeleton: Skeleton,
    left_out: Counter[str],
) -> tuple[Annotation, ...]:
    """Read annotations, given with their positions; `left_out` counts those that cannot be read."""
    found: list[Annotation] = []
    used: list[Mapping[str, Any]] = []
    problems = []
    for index, record in records:
        try:
            found.append(_read_annotation(record, index, len(found) + 1, images, skeleton))
            used.append(record)
        except _Unusable as problem:
            problems.append(problem)
    left_out.update(_warn_left_out(path, "annotations", problems, len(records)))

    notes = _repairs(found, used)
    ids = [read_id(record.get("id")) for record in used]
    if all(i is not None and i > 0 for i in ids) and len(set(ids)) == len(ids):
        found = [replace(a, id=i) for i, a in zip(ids, found, strict=True) if i is not None]
    else:
        notes.append("annotation ids that are missing, 0 or doubled (all renumbered from 1)")
    message = f"repaired {'; '.join(notes)}" if notes else ""
    zero_area = sum(a.area <= 0 and a.num_keypoints > 0 for a in found)
    if zero_area:
        message += f"{'; ' * bool(notes)}{zero_area} people have area 0 and are left out: set it to width * height"
    if message:
        warnings.warn(f"{path}: {message}; `pose check` shows which", stacklevel=3)
    return tuple(found)


def _read_annotation(
    record: Any, index: int, number: int, images: Mapping[int, ImageInfo], skeleton: Skeleton
) -> Annotation:
    if not isinstance(record, dict):
        raise _Unusable("that are no objects", f"annotations[{index}] is {record!r:.60}, not an object")
    where = f"annotation {record['id'] if record.get('id') is not None else f'[{index}]'!s:.40}"
    if record.get("category_id") is not None and read_id(record["category_id"]) is None:
        got = f"{record['category_id']!r:.40}"
        raise _Unusable("whose category_id is no number", f"{where} has category_id {got}; give the category's id")
    image_id = read_id(record.get("image_id"))
    if image_id is None or image_id not in images:
        got = f"{record.get('image_id')!r:.40}"
        message = f"{where} has image_id {got}, which is not in 'images'; add the image or drop it"
        raise _Unusable("of images that are not listed", message)
    crowd = read_flag(record.get("iscrowd"))
    if crowd is None:
        message = f"{where} has iscrowd {record['iscrowd']!r:.40}; it needs 0, or 1 for a group"
        raise _Unusable("whose iscrowd is neither 0 nor 1", message)
    try:
        box = numbers(record.get("bbox"), where, "bbox")
        if len(box) != 4:
            raise ValueError(f"{where} has a bbox of {len(box)} numbers; it needs x, y, width, height")
    except ValueError as error:
        raise _Unusable("without a bbox of four numbers", str(error)) from None
    x, y, w, h = box.tolist()
    points = _read_points(record.get("keypoints"), where, skeleton)
    count = int((points[:, 2] > 0).sum())
    area = read_number(record.get("area"))
    return Annotation(number, image_id, (x, y, w, h), w * h if area is None else area, points, count, crowd)


def _read_points(value: Any, where: str, skeleton: Skeleton) -> NDArray[np.float32]:
    if value is None or value == []:
        return np.zeros((skeleton.num_keypoints, 3), np.float32)
    try:
        keypoints = numbers(value, where, "keypoints")
    except ValueError as error:
        raise _Unusable("with keypoints that are no finite numbers", str(error)) from None
    if len(keypoints) != 3 * skeleton.num_keypoints:
        message = (
            f"{where} has {len(keypoints)} numbers, skeleton '{skeleton.name}' with "
            f"{skeleton.num_keypoints} keypoints needs {3 * skeleton.num_keypoints}; "
            f"set data.skeleton to from_annotations, or to the keypoints of this file"
        )
        raise _Unusable("with another number of keypoints than the skeleton", message)
    return keypoints.astype(np.float32).reshape(-1, 3)


def _repairs(found: Sequence[Annotation], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """List what was taken instead of what the records have, with counts."""
    no_area = sum(read_number(r.get("area")) is None for r in records)
    counts = [read_whole(r.get("num_keypoints")) for r in records]
    no_count = counts.count(None)
    differ = sum(c is not None and c != a.num_keypoints for c, a in zip(counts, found, strict=True))
    no_points = sum(not r.get("keypoints") for r in records)
    notes = {
        "without area (took width * height of the box)": no_area,
        "without num_keypoints (counted the labelled)": no_count,
        "whose num_keypoints is not the number of labelled ones (counted the labelled)": differ,
        "without keypoints (taken as not labelled)": no_points,
    }
    return [f"{count} annotations {what}" for what, count in notes.items() if count]


def numbers(value: Any, where: str, key: str) -> NDArray[np.float64]:
    """Convert a flat list of finite numbers, none beyond `LARGEST`, to an array."""
    if not isinstance(value, list):
        raise ValueError(f"{where} has no list '{key}', got {value!r:.60}")
    array = read_numbers(value)
    if array is None:
        raise ValueError(f"{where}: '{key}' must hold finite numbers up to {LARGEST:g} only, got {value!r:.100}")
    return array
