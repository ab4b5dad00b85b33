"""YOLO-pose as it is written: data.yaml, and a text file for each image, which Ultralytics reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pose.formats.labels import LabeledImage, LabeledPerson, LabelSet, Notes, ObjectKind, count_lost
from pose.formats.yolo import label_name
from pose.formats.yolo_yaml import require_yaml
from pose.runtime.errors import DataError

TITLE = "YOLO-pose"


def place(image: LabeledImage) -> str:
    """Where an image goes."""
    return f"images/{image.split or 'train'}/{image.file_name}"


def render_yolo(labels: LabelSet, notes: Notes) -> dict[str, bytes]:
    """Make data.yaml and the text file of each image; images move to images/SPLIT.

    Raises:
        DataError: the keypoints of the kinds differ, a size is unknown, or two images share their labels' name.
        MissingPackage: PyYAML is not installed.
    """
    require_yaml()
    labels.single_kind(TITLE)
    kinds = list({kind.name: kind for kind in labels.kinds()}.values())
    number = {kind.name: i for i, kind in enumerate(kinds)}
    files: dict[str, bytes] = {"data.yaml": _yaml(labels, kinds, notes).encode()}
    people = labels.people_by_image()
    for image in labels.images:
        if image.size is None:
            raise DataError(f"the size of {image.file_name} is not known; give the folder of the images by --images")
        rows = [_row(person, number[person.kind.name], image.size, notes) for person in people[id(image)]]
        name = label_name(place(image))
        if name in files:
            raise DataError(f"two images would have the labels {name}; give them different names")
        files[name] = "".join(row + "\n" for row in rows if row).encode()
    count_lost(labels, notes, "ids of people", "ids of images", "areas", "outlines", "tracks")
    return files


def _row(person: LabeledPerson, number: int, size: tuple[int, int], notes: Notes) -> str:
    """One line; Ultralytics drops the whole image of a value below 0 or above 1."""
    height, width = size
    assert person.box_xywh is not None
    x, y, w, h = person.box_xywh
    left, top = max(0.0, x), max(0.0, y)
    right, bottom = min(float(width), x + w), min(float(height), y + h)
    if right <= left or bottom <= top:
        notes.left_out["people whose box is empty or outside of the image"] += 1
        return ""
    if (left, top) != (x, y) or max(abs(right - x - w), abs(bottom - y - h)) > 1e-6:
        notes.lost["parts of boxes outside of the image (cut off)"] += 1
    values = [
        (left + right) / 2 / width,
        (top + bottom) / 2 / height,
        (right - left) / width,
        (bottom - top) / height,
    ]
    for px, py, v in person.keypoints_img.tolist():
        if v > 0 and not (0 <= px <= width and 0 <= py <= height):
            notes.lost["keypoints outside of the image (not labeled now)"] += 1
            v = 0
        values += [px / width, py / height, int(v)] if v > 0 else [0, 0, 0]
    return f"{number} " + " ".join(f"{v:.10f}".rstrip("0").rstrip(".") for v in values)


def _folders(splits: set[str], notes: Notes) -> dict[str, str | list[str]]:
    """What train, val and test lead to: train2017 is for train too, and so is a split of any other name."""
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for split in sorted(splits):
        role = next((role for role in parts if split.lower().startswith(role)), None)
        if role is None:
            notes.remark(f"the split {split} is for train in data.yaml, which has train, val and test")
        parts[role or "train"].append(f"images/{split}")
    if not parts["train"]:
        other = "val" if parts["val"] else "test"
        parts["train"] = parts[other]
        notes.remark(f"train in data.yaml is {other}, as there is no split to train on")
    if not parts["val"]:
        parts["val"] = parts["train"]
        notes.remark("val in data.yaml is train, as there is no other split; a COCO file gets one by `pose split`")
    return {role: folders[0] if len(folders) == 1 else folders for role, folders in parts.items() if folders}


def _yaml(labels: LabelSet, kinds: Sequence[ObjectKind], notes: Notes) -> str:
    import yaml

    kind = kinds[0]
    flip_idx = list(range(len(kind.keypoint_names)))
    for a, b in kind.flips():
        flip_idx[a], flip_idx[b] = b, a
    data: dict[str, Any] = _folders({image.split or "train" for image in labels.images}, notes)
    data["kpt_shape"] = [len(kind.keypoint_names), 3]
    data["flip_idx"] = flip_idx
    data["names"] = {i: k.name for i, k in enumerate(kinds)}
    data["kpt_names"] = {i: list(k.keypoint_names) for i, k in enumerate(kinds)}
    if kind.edges:
        data["skeleton"] = [list(edge) for edge in kind.edges]
    head = "# written by pose convert; without a path, so that the folder may be moved\n"
    return head + yaml.safe_dump(data, sort_keys=False, default_flow_style=None, allow_unicode=True)
