"""`pose new`: what it writes can be checked and trained from, and nothing is overwritten."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pose.checkpoints.checkpoint import load_checkpoint
from pose.cli.new_recipe import input_size_of, suit
from pose.config.load import load_config
from pose.keypoints.skeletons import COCO17
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
    assert outcome.out == (
        "10 people with keypoints, in boxes 0.80 times as wide as high: input 224 x 160, 107 epochs of batches of 4, "
        "321 steps, evaluated once, as few are there to choose weights by\n"
        f"{file}: look through it, then: pose check {file}; pose train {file}\n"
    )
    assert "warning: skeleton 'dog': flip_pairs are guessed from the names: left_ear - right_ear" in outcome.err
    config = load_config(tmp_path / "dogs.yaml")
    assert (config.model.init, list(config.model.input_size)) == ("demo", [224, 160])
    assert (config.train.batch_size, config.train.milestones, config.eval.every) == (4, [80, 98], 107)
    assert (config.train.lr, config.train.ema, config.model.sigma) == (0.002, None, 1)
    data = config.data
    assert data.root == str(dataset)
    assert (data.train.images, data.val.images, data.val.boxes) == ("images/train", "images/val", "gt")
    assert data.train.annotations == "annotations/dog_keypoints_train.json"
    assert data.val.annotations == "annotations/dog_keypoints_val.json"
    assert data.skeleton.keypoint_names == ["nose", "left_ear", "right_ear", "on"]
    assert data.skeleton.flip_pairs == [("left_ear", "right_ear")]
    assert len(data.skeleton.oks_sigmas) == 4
    assert "# [height, width], multiples of 32" in (tmp_path / "dogs.yaml").read_text()
    small = ["train.epochs=1", "train.milestones=[]", "eval.every=1", "model.input_size=[64, 64]"]
    outcome = pose_cli("train", tmp_path / "dogs.yaml", *small, "--out", tmp_path / "run", "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert "tensors taken from" in " ".join(outcome.err.split())
    refusal(pose_cli("new", tmp_path / "dogs.yaml"), "dogs.yaml exists already; give another name")


def test_coco17_by_its_name_and_one_file_alone(pose_cli: Cli, tiny_dataset: Path, tmp_path: Path) -> None:
    outcome = pose_cli("new", tmp_path / "people.yaml", "--data", tiny_dataset / "people.json")
    assert outcome.code == 0, outcome.err
    assert "people.json is the only split found, so it stands for validation too" in outcome.err
    assert f"`pose split {tiny_dataset / 'people.json'} --val 0.2` makes two of it" in outcome.err
    config = load_config(tmp_path / "people.yaml")
    learned = (config.train.lr, config.train.ema, config.model.sigma)
    assert learned == (0.0005, 0.995, 1.5)  # the demo model knows these keypoints
    assert config.model.sigma == load_checkpoint("demo").pose_config.model.sigma
    data = config.data
    assert (data.root, data.skeleton, data.train.images) == (str(tiny_dataset), "coco17", "images")
    assert data.train.annotations == data.val.annotations == "people.json"


def test_nothing_is_told_of_a_config_that_cannot_be_written(pose_cli: Cli, tiny_dataset: Path) -> None:
    data = tiny_dataset / "people.json"
    refusal(pose_cli("new", data / "people.yaml", "--data", data), f"cannot write {data / 'people.yaml'}: ")


def test_the_two_files_of_a_split_and_images_elsewhere(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `pose convert` and `pose split` leave them; the file with all images beside them is not for validation."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").symlink_to(tiny_dataset / "images")
    document = json.loads((tiny_dataset / "people.json").read_text())
    for name, part in (("", slice(None)), ("_train", slice(5)), ("_val", slice(5, None))):
        (tmp_path / f"labels{name}.json").write_text(json.dumps(document | {"images": document["images"][part]}))
    refusal(pose_cli("new", "my.yaml", "--data", "labels_train.json"), "no images of labels_train.json")
    outcome = pose_cli("new", "my.yaml", "--data", "labels_train.json", "--images", "photos")
    assert (outcome.code, outcome.err) == (0, "")
    data = load_config(Path("my.yaml")).data
    assert (data.root, data.train.images, data.val.images) == (".", "photos", "photos")
    assert (data.train.annotations, data.val.annotations) == ("labels_train.json", "labels_val.json")


def test_images_of_the_two_splits_in_folders_of_their_own(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As COCO has them: --images is the folder of those to train on, and the others are beside it."""
    monkeypatch.chdir(tmp_path)
    for name in ("train2017", "val2017"):
        shutil.copytree(tiny_dataset / "images", tmp_path / "images" / name)
    document = json.loads((tiny_dataset / "people.json").read_text())
    Path("person_keypoints_train2017.json").write_text(json.dumps(document))
    renamed = [image | {"file_name": f"v{image['file_name']}"} for image in document["images"]]
    for image in document["images"]:
        path = tmp_path / "images" / "val2017" / image["file_name"]
        path.rename(path.with_name(f"v{path.name}"))
    Path("person_keypoints_val2017.json").write_text(json.dumps(document | {"images": renamed}))
    outcome = pose_cli("new", "my.yaml", "--data", "person_keypoints_train2017.json", "--images", "images/train2017")
    assert (outcome.code, outcome.err) == (0, "")
    data = load_config(Path("my.yaml")).data
    assert (data.train.images, data.val.images) == ("images/train2017", "images/val2017")


def test_images_of_both_splits_that_are_numbered_alike(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `pose figures` and cameras number them: those of the other split are in its own folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("train", "val"):
        shutil.copytree(tiny_dataset / "images", tmp_path / "images" / name)
        shutil.copy(tiny_dataset / "people.json", f"{name}.json")
    outcome = pose_cli("new", "my.yaml", "--data", "train.json", "--images", "images/train")
    assert (outcome.code, outcome.err) == (0, "")
    assert load_config(Path("my.yaml")).data.val.images == "images/val"
    (tmp_path / "images/val").rename(tmp_path / "images/elsewhere")
    outcome = pose_cli("new", "b.yaml", "--data", "train.json", "--images", "images/train")
    assert (
        "val.json lists images of 10 names that train.json lists too, e.g. 000001.png, and no folder" in outcome.err
    )
    # Parts of one file by `pose split` list other images of the one folder, whatever lies beside it.
    document = json.loads((tiny_dataset / "people.json").read_text())
    for name, images in (("train", document["images"][:5]), ("val", document["images"][5:])):
        Path(f"labels_{name}.json").write_text(json.dumps(document | {"images": images}))
    pose_cli("new", "other.yaml", "--data", "labels_train.json", "--images", "images/train")
    assert load_config(Path("other.yaml")).data.val.images == "images/train"


def test_a_folder_without_the_images_is_noticed(pose_cli: Cli, tiny_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    given = ("new", tmp_path / "my.yaml", "--data", tiny_dataset / "people.json")
    refusal(pose_cli(*given, "--images", tmp_path / "other"), "none of the first 10 images of", "as --images")
    (tmp_path / "images").mkdir()
    (tmp_path / "people.json").write_bytes((tiny_dataset / "people.json").read_bytes())
    refusal(pose_cli(*given[:3], tmp_path / "people.json"), "none of the first 10 images of")
    assert not (tmp_path / "my.yaml").exists()


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(0.67, (224, 160)), (1.0, (192, 192)), (1.5, (160, 224)), (0.4, (288, 128)), (3.0, (96, 288))],
)
def test_the_input_has_the_shape_of_the_boxes(aspect: float, size: tuple[int, int]) -> None:
    assert input_size_of(aspect) == size


@pytest.mark.parametrize(("count", "batch", "steps"), [(9, 4, 321), (40, 8, 320), (600, 16, 456), (9000, 16, 6756)])
def test_few_images_train_as_many_steps(count: int, batch: int, steps: int) -> None:
    person = {"bbox": [0, 0, 10, 20], "keypoints": [1, 1, "2"], "iscrowd": "0"}  # as the loader reads them
    people = [person] * count
    odd = [
        {"bbox": [0, 0, 10, 20], "keypoints": [0, 0, 0]},
        {"bbox": [0, 0], "keypoints": [1, 1, 2], "iscrowd": 1},
        3,
    ]
    recipe = suit({"annotations": [*people, *odd]}, {"annotations": [*people[:9], *odd]}, keypoint_names=None)
    assert (recipe.people, recipe.validated) == (count, 9)
    assert (recipe.batch_size, recipe.steps) == (batch, steps)


@pytest.mark.parametrize(("validated", "every"), [(0, 36), (19, 36), (20, 7)])
def test_weights_are_chosen_by_enough_people(validated: int, every: int) -> None:
    person = {"bbox": [0, 0, 10, 20], "keypoints": [1, 1, 2]}
    recipe = suit({"annotations": [person] * 143}, {"annotations": [person] * validated}, keypoint_names=None)
    assert (recipe.epochs, recipe.entries()["every"]) == (36, every)
    assert ("evaluated once" in str(recipe)) == (validated < 20)


@pytest.mark.parametrize(
    ("others", "skeleton", "rate"),
    [
        # Those that have no keypoints, and those that have the same ones.
        ([{"name": "car"}, {"name": "bus", "keypoints": []}], "coco17", 0.0005),
        ([{"name": "child", "keypoints": list(COCO17.keypoint_names)}], "coco17", 0.0005),
        # Which of them is to be learned is not known, so neither is whether the demo model knows it.
        ([{"name": "cat", "keypoints": ["whiskers"]}], "from_annotations", 0.002),
        ([{"name": "cat", "keypoints": list(COCO17.keypoint_names)[::-1]}], "from_annotations", 0.002),
    ],
)
def test_several_categories(
    pose_cli: Cli, tiny_dataset: Path, tmp_path: Path, others: list[dict[str, Any]], skeleton: str, rate: float
) -> None:
    """The rate is that of the skeleton which is written, not of any that the file names."""
    document = json.loads((tiny_dataset / "people.json").read_text())
    document["categories"] += [{"id": 2 + number, **other} for number, other in enumerate(others)]
    (tmp_path / "people.json").write_text(json.dumps(document))
    (tmp_path / "images").symlink_to(tiny_dataset / "images")
    outcome = pose_cli("new", tmp_path / "my.yaml", "--data", tmp_path / "people.json")
    assert outcome.code == 0, outcome.err
    assert ("warning: the skeleton is left to you: " in outcome.err) == (skeleton == "from_annotations")
    assert ("at a low rate as the demo model knows" in outcome.out) == (rate == 0.0005)
    config = load_config(tmp_path / "my.yaml")
    assert (config.data.skeleton, config.train.lr) == (skeleton, rate)


def test_without_data_the_files_are_left_to_the_user(pose_cli: Cli, tmp_path: Path) -> None:
    assert pose_cli("new", tmp_path / "a/own.yaml").code == 0
    assert load_config(tmp_path / "a/own.yaml") == load_config("own/finetune")


def test_refusals(pose_cli: Cli, tmp_path: Path) -> None:
    refusal(pose_cli("new", tmp_path / "own.json"), "is no config's name; give one that ends in .yaml")
    refusal(pose_cli("new", tmp_path / "own.yaml", "--data", tmp_path / "gone"), "no folder or file ")
    refusal(pose_cli("new", tmp_path / "own.yaml", "--data", tmp_path), "no COCO annotations in ")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "robo/train").mkdir(parents=True)
    (tmp_path / "robo/train/_annotations.coco.json").write_text('{"images": [], "annotations": []}')
    refusal(pose_cli("new", tmp_path / "own.yaml", "--data", tmp_path / "robo"), "convert it: pose convert ")


def test_nobody_to_learn_from(pose_cli: Cli, tiny_dataset: Path, tmp_path: Path) -> None:
    document = json.loads((tiny_dataset / "people.json").read_text())
    (tmp_path / "none.json").write_text(json.dumps({**document, "annotations": []}))
    outcome = pose_cli(
        "new", tmp_path / "own.yaml", "--data", tmp_path / "none.json", "--images", tiny_dataset / "images"
    )
    refusal(outcome, "none.json has nobody with a labeled keypoint, so there is nothing to learn")
    assert not (tmp_path / "own.yaml").exists()
