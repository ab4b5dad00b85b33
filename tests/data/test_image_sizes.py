"""Heights and widths that contradict the image files: the files' are taken, or the work stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import pose
from pose.check.checker import check_split
from pose.check.columns import read_split
from pose.check.findings import Findings
from pose.config.keypoints import DataConfig
from pose.config.load import make_config
from pose.data.coco import load_coco
from pose.data.image_sizes import MISSING, OTHER, WRONG, judge_sizes, stored_sizes, with_file_sizes
from pose.evaluation.splits import training_set, validation_set
from pose.keypoints.skeletons import Skeleton

TWO = Skeleton.from_names("fish", keypoint_names=["head", "tail"])
HEIGHT, WIDTH = 120, 160  # of the files


def make(**size: Any) -> dict[str, Any]:
    """Two people in each of three images, the second at the right, where an upright image has nothing."""
    people = [
        {
            **{"id": n + 1, "image_id": n // 2 + 1, "category_id": 1, "iscrowd": 0, "area": 1500},
            **{"bbox": [26 + 80 * (n % 2), 18, 28, 94], "num_keypoints": 2},
            "keypoints": [40 + 80 * (n % 2), 30, 2, 40 + 80 * (n % 2), 109, 2],
        }
        for n in range(6)
    ]
    images = [{"id": n + 1, "file_name": f"{n}.png", "height": HEIGHT, "width": WIDTH, **size} for n in range(3)]
    category = {"id": 1, "name": "fish", "keypoints": ["head", "tail"], "skeleton": []}
    return {"images": images, "annotations": people, "categories": [category]}


Write = Callable[[dict[str, Any]], DataConfig]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a document beside three images, and gives the data section of a config for both."""
    (tmp_path / "images").mkdir()
    for n in range(3):
        cv2.imwrite(str(tmp_path / "images" / f"{n}.png"), np.full((HEIGHT, WIDTH, 3), 50 * n, np.uint8))

    def write_document(document: dict[str, Any]) -> DataConfig:
        (tmp_path / "a.json").write_text(json.dumps(document))
        split = {"images": "images", "annotations": "a.json"}
        section = {"keypoint_names": ["head", "tail"], "edges": [], "flip_pairs": []}
        data = {"root": str(tmp_path), "train": split, "val": split, "skeleton": section}
        config: Any = make_config({"data": data})
        return config.data

    return write_document


def found_kinds(document: dict[str, Any], images: Path) -> set[str]:
    found = Findings()
    check_split(read_split("a", Path("a.json"), document, images_dir=images, skeleton=TWO), found)
    return {f.kind for f in found.all() if f.what.level != "note"}


@pytest.mark.parametrize(
    ("size", "kind", "words"),
    [
        ({"height": WIDTH, "width": HEIGHT}, "image-size-wrong", WRONG),
        ({"height": 100, "width": 100}, "image-size-wrong", WRONG),
        ({"height": HEIGHT + 1}, "image-size-wrong", WRONG),
        ({"height": 60, "width": 80}, "image-size-wrong", WRONG),  # annotations reach beyond it
        ({"height": None}, "image-size-missing", MISSING),
        ({"width": 0}, "image-size-missing", MISSING),
        ({"width": "no"}, "image-size-missing", MISSING),
    ],
)
def test_the_files_sizes_are_taken(write: Write, tmp_path: Path, size: dict[str, Any], kind: str, words: str) -> None:
    right = [p.box_xywh for p in training_set(write(make())).people]
    document = make(**size)
    data = write(document)
    said = rf"3 of 3 {words} \(0\.png is 160 x 120.*; taken from the image files"
    with pytest.warns(UserWarning, match=said):
        people = training_set(data).people
    assert [p.box_xywh for p in people] == right
    assert {p.image_size for p in people} == {(HEIGHT, WIDTH)}
    with pytest.warns(UserWarning, match=said):
        val = validation_set(data)
    assert [p.box_xywh for p in val.people] == right
    assert val.coco.images[1].image_size == (HEIGHT, WIDTH)
    assert found_kinds(document, tmp_path / "images") == {kind}


@pytest.mark.parametrize("boxes", ["gt", "boxes.json"])
@pytest.mark.parametrize("factor", [2, 0.9])
def test_images_resized_after_they_were_annotated_stop_the_work(
    write: Write, tmp_path: Path, factor: float, boxes: str
) -> None:
    document = make(height=round(HEIGHT * factor), width=round(WIDTH * factor))
    for a in document["annotations"]:
        a["bbox"] = [factor * v for v in a["bbox"]]
        a["keypoints"] = [v if i % 3 == 2 else factor * v for i, v in enumerate(a["keypoints"])]
    found = [{"image_id": 1, "category_id": 1, "bbox": [5, 5, 30, 60], "score": 1}]
    (tmp_path / "boxes.json").write_text(json.dumps(found))
    data = write(document)
    with pytest.raises(ValueError, match=rf"{OTHER} \(0\.png is 160 x 120, not .*; restore the images"):
        validation_set(data, boxes=boxes if boxes == "gt" else str(tmp_path / boxes))
    assert found_kinds(document, tmp_path / "images") == {"image-size-differs"}


def test_one_size_of_one_image_is_enough(write: Write) -> None:
    document = make()
    document["images"][1].update(height=WIDTH, width=HEIGHT)
    with pytest.warns(UserWarning, match=rf"1 of 3 {WRONG} \(1\.png is 160 x 120, not 120 x 160\)"):
        assert len(training_set(write(document)).people) == 6


def test_a_limit_looks_at_no_more_images_than_it_needs(write: Write, tmp_path: Path) -> None:
    document = make()
    document["images"][0].update(height=20, width=20)  # its first person lies outside
    (tmp_path / "images/2.png").unlink()
    data = write(document)
    limited = data.model_copy(update={"train": data.train.model_copy(update={"limit": 3})})
    with pytest.warns(UserWarning, match=rf"1 of 2 {WRONG}"):
        assert [p.id for p in training_set(limited).people] == [1, 2, 3]
    with pytest.raises(FileNotFoundError, match=r"1 of 3 images are missing: .*2\.png"):
        training_set(data)


def test_annotations_of_images_as_shown_stop_the_work(tmp_path: Path) -> None:
    from PIL import Image

    with Image.new("RGB", (WIDTH, HEIGHT)) as image:
        tags = image.getexif()
        tags[0x0112] = 6
        image.save(tmp_path / "0.png", exif=tags)
    document = make(height=WIDTH, width=HEIGHT)
    document["annotations"] = [{**document["annotations"][0], "bbox": [10, 10, 40, 60]}]
    (tmp_path / "a.json").write_text(json.dumps(document))
    coco = load_coco(tmp_path / "a.json", TWO)
    with pytest.raises(ValueError, match=OTHER):
        with_file_sizes(coco, tmp_path, [1])


def test_boxes_of_an_annotation_file_are_compared_too(write: Write, tmp_path: Path) -> None:
    predictor = pose.load("demo", "cpu")
    write(make(height=WIDTH, width=HEIGHT))
    from pose.inference.predict_images import predict_images

    def predict(out: str) -> int:
        return predict_images(predictor, [tmp_path / "images"], out=tmp_path / out, boxes=tmp_path / "a.json").people

    with pytest.warns(UserWarning, match=rf"3 of 3 {WRONG}"):
        assert predict("one") == 6
    document = make(height=2 * HEIGHT, width=2 * WIDTH)
    for a in document["annotations"]:
        a["bbox"] = [2 * v for v in a["bbox"]]
    write(document)
    with pytest.raises(ValueError, match=rf"3 of 3 {OTHER}"):
        predict("two")


def test_unknown_files_and_far_boxes() -> None:
    given, stored = np.array([[100.0, 100], [50, 80]]), np.array([[np.nan, np.nan], [80, 50]])
    reach = np.array([[90.0, 90], [70, 40]])
    judged = judge_sizes(given, stored, reach, turned=np.zeros(2, dtype=bool))
    assert not judged.missing.any()
    assert judged.other.tolist() == [False, True]  # 70 lies within the given width of 80, not within 50


def test_stored_sizes(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((30, 40, 3), np.uint8))
    (tmp_path / "b.jpg").write_text("none")
    assert stored_sizes([tmp_path / "a.jpg", tmp_path / "b.jpg"]) == [(30, 40), None]
    with pytest.raises(FileNotFoundError, match=r"2 of 3 images are missing: .*c\.jpg, "):
        stored_sizes([tmp_path / "a.jpg", tmp_path / "c.jpg", tmp_path])
