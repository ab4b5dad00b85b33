"""`pose check DIR`: which files are a dataset's, which pictures theirs, and what is said where there are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose.check.folder import find_splits
from tests.helpers.command import Outcome
from tests.helpers.findings import IMAGES, first, make, picture

Cli = Callable[..., Outcome]


def fill(folder: Path, *, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(IMAGES):
        cv2.imwrite(str(folder / f"{n}.png"), picture(seed + n))


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A folder as COCO's, with annotations of other tasks and a file of boxes."""
    root = tmp_path / "my data"
    for split, seed in (("train2017", 0), ("val2017", 50)):
        fill(root / "images" / split, seed=seed)
        write(root / f"annotations/person_keypoints_{split}.json", make())
    (root / "annotations/instances_val2017.json").write_text("not even JSON")
    boxes = [
        {"image_id": a["image_id"], "category_id": 1, "bbox": a["bbox"], "score": 0.9 - a["id"] / 1000}
        for a in make()["annotations"]
    ]
    write(root / "person_detection_results/COCO_val2017_detections.json", boxes)
    return root


def test_a_folder_is_checked_as_its_config_would_be(coco: Path, pose_cli: Cli, tmp_path: Path) -> None:
    outcome = pose_cli("check", coco, "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert list(report["splits"]) == ["train2017", "val2017"]
    for name, split in report["splits"].items():
        assert split["images"] == str(coco / "images" / name)
        assert f"{name} {split['annotations']}, images in {split['images']}" in outcome.out
        assert (tmp_path / f"out/{name}.jpg").is_file()
    assert report["splits"]["val2017"]["counts"]["detections"]["boxes"] == 12
    assert "0 errors" in outcome.out


def test_the_split_stands_behind_keypoints_in_the_name(tmp_path: Path) -> None:
    """As in animal_keypoints_val.json, which `pose figures --kind animals` writes."""
    for split in ("val", "train"):
        fill(tmp_path / "images" / split, seed=0)
        write(tmp_path / f"annotations/animal_keypoints_{split}.json", make())
    found = find_splits(tmp_path)
    assert [split.name for split in found] == ["train", "val"]
    assert [split.images_dir for split in found] == [tmp_path / "images/train", tmp_path / "images/val"]


def test_a_split_whose_file_is_not_called_keypoints(tmp_path: Path) -> None:
    for split in ("val", "train"):
        fill(tmp_path / "images" / split, seed=0)
        write(tmp_path / f"annotations/{'val' if split == 'val' else 'dog_keypoints_train'}.json", make())
    write(tmp_path / "annotations/captions_test.json", {**make(), "annotations": []})
    write(tmp_path / "annotations/instances_train.json", make())
    assert [split.path.name for split in find_splits(tmp_path)] == ["dog_keypoints_train.json", "val.json"]


def test_splits_are_compared(coco: Path, pose_cli: Cli) -> None:
    for split in ("train2017", "val2017"):
        cv2.imwrite(str(coco / f"images/{split}/0.png"), picture(99))
    outcome = pose_cli("check", coco)
    assert outcome.code == 1
    assert "val2017: split-overlap (1)" in outcome.out


def test_copies_of_16_bits_are_found(coco: Path, pose_cli: Cli) -> None:
    """Saved anew, so that the files differ."""
    gray = picture(99)[..., 0].astype(np.uint16) * 256 + 255  # more than 255 everywhere
    for level, split in enumerate(("train2017", "val2017")):
        cv2.imwrite(str(coco / f"images/{split}/0.png"), gray, [cv2.IMWRITE_PNG_COMPRESSION, 1 + 8 * level])
    assert "val2017: split-similar (1)" in pose_cli("check", coco).out


@pytest.mark.parametrize(
    "places", [("images/{}", "annotations/{}.json"), ("{}", "{}.json"), ("{}", "annotations/{}.json")]
)
def test_other_layouts(tmp_path: Path, places: tuple[str, str]) -> None:
    for split, seed in (("train", 0), ("val", 50)):
        fill(tmp_path / places[0].format(split), seed=seed)
        write(tmp_path / places[1].format(split), make())
    write(tmp_path / "boxes.json", [])
    found = find_splits(tmp_path)
    assert [(split.name, split.images_dir) for split in found] == [
        (name, tmp_path / places[0].format(name)) for name in ("train", "val")
    ]


@pytest.mark.parametrize("place", ["images", "."])
def test_one_file_whose_names_say_where(tmp_path: Path, place: str) -> None:
    document = make()
    first_image = document["images"][0]
    first_image["file_name"] = "a/0.png"
    fill(tmp_path / place / "a", seed=0)
    write(tmp_path / "all.json", document)
    (split,) = find_splits(tmp_path)
    assert (split.name, split.images_dir, split.detections) == ("all", tmp_path / place, None)


def test_missing_pictures_are_findings_where_their_folder_is_there(coco: Path, pose_cli: Cli) -> None:
    for path in (coco / "images/val2017").iterdir():
        path.unlink()
    outcome = pose_cli("check", coco)
    assert outcome.code == 1
    assert "val2017: image-missing (6)" in outcome.out


def test_the_code_is_that_of_the_findings(coco: Path, pose_cli: Cli) -> None:
    document = make()
    first(area=0)(document)
    write(coco / "annotations/person_keypoints_train2017.json", document)
    outcome = pose_cli("check", coco, "--json")
    assert outcome.code == 1
    assert [f["kind"] for f in json.loads(outcome.out)["findings"]] == ["area-zero"]


def test_what_was_looked_for(coco: Path, pose_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "run").mkdir()
    for name in ("config.yaml", "versions.json", "metrics.csv"):
        (tmp_path / "run" / name).write_text("{}")
    write(tmp_path / "lists/boxes.json", [])
    write(tmp_path / "broken/annotations/train.json", make())
    (tmp_path / "broken/annotations/val.json").write_text("{")
    write(tmp_path / "pictureless/annotations/val.json", make())
    cases = [
        ([tmp_path / "empty"], f"no COCO annotations in {tmp_path / 'empty'}; expected annotations/*.json"),
        ([tmp_path / "lists"], f"no COCO annotations in {tmp_path / 'lists'} (not in boxes.json)"),
        ([tmp_path / "run"], f"pose check {tmp_path / 'run/config.yaml'}"),
        ([tmp_path / "broken"], "val.json is not JSON"),
        ([tmp_path / "pictureless"], f"looked for 0.png in {tmp_path / 'pictureless/images/val'}, "),
        ([coco, "--fix", tmp_path / "fixed.json"], "are for one annotation JSON"),
        ([coco, "train.lr=1"], "entries are overridden in a config"),
    ]
    for arguments, says in cases:
        outcome = pose_cli("check", *arguments)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), arguments
        assert says in outcome.err
