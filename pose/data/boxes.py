"""A JSON file of boxes, matched to images by file name or id."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.box_habits import warn_of_empty_boxes
from pose.data.records import read_flag, read_id
from pose.keypoints.skeletons import COCO17, Skeleton

Boxes = tuple[NDArray[np.float64], NDArray[np.float64]]  # (N, 4) xywh, (N,) scores
LARGEST_COORDINATE = 1e9  # pixels; images are far smaller
SMALLEST_SIDE = 1e-3  # pixels of a box; crops of much smaller ones have coordinates that are not finite
_EXAMPLE = '{"file_name": "street.jpg", "bbox": [x, y, width, height], "score": 0.9}'


def load_box_file(path: Path, *, example: str) -> Any:
    """Read a JSON file of boxes; `example` is a record, for the message.

    Raises:
        FileNotFoundError, ValueError: no such file, or no JSON.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no boxes {path}; give a JSON file of boxes, 'detect' or 'whole'")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}); expected a list of records such as {example}") from None


def check_box(where: str, record: dict[str, Any]) -> tuple[list[float], float]:
    """Check a record, and return its box (4) and its score, 1 where there is none; `where` names it in errors.

    A width or height of 0 passes: such boxes are left out, see `is_empty`.

    Raises:
        ValueError: either is malformed.
    """
    box, score = record.get("bbox"), record.get("score", 1.0)
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)) or min(box[2:]) < 0:
        raise ValueError(
            f"{where} has bbox {box!r:.80}; expected [x, y, width, height] in pixels, width and height positive "
            f"and at least {SMALLEST_SIDE:g}"
        )
    if not _is_number(score):
        raise ValueError(f"{where} has score {score!r:.40}; expected a number, or none for 1")
    return [float(v) for v in box], float(score)


def usable_boxes(boxes_xywh: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which boxes (N, 4) can be cut out of an image: (N,). Others give numbers that are not finite."""
    small_enough = np.abs(boxes_xywh) < LARGEST_COORDINATE
    large_enough = boxes_xywh[:, 2:] >= SMALLEST_SIDE
    return np.asarray(small_enough.all(axis=1) & large_enough.all(axis=1))


def is_empty(box: Sequence[float]) -> bool:
    """Whether a box x, y, width, height has no width or no height to speak of."""
    return min(box[2:]) < SMALLEST_SIDE


def read_boxes(path: Path, names: Sequence[str], *, skeleton: Skeleton, min_score: float) -> dict[str, Boxes]:
    """Read the boxes of each of the images `names`, in pixels as stored, as COCO's are.

    Args:
        path: a JSON list of {bbox: [x, y, width, height], score (1 if left out), file_name or image_id}, or COCO
            annotations. `file_name` is the path below the input folder, or the end of it where that is unambiguous;
            an `image_id` that no `images` explain is the number in the file's name (785 for 000000000785.jpg).
            Left out are other images, crowds, and all but one category: that with the skeleton's name, with
            keypoints, COCO's 1 for people, or the only one.
        min_score: boxes that score less are left out.

    Boxes of size 0 are left out with a warning.

    Raises:
        FileNotFoundError, ValueError: no such file; or boxes are malformed, ambiguous, of other images, or all empty.
    """
    records, file_names = _load_records(path, skeleton)
    match = _Matcher(names)
    boxes: dict[str, list[list[float]]] = {name: [] for name in names}
    said: list[str] = []
    empty: list[int] = []
    matched = 0
    for index, record in records:
        where = f"{path}: record {index}"
        box, score = _check_record(where, record)
        file_name = record.get("file_name") or file_names.get(_as_key(record["image_id"]))
        said.append(f"file_name {file_name}" if file_name else f"image_id {record['image_id']}")
        hits = match.by_name(file_name) if file_name else match.by_id(_as_key(record["image_id"]))
        if len(hits) > 1:
            raise ValueError(
                f"{where} with {said[-1]} fits {hits[0]} and {hits[1]}; "
                f"write the path below the input folder as its file_name"
            )
        matched += len(hits)
        if hits and is_empty(box):
            empty.append(index)
        elif hits and score >= min_score:
            boxes[hits[0]].append([*box, score])
    if not matched:
        raise ValueError(
            f"none of the {len(records)} boxes of {path} is of the {len(names)} images given: the boxes are of "
            f"{', '.join(list(dict.fromkeys(said))[:3])}, the images are {', '.join(names[:3])}"
        )
    if len(empty) == matched:
        raise ValueError(
            f"no box of {path} for these images has a width and a height of at least {SMALLEST_SIDE:g}; "
            f"expected [x, y, width, height] in pixels"
        )
    warn_of_empty_boxes(empty, str(path))
    arrays = {name: np.array(rows, dtype=np.float64).reshape(-1, 5) for name, rows in boxes.items()}
    return {name: (array[:, :4], array[:, 4]) for name, array in arrays.items()}


def confident(boxes: Boxes, min_score: float) -> Boxes:
    """Keep the boxes that score at least `min_score`."""
    xywh, scores = boxes
    return xywh[scores >= min_score], scores[scores >= min_score]


def image_number(stem: str) -> int | None:
    """Find the image id that is a file's name, as in COCO: 785 of 000000000785."""
    number = re.fullmatch(r"(?:COCO_[a-z]+\d*_)?(\d+)", stem)  # COCO 2014 has the split in front
    return int(number[1]) if number else None


class _Matcher:
    """Finds the images that a record's file_name or image_id may mean."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = set(names)
        self.by_end: dict[str, list[str]] = {}
        self.by_stem: dict[str | int, list[str]] = {}
        for name in names:
            for end in _ends(name):
                self.by_end.setdefault(end, []).append(name)
            stem = Path(name).stem
            number = image_number(stem)
            self.by_stem.setdefault(stem, []).append(name)
            if number is not None:
                self.by_stem.setdefault(number, []).append(name)

    def by_name(self, file_name: str) -> list[str]:
        name = PureWindowsPath(file_name).as_posix()
        if name in self.names:
            return [name]
        # Either may have more folders in front than the other.
        return self.by_end.get(name) or [end for end in _ends(name) if end in self.names][:1]

    def by_id(self, image_id: str | int) -> list[str]:
        return self.by_stem.get(image_id, [])


def _ends(name: str) -> list[str]:
    """List the ends of a path: a/b/c.jpg, b/c.jpg, c.jpg."""
    parts = name.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]


def _load_records(path: Path, skeleton: Skeleton) -> tuple[list[tuple[int, Any]], dict[Any, str]]:
    """Read the records of one category with their indexes, and the file names by image id where the file has them."""
    data = load_box_file(path, example=_EXAMPLE)
    images: list[Any] = []
    categories: list[Any] = []
    if isinstance(data, dict):
        images, categories, data = data.get("images") or [], data.get("categories") or [], data.get("annotations")
    if not isinstance(data, list) or not isinstance(images, list) or not isinstance(categories, list):
        raise ValueError(f"{path} holds no list of boxes; expected records such as {_EXAMPLE}, or COCO annotations")
    if not data:
        raise ValueError(f"{path} holds no boxes; expected records such as {_EXAMPLE}, or give 'whole'")
    file_names = {}
    for index, image in enumerate(images):
        if not isinstance(image, dict) or not _is_id(image.get("id")) or not isinstance(image.get("file_name"), str):
            raise ValueError(f"{path}: images[{index}] needs an id and a file_name, got {image!r:.80}")
        file_names[_as_key(image["id"])] = image["file_name"]
    kinds = {_as_key(r["category_id"]) for r in data if isinstance(r, dict) and _is_id(r.get("category_id"))}
    listed = {_as_key(c["id"]): c for c in categories if isinstance(c, dict) and _is_id(c.get("id"))}
    named = {i for i, c in listed.items() if i in kinds and c.get("name") == skeleton.name}
    posed = {i for i, c in listed.items() if i in kinds and c.get("keypoints")}
    person = {1} & kinds if skeleton.keypoint_names == COCO17.keypoint_names else set()
    wanted = named or posed or person or kinds
    if len(wanted) > 1:
        raise ValueError(f"{path} has boxes of the categories {sorted(wanted, key=str)}; leave only those to predict")
    people = [
        (index, r)
        for index, r in enumerate(data)
        if not isinstance(r, dict)
        or (_as_key(r.get("category_id")) in (None, *wanted) and read_flag(r.get("iscrowd")) is not True)
    ]
    return people, file_names


def _check_record(where: str, record: Any) -> tuple[list[float], float]:
    """Check a record that names its image, and return its box (4) and its score."""
    if not isinstance(record, dict):
        raise ValueError(f"{where} is {record!r:.80}; expected an object such as {_EXAMPLE}")
    name = record.get("file_name")
    if not (isinstance(name, str) and name if name is not None else _is_id(record.get("image_id"))):
        raise ValueError(f"{where} needs a file_name or an image_id, got {record!r:.80}; e.g. {_EXAMPLE}")
    if read_flag(record.get("iscrowd")) is None:
        raise ValueError(f"{where} has iscrowd {record['iscrowd']!r:.40}; expected 0, or 1 for a group")
    return check_box(where, record)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) or read_id(value) is not None


def _as_key(value: Any) -> Any:
    """Read an id as a number where it is one, 785 of "785" and 785.0; other text stays."""
    number = read_id(value)
    return value if number is None else number


def _is_number(value: Any) -> bool:
    """Say whether a value is a number that an image can have, which NaN and infinities are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_COORDINATE
