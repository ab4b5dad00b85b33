"""Checks of the file itself: entries, ids, categories, the skeleton."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any

import numpy as np

from pose.check.columns import Split, as_id, as_list
from pose.check.findings import Findings
from pose.data.category import edge_fits, names_keypoints, same_keypoints
from pose.data.image_entries import leaves_folder
from pose.data.records import plain_values, read_flag, read_id
from pose.keypoints.skeletons import COCO17, Skeleton, split_side


def check_document(split: Split, found: Findings, *, has_detections: bool) -> None:
    """Check everything that can be said without looking at boxes, keypoints or image files.

    Args:
        has_detections: whether there is a file of boxes; then annotations may be missing on purpose (test-dev).
    """
    _check_images(split, found)
    _check_annotations(split, found, has_detections=has_detections)
    _check_categories(split, found)
    _check_skeleton(split, found)
    _check_form(split, found)


def _check_images(split: Split, found: Findings) -> None:
    images, name = split.images, split.name
    for index, entry in enumerate(split.document["images"]):
        if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str) or not entry["file_name"]:
            found.add("image-malformed", name, "image", f"images[{index}]", f"{entry!r:.60}")
    first_names: dict[Any, str] = {}
    listed: dict[str, Any] = {}
    for row, record in enumerate(images.records):
        label, number = images.names[row] or f"images[{row}]", record.get("id")
        if plain_values(record):
            found.add("number-type", name, "record", f"images[{row}]", _written(record))
        if read_id(number) is None:
            found.add("image-id-type", name, "image", label, f"id {number!r:.40}")
        key, file_name = as_id(number), str(label)
        if key is not None:
            first = first_names.setdefault(key, file_name)
            if images.rows[key] != row:
                kind = "image-listed-twice" if first == file_name else "image-id-twice"
                found.add(kind, name, "image", file_name, f"id {key}" + f" is {first} too" * (first != file_name))
            elif listed.setdefault(file_name, key) != key:
                found.add("file-listed-twice", name, "image", file_name, f"ids {listed[file_name]} and {key}")
        if leaves_folder(file_name):
            found.add("file-name-escapes", name, "image", file_name)
    found.add_all(
        "image-size-missing",
        name,
        "image",
        np.isnan(images.sizes[:, 0]),
        names=images.names,
        detail=lambda row: (
            f"height {images.records[row].get('height')!r}, width {images.records[row].get('width')!r}"
        ),
    )
    with_people = {
        as_id(a.get("image_id")) for a in as_list(split.document.get("annotations")) if isinstance(a, dict)
    }
    empty = [as_id(record.get("id")) not in with_people for record in images.records]
    if split.document.get("annotations") is not None:
        found.add_all("image-empty", name, "image", empty, names=images.names)


def _check_annotations(split: Split, found: Findings, *, has_detections: bool) -> None:
    name, document, people = split.name, split.document, split.people
    if not isinstance(document.get("annotations"), list):
        if not has_detections or document.get("annotations") is not None:
            found.add("annotations-none", name, "file", split.path.name)
        return
    for index, entry in enumerate(document["annotations"]):
        if not isinstance(entry, dict):
            found.add("annotation-malformed", name, "annotation", f"annotations[{index}]", f"{entry!r:.40}")
    known = split.images.rows
    # Ids must differ over all categories: pycocotools indexes by them.
    seen: set[Any] = set()
    swapped = 0
    unknown: list[tuple[Any, Any]] = []
    for index, a in enumerate(document["annotations"]):
        if not isinstance(a, dict):
            continue
        number, image_id = read_id(a.get("id")), a.get("image_id")
        label = f"annotations[{index}]" if number is None else number
        if plain_values(a):
            found.add("number-type", name, "record", label, _written(a))
        if number == 0:
            found.add("annotation-id-zero", name, "annotation", label)
        elif number is None or number < 0:
            found.add("annotation-id-missing", name, "annotation", label, f"id {a.get('id')!r:.40}")
        elif number in seen:
            found.add("annotation-id-twice", name, "annotation", label, f"image_id {image_id!r:.40}")
        if number is not None:
            seen.add(number)
        key = as_id(image_id)
        if key is None or key not in known:
            unknown.append((label, image_id))
            swapped += number in known
        if a.get("iscrowd") is None:
            found.add("crowd-missing", name, "annotation", label)
        elif read_flag(a["iscrowd"]) is None:
            found.add("crowd-malformed", name, "annotation", label, f"iscrowd {a['iscrowd']!r:.40}")
    info = document.get("info")
    per_image = np.bincount(people.image[people.labeled.any(axis=1) & (people.image >= 0)], minlength=1)
    if isinstance(info, dict) and info.get("contributor") == "Label Studio" and per_image.max() == 1:
        found.add("one-person-an-image", name, "file", split.path.name, "made by Label Studio")
    total = len(people.names)
    # Where most ids are those of images and most image_ids are not, the two have changed places.
    mixed = len(unknown) > 2 and len(unknown) > 0.5 * total and swapped > 0.8 * len(unknown)
    for label, image_id in unknown:
        kind = "ids-mixed-up" if mixed else "image-unknown"
        found.add(kind, name, "annotation", label, f"image_id {image_id!r:.40}")


def _check_categories(split: Split, found: Findings) -> None:
    name = split.name
    if not split.categories:
        found.add("category-none", name, "file", split.path.name)
    alike = same_keypoints([c for _, c in split.categories]) if split.categories else True
    if len(split.categories) > 1:
        kind = "category-merged" if alike else "category-several"
        for number, category in split.categories:
            found.add(kind, name, "category", str(number), f"{category.get('name')!r}")
    for category in as_list(split.document.get("categories")):
        if isinstance(category, dict) and category.get("keypoints") and not names_keypoints(category):
            detail = f"keypoints {category['keypoints']!r:.40}"
            found.add("category-text", name, "category", str(category.get("name")), detail)
    for outline, person in split.outlines:
        detail = f"of annotation {person.get('id')!r:.40}"
        found.add("outline-apart", name, "annotation", f"{outline.get('id')!r:.40}", detail)
    ids = [read_id(c.get("id")) for c in as_list(split.document.get("categories")) if isinstance(c, dict)]
    for index, a in enumerate(as_list(split.document.get("annotations"))):
        if not isinstance(a, dict):
            continue
        number, own = read_id(a.get("category_id")), read_id(a.get("id"))
        label = f"annotations[{index}]" if own is None else own
        if a.get("category_id") is None:
            found.add("category-id-missing", name, "annotation", label)
        elif number is None or (ids and number not in ids):
            found.add("category-unknown", name, "annotation", label, f"category_id {a['category_id']!r:.40}")
        elif number not in split.category_ids and not any(number == n for n, _ in split.categories):
            found.add("category-other", name, "annotation", label, f"category_id {number!r:.40}")


def _check_skeleton(split: Split, found: Findings) -> None:
    name, skeleton = split.name, split.skeleton
    category = next((c for n, c in split.categories if n == split.category_ids[0]), None)
    if category is not None:
        names = category["keypoints"] if isinstance(category["keypoints"], list) else [category["keypoints"]]
        for index in range(max(len(names), skeleton.num_keypoints)):
            here = names[index] if index < len(names) else None
            there = skeleton.keypoint_names[index] if index < skeleton.num_keypoints else None
            if here != there:
                found.add(
                    "names-differ", name, "keypoint", index + 1, f"{here or 'none'}, skeleton {there or 'none'}"
                )
        for edge in as_list(category.get("skeleton")):
            if not edge_fits(edge, len(names)):
                found.add("edges-wrong", name, "edge", f"{edge!r:.40}")
    for index in missing_pairs(skeleton):
        found.add("pair-missing", name, "keypoint", skeleton.keypoint_names[index])
    alike = len(set(skeleton.oks_sigmas)) == 1 and skeleton.num_keypoints > 1
    if alike or (not split.skeleton_given and skeleton is not COCO17):
        found.add("sigmas-guessed", name, "skeleton", skeleton.name)


def _check_form(split: Split, found: Findings) -> None:
    """What a reader of JSON does not tell: a value in the place of a list, and keys that are lost."""
    categories = split.document.get("categories")
    if categories and not isinstance(categories, list):
        found.add("categories-no-list", split.name, "file", split.path.name, f"{categories!r:.40}")

    def look(pairs: list[tuple[str, Any]]) -> None:
        for key, count in Counter(key for key, _ in pairs).items() if len(dict(pairs)) < len(pairs) else ():
            if count > 1:
                found.add("key-twice", split.name, "object", str(dict(pairs).get("id", "without id")), f"{key!r:.40}")

    with contextlib.suppress(OSError, ValueError, RecursionError):  # a repaired copy is not written yet
        json.loads(split.path.read_bytes(), object_pairs_hook=look)


def missing_pairs(skeleton: Skeleton) -> list[int]:
    """List the keypoints that have left or right in their name and stand in no flip pair."""
    return [
        i
        for i, keypoint in enumerate(skeleton.keypoint_names)
        if skeleton.sides[i] == "middle" and split_side(keypoint)[0] != "middle"
    ]


def _written(record: dict[str, Any]) -> str:
    """Name the values of a record whose numbers have another type."""
    parts = [f"{key} {record[key]!r:.40}" for key in plain_values(record)]
    return ", ".join(parts[:3]) + ", ..." * (len(parts) > 3)
