"""From each tool's export through `pose check`, and from two of them to a trained and evaluated model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.formats.base import NAMES, write_images
from tests.formats.test_real import REAL
from tests.helpers.command import call_pose
from tests.helpers.tiny import make_tiny_config

pytestmark = pytest.mark.slow
KEYPOINTS = ["--keypoints", ",".join(NAMES)]
EXPORTS: dict[str, list[str]] = {
    **{"cvat/annotations.xml": [], "cvat_coco": [], "yolo": [], "dogs.slp": []},
    **{"labelstudio.json": KEYPOINTS, "labelme": KEYPOINTS},
    "deeplabcut/labeled-data/walk/CollectedData_ann.csv": [],
}
# What the others are converted to is the same but for visibility (test_real.py).
TRAINED = ("yolo", "deeplabcut/labeled-data/walk/CollectedData_ann.csv")


@pytest.mark.parametrize("export", EXPORTS)
def test_convert_check(tmp_path: Path, export: str) -> None:
    if export == "dogs.slp":
        pytest.importorskip("sleap_io")
    shutil.copytree(REAL, tmp_path / "real")
    images = tmp_path / "images"
    write_images(images)
    shutil.copy(images / "deep/b.png", images / "b.png")
    for i, name in enumerate(("a.png", "deep/b.png", "empty.png")):
        shutil.copy(images / name, images / f"img{i:03d}.png")
    shutil.copytree(images, tmp_path / "real/yolo/images/train")
    out = tmp_path / "dogs.json"
    converted = call_pose("convert", tmp_path / "real" / export, out, "--images", images, *EXPORTS[export])
    assert converted.code == 0, converted.err
    checked = call_pose("check", out, "--images", images)
    assert checked.code == 0, checked.out
    assert "0 errors" in checked.out
    if export in TRAINED:
        train_and_evaluate(tmp_path)


def train_and_evaluate(folder: Path) -> None:
    config = make_tiny_config(folder)
    config["data"] |= {split: {"images": "images", "annotations": "dogs.json"} for split in ("train", "val")}
    config["data"]["skeleton"] = "from_annotations"
    config["train"] |= {"epochs": 1, "milestones": []}
    (folder / "dogs.yaml").write_text(yaml.safe_dump(config))
    trained = call_pose("train", folder / "dogs.yaml", "--out", folder / "run", "--workers", "0")
    assert trained.code == 0, trained.err
    assert "flip_pairs are guessed from the names: left_eye - right_eye, left_paw - right_paw" in trained.err
    evaluated = call_pose("eval", folder / "run", "--workers", "0")
    assert evaluated.code == 0, evaluated.err
    assert "4 people" in evaluated.out
