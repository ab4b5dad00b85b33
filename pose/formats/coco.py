"""COCO keypoint files: the plain file, a folder of them, CVAT's layout and Roboflow's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose.data.category import edge_fits
from pose.data.image_entries import leaves_folder, local_name
from pose.data.image_names import split_name
from pose.data.json_file import read_json
from pose.data.keypoint_files import keypoint_files
from pose.data.records import read_flag, read_id, read_number, read_numbers, read_whole
from pose.formats.labels import LabeledImage, LabeledPerson, LabelSet, Notes, ObjectKind, as_list
from pose.keypoints.known import COCO_WHOLEBODY133
from pose.keypoints.skeletons import COCO17
from pose.runtime.arrays import Floats
from pose.runtime.errors import DataError
from pose.runtime.text import first_few, plural

ROBOFLOW = "_annotations.coco.json"
_IMAGE = ("id", "file_name", "height", "width")
_CATEGORY = ("id", "name", "keypoints", "skeleton")
_FILE = ("info", "images", "annotations", "categories")
_OWN = ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "keypoints", "num_keypoints", "track")
# COCO-WholeBody keeps the parts of its 133 keypoints apart, in this order.
WHOLEBODY_PARTS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
_UNREAD = "annotations whose keypoints or iscrowd cannot be read"
_SPLITS = {"valid": "val", "validation": "val"}


def read_coco(path: Path, notes: Notes, *, keypoints: tuple[str, ...] | None = None) -> LabelSet:
    """Read a COCO keypoint file, or each of those in the folder `annotations`.

    Args:
        keypoints: names for a file whose categories have none.
    Raises:
        DataError: no such file, or not what COCO has.
    """
    if not path.is_dir():
        return _read_file(path, notes, keypoints, folder="", split="")
    found = LabelSet([], [], path)
    below = sorted((path / "annotations").glob("*.json"))
    files = keypoint_files(below)
    notes.left_out["files in annotations without keypoints, or of a split that another has"] += len(below) - len(
        files
    )
    for file in files:
        split = split_name(file)
        places = (f"images/{split}", split, "images", "")
        folder = next(place for place in places if (path / place).is_dir())
        part = _read_file(file, notes, keypoints, folder=folder, split=_SPLITS.get(split, split))
        found.images += part.images
        found.people += part.people
        found.listed += part.listed
    return found


def read_roboflow(path: Path, notes: Notes, *, keypoints: tuple[str, ...] | None = None) -> LabelSet:
    """Read a folder as Roboflow exports it: `train/_annotations.coco.json` beside the images."""
    files = [path] if path.is_file() else sorted(path.glob(f"*/{ROBOFLOW}")) or [path / ROBOFLOW]
    root = files[0].parent if path.is_file() or files[0].parent == path else path
    found = LabelSet([], [], root)
    for file in files:
        folder = "" if file.parent == root else file.parent.name
        part = _read_file(file, notes, keypoints, folder=folder, split=_SPLITS.get(folder, folder))
        found.images += part.images
        found.people += part.people
        found.listed += part.listed
    return found


def _read_file(path: Path, notes: Notes, keypoints: tuple[str, ...] | None, *, folder: str, split: str) -> LabelSet:
    document = read_json(path)
    if not isinstance(document, dict) or not all(
        isinstance(document.get(k), list) for k in ("images", "annotations")
    ):
        raise DataError(f"{path} is no COCO file: it needs an object with the lists images and annotations")
    if keypoints == COCO_WHOLEBODY133.keypoint_names:
        _join_wholebody(document)
    elif any(isinstance(a, dict) and WHOLEBODY_PARTS[1] in a for a in document["annotations"]):
        notes.remark(
            "left out: feet, face and hands of COCO-WholeBody, which are in lists of their own; "
            f"--keypoints {COCO_WHOLEBODY133.name} joins them"
        )
    others = [key for key in document if key not in _FILE and document[key]]
    if others:
        notes.remark(f"left out: what {path.name} holds beside images, people and categories: {first_few(others)}")
    images = _read_images(document["images"], notes, folder=folder, split=split)
    kinds, names = _read_kinds(path, document, keypoints, notes)
    people, unread = [], notes.left_out[_UNREAD]
    for record in document["annotations"]:
        person = _read_person(record, images, kinds, names, notes)
        if person is not None:
            people.append(person)
    unread = notes.left_out[_UNREAD] - unread
    if unread and not people:
        given = next(
            (a["keypoints"] for a in document["annotations"] if isinstance(a, dict) and a.get("keypoints")), None
        )
        raise DataError(
            f"{path}: nobody can be read; the keypoints of {plural(unread, 'annotation')} are not x, y, visibility "
            f"of each in one list, e.g. {given!r:.100}"
        )
    return LabelSet(list(images.values()), people, listed=[kinds[number] for number in sorted(kinds)])


def _join_wholebody(document: dict[str, Any]) -> None:
    """Make COCO-WholeBody's five lists of a person one, and name the keypoints in its category."""
    joined = False
    for record in document["annotations"]:
        if isinstance(record, dict) and all(isinstance(record.get(part), list) for part in WHOLEBODY_PARTS):
            record["keypoints"] = [v for part in WHOLEBODY_PARTS for v in record[part]]
            joined = True
    for category in as_list(document.get("categories")):
        if joined and isinstance(category, dict) and category.get("keypoints"):
            category["keypoints"] = list(COCO_WHOLEBODY133.keypoint_names)
            category["skeleton"] = [[a + 1, b + 1] for a, b in COCO_WHOLEBODY133.edges]


def _read_images(records: list[Any], notes: Notes, *, folder: str, split: str) -> dict[int, LabeledImage]:
    images: dict[int, LabeledImage] = {}
    for record in records:
        number = read_id(record.get("id")) if isinstance(record, dict) else None
        name = record.get("file_name") if isinstance(record, dict) else None
        if number is None or not isinstance(name, str) or not name:
            notes.left_out["images without a readable id and file_name"] += 1
        elif leaves_folder(name):
            notes.left_out["images whose file_name leaves their folder"] += 1
        elif number in images:
            notes.left_out["images of an id that another has"] += 1
        else:
            height, width = read_whole(record.get("height")), read_whole(record.get("width"))
            size = (height, width) if height and width else None
            extra = _others(record, _IMAGE, notes)
            images[number] = LabeledImage(local_name(name), folder, size, number, split, extra)
    return images


def _read_kinds(
    path: Path, document: dict[str, Any], keypoints: tuple[str, ...] | None, notes: Notes
) -> tuple[dict[int, ObjectKind], dict[int, str]]:
    """The categories with keypoints, and the names of all, by id."""
    rows = [c for c in as_list(document.get("categories")) if isinstance(c, dict)]
    names = {number: str(c.get("name", number)) for c in rows if (number := read_id(c.get("id"))) is not None}
    kinds: dict[int, ObjectKind] = {}
    for row in rows:
        number, listed = read_id(row.get("id")), row.get("keypoints")
        if number is None or not isinstance(listed, list) or not listed:
            continue
        if not all(isinstance(name, str) and name for name in listed) or len(set(listed)) < len(listed):
            raise DataError(
                f"{path}: category '{names[number]}' needs different texts as keypoints, got {listed!r:.80}"
            )
        given = as_list(row.get("skeleton"))
        edges = [pair for pair in given if edge_fits(pair, len(listed))]
        notes.left_out["edges that join no two keypoints"] += len(given) - len(edges)
        extra = _others(row, _CATEGORY, notes)
        kinds[number] = ObjectKind(
            names[number], tuple(listed), tuple((a - 1, b - 1) for a, b in edges), None, number, extra
        )
    if keypoints is not None and any(kind.keypoint_names != keypoints for kind in kinds.values()):
        notes.remark("--keypoints is not used, as the file names its keypoints, in their order")
    if not kinds:
        _guess_kind(path, document, keypoints, kinds, names, notes)
    return kinds, names


def _guess_kind(
    path: Path,
    document: dict[str, Any],
    keypoints: tuple[str, ...] | None,
    kinds: dict[int, ObjectKind],
    names: Mapping[int, str],
    notes: Notes,
) -> None:
    """Where no category names keypoints: those that the user gives, or COCO's if the numbers are 51."""
    used = [a for a in document["annotations"] if isinstance(a, dict) and a.get("keypoints")]
    counts = {len(a["keypoints"]) for a in used if isinstance(a["keypoints"], list)}
    chosen = keypoints or (COCO17.keypoint_names if counts == {51} else None)
    if chosen is None or not counts <= {3 * len(chosen)}:
        raise DataError(
            f"{path}: no category names its keypoints, and the annotations have {first_few(sorted(counts)) or 'no'} "
            "numbers; name them in their order by --keypoints"
        )
    edges = COCO17.edges if chosen == COCO17.keypoint_names else ()
    given_ids = {read_id(a.get("category_id")) for a in used}
    for number in sorted({i for i in given_ids if i is not None} or {next(iter(names), 1)}):
        kinds[number] = ObjectKind(names.get(number, "person"), chosen, edges, None, number)
    if keypoints is None:
        notes.remark("guessed: the names of the keypoints are COCO's 17, as no category names any")


def _read_person(
    record: Any,
    images: Mapping[int, LabeledImage],
    kinds: Mapping[int, ObjectKind],
    names: Mapping[int, str],
    notes: Notes,
) -> LabeledPerson | None:
    if not isinstance(record, dict):
        notes.left_out["annotations that are no objects"] += 1
        return None
    image_id, number = read_id(record.get("image_id")), read_id(record.get("category_id"))
    image = None if image_id is None else images.get(image_id)
    kind = None if number is None else kinds.get(number)
    if record.get("category_id") is None and len(kinds) == 1:
        (kind,) = kinds.values()
        notes.guessed[f"annotations without category_id, taken for '{kind.name}'"] += 1
    if image is None:
        notes.left_out["annotations of images that are not listed"] += 1
        return None
    if kind is None:
        what = "annotations without a readable category_id"
        if number is not None:
            what = f"annotations of category '{names.get(number, number)}', which has no keypoints"
        notes.left_out[what] += 1
        return None
    points = _read_points(record.get("keypoints"), len(kind.keypoint_names), notes)
    crowd = read_flag(record.get("iscrowd"))
    if points is None or crowd is None:
        notes.left_out[_UNREAD] += 1
        return None
    box = read_numbers(record.get("bbox"))
    box_xywh = tuple(box.tolist()) if box is not None and len(box) == 4 else None
    extra = _others(record, _OWN, notes)
    area, track = read_number(record.get("area")), record.get("track")
    if not isinstance(track, str):
        track = None
        extra |= {"track": record["track"]} if "track" in record else {}
    return LabeledPerson(image, kind, points, box_xywh, read_id(record.get("id")), area, crowd, track, extra)


def _others(record: Mapping[str, Any], own: Sequence[str], notes: Notes) -> dict[str, Any]:
    """The entries of a record but for `own`; JSON has no NaN, which pandas writes for what is missing."""
    kept = {key: value for key, value in record.items() if key not in own}
    missing = [key for key, value in kept.items() if isinstance(value, float) and not math.isfinite(value)]
    notes.left_out["other entries that are no finite numbers"] += len(missing)
    return {key: value for key, value in kept.items() if key not in missing}


def _read_points(value: Any, count: int, notes: Notes) -> Floats | None:
    if value is None or value == []:
        return np.zeros((count, 3))
    numbers = read_numbers(value)
    if numbers is None or len(numbers) != 3 * count:
        return None
    points: Floats = numbers.reshape(-1, 3)
    odd = ~np.isin(points[:, 2], (0, 1, 2))
    if odd.any():
        what = "keypoints whose visibility is not 0, 1 or 2, taken as visible if it is above 0"
        notes.guessed[what] += int(odd.sum())
        points[odd, 2] = np.where(points[odd, 2] > 0, 2, 0)
    return points
