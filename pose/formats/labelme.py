"""labelme: a JSON beside each image, points with the group id of their person, and a rectangle around it.

labelme has no visibility; a hidden keypoint has the flag "hidden", which labelme keeps. X-AnyLabeling's files are of
the same kind; there a hidden keypoint is "difficult", as its own exports take it, and a rectangle has four corners.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pose.data.image_entries import leaves_folder, local_name
from pose.data.json_file import read_json
from pose.data.records import read_id, read_number, read_whole
from pose.formats.grouping import Box, Declared, Points, join_boxes, spread_points
from pose.formats.labels import (
    LabeledImage,
    LabeledPerson,
    LabelSet,
    Notes,
    count_lost,
    keypoints_from,
)
from pose.images.files import files_below
from pose.runtime.errors import DataError

TITLE = "labelme"
HIDDEN = "hidden"


def is_labelme(document: Any) -> bool:
    """Whether a JSON document is a file of labelme."""
    return isinstance(document, dict) and isinstance(document.get("shapes"), list) and "imagePath" in document


def read_labelme(path: Path, notes: Notes, *, keypoints: tuple[str, ...] | None = None) -> LabelSet:
    """Read one file, or those of a folder and its sub-folders.

    Raises:
        DataError: none is of labelme.
    """
    root = path if path.is_dir() else path.parent
    files = [p for p in files_below(path) if p.suffix.lower() == ".json"] if path.is_dir() else [path]
    documents = [(file, document) for file in files if is_labelme(document := read_json(file))]
    notes.left_out["JSON files that are not of labelme"] += len(files) - len(documents)
    if not documents:
        raise DataError(f"{path} has no file of labelme (JSON with shapes and imagePath)")
    labels = LabelSet([], [], root)
    found: list[tuple[LabeledImage, Points]] = []
    declared = Declared()
    for file, document in documents:
        declared.add(document)
        image = _read_image(file, document, root, notes)
        if image is not None:
            labels.images.append(image)
            found += [(image, person) for person in _read_people(document["shapes"], notes)]
    kinds = declared.make_kinds([person for _, person in found], keypoints, notes)
    for image, person in found:
        kind = kinds[person.label]
        number = read_id(person.key)
        points = keypoints_from(person.by_name, kind.keypoint_names)
        labels.people.append(LabeledPerson(image, kind, points, person.box, number))
    return labels


def _read_image(file: Path, document: Mapping[str, Any], root: Path, notes: Notes) -> LabeledImage | None:
    """imagePath is relative to the JSON; where it leads out of the folder, the image beside the JSON is meant."""
    name = document.get("imagePath")
    if not isinstance(name, str) or not name:
        notes.left_out["files without an imagePath that can be read"] += 1
        return None
    folder = file.parent.relative_to(root).as_posix()
    if leaves_folder(name):
        below = posixpath.normpath(posixpath.join(folder, local_name(name)))
        if not PureWindowsPath(name).anchor and not leaves_folder(below):
            folder, name = ".", below  # ../images/a.jpg, from a folder of JSON files beside that of the images
    if leaves_folder(name):
        name = PurePosixPath(local_name(name)).name
        if not name or leaves_folder(name):
            notes.left_out["files without an imagePath that can be read"] += 1
            return None
        notes.guessed["images whose imagePath leads elsewhere, looked for beside their JSON"] += 1
    height, width = read_whole(document.get("imageHeight")), read_whole(document.get("imageWidth"))
    size = (height, width) if height and width else None
    split = document.get("split")
    return LabeledImage(
        posixpath.normpath(posixpath.join(folder, local_name(name))),
        "",
        size,
        read_id(document.get("image_id")),
        split if isinstance(split, str) else "",
    )


def _read_people(shapes: list[Any], notes: Notes) -> list[Points]:
    grouped: dict[int, Points] = {}
    boxes: dict[int, tuple[str, Box]] = {}
    free_boxes: list[tuple[str, Box]] = []
    free: list[tuple[str, tuple[float, float, int]]] = []
    for shape in shapes:
        if not isinstance(shape, dict):
            notes.left_out["shapes that are no objects"] += 1
            continue
        kind, label, points = shape.get("shape_type"), str(shape.get("label")), _pairs(shape.get("points"))
        group = read_id(shape.get("group_id"))
        if kind == "rectangle" and points is not None and len(points) in (2, 4):
            box = _box(points)
            if group is None or group in boxes:
                free_boxes.append((label, box))
            else:
                boxes[group] = (label, box)
        elif kind == "point" and points is not None and len(points) == 1:
            flags = shape.get("flags")
            hidden = shape.get("difficult") is True or (isinstance(flags, dict) and flags.get(HIDDEN) is True)
            point = (*points[0], 1 if hidden else 2)
            if group is None:
                free.append((label, point))
            else:
                grouped.setdefault(group, Points("", key=str(group))).add(label, point, notes)
        else:
            notes.left_out[f"shapes of the kind {kind!s:.40}"] += 1
    for group, (label, box) in boxes.items():
        person = grouped.setdefault(group, Points(label, key=str(group)))
        person.label, person.box = label, box
    people = list(grouped.values())
    left = join_boxes(people, free_boxes, notes=notes)
    if free:  # points in a rectangle are of one person, without any ids
        people += [Points(label, box=box) for label, box in left]
        people += spread_points(free, people, notes=notes)
    else:
        notes.left_out["boxes without keypoints"] += len(left)
    for person in people:
        person.label = person.label or "person"
    return people


def _pairs(value: Any) -> list[tuple[float, float]] | None:
    if not isinstance(value, list):
        return None
    found = []
    for pair in value:
        x, y = (read_number(v) for v in pair) if isinstance(pair, list) and len(pair) == 2 else (None, None)
        if x is None or y is None:
            return None
        found.append((x, y))
    return found


def _box(points: list[tuple[float, float]]) -> Box:
    """Of two opposite corners in any order, or of four."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def render_labelme(labels: LabelSet, notes: Notes) -> dict[str, bytes]:
    """Make the JSON of each image, for beside it.

    Raises:
        DataError: two images would share a JSON, or the size of one is not known.
    """
    people = labels.people_by_image()
    kinds = {kind.name: kind for kind in labels.kinds()}
    own_ids = [person.id for person in labels.people]
    keep = None not in own_ids and len(set(own_ids)) == len(own_ids)
    notes.lost["ids of people, as some are missing or doubled"] += 0 if keep else len(own_ids) - own_ids.count(None)
    files: dict[str, bytes] = {}
    for image in labels.images:
        if image.size is None:
            raise DataError(f"the size of {image.path} is not known; give the folder of the images by --images")
        path = PurePosixPath(image.path)
        document = {
            "version": "5.5.0",
            "flags": {},
            "shapes": [
                shape
                for i, person in enumerate(people[id(image)], 1)
                for shape in _shapes(person, person.id if keep and person.id is not None else i)
            ],
            "imagePath": path.name,
            "imageData": None,
            "imageHeight": image.size[0],
            "imageWidth": image.size[1],
            **({"image_id": image.id} if image.id is not None else {}),
            **({"split": image.split} if image.split else {}),
            "keypoints": {name: list(kind.keypoint_names) for name, kind in kinds.items()},
            "skeleton": {name: [list(edge) for edge in kind.edges] for name, kind in kinds.items()},
        }
        name = path.with_suffix(".json").as_posix()
        if name in files:
            raise DataError(f"two images would have the labels {name}; give them different names")
        files[name] = (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
    count_lost(labels, notes, "areas", "outlines", "tracks")
    return files


def _shapes(person: LabeledPerson, group: int) -> list[dict[str, Any]]:
    common = {"group_id": group, "description": "", "mask": None}
    assert person.box_xywh is not None
    x, y, w, h = person.box_xywh
    box = {"label": person.kind.name, "points": [[x, y], [x + w, y + h]], "shape_type": "rectangle", "flags": {}}
    shapes = [{**box, **common}]
    for name, (px, py, v) in zip(person.kind.keypoint_names, person.keypoints_img.tolist(), strict=True):
        if v > 0:
            flags = {HIDDEN: True} if v == 1 else {}
            shapes.append({"label": name, "points": [[px, py]], "shape_type": "point", "flags": flags, **common})
    return shapes
