"""Somebody's own dataset, of any number of keypoints and any category: every command, and AP against COCOeval."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from pose.checkpoints.checkpoint import load_checkpoint
from tests.helpers.command import Outcome
from tests.helpers.tiny import make_tiny_config

pytestmark = pytest.mark.slow

Cli = Callable[..., Outcome]

NAMES = {
    1: ["point"],
    2: ["l_tip", "r_tip"],
    68: [f"landmark_{i}" for i in range(68)],
}


def write_dataset(root: Path, names: list[str]) -> None:
    """Eight pictures with a "thing" (category 7) each, beside a "car" without keypoints (category 1)."""
    rng = np.random.default_rng(len(names))
    (root / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(1, 9):
        image = rng.integers(0, 60, (64, 80, 3), dtype=np.uint8)
        points = rng.uniform((12, 14), (66, 52), (len(names), 2))
        for x, y in points:
            cv2.circle(image, (round(x), round(y)), 2, (255, 255, 255), -1)
        cv2.imwrite(str(root / f"images/{number}.png"), image)
        images.append({"id": number, "file_name": f"{number}.png", "width": 80, "height": 64})
        flat = np.concatenate([points, np.full((len(names), 1), 2)], axis=1).ravel().tolist()
        common = {"image_id": number, "iscrowd": 0, "bbox": [10, 10, 60, 45], "area": 2700}
        thing = {"category_id": 7, "keypoints": flat, "num_keypoints": len(names)}
        annotations += [{"id": 2 * number, **common, **thing}, {"id": 2 * number + 1, **common, "category_id": 1}]
    edges = [[1, len(names)]] if len(names) > 1 else []
    categories = [
        {"id": 1, "name": "car"},
        {"id": 7, "name": "thing", "keypoints": names, "skeleton": edges},
    ]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / "people.json").write_text(json.dumps(document))
    # A detector's results have no categories to name: all of ours are boxes of category 7.
    boxes = [{"image_id": i, "category_id": 7, "bbox": [10, 10, 60, 45], "score": 0.9} for i in range(1, 9)]
    (root / "boxes.json").write_text(json.dumps(boxes))


def write_config(root: Path, **data: Any) -> Path:
    config = make_tiny_config(root)
    config["data"] |= {"skeleton": "from_annotations", **data}
    config["train"] |= {"epochs": 1, "milestones": []}
    config["augment"] = {"half_body": 0}
    (root / "own.yaml").write_text(yaml.safe_dump(config))
    return root / "own.yaml"


@pytest.mark.parametrize("k", NAMES)
def test_every_command_with_k_keypoints(tmp_path: Path, pose_cli: Cli, k: int) -> None:
    root = tmp_path / "data"
    write_dataset(root, NAMES[k])
    config, run = write_config(root), tmp_path / "run"

    def command(*words: object) -> Outcome:
        outcome = pose_cli(*words)
        assert outcome.code == 0, outcome.err
        return outcome

    checked = pose_cli("check", config)
    assert "1 error, 0 warnings" in checked.out
    assert "split-overlap" in checked.out  # the same pictures are for both, here
    assert f"skeleton thing, {k} keypoint" in checked.out
    summary = json.loads(command("summary", config, "--json").out)
    assert summary["stages"][-1]["output"][0] == k
    said = command("train", config, "--out", run, "--workers", 0).err
    assert said.count("oks_sigmas are guessed: ") == said.count("flip_pairs are guessed from the names: ") == 1
    skeleton = load_checkpoint(run).skeleton
    assert (skeleton.name, list(skeleton.keypoint_names)) == ("thing", NAMES[k])
    assert skeleton.flip_pairs == (((0, 1),) if k == 2 else ())
    # The run is complete in itself: nothing is guessed again.
    assert yaml.safe_load((run / "config.yaml").read_text())["data"]["skeleton"]["oks_sigmas"] == [0.072] * k

    for boxes, out in (("gt", tmp_path / "eval"), (root / "boxes.json", tmp_path / "eval-boxes")):
        outcome = command("eval", run, "--boxes", boxes, "--workers", 0, "--out", out)
        assert "guessed" not in outcome.err
        assert "AP " in outcome.out
        results = json.loads((out / "results.json").read_text())
        assert {(r["category_id"], len(r["keypoints"])) for r in results} == {(7, 3 * k)}
        analysis = json.loads((out / "analysis.json").read_text())
        assert NAMES[k][-1] in json.dumps(analysis)
    command("report", tmp_path / "eval", "--out", tmp_path / "report.html")
    assert NAMES[k][0] in (tmp_path / "report.html").read_text()
    command("inspect", run, "--out", tmp_path / "inspected", "--images", 2)
    for boxes in ("whole", root / "people.json", root / "boxes.json"):
        command("predict", run, root / "images", "--boxes", boxes, "--out", tmp_path / "drawn", "--heatmaps")
        found = json.loads((tmp_path / "drawn/predictions.json").read_text())
        assert found["keypoint_names"] == NAMES[k]
        assert [len(image["people"]) for image in found["images"]] == [1] * 8  # not the car
    outcome = command("train", config, f"model.init={run}", "--out", tmp_path / "again", "--workers", 0)
    assert "0 start fresh" in outcome.err


def test_one_of_two_categories_with_keypoints(tmp_path: Path, pose_cli: Cli) -> None:
    """The dataset of two keypoints again, with a third thing that has one in the same file."""
    root = tmp_path / "data"
    write_dataset(root, NAMES[2])
    document = json.loads((root / "people.json").read_text())
    document["categories"].append({"id": 9, "name": "cat", "keypoints": ["nose"], "skeleton": []})
    document["annotations"].append(
        document["annotations"][0] | {"id": 99, "category_id": 9, "keypoints": [30, 30, 2]}
    )
    (root / "people.json").write_text(json.dumps(document))
    config = write_config(root)
    train = ["train", config, "--out", tmp_path / "run", "--workers", 0]
    for command in (["check", config], train):
        outcome = pose_cli(*command)
        assert outcome.code == 2
        assert "in several categories, 'thing', 'cat'" in outcome.err
        assert "choose it by data.category=thing" in outcome.err
    outcome = pose_cli("check", config, "data.category=cat")
    assert "skeleton cat, 1 keypoint" in outcome.out
    assert "category-several" not in outcome.out
    assert pose_cli(*train, "data.category=thing").code == 0
    outcome = pose_cli("eval", tmp_path / "run", "--workers", 0)
    assert "(boxes gt, 8 images, 8 people)" in outcome.out


def test_from_people_to_things(tmp_path: Path, pose_cli: Cli, tiny_run: Path) -> None:
    """A run on 17 keypoints starts one on 2: all but the last layer, said so."""
    write_dataset(tmp_path / "data", NAMES[2])
    config = write_config(tmp_path / "data")
    outcome = pose_cli("train", config, f"model.init={tiny_run}", "--out", tmp_path / "run", "--workers", 0)
    assert outcome.code == 0, outcome.err
    said = " ".join(outcome.err.split())
    assert "2 start fresh: head.heatmaps.weight, head.heatmaps.bias; the last layer starts fresh" in said
    assert "the 17 keypoints of skeleton 'coco17', and is to find the 2 of 'thing'" in said


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        (["data.skeleton=coco17"], ["'thing' has 2 keypoints (l_tip, r_tip)", "'coco17' has 17", "from_annotations"]),
        (["data.category=car"], ["no category with keypoint names", "data.skeleton.keypoint_names"]),
        (["data.category=thign"], ["0 categories named 'thign'", "did you mean 'thing'?"]),
        (["data.skeleton={keypoint_names: [r_tip, l_tip]}"], ["another order: number 1 is 'l_tip' in the file"]),
        (["data.skeleton={flip_pairs: [[l_tip, rtip]]}"], ["flip_pairs names 'rtip'", "did you mean 'r_tip'?"]),
        (["data.skeleton={oks_sigmas: [0.1]}"], ["one positive OKS sigma for each of its 2 keypoints, got [0.1]"]),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(
    tmp_path: Path, pose_cli: Cli, overrides: list[str], lines: list[str]
) -> None:
    write_dataset(tmp_path / "data", NAMES[2])
    config = write_config(tmp_path / "data")
    outcome = pose_cli("train", config, *overrides, "--out", tmp_path / "run", "--workers", 0)
    assert outcome.code == 2
    error = outcome.err.splitlines()[-1]
    assert error.startswith("error: ")
    assert all(line in error for line in lines), error
    assert not (tmp_path / "run").exists()


def test_detect_takes_the_category_of_the_config(
    tmp_path: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its skeleton is left out, to be read from the annotations."""

    class OneBox:
        name = "one box"

        def __call__(self, images_rgb: list[Any]) -> list[Any]:
            return [(np.array([[1.0, 2.0, 30.0, 40.0]]), np.array([0.9]))] * len(images_rgb)

    monkeypatch.setattr("pose.inference.detector.load_detector", lambda *_, **__: OneBox())
    root = tmp_path / "data"
    write_dataset(root, NAMES[2])
    outcome = pose_cli("detect", write_config(root), "--out", tmp_path / "boxes.json", "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert {record["category_id"] for record in json.loads((tmp_path / "boxes.json").read_text())} == {7}
