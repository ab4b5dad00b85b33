"""Photographs that are stored turned: tools show them upright, and training reads them as stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pose.formats.convert import convert
from pose.formats.image_files import shown_from_stored, stored_from_shown
from pose.runtime.errors import DataError
from tests.formats.base import assert_same, make_document, people_of, write_dataset


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_turn_as_pixels_do(orientation: int) -> None:
    """A bright pixel of the stored image, looked for in the one that Pillow turns upright."""
    pixels = np.zeros((5, 8), np.uint8)
    pixels[1, 6] = 255
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    exif = image.getexif()
    exif[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    y, x = np.argwhere(upright == 255)[0]
    center = np.array([[6.5, 1.5]])
    shown = shown_from_stored(center, (5, 8), orientation)
    np.testing.assert_allclose(shown, [[x + 0.5, y + 0.5]])
    np.testing.assert_allclose(stored_from_shown(shown, (5, 8), orientation), center)


@pytest.mark.parametrize("target", ["cvat", "labelme", "yolo", "labelstudio"])
def test_there_and_back_of_a_photograph_on_its_side(tmp_path: Path, target: str) -> None:
    """COCO's coordinates are of the stored pixels, the tool's of the upright image."""
    source = write_dataset(tmp_path)
    document = make_document()
    document["images"][0]["file_name"] = "a.jpg"
    document["annotations"][0]["segmentation"] = [[1, 1, 9, 1, 9, 9]]
    source.write_text(json.dumps(document))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(tmp_path / "images/a.png").save(tmp_path / "images/a.jpg", exif=exif)
    out = tmp_path / {"cvat": "out.xml", "labelstudio": "tasks.json"}.get(target, "out")
    there = convert(source, out, target_format=target, images=tmp_path / "images")
    assert there.labels.images[0].size == (200, 160)  # upright, where it is stored as 160 x 200
    x, y, v = there.labels.people[0].keypoints_img[0]
    assert (x, y, v) == (160 - 30, 30, 2)
    assert there.notes.lost["outlines"] == 1
    back = convert(out, tmp_path / "back.json", images=tmp_path / "images")
    assert back.notes.guessed["images stored turned (EXIF), whose annotations were turned too"] == 1
    assert_same(people_of(json.loads((tmp_path / "back.json").read_text())), people_of(document))


def test_that_no_image_is_turned_is_a_guess_where_none_is_there(tmp_path: Path) -> None:
    source = write_dataset(tmp_path)
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    for given, out, said in (
        (source, "out.xml", True),
        (tmp_path / "out.xml", "same.xml", False),
        (tmp_path / "out.xml", "out.json", True),
        (source, "same.json", False),
    ):
        remarks = convert(given, tmp_path / out).notes.remarks
        assert said == any(text.startswith("guessed: no image is stored turned (EXIF)") for text in remarks)


def test_images_of_one_name_are_not_taken_for_each_other(tmp_path: Path) -> None:
    """Of x/1.png and y/1.png one is found in a flat folder, and the other is missing."""
    source = write_dataset(tmp_path)
    document = make_document()
    document["images"][0]["file_name"], document["images"][1]["file_name"] = "x/empty.png", "y/empty.png"
    source.write_text(json.dumps(document))
    done = convert(source, tmp_path / "out.json", images=tmp_path / "images")
    assert [image.path for image in done.labels.images] == ["x/empty.png", "y/empty.png", "empty.png"]
    assert done.notes.remarks == [f"missing: 2 of 3 images are not in {tmp_path / 'images'}"]


def of_two_folders(tmp_path: Path) -> Path:
    """A COCO file of a/1.png, with two dogs, and b/1.png, with two others, of two sizes."""
    document = make_document()
    del document["images"][2]
    for image, folder in zip(document["images"], ("a", "b"), strict=True):
        (tmp_path / "images" / folder).mkdir(parents=True)
        Image.new("RGB", (image["width"], image["height"])).save(tmp_path / f"images/{folder}/1.png")
        image["file_name"] = f"{folder}/1.png"
    source = tmp_path / "dogs.json"
    source.write_text(json.dumps(document))
    return source


def test_the_folder_given_tells_which_image_of_a_name_is_meant(tmp_path: Path) -> None:
    source = of_two_folders(tmp_path)
    done = convert(source, tmp_path / "b", target_format="yolo", images=tmp_path / "images/b")
    assert done.notes.remarks[0] == f"missing: 1 of 2 images are not in {tmp_path / 'images/b'}"
    assert [image.path for image in done.labels.images] == ["a/1.png", "1.png"]
    assert len((tmp_path / "b/labels/train/1.txt").read_text().splitlines()) == 2
    assert Image.open(tmp_path / "b/images/train/1.png").size == (90, 120)


def test_an_image_that_may_be_several_is_nobodys(tmp_path: Path) -> None:
    source = of_two_folders(tmp_path)
    flat = tmp_path / "flat"
    (tmp_path / "images/b").rename(flat)
    with pytest.raises(DataError, match=r"none of the 2 images .* end in the same file: give the folder above"):
        convert(source, tmp_path / "out.json", images=flat)
    (flat / "a").mkdir()
    (tmp_path / "images/a/1.png").rename(flat / "a/1.png")
    remarks = convert(source, tmp_path / "out.json", images=flat).notes.remarks
    assert remarks == []  # the flat one is b's alone, as a has its own
    assert json.loads((tmp_path / "out.json").read_text())["images"][1]["file_name"] == "1.png"


def test_sizes_of_turned_photographs_are_as_stored_where_the_coordinates_are(tmp_path: Path) -> None:
    source = write_dataset(tmp_path)
    document = make_document()
    document["images"] = [{"id": 5, "file_name": "a.jpg"}]
    document["annotations"] = document["annotations"][:2]
    source.write_text(json.dumps(document))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(tmp_path / "images/a.png").save(tmp_path / "images/a.jpg", exif=exif)
    convert(source, tmp_path / "same.json", images=tmp_path / "images")
    same = json.loads((tmp_path / "same.json").read_text())
    assert (same["images"][0]["height"], same["images"][0]["width"]) == (160, 200)
    there = convert(source, tmp_path / "out.xml", images=tmp_path / "images")
    assert there.labels.images[0].size == (200, 160)
    assert tuple(there.labels.people[0].keypoints_img[0]) == (160 - 30, 30, 2)
