"""Boxes as other programs write them are warned of wherever boxes are taken, and correct ones are not."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pose
from pose.data.box_habits import odd_boxes
from pose.data.coco import CocoFile
from pose.data.detections import detected_people
from pose.data.image_entries import ImageInfo
from pose.images.files import find_images
from pose.inference.box_source import boxes_of_images
from pose.inference.video.boxes import boxes_of_frames
from pose.inference.video.reading import VideoSource
from pose.keypoints.skeletons import COCO17

HEIGHT, WIDTH = 120, 160
GOOD = [[26.0, 18.0, 28.0, 94.0], [106.0, 18.0, 28.0, 94.0]]
CORNERS = [[x, y, x + w, y + h] for x, y, w, h in GOOD]
SHARES = [[x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT] for x, y, w, h in GOOD]
SAID = {
    "corners": "2 of 2 boxes reach out of the image, and all would fit as corners x1, y1, x2, y2",
    "shares": "2 of 2 boxes lie in one pixel, .*; if they are shares of the image, multiply x and width",
}
Take = Callable[[Path, list[list[float]]], object]


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(records))
    return path


def of_an_image_file(folder: Path, boxes: list[list[float]]) -> object:
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "1.png")
    file = write(folder / "boxes.json", [{"file_name": "1.png", "bbox": box} for box in boxes])
    return boxes_of_images(file, images=find_images([folder], out=folder / "out"), skeleton=COCO17, min_score=0)


def of_a_video(folder: Path, boxes: list[list[float]]) -> object:
    file = write(folder / "boxes.json", [{"frame": number, "bbox": box} for number, box in enumerate(boxes)])
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    return boxes_of_frames(file, VideoSource("a.mp4", (HEIGHT, WIDTH), 30.0, 9, False, None, image), min_score=0)


def of_an_evaluation(folder: Path, boxes: list[list[float]]) -> object:
    coco = CocoFile(folder / "coco.json", {1: ImageInfo(1, "1.png", (HEIGHT, WIDTH))}, None, (1,))
    records = [{"image_id": 1, "category_id": 1, "bbox": box, "score": 0.9} for box in boxes]
    return detected_people(records, coco, folder).people


def in_python(folder: Path, boxes: list[list[float]]) -> object:
    return pose.load("demo", "cpu")(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8), boxes=boxes)


TAKERS = [of_an_image_file, of_a_video, of_an_evaluation, in_python]


def test_one_box_alone(tmp_path: Path) -> None:
    """As of one person in one image: it has to reach far out, which a box at the edge does not."""
    with pytest.warns(UserWarning, match="1 of 1 box reach out of the image, and all would fit as corners"):
        in_python(tmp_path, CORNERS[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_python(tmp_path, [[60.0, 18.0, 105.0, 94.0]])


@pytest.mark.parametrize("take", TAKERS)
@pytest.mark.parametrize(("kind", "boxes"), [("corners", CORNERS), ("shares", SHARES)])
def test_odd_boxes_are_warned_of(tmp_path: Path, take: Take, kind: str, boxes: list[list[float]]) -> None:
    with pytest.warns(UserWarning, match=SAID[kind]):
        take(tmp_path, boxes)


@pytest.mark.parametrize("take", TAKERS)
def test_good_boxes_are_not(tmp_path: Path, take: Take) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        take(tmp_path, GOOD)


def test_a_few_boxes_that_leave_the_image_are_usual() -> None:
    boxes = np.array([*GOOD * 5, [100.0, 20.0, 101.0, 90.0]])
    sizes = np.full((len(boxes), 2), (HEIGHT, WIDTH), dtype=np.float64)
    assert odd_boxes(boxes, sizes) == ""


def turned_photo(folder: Path) -> Path:
    """Stored 120 wide and 160 high, shown 160 wide and 120 high."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (HEIGHT, WIDTH)).save(folder / "phone.jpg", exif=exif)
    return folder / "phone.jpg"


def test_boxes_of_a_file_for_another_orientation(tmp_path: Path) -> None:
    turned_photo(tmp_path)
    images = find_images([tmp_path], out=tmp_path / "out")
    for box, said in (
        (GOOD[1], "; 1 would fit only the image as shown; turn the images"),
        ([18.0, 20.0, 60.0, 90.0], "; if they are for the images as shown, turn these"),
    ):
        file = write(tmp_path / "boxes.json", [{"file_name": "phone.jpg", "bbox": box}])
        with pytest.warns(UserWarning, match=r"1 image is stored turned \(phone\.jpg\), and the boxes of .*" + said):
            boxes_of_images(file, images=images, skeleton=COCO17, min_score=0)


def test_boxes_in_python_for_another_orientation(tmp_path: Path) -> None:
    stored = [[18.0, 26.0, 60.0, 120.0]]
    with pytest.warns(UserWarning, match="but 1 of 1 box would fit only the pixels as stored"):
        pose.load("demo", "cpu")(turned_photo(tmp_path), boxes=stored)


def test_an_empty_box_of_an_evaluation_is_left_out(tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match=r"detections: 1 of 3 boxes are left out: 1 without width or height; .* detection 2 "
    ):
        found = of_an_evaluation(tmp_path, [*GOOD, [3, 3, 0, 9]])
    assert isinstance(found, list)
    assert len(found) == 2


def test_an_empty_box_of_a_video_is_left_out(tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match=r"boxes\.json: 1 of 3 boxes are left out: 1 without width or height; .*record 2 "
    ):
        of_a_video(tmp_path, [*GOOD, [3, 3, 0, 9]])
    with pytest.raises(ValueError, match=r"none of the 1 boxes can be read; .* width and height positive"):
        of_a_video(tmp_path, [[3, 3, 0, 9]])
