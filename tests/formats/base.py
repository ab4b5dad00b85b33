"""Generated labels in which formats differ: hidden and missing keypoints, overlapping people, nobody, one point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose.runtime.arrays import Array

NAMES = ["nose", "left_eye", "right_eye", "tail", "left_paw", "right_paw"]  # not in the order of the alphabet
PAIRS = [(1, 2), (4, 5)]
EDGES = [[1, 2], [1, 3], [1, 4], [4, 5], [4, 6]]
SIZES = {"a.png": (160, 200), "deep/b.png": (120, 90), "empty.png": (64, 64)}  # (height, width)


def make_document() -> dict[str, Any]:
    """A COCO file of three images and four dogs."""
    images = [
        {"id": 5 + i, "file_name": name, "height": h, "width": w} for i, (name, (h, w)) in enumerate(SIZES.items())
    ]
    dogs: list[tuple[int, list[float], list[float]]] = [
        (5, [10, 20, 100.5, 80], [30, 30, 2, 40, 25.5, 2, 20, 25, 1, 100, 60, 2, 60, 90, 2, 0, 0, 0]),
        (5, [60, 30, 90, 90], [80, 45, 2, 90, 40, 2, 70, 40, 2, 140, 70, 1, 110, 110, 2, 100, 112.25, 2]),
        (6, [5, 10, 60, 100], [20, 20, 2, 0, 0, 0, 0, 0, 0, 60, 80, 2, 0, 0, 0, 30, 99, 1]),
        (6, [70, 80, 15, 30], [0, 0, 0, 0, 0, 0, 0, 0, 0, 77.5, 95, 2, 0, 0, 0, 0, 0, 0]),
    ]
    annotations = [
        {
            **{"id": 31 + 2 * i, "image_id": image, "category_id": 3, "iscrowd": 0, "bbox": box},
            **{"area": 0.5 * box[2] * box[3], "keypoints": points, "num_keypoints": sum(v > 0 for v in points[2::3])},
        }
        for i, (image, box, points) in enumerate(dogs)
    ]
    category = {"id": 3, "name": "dog", "keypoints": NAMES, "skeleton": EDGES}
    return {"images": images, "annotations": annotations, "categories": [category]}


def write_images(folder: Path) -> None:
    """The three image files."""
    for i, (name, (height, width)) in enumerate(SIZES.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (height, width, 3), dtype=np.uint8)
        cv2.imwrite(str(path), noise)


def write_dataset(folder: Path) -> Path:
    """dogs.json and the folder images."""
    write_images(folder / "images")
    path = folder / "dogs.json"
    path.write_text(json.dumps(make_document()))
    return path


People = dict[str, tuple[Array, Array]]


def people_of(document: dict[str, Any], *, visible: bool = False) -> People:
    """Keypoints (P, 3 * K) and boxes (P, 4) of each image by name; `visible` takes hidden points as visible."""
    names = {image["id"]: image["file_name"] for image in document["images"]}
    found = {}
    for number, name in names.items():
        own = [a for a in document["annotations"] if a["image_id"] == number]
        points = np.array([a["keypoints"] for a in own], dtype=float).reshape(len(own), 3 * len(NAMES))
        if visible:
            points[:, 2::3] = 2 * (points[:, 2::3] > 0)
        found[name] = points, np.array([a["bbox"] for a in own], dtype=float).reshape(-1, 4)
    return found


def sizes_of(document: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """(height, width) of each image by name."""
    return {image["file_name"]: (image["height"], image["width"]) for image in document["images"]}


def assert_same(got: People, expected: People, *, boxes: bool = True) -> None:
    """The same images with the same people in their order, to a hundredth of a pixel, which CVAT rounds to."""
    assert got.keys() == expected.keys()
    for name, (points, own) in expected.items():
        np.testing.assert_allclose(got[name][0], points, atol=0.01, err_msg=name)
        if boxes:
            np.testing.assert_allclose(got[name][1], own, atol=0.01, err_msg=name)
