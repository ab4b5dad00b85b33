"""`pose new`: what it writes can be checked and trained from, and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pose.config.load import load_config
from tests.helpers.cli import Cli, refusal


@pytest.fixture
def dataset(tiny_dataset: Path, tmp_path: Path) -> Path:
    """Two splits in COCO's layout, of links, with other keypoints than COCO's."""
    document = json.loads((tiny_dataset / "people.json").read_text())
    names = ["nose", "left_ear", "right_ear", "on"]
    document["categories"] = [{"id": 1, "name": "dog", "keypoints": names, "skeleton": [[1, 2], [1, 3]]}]
    for annotation in document["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][:12]
        annotation["num_keypoints"] = 4
    root = tmp_path / "my data"
    (root / "annotations").mkdir(parents=True)
    (root / "images").mkdir()
    for split in ("train", "val"):
        (root / f"annotations/dog_keypoints_{split}.json").write_text(json.dumps(document))
        (root / f"images/{split}").symlink_to(tiny_dataset / "images")
    return root


@pytest.mark.slow
def test_a_dataset_is_filled_in(pose_cli: Cli, dataset: Path, tmp_path: Path) -> None:
    outcome = pose_cli("new", tmp_path / "dogs.yaml", "--data", dataset)
    assert outcome.code == 0
    file = tmp_path / "dogs.yaml"
    assert outcome.out == f"{file}: look through it, then: pose check {file}; pose train {file}\n"
    assert "warning: skeleton 'dog': flip_pairs are guessed from the names: left_ear - right_ear" in outcome.err
    data = load_config(tmp_path / "dogs.yaml").data
    assert data.root == str(dataset)
    assert (data.train.images, data.val.images, data.val.boxes) == ("images/train", "images/val", "gt")
    assert data.train.annotations == "annotations/dog_keypoints_train.json"
    assert data.val.annotations == "annotations/dog_keypoints_val.json"
    assert data.skeleton.keypoint_names == ["nose", "left_ear", "right_ear", "on"]
    assert data.skeleton.flip_pairs == [("left_ear", "right_ear")]
    assert len(data.skeleton.oks_sigmas) == 4
    assert "# [height, width], multiples of 32" in (tmp_path / "dogs.yaml").read_text()
    small = ["train.epochs=1", "train.milestones=[]", "model.width=0.1", "eval.every=1", "model.input_size=[64, 64]"]
    outcome = pose_cli("train", tmp_path / "dogs.yaml", *small, "--out", tmp_path / "run", "--workers", 0)
    assert outcome.code == 0, outcome.err
    refusal(pose_cli("new", tmp_path / "dogs.yaml"), "dogs.yaml exists already; give another name")


def test_coco17_by_its_name_and_one_file_alone(pose_cli: Cli, tiny_dataset: Path, tmp_path: Path) -> None:
    outcome = pose_cli("new", tmp_path / "people.yaml", "--data", tiny_dataset / "people.json")
    assert outcome.code == 0, outcome.err
    assert "people.json is the only split found, so it stands for validation too" in outcome.err
    data = load_config(tmp_path / "people.yaml").data
    assert (data.root, data.skeleton, data.train.images) == (str(tiny_dataset), "coco17", "images")
    assert data.train.annotations == data.val.annotations == "people.json"


def test_several_categories_are_left_to_the_user(pose_cli: Cli, dataset: Path, tmp_path: Path) -> None:
    for path in dataset.glob("annotations/*.json"):
        document = json.loads(path.read_text())
        document["categories"].append({"id": 2, "name": "cat", "keypoints": ["whiskers"]})
        path.write_text(json.dumps(document))
    outcome = pose_cli("new", tmp_path / "both.yaml", "--data", dataset)
    assert outcome.code == 0, outcome.err
    assert "warning: the skeleton is left to you: " in outcome.err
    assert load_config(tmp_path / "both.yaml").data.skeleton == "from_annotations"


def test_without_data_it_is_the_template(pose_cli: Cli, tmp_path: Path) -> None:
    assert pose_cli("new", tmp_path / "a/own.yaml").code == 0
    assert load_config(tmp_path / "a/own.yaml") == load_config("own/template")


def test_refusals(pose_cli: Cli, tmp_path: Path) -> None:
    refusal(pose_cli("new", tmp_path / "own.json"), "is no config's name; give one that ends in .yaml")
    refusal(pose_cli("new", tmp_path / "own.yaml", "--data", tmp_path / "gone"), "no folder or file ")
    refusal(pose_cli("new", tmp_path / "own.yaml", "--data", tmp_path), "no COCO annotations in ")
    assert list(tmp_path.iterdir()) == []
