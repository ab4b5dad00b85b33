"""Label Studio: whose a keypoint is, and what annotators leave behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest

from pose.formats.convert import Converted, convert
from tests.formats.base import make_document, write_images

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}


def box(key: str, x: float, y: float, w: float, h: float, **more: Any) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": w, "height": h, "rotation": 0, "rectanglelabels": ["dog"]} | more
    return {"id": key, "type": "rectanglelabels", "value": value, **SIZE}


def point(key: str, name: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    return {"id": key, "type": "keypointlabels", "value": {"x": x, "y": y, "keypointlabels": [name]}, **SIZE, **more}


def read(folder: Path, *annotations: dict[str, Any]) -> Converted:
    tasks = [{"id": 1, "data": {"image": "dogs/a.jpg"}, "annotations": list(annotations)}]
    (folder / "tasks.json").write_text(json.dumps(tasks))
    return convert(folder / "tasks.json", folder / "out.json", keypoints="nose,tail")


def rows(done: Converted) -> list[list[float]]:
    return [person.keypoints_img.ravel().tolist() for person in done.labels.people]


@pytest.mark.parametrize("how", ["parent", "relation", "relation back", "place"])
def test_whose_a_point_is(tmp_path: Path, how: str) -> None:
    """By the tree of regions, a relation, or the smallest box around it."""
    regions = [box("r1", 0, 0, 50, 100), box("r2", 50, 0, 50, 100), point("p1", "nose", 60, 10)]
    if how == "parent":
        regions[2]["parentID"] = "r2"
    elif how != "place":
        ends = ("p1", "r2") if how == "relation" else ("r2", "p1")
        regions.append({"type": "relation", "from_id": ends[0], "to_id": ends[1], "direction": "right"})
    done = read(tmp_path, {"result": regions})
    assert rows(done) == [[0] * 6, [120, 10, 2, 0, 0, 0]]
    assert +done.notes.left_out == {}


def test_overlapping_boxes_are_said(tmp_path: Path) -> None:
    regions = [box("r1", 0, 0, 100, 100), box("r2", 50, 0, 50, 100)]
    regions += [point("p1", "nose", 60, 10), point("p2", "nose", 10, 10), point("p3", "tail", 70, 80)]
    done = read(tmp_path, {"result": regions})
    assert rows(done) == [[20, 10, 2, 0, 0, 0], [120, 10, 2, 140, 80, 2]]
    assert done.notes.guessed["points in several boxes, given to the smallest"] == 2


def test_points_of_one_name_are_not_taken_for_others(tmp_path: Path) -> None:
    """The SDK's own import of COCO calls every keypoint by its category."""
    done = read(tmp_path, {"result": [box("r1", 0, 0, 100, 100), *[point(f"p{i}", "nose", 9, i) for i in range(3)]]})
    assert rows(done) == [[18, 0, 2, 0, 0, 0]]
    assert done.notes.left_out["points of a name that the person has already"] == 2


def test_one_person_without_a_box(tmp_path: Path) -> None:
    done = read(tmp_path, {"result": [point("p1", "nose", 50, 50), point("p2", "tail", 60, 50)]})
    assert rows(done) == [[100, 50, 2, 120, 50, 2]]
    assert done.labels.people[0].box_xywh == (96, 46, 28, 8)
    both = {"result": [point("p1", "nose", 50, 50), point("p2", "nose", 60, 50)]}
    (tmp_path / "out.json").unlink()
    done = read(tmp_path, both, {"result": [], "was_cancelled": True})
    assert +done.notes.left_out == {
        "annotations that were skipped in Label Studio": 1,
        "points of several people that nothing tells apart": 2,
    }


def test_a_rotated_box(tmp_path: Path) -> None:
    """By 90 degrees about its upper left corner: what was to the right is now below, what was below to the left."""
    done = read(tmp_path, {"result": [box("r1", 50, 20, 20, 10, rotation=90)]})
    np.testing.assert_allclose(done.labels.people[0].box_xywh, [90, 20, 10, 40])
    assert done.notes.guessed["rotated boxes, taken as the upright ones around them"] == 1


def test_of_several_annotations_the_ground_truth_counts(tmp_path: Path) -> None:
    first, second = ({"result": [box("r", x, 0, 10, 10)]} for x in (0, 50))
    assert read(tmp_path, first, second).labels.people[0].box_xywh == (100, 0, 20, 10)
    (tmp_path / "out.json").unlink()
    done = read(tmp_path, first | {"ground_truth": True}, second)
    assert done.labels.people[0].box_xywh == (0, 0, 20, 10)
    assert done.notes.left_out["annotations of an image beside the one that is taken"] == 1


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/data/local-files/?d=day%201/a.jpg", "day 1/a.jpg"),
        ("/data/upload/3/0123abcd-my_dog.jpg", "my_dog.jpg"),
        ("s3://bucket/dogs/a.jpg", "a.jpg"),
        ("https://example.org/x/my%20dog.jpg?size=2", "my dog.jpg"),
        ("dogs/a.jpg", "dogs/a.jpg"),
    ],
)
def test_names_of_images(tmp_path: Path, url: str, name: str) -> None:
    tasks = [{"data": {"image": url}, "annotations": [{"result": [box("r", 0, 0, 10, 10)]}]}]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    done = convert(tmp_path / "tasks.json", tmp_path / "out.json", keypoints="nose,tail")
    assert done.labels.images[0].path == name


def test_the_images_are_served_from_a_folder_below_the_document_root(tmp_path: Path) -> None:
    """Label Studio 1.23.2 refuses its document root as local storage, and reads the names in URLs."""
    name = "deep/a+b & c#1é%20.png"
    write_images(tmp_path / "my photos")
    (tmp_path / "my photos/a.png").rename(tmp_path / "my photos" / name)
    document = make_document()
    for image in document["images"]:
        image["file_name"] = name if image["file_name"] == "a.png" else image["file_name"]
    (tmp_path / "in.json").write_text(json.dumps(document))
    images = tmp_path / "my photos"
    done = convert(tmp_path / "in.json", tmp_path / "tasks.json", target_format="labelstudio", images=images)
    assert any(f"LOCAL_FILES_DOCUMENT_ROOT={tmp_path} " in text for text in done.notes.remarks)
    urls = [urlparse(task["data"]["image"]) for task in json.loads((tmp_path / "tasks.json").read_text())]
    assert {(url.path, url.fragment) for url in urls} == {("/data/local-files/", "")}
    served = [parse_qs(url.query)["d"][0] for url in urls]
    assert all((tmp_path / path).is_file() for path in served)
    convert(tmp_path / "tasks.json", tmp_path / "back.json")
    back = json.loads((tmp_path / "back.json").read_text())
    assert [i["file_name"] for i in back["images"]] == [i["file_name"] for i in document["images"]]
    done = convert(tmp_path / "in.json", tmp_path / "apart.json", target_format="labelstudio")
    assert any("will not show them" in text for text in done.notes.remarks)
