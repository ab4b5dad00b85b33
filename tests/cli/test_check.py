"""`pose check`, as it is called: exit codes, what it prints and writes, bad usage."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import yaml

from pose.check.checker import check_split
from pose.check.columns import read_split
from pose.check.findings import Findings
from tests.helpers.command import Outcome
from tests.helpers.findings import IMAGES, first, make, picture

Cli = Callable[..., Outcome]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder with two splits of other pictures, detections, and a config.yaml."""
    for split, seed in (("train", 0), ("val", 50)):
        (tmp_path / split).mkdir()
        for n in range(IMAGES):
            cv2.imwrite(str(tmp_path / split / f"{n}.png"), picture(seed + n))
        (tmp_path / f"{split}.json").write_text(json.dumps(make()))
    boxes = [
        {"image_id": a["image_id"], "category_id": 1, "bbox": a["bbox"], "score": 0.9 - a["id"] / 1000}
        for a in make()["annotations"]
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    splits = {split: {"images": split, "annotations": f"{split}.json"} for split in ("train", "val")}
    config = {"data": {"root": str(tmp_path), **splits}, "model": {"input_size": [64, 64]}}
    config["data"]["val"]["boxes"] = "boxes.json"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def spoil(dataset: Path, split: str = "val", **values: object) -> Path:
    document = make()
    first(**values)(document)
    path = dataset / f"{split}.json"
    path.write_text(json.dumps(document))
    return path


def test_a_correct_dataset(dataset: Path, pose_cli: Cli) -> None:
    outcome = pose_cli("check", dataset / "config.yaml", "--out", dataset / "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert "6 images, 12 annotations; 12 people with keypoints in 6 images; skeleton coco17" in outcome.out
    assert "12 detections on 6 images; 100% of the people have one" in outcome.out
    assert "0 errors, 0 warnings, 0 notes" in outcome.out
    report = json.loads((dataset / "out/report.json").read_text())
    assert (report["errors"], report["findings"]) == (0, [])
    counts = report["splits"]["train"]["counts"]
    assert counts["keypoints"]["nose"] == {"visible": 12, "hidden": 0, "unlabeled": 0}
    assert counts["people_per_image"]["2"] == 6
    assert counts["box_sizes"]["96-128"] == 12  # sqrt(80 * 130) = 102
    for split in ("train", "val"):
        sheet = cv2.imread(str(dataset / f"out/{split}.jpg"))
        assert sheet.shape[1] > 8 * 64
        assert sheet[40:].std() > 20


def test_an_error_ends_with_1_and_says_what_to_do(dataset: Path, pose_cli: Cli) -> None:
    spoil(dataset, id=0, area=0)
    outcome = pose_cli("check", dataset / "config.yaml")
    assert outcome.code == 1
    assert "error   val: annotation-id-zero (1)  annotations with id 0" in outcome.out
    assert "-> Number them from 1 (--fix)." in outcome.out
    assert "2 errors, 0 warnings, 0 notes" in outcome.out


def test_json_alone_goes_to_stdout(dataset: Path, pose_cli: Cli) -> None:
    outcome = pose_cli("check", spoil(dataset, area=0), "--json")
    report = json.loads(outcome.out)
    assert outcome.code == 1
    (finding,) = report["findings"]
    assert (finding["kind"], finding["level"], finding["count"]) == ("area-zero", "error", 1)
    assert finding["examples"] == [{"id": 100, "detail": "area 0"}]
    assert report["splits"]["val"]["images"] is None


def test_fast_reads_headers_only(dataset: Path, pose_cli: Cli) -> None:
    (dataset / "val/0.png").write_bytes((dataset / "train/0.png").read_bytes())
    assert pose_cli("check", dataset / "config.yaml", "--fast").code == 0
    outcome = pose_cli("check", dataset / "config.yaml")
    assert outcome.code == 1
    assert "split-overlap" in outcome.out


def test_fix_writes_a_file_that_passes(dataset: Path, pose_cli: Cli) -> None:
    path = spoil(dataset, id=0, area=0, num_keypoints=3)
    before = path.read_bytes()
    outcome = pose_cli("check", path, "--images", dataset / "val", "--fix", dataset / "fixed.json")
    assert outcome.code == 0
    assert "num_keypoints counted: 1 (0)" in outcome.out
    assert path.read_bytes() == before
    assert pose_cli("check", dataset / "fixed.json", "--images", dataset / "val").code == 0
    assert json.loads((dataset / "fixed.json").read_text())["annotations"][0]["id"] == 112


def test_fix_says_what_it_left(dataset: Path, pose_cli: Cli) -> None:
    path = spoil(dataset, area=0, bbox=[400, 10, 80, 130])
    outcome = pose_cli("check", path, "--fix", dataset / "fixed.json", "--json")
    assert outcome.code == 1
    fix = json.loads(outcome.out)["fix"]
    assert list(fix["changes"]) == ["areas taken from the segmentation"]
    assert {f["kind"] for f in fix["left"]} == {"box-outside", "keypoints-elsewhere"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.json"], "no file missing.json"),
        (["missing.yaml"], "no config file"),
        (["text.json"], "is not JSON"),
        (["boxes.json"], "holds a list (detections?)"),
        (["number.json"], "holds a int"),
        (["val.json", "--images", "nowhere"], "no folder nowhere"),
        (["val.json", "train.lr=1"], "entries are overridden in a config"),
        (["val.json", "--fix", "val.json"], "is the file that is checked"),
        (["val.json", "--fix", "link.json"], "is the file that is checked"),
        (["val.json", "--fix", "boxes.json"], "exists already"),
        (["config.yaml", "--fix", "new.json"], "are for one annotation JSON"),
        (["config.yaml", "data.train.images=nowhere"], "check data.root and data.train.images"),
        (["val.json", "--out", "val.json"], "it is a file"),
    ],
)
def test_bad_usage_ends_with_2(
    dataset: Path, pose_cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(dataset)
    (dataset / "text.json").write_text("{")
    (dataset / "number.json").write_text("3")
    os.symlink("val.json", dataset / "link.json")
    before = {path: path.read_bytes() for path in dataset.glob("*.*")}
    outcome = pose_cli("check", *arguments)
    assert outcome.code == 2
    assert says in outcome.err
    assert outcome.err.count("\n") == 1
    assert {path: path.read_bytes() for path in dataset.glob("*.*")} == before


def test_a_classifier_has_no_keypoints(pose_cli: Cli) -> None:
    configs = Path(__file__).parents[2] / "configs"
    outcome = pose_cli("check", configs / "shapes/mobilenet_v2_x0.35_relu.yaml")
    assert outcome.code == 2
    assert "is of a classifier" in outcome.err


def test_the_real_sample(coco_sample: Path, pose_cli: Cli, tmp_path: Path) -> None:
    outcome = pose_cli("check", Path(__file__).parents[2] / "configs/coco/sample.yaml", "--out", tmp_path)
    assert outcome.code == 0, outcome.out
    assert "72 images, 271 annotations; 143 people with keypoints in 53 images" in outcome.out
    assert "51 images, 132 annotations; 80 people with keypoints in 36 images" in outcome.out
    assert (tmp_path / "train.jpg").stat().st_size > 50_000


def test_names_like_markup_are_printed_as_they_are(dataset: Path, pose_cli: Cli) -> None:
    document = make()
    document["images"][0]["file_name"] = "[red]x[/red]/\x1b[31m.png"
    (dataset / "val.json").write_text(json.dumps(document))
    outcome = pose_cli("check", dataset / "val.json", "--images", dataset / "val")
    assert "[red]x[/red]" in outcome.out
    assert "\x1b" not in outcome.out


def test_progress_reaches_the_end(dataset: Path) -> None:
    seen: list[tuple[int, int]] = []
    split = read_split("val", Path("a.json"), make(), images_dir=dataset / "val")
    check_split(split, Findings(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (6, 6)
