"""tools/changed_photos.py: the changed images, and whose they are."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from tests.helpers.tools import load_tool

BOXES = {5: [10, 10, 20, 40], 6: [60, 10, 20, 40]}  # annotation id to box


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load_tool("changed_photos")


@pytest.fixture
def document(tmp_path: Path) -> dict:
    """Two people of value 100 on 50 in one image, each outlined by the box, and a third without keypoints."""
    image = np.full((60, 100, 3), 50, np.uint8)
    for x, y, w, h in BOXES.values():
        image[y : y + h, x : x + w] = 100
    cv2.imwrite(str(tmp_path / "a.png"), image)
    people = [
        {"id": i, "image_id": 9, "bbox": [x, y, w, h], "num_keypoints": 17, "iscrowd": 0, "area": w * h}
        | {"segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}
        for i, (x, y, w, h) in BOXES.items()
    ]
    nobody = people[0] | {"id": 7, "num_keypoints": 0}
    return {"images": [{"id": 9, "file_name": "a.png", "width": 100, "height": 60}], "annotations": [*people, nobody]}


def test_whole_images_keep_their_annotations(tool: ModuleType, document: dict, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    people = tool.changed(document, tmp_path, "darker", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "people.json").read_text())
    assert [p["id"] for p in people] == [5, 6]
    assert written["annotations"] == document["annotations"]
    dark = cv2.imread(str(tmp_path / "out" / written["images"][0]["file_name"]))
    assert dark[5, 5].tolist() == [round(255 * (50 / 255) ** 1.6)] * 3
    assert dark[20, 20].tolist() == [round(255 * (100 / 255) ** 1.6)] * 3


def test_each_person_alone(tool: ModuleType, document: dict, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    people = tool.changed(document, tmp_path, "alone: the surroundings of one color", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "people.json").read_text())
    assert [(p["id"], p["image_id"]) for p in people] == [(5, 1), (6, 2)]
    assert written["annotations"] == people
    mean = int(cv2.imread(str(tmp_path / "a.png")).mean())
    for person, image in zip(people, written["images"], strict=True):
        pixels = cv2.imread(str(tmp_path / "out" / image["file_name"]))
        x, y, w, h = person["bbox"]
        inside = np.zeros(pixels.shape[:2], bool)
        inside[y + 1 : y + h - 1, x + 1 : x + w - 1] = True
        assert (pixels[inside] == 100).all()
        other = next(box for i, box in BOXES.items() if i != person["id"])
        assert (pixels[other[1] : other[1] + other[3], other[0] : other[0] + other[2]] == mean).all()
