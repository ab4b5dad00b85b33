"""A COCO file as columns, read leniently: what is missing or malformed becomes NaN, and nothing raises.

Shapes: N annotations, K keypoints. Frames: image pixels; points (x, y), sizes (height, width), boxes xywh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.annotations import of_category
from pose.data.category import edge_fits, names_keypoints, same_keypoints
from pose.data.foreign import refuse_foreign
from pose.data.outlines import find_outlines
from pose.data.records import is_int, read_flag, read_id, read_number, read_numbers, read_whole
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.runtime.arrays import Array


@dataclass(frozen=True, eq=False)
class ImageTable:
    """The entries of `images`, as columns.

    Attributes:
        records: the entries that are objects, as they are.
        names: their file_name, "" where there is none.
        rows: by id, as `as_id` reads it, the first row that has it.
        sizes: (N, 2) height, width; NaN where the file gives none.
    """

    records: list[dict[str, Any]]
    names: list[int | str]
    rows: dict[int | str, int]
    sizes: Array


@dataclass(frozen=True, eq=False)
class AnnotationTable:
    """The annotations of the category with keypoints, as columns.

    Attributes:
        names: their ids, or "annotations[5]" where there is none.
        index: (N,) position in `annotations`.
        image: (N,) row of the image, -1 if unknown.
        sizes: (N, 2) of the image, NaN if unknown.
        boxes: (N, 4); NaN if not four finite numbers.
        areas, counts: (N,) area and num_keypoints; NaN if no numbers.
        keypoints: (N, K, 3); NaN if missing or of another length.
        labeled: (N, K) visibility above 0 and a place.
        crowd: (N,) bool.
    """

    records: list[dict[str, Any]]
    names: list[int | str]
    index: Array
    image: Array
    sizes: Array
    boxes: Array
    areas: Array
    counts: Array
    keypoints: Array
    labeled: Array
    crowd: Array


@dataclass(frozen=True, eq=False)
class Split:
    """One annotation file and where its images are.

    Attributes:
        name: "train", "val", or the file's stem.
        images_dir: None if the images are not to be looked at.
        skeleton_given: whether it came from a config rather than from the file's category.
        category_ids: the categories of the people, as read: 1 where it is written "1".
        categories: (id, object) of the listed ones that have keypoints, or of those that the config names.
        outlines: annotations that are just the outline of another, which comes second; they are not in `people`.
    """

    name: str
    path: Path
    images_dir: Path | None
    document: dict[str, Any]
    skeleton: Skeleton
    skeleton_given: bool
    category_ids: tuple[Any, ...]
    categories: list[tuple[Any, dict[str, Any]]]
    images: ImageTable
    people: AnnotationTable
    outlines: list[tuple[dict[str, Any], dict[str, Any]]]


def read_split(
    name: str,
    path: Path,
    document: Any,
    *,
    images_dir: Path | None = None,
    skeleton: Skeleton | None = None,
    category_name: str | Sequence[str] | None = None,
) -> Split:
    """Read a document into columns.

    Args:
        document: what `path` holds.
        skeleton: None to take the category's.
        category_name: the category to read, or several (`data.category`).
    Raises:
        ValueError: it is no COCO file at all.
    """
    refuse_foreign(path, document)
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        got = "a list (detections?)" if isinstance(document, list) else f"a {type(document).__name__}"
        got = "an object without a list 'images'" if isinstance(document, dict) else got
        raise ValueError(f"{path} holds {got}; a COCO keypoint file is an object with images and annotations")
    images = _read_images(document["images"])
    annotations = [(i, a) for i, a in enumerate(as_list(document.get("annotations"))) if isinstance(a, dict)]
    categories = [
        (_category_key(c.get("id")), c)
        for c in as_list(document.get("categories"))
        if isinstance(c, dict) and names_keypoints(c)
    ]
    if category_name is not None:
        wanted = [category_name] if isinstance(category_name, str) else category_name
        categories = [c for c in categories if c[1].get("name") in wanted] or categories
    used = Counter(_category_key(a.get("category_id")) for _, a in annotations if "keypoints" in a)
    category_ids: tuple[Any, ...]
    if categories:
        first = max(categories, key=lambda c: used[c[0]])
        alike = [c for c in categories if same_keypoints([c[1], first[1]])]
        category, category_ids = alike[0][1], tuple(key for key, _ in alike)
    else:
        category, category_ids = None, (next((key for key, _ in used.most_common() if key is not None), 1),)
    given = skeleton is not None
    if skeleton is None:
        skeleton = None if category is None else category_skeleton(category)
    if skeleton is None:  # no names: the most common number of keypoints
        lengths = Counter(len(a["keypoints"]) // 3 for _, a in annotations if isinstance(a.get("keypoints"), list))
        k = max(1, lengths.most_common(1)[0][0]) if lengths else 17
        skeleton = COCO17 if k == 17 else Skeleton.from_names("unnamed", keypoint_names=[f"{i}" for i in range(k)])
    chosen = [(i, a) for i, a in annotations if of_category(a, category_ids)]
    everybody = _read_people(chosen, images, skeleton.num_keypoints)
    people, outlines = _without_outlines(everybody)
    return Split(
        name, path, images_dir, document, skeleton, given, category_ids, categories, images, people, outlines
    )


def _without_outlines(
    table: AnnotationTable,
) -> tuple[AnnotationTable, list[tuple[dict[str, Any], dict[str, Any]]]]:
    """Take the annotations out that are just the outline of another, as training does."""
    bare = np.array([a.get("keypoints") in (None, []) for a in table.records], dtype=bool) & (table.image >= 0)
    found = find_outlines(table.image, table.boxes, np.nan_to_num(table.keypoints), bare)
    if not found:
        return table, []
    keep = [row for row in range(len(table.records)) if row not in found]
    columns = {f.name: getattr(table, f.name) for f in fields(table)}
    kept: dict[str, Any] = {
        k: [v[row] for row in keep] if isinstance(v, list) else v[keep] for k, v in columns.items()
    }
    return AnnotationTable(**kept), [(table.records[a], table.records[b]) for a, b in found.items()]


def with_sizes(split: Split, sizes: Array) -> Split:
    """Give the images other sizes (N, 2): those of the files, which training takes."""
    of_people = np.full((len(split.people.records), 2), np.nan)
    here = split.people.image >= 0
    of_people[here] = sizes[split.people.image[here]]
    return replace(split, images=replace(split.images, sizes=sizes), people=replace(split.people, sizes=of_people))


def category_skeleton(category: dict[str, Any]) -> Skeleton | None:
    """Make the skeleton of a category's names: COCO17 if they are COCO's, None if they are no names."""
    names = category.get("keypoints")
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
        return None
    if tuple(names) == COCO17.keypoint_names:
        return COCO17
    edges = [
        (names[a - 1], names[b - 1])
        for a, b in (e for e in as_list(category.get("skeleton")) if edge_fits(e, len(names)))
    ]
    name = category.get("name")
    return Skeleton.from_names(name if isinstance(name, str) else "category", keypoint_names=names, edges=edges)


def as_id(value: Any) -> int | str | None:
    """Read an id as training does; what it refuses but tells images apart is text, and the rest None."""
    number = read_id(value)
    if number is not None:
        return number
    return str(value) if is_int(value) or (isinstance(value, str) and value) else None


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def numbers_or_nan(value: Any, length: int) -> list[float]:
    """Read a list of `length` numbers as training does; anything else becomes NaN."""
    array = read_numbers(value)
    return [np.nan] * length if array is None or len(array) != length else array.tolist()


def finite_rows(rows: list[list[Any]], length: int) -> Array:
    """Convert rows to (N, length) float64; a row with an infinity or NaN is NaN throughout."""
    array = np.array(rows, dtype=np.float64).reshape(-1, length)
    array[~np.isfinite(array).all(axis=1)] = np.nan
    return array


def _read_images(entries: Sequence[Any]) -> ImageTable:
    records = [entry for entry in entries if isinstance(entry, dict)]
    names: list[int | str] = []
    rows: dict[int | str, int] = {}
    sizes = []
    for row, record in enumerate(records):
        name = record.get("file_name")
        names.append(name if isinstance(name, str) else "")
        key = as_id(record.get("id"))
        if key is not None:
            rows.setdefault(key, row)
        height, width = read_whole(record.get("height")), read_whole(record.get("width"))
        sizes.append((height, width) if height and width else (np.nan, np.nan))
    return ImageTable(records, names, rows, np.array(sizes, dtype=np.float64).reshape(-1, 2))


def _read_people(chosen: list[tuple[int, dict[str, Any]]], images: ImageTable, k: int) -> AnnotationTable:
    names: list[int | str] = []
    image, boxes, scalars = [], [], []
    keypoints: list[list[Any]] = []
    blank = [np.nan] * (3 * k)
    for position, a in chosen:
        number = a.get("id")
        names.append(number if is_int(number) or (isinstance(number, str) and number) else f"annotations[{position}]")
        key = as_id(a.get("image_id"))
        image.append(-1 if key is None else images.rows.get(key, -1))
        boxes.append(numbers_or_nan(a.get("bbox"), 4))
        numbers = read_number(a.get("area")), read_whole(a.get("num_keypoints"))
        scalars.append([np.nan if number is None else number for number in numbers])
        points = a.get("keypoints")
        keypoints.append(points if isinstance(points, list) and len(points) == 3 * k else blank)
    points_array = np.array([_each_number(p) for p in keypoints], dtype=np.float64).reshape(-1, k, 3)
    rows_of = np.array(image, dtype=np.int64)
    sizes = np.full((len(chosen), 2), np.nan)
    sizes[rows_of >= 0] = images.sizes[rows_of[rows_of >= 0]]
    scalar = np.array(scalars, dtype=np.float64).reshape(-1, 2)
    return AnnotationTable(
        records=[a for _, a in chosen],
        names=names,
        index=np.array([i for i, _ in chosen], dtype=np.int64),
        image=rows_of,
        sizes=sizes,
        boxes=finite_rows(boxes, 4),
        areas=scalar[:, 0],
        counts=scalar[:, 1],
        keypoints=points_array,
        labeled=(points_array[..., 2] > 0) & np.isfinite(points_array).all(axis=2),
        crowd=np.array([read_flag(a.get("iscrowd")) is True for _, a in chosen], dtype=bool),
    )


def _each_number(values: list[Any]) -> Array | list[float]:
    """Read a list of numbers, as training does; each that is none becomes NaN."""
    array = read_numbers(values)
    if array is not None:
        return array
    return [np.nan if (number := read_number(v)) is None else number for v in values]


def _category_key(value: Any) -> int | str | None:
    """Read the id of a category; None if there is none, and text for what is no number."""
    return None if value is None else number if (number := read_id(value)) is not None else repr(value)
