"""COCO to each format and back: nothing is lost but what the format cannot hold, which is said with its count."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from pose.formats.coco import read_coco
from pose.formats.convert import convert, describe
from pose.formats.labels import Notes
from pose.formats.yolo_write import render_yolo
from pose.runtime.errors import ConfigError, DataError
from tests.formats.base import EDGES, NAMES, assert_same, make_document, people_of, sizes_of, write_dataset

# What is written, what of the document is lost on the way, and whether hidden points stay hidden.
AREAS, IDS = {"areas": 4}, {"ids of people": 4, "ids of images": 3}
TRIPS: list[tuple[str, str, dict[str, int], bool]] = [
    ("coco", "again.json", {}, True),
    ("roboflow", "robo", {}, True),
    ("yolo", "yolo", AREAS | IDS, True),
    ("cvat", "annotations.xml", AREAS | IDS, True),
    ("labelstudio", "tasks.json", AREAS, True),
    ("labelme", "me", AREAS, True),
]
POINTS_ONLY = {"boxes": 4, "hidden keypoints (now visible)": 3} | AREAS | IDS
TRIPS += [
    (
        "deeplabcut",
        "CollectedData_me.csv",
        POINTS_ONLY | {"sizes of images": 3, "edges": 5, "names of categories": 1},
        False,
    ),
    ("sleap", "dogs.slp", POINTS_ONLY, False),
]


@pytest.mark.parametrize(("target", "out", "lost", "hidden"), TRIPS, ids=[trip[0] for trip in TRIPS])
def test_there_and_back(tmp_path: Path, target: str, out: str, lost: dict[str, int], hidden: bool) -> None:
    if target == "sleap":
        pytest.importorskip("sleap_io")
    images = tmp_path / "images"
    there = convert(write_dataset(tmp_path), tmp_path / out, target_format=target, images=images)
    assert (+there.notes.lost, +there.notes.left_out, +there.notes.guessed) == (lost, {}, {})
    back = convert(tmp_path / out, tmp_path / "back.json", images=images)
    assert back.source == target
    document = json.loads((tmp_path / "back.json").read_text())
    expected = make_document()
    assert_same(people_of(document), people_of(expected, visible=not hidden), boxes="boxes" not in lost)
    assert sizes_of(document) == sizes_of(expected)
    assert document["categories"][0]["keypoints"] == NAMES
    assert document["categories"][0]["skeleton"] == ([] if "edges" in lost else EDGES)
    kept = [(a["id"], a["image_id"]) for a in document["annotations"]]
    assert (kept == [(a["id"], a["image_id"]) for a in expected["annotations"]]) == ("ids of people" not in lost)
    if "areas" not in lost:
        assert [a["area"] for a in document["annotations"]] == [a["area"] for a in expected["annotations"]]


def test_cvat_gets_the_labels_of_its_task(tmp_path: Path) -> None:
    """Annotations can be uploaded only where the task has their labels, so these are written beside."""
    done = convert(write_dataset(tmp_path), tmp_path / "dogs.xml", images=tmp_path / "images")
    assert done.written == (tmp_path / "dogs.xml", tmp_path / "dogs.labels.json")
    assert "paste dogs.labels.json into the labels (Raw) of a new task" in describe(done)
    skeleton, box = json.loads(done.written[1].read_text())
    root = ET.parse(done.written[0]).getroot()
    assert (skeleton["type"], box["type"]) == ("skeleton", "rectangle")
    assert {skeleton["name"]} == {shape.get("label") for shape in root.iter("skeleton")}
    assert {box["name"]} == {shape.get("label") for shape in root.iter("box")}
    assert [point["name"] for point in skeleton["sublabels"]] == NAMES
    assert re.findall(r'data-label-name="(\w+)"', skeleton["svg"]) == NAMES


def test_cvat_has_one_label_of_a_name(tmp_path: Path) -> None:
    """It would refuse the labels of the task."""
    path = write_dataset(tmp_path)
    document = json.loads(path.read_text())
    name = document["categories"][0]["name"]
    document["categories"].append({"id": 99, "name": f"{name} box", "keypoints": ["corner"]})
    document["annotations"].append(
        {**document["annotations"][0], "id": 99, "category_id": 99, "keypoints": [9, 9, 2]}
    )
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=f"the boxes of '{name}' would have the label '{name} box', which is another"):
        convert(path, tmp_path / "dogs.xml", images=tmp_path / "images")
    assert not (tmp_path / "dogs.xml").exists()


def test_cvat_finds_unlabeled_keypoints_in_the_box(tmp_path: Path) -> None:
    """Not in the corner of the image, where nobody who wants to place one would look."""
    convert(write_dataset(tmp_path), tmp_path / "dogs.xml", images=tmp_path / "images")
    outside = 0
    for image in ET.parse(tmp_path / "dogs.xml").getroot().iter("image"):
        for skeleton, box in zip(image.findall("skeleton"), image.findall("box"), strict=True):
            left, top, right, bottom = (float(box.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
            for point in skeleton.findall("points[@outside='1']"):
                x, y = map(float, point.attrib["points"].split(","))
                assert left < x < right
                assert top < y < bottom
                outside += 1
    assert outside


def test_splits_stay_apart(tmp_path: Path) -> None:
    """A folder of COCO files becomes YOLO's splits, and comes back as a file for each."""
    write_dataset(tmp_path)
    (tmp_path / "annotations").mkdir()
    document = make_document()
    for split, numbers in (("train", (5, 7)), ("val", (6,))):
        part = dict(document, images=[i for i in document["images"] if i["id"] in numbers])
        part["annotations"] = [a for a in document["annotations"] if a["image_id"] in numbers]
        (tmp_path / f"annotations/dog_keypoints_{split}.json").write_text(json.dumps(part))
    done = convert(tmp_path, tmp_path.with_name(tmp_path.name + "_yolo"), target_format="yolo")
    assert done.copied == 3
    back = convert(done.written[0], tmp_path / "back.json")
    assert [path.name for path in back.written] == ["back_train.json", "back_val.json"]
    train, val = (json.loads(path.read_text()) for path in back.written)
    assert sorted(sizes_of(train)) == ["images/train/a.png", "images/train/empty.png"]
    assert sorted(sizes_of(val)) == ["images/val/deep/b.png"]
    assert [len(part["annotations"]) for part in (train, val)] == [2, 2]
    again = convert(done.written[0], tmp_path / "robo", target_format="roboflow")
    assert again.copied == 3
    assert (tmp_path / "robo/valid/deep/b.png").is_file()


def test_splits_of_files_that_are_not_called_keypoints(tmp_path: Path) -> None:
    """instances_train and instances_val, with the images of both in one folder."""
    write_dataset(tmp_path)
    (tmp_path / "annotations").mkdir()
    for split in ("train", "val"):
        (tmp_path / f"annotations/instances_{split}.json").write_text(json.dumps(make_document()))
    done = convert(tmp_path, tmp_path.with_name(tmp_path.name + "_yolo"), target_format="yolo")
    assert (done.copied, done.notes.remarks) == (6, [])
    data = yaml.safe_load((done.written[0] / "data.yaml").read_text())
    assert (data["train"], data["val"]) == ("images/train", "images/val")


def test_yolo_labels_that_lie_apart_from_their_images(tmp_path: Path) -> None:
    """Images of one name in two splits are told apart by their folders; whose labels cannot be told is left out."""
    labels, images = tmp_path / "labels", tmp_path / "images"
    for name, (width, height) in {"train/0": (40, 20), "val/0": (80, 60), "val/1": (9, 9), "more/1": (5, 5)}.items():
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(images / f"{name}.png"), np.zeros((height, width, 3), np.uint8))
    for name in ("train/0", "val/0", "train/1", "val/2"):
        (labels / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        (labels / f"labels/{name}.txt").write_text("0 0.5 0.5 1 1 0.25 0.5 2\n")
    config = {"train": "images/train", "val": "images/val", "kpt_shape": [1, 3], "names": ["dog"]}
    (labels / "data.yaml").write_text(yaml.safe_dump(config))
    done = convert(labels, tmp_path / "out.json", images=images)
    train, val = (json.loads(path.read_text()) for path in done.written)
    assert (sizes_of(train), sizes_of(val)) == ({"train/0.png": (20, 40)}, {"val/0.png": (60, 80)})
    assert [part["annotations"][0]["keypoints"] for part in (train, val)] == [[10, 10, 2], [20, 30, 2]]
    assert +done.notes.left_out == {
        "text files whose name several images have": 1,
        "text files without an image of their name": 1,
    }
    assert not any(text.startswith(("left out", "missing")) for text in done.notes.remarks)
    (labels / "labels/train/0.txt").rename(labels / "labels/0.txt")  # may be that of either, and val/0 has one
    (images / "train/0.png").unlink()
    again = convert(labels, tmp_path / "again.json", images=images)
    assert again.notes.left_out["text files whose image has another one"] == 1
    assert [image.path for image in again.labels.images] == ["val/0.png"]


@pytest.mark.parametrize(
    ("splits", "expected", "said"),
    [
        (["train2017", "val2017"], {"train": "images/train2017", "val": "images/val2017"}, []),
        (
            ["test", "val"],
            {"train": "images/val", "val": "images/val", "test": "images/test"},
            ["train in data.yaml is val, as there is no split to train on"],
        ),
        (
            ["train", "fold_1", "val"],
            {"train": ["images/fold_1", "images/train"], "val": "images/val"},
            ["the split fold_1 is for train in data.yaml, which has train, val and test"],
        ),
        (
            [""],
            {"train": "images/train", "val": "images/train"},
            ["val in data.yaml is train, as there is no other split; a COCO file gets one by `pose split`"],
        ),
    ],
)
def test_yolo_has_three_splits(
    tmp_path: Path, splits: list[str], expected: dict[str, str | list[str]], said: list[str]
) -> None:
    notes = Notes()
    labels = read_coco(write_dataset(tmp_path), notes)
    for image, split in zip(labels.images, splits, strict=False):
        image.split = split
    labels.images = labels.images[: len(splits)]
    labels.people = [person for person in labels.people if person.image in labels.images]
    data = yaml.safe_load(render_yolo(labels, notes)["data.yaml"])
    assert {key: data[key] for key in ("train", "val", "test") if key in data} == expected
    assert notes.remarks == said


def test_deeplabcut_keeps_images_apart_whose_last_folders_are_alike(tmp_path: Path) -> None:
    document = make_document()
    document["images"][0]["file_name"] = "upper/deep/b.png"
    source = tmp_path / "dogs.json"
    source.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"^upper/deep/b\.png and deep/b\.png would both be labeled-data/deep/b\.png"):
        convert(source, tmp_path / "CollectedData_me.h5")
    assert convert(source, tmp_path / "CollectedData_me.csv").labels.images[0].path == "upper/deep/b.png"


def change(place: Path, **values: Any) -> Path:
    """The dataset with other entries in its first annotation."""
    document = make_document()
    document["annotations"][0] |= values
    path = write_dataset(place)
    path.write_text(json.dumps(document))
    return path


def test_yolo_holds_nothing_outside_of_the_image(tmp_path: Path) -> None:
    """Ultralytics drops the whole image of a value below 0 or above 1."""
    points = [-5, 30, 2, *make_document()["annotations"][0]["keypoints"][3:]]
    source = change(tmp_path, bbox=[-20, 20, 100, 80], keypoints=points)
    done = convert(source, tmp_path / "yolo", target_format="yolo")
    assert done.notes.lost["keypoints outside of the image (not labeled now)"] == 1
    assert done.notes.lost["parts of boxes outside of the image (cut off)"] == 1
    values = [
        float(v) for row in (tmp_path / "yolo/labels/train/a.txt").read_text().splitlines() for v in row.split()
    ]
    assert all(0 <= v <= 2 for v in values)
    assert values[:8] == pytest.approx([0, 0.2, 0.375, 0.4, 0.5, 0, 0, 0])


def test_other_categories_and_unreadable_records_are_counted(tmp_path: Path) -> None:
    document = make_document()
    document["categories"].append({"id": 9, "name": "ball"})
    document["annotations"] += [
        {"id": 90, "image_id": 5, "category_id": 9, "bbox": [1, 1, 5, 5]},
        {"id": 91, "image_id": 4444, "category_id": 3, "bbox": [1, 1, 5, 5]},
        {"id": 92, "image_id": 5, "category_id": 3, "bbox": [1, 1, 5, 5], "keypoints": [1, 2]},
        {"id": 93, "image_id": 5, "category_id": 3, "keypoints": []},
    ]
    document["images"].append({"id": 99, "file_name": "../secret.png", "height": 5, "width": 5})
    path = tmp_path / "dogs.json"
    path.write_text(json.dumps(document))
    done = convert(path, tmp_path / "out.json")
    assert +done.notes.left_out == {
        "annotations of category 'ball', which has no keypoints": 1,
        "annotations of images that are not listed": 1,
        "annotations whose keypoints or iscrowd cannot be read": 1,
        "people with neither a box nor a labeled keypoint": 1,
        "images whose file_name leaves their folder": 1,
    }
    assert len(json.loads((tmp_path / "out.json").read_text())["annotations"]) == 4


@pytest.mark.parametrize("given", ["0", "missing", "null"])
def test_annotations_of_category_0_or_none_are_kept(tmp_path: Path, given: str) -> None:
    document = make_document()
    for person in document["annotations"]:
        person["category_id"] = {"0": 0, "missing": 3, "null": None}[given]
        if given == "missing":
            del person["category_id"]
    if given == "0":
        document["categories"] = [{"id": 0, "name": "dog"}]
    path = tmp_path / "dogs.json"
    path.write_text(json.dumps(document))
    done = convert(path, tmp_path / "out.json", keypoints=",".join(NAMES))
    guessed = done.notes.guessed["annotations without category_id, taken for 'dog'"]
    assert guessed == (0 if given == "0" else 4)
    assert_same(people_of(json.loads((tmp_path / "out.json").read_text())), people_of(document))
    renumbered = ["renumbered: the ids of categories from 1, as some are missing, 0 or doubled"]
    assert done.notes.remarks == (renumbered if given == "0" else [])


def test_one_keypoint_can_be_named(tmp_path: Path) -> None:
    document = make_document()
    document["categories"] = []
    for person in document["annotations"]:
        person["keypoints"] = person["keypoints"][:3]
    path = tmp_path / "tips.json"
    path.write_text(json.dumps(document))
    done = convert(path, tmp_path / "out.json", keypoints="tip")
    assert [kind.keypoint_names for kind in done.labels.kinds()] == [("tip",)]
    with pytest.raises(ConfigError, match="--keypoints coco71 is neither a known skeleton"):
        convert(path, tmp_path / "other.json", keypoints="coco71")


def test_a_missing_box_is_made_of_the_keypoints(tmp_path: Path) -> None:
    done = convert(change(tmp_path, bbox=None), tmp_path / "out.json")
    assert done.notes.guessed["boxes, as the extent of the keypoints and a tenth more on each side"] == 1
    box = json.loads((tmp_path / "out.json").read_text())["annotations"][0]["bbox"]
    assert box == [12, 17, 96, 81]  # x from 20 to 100, y from 25 to 90, and 8 on each side


def test_roboflow_ids_of_zero(tmp_path: Path) -> None:
    """Roboflow counts from 0 in each split and has a category without keypoints; COCOeval ignores id 0."""
    document = make_document()
    document["categories"] = [{"id": 0, "name": "dogs"}, document["categories"][0]]
    for i, a in enumerate(document["annotations"]):
        a["id"] = i
    folder = tmp_path / "robo/train"
    folder.mkdir(parents=True)
    (folder / "_annotations.coco.json").write_text(json.dumps(document))
    done = convert(tmp_path / "robo", tmp_path / "out.json")
    assert [a["id"] for a in json.loads((tmp_path / "out.json").read_text())["annotations"]] == [1, 2, 3, 4]
    assert done.notes.remarks == ["renumbered: the ids of people from 1, as some are missing, 0 or doubled"]


def test_one_category_is_chosen(tmp_path: Path) -> None:
    document = make_document()
    document["categories"].append({"id": 4, "name": "cat", "keypoints": NAMES[:2]})
    document["annotations"].append(
        {"id": 50, "image_id": 5, "category_id": 4, "bbox": [1, 1, 9, 9], "keypoints": [2, 2, 2, 4, 4, 2]}
    )
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"'dog', 'cat' differ; choose one by --category"):
        convert(path, tmp_path / "CollectedData_x.csv")
    done = convert(path, tmp_path / "CollectedData_x.csv", category="cat")
    assert len(done.labels.people) == 1
    with pytest.raises(ValueError, match="nobody is of category 'cow'; valid: dog, cat"):
        convert(path, tmp_path / "y.csv", category="cow")
