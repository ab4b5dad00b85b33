"""Whose boxes are taken where a file has several kinds of objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pose.data.boxes import read_boxes
from pose.keypoints.skeletons import COCO17, Skeleton
from pose.runtime.errors import DataError

DOG = Skeleton.from_names("dog", keypoint_names=["nose", "tail"])


def counts(tmp_path: Path, data: Any, skeleton: Skeleton) -> int:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(data))
    return len(read_boxes(path, ["7.jpg"], skeleton=skeleton, min_score=0).boxes["7.jpg"][0])


def records(*categories: int) -> list[dict[str, Any]]:
    return [{"image_id": 7, "category_id": c, "bbox": [1, 2, 3, 4]} for c in categories]


def test_category_1_is_a_person_for_people_only(tmp_path: Path) -> None:
    assert counts(tmp_path, records(1, 18, 18), COCO17) == 1
    with pytest.raises(ValueError, match=r"categories 1, 18, and nothing tells which are meant; leave only"):
        counts(tmp_path, records(1, 18, 18), DOG)
    assert counts(tmp_path, records(18, 18), DOG) == 2


def test_the_categorys_name_decides(tmp_path: Path) -> None:
    person = {"id": 1, "name": "person", "keypoints": ["nose"]}
    dog = {"id": 18, "name": "dog"}
    data = {
        "images": [{"id": 7, "file_name": "7.jpg"}],
        "annotations": records(1, 18, 18),
        "categories": [person, dog],
    }
    assert counts(tmp_path, data, DOG) == 2
    assert counts(tmp_path, data, COCO17) == 1


def test_a_name_goes_before_the_number_of_a_person(tmp_path: Path) -> None:
    """As of detectors whose classes are their own, in the order of the alphabet or counted from 0."""
    data = {
        "images": [{"id": 7, "file_name": "7.jpg"}],
        "annotations": records(1, 1, 3),
        "categories": [{"id": 1, "name": "bicycle"}, {"id": 2, "name": "car"}, {"id": 3, "name": "Person"}],
    }
    assert counts(tmp_path, data, COCO17) == 1
    data["categories"][2]["name"] = "worker"
    with pytest.raises(DataError, match="categories 1 bicycle, 3 worker, and nothing tells which are meant"):
        counts(tmp_path, data, COCO17)
    with pytest.raises(DataError, match=r"categories 0, 1, .* \(counted from 0, a person is 0; COCO's is 1\)"):
        counts(tmp_path, records(0, 1), COCO17)
    assert counts(tmp_path, records(0, 0), COCO17) == 2


def test_a_score_of_another_name_is_told(tmp_path: Path) -> None:
    data = [*records(1), {"image_id": 7, "bbox": [0, 0, 9, 9], "confidence": 0.2}]
    with pytest.warns(
        UserWarning, match=r"1 of 2 boxes are left out: 1 whose score has another name; .*call it score"
    ):
        assert counts(tmp_path, data, DOG) == 1


def test_one_empty_box_is_left_out_and_counted(tmp_path: Path) -> None:
    data = [*records(1), {"image_id": 7, "bbox": [0, 0, 0, 5]}, {"image_id": 7, "bbox": [0, 0, 5, 0]}]
    with pytest.warns(
        UserWarning, match=r"boxes\.json: 2 of 3 boxes are left out: 2 without width or height; .*record 1 "
    ):
        assert counts(tmp_path, data, DOG) == 1
    with pytest.raises(
        ValueError, match=r"boxes\.json: none of the 2 boxes can be read; .* width and height positive"
    ):
        counts(tmp_path, data[1:], DOG)


def test_a_file_name_that_contradicts_the_id_is_taken_and_told(tmp_path: Path) -> None:
    def found(data: Any) -> list[int]:
        path = tmp_path / "boxes.json"
        path.write_text(json.dumps(data))
        boxes = read_boxes(path, ["7.jpg", "a/8.jpg"], skeleton=DOG, min_score=0).boxes
        return [len(xywh) for xywh, _ in boxes.values()]

    box = {"bbox": [1, 2, 3, 4]}
    agreeing = [
        {**box, "file_name": "7.jpg", "image_id": 7},
        {**box, "file_name": "8.jpg", "image_id": "8"},
        {**box, "file_name": "7.jpg", "image_id": 1},  # a number of their own, that no image has
        {**box, "file_name": "7.jpg"},
    ]
    assert found(agreeing) == [3, 1]
    wrong = [*agreeing, {**box, "file_name": "7.jpg", "image_id": 8}, {**box, "file_name": "8.jpg", "image_id": 7}]
    with pytest.warns(
        UserWarning,
        match=r"boxes\.json: 2 of 6 boxes have a file_name that is not that of their image_id; their file_name is "
        r"taken; the first: record 4 has file_name '7\.jpg', but image_id 8 is a/8\.jpg",
    ):
        assert found(wrong) == [4, 2]
    listed = [{"id": 1, "file_name": "7.jpg"}, {"id": 7, "file_name": "elsewhere.jpg", "height": 5, "width": 5}]
    records = [{**box, "file_name": "C:\\7.jpg", "image_id": 1}, {**box, "file_name": "7.jpg", "image_id": 7}]
    with pytest.warns(UserWarning, match=r"1 of 2 boxes have .*record 1 has .* image_id 7 is elsewhere\.jpg"):
        assert found({"images": listed, "annotations": records}) == [2, 0]


def test_boxes_of_images_of_one_name_in_other_folders(tmp_path: Path) -> None:
    """As of two cameras: the image's own path tells whose the boxes are, and without it nobody can."""
    box = {"bbox": [1, 2, 3, 4]}
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps([{**box, "file_name": name} for name in ("a/7.jpg", "a/7.jpg", "b\\7.jpg")]))

    def found(names: list[str], files: dict[str, Path]) -> dict[str, int]:
        read = read_boxes(path, names, skeleton=DOG, min_score=0, files=files)
        assert read.usage.used + sum(read.usage.left_out.values()) == 3
        return {name: len(boxes) for name, (boxes, _) in read.boxes.items()}

    for folder, count in (("a", 2), ("b", 1)):
        assert found(["7.jpg"], {"7.jpg": tmp_path / folder / "7.jpg"}) == {"7.jpg": count}
    assert found(["a/7.jpg", "b/7.jpg"], {}) == {"a/7.jpg": 2, "b/7.jpg": 1}
    with pytest.raises(DataError, match=r"images whose path ends in 7\.jpg, such as a/7\.jpg; give the folder"):
        found(["7.jpg"], {"7.jpg": tmp_path / "c/7.jpg"})
    path.write_text(json.dumps([{**box, "file_name": "elsewhere/a/7.jpg"}] * 3))
    assert found(["7.jpg"], {"7.jpg": tmp_path / "c/7.jpg"}) == {"7.jpg": 3}  # of another machine


def test_of_categories_with_the_same_keypoints_the_one_that_was_learned(tmp_path: Path) -> None:
    names = list(DOG.keypoint_names)
    kinds = [{"id": i, "name": name, "keypoints": names} for i, name in ((1, "wolf"), (2, "dog"))]
    data = {
        "images": [{"id": 7, "file_name": "7.jpg"}],
        "annotations": records(1, 1, 2),
        "categories": kinds,
    }
    assert counts(tmp_path, data, DOG) == 1
    assert counts(tmp_path, data, Skeleton.from_names("wolf, dog", keypoint_names=names)) == 3
