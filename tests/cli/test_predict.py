"""`pose predict`: files, boxes, threads, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.cli import Cli, read, refusal

DETECTIONS = "person_detection_results/COCO_val2017_sample_detections_person.json"


@pytest.mark.slow
def test_prediction(pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (tiny_dataset / "images").iterdir()}
    outcome = pose_cli("predict", tiny_run, tiny_dataset / "images", "--out", tmp_path / "out")
    assert outcome.code == 0
    assert outcome.out == f"10 people in 10 images (boxes: whole image): {tmp_path / 'out'}\n"
    used, whole, undrawn = outcome.err.splitlines()
    assert used == "10 files: 10 images"
    assert whole == "warning: each whole image is taken as one person; for several give --boxes detect or FILE"
    assert undrawn.startswith("warning: no keypoint of anybody scores more than 0.2 on 10 of 10 images, so none")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {p.name for p in before} | {"predictions.json"}
    assert {path: path.read_bytes() for path in before} == before
    assert len(read(tmp_path / "out" / "predictions.json")["images"]) == 10


@pytest.mark.slow
def test_prediction_in_boxes_equals_evaluation(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    """The predictor and the evaluator take the same way from a box to keypoints."""
    boxes, images = tiny_dataset / "boxes.json", tiny_dataset / "images"
    pose_cli("eval", tiny_run, "--boxes", boxes, "--out", tmp_path / "ev")
    options = ("--boxes", boxes, "--heatmaps", "--workers", 2, "--batch-size", 2, "--threshold", -1)
    outcome = pose_cli("predict", tiny_run, images, *options, "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "10 files: 10 images\n")
    assert (tmp_path / "out" / "000003.png.heatmaps-0.jpg").is_file()
    evaluated = {r["image_id"]: np.reshape(r["keypoints"], (17, 3)) for r in read(tmp_path / "ev" / "results.json")}
    for record in read(tmp_path / "out" / "predictions.json")["images"]:
        (person,) = record["people"]
        assert person["bbox"] == [9, 9, 47, 61]
        number = int(Path(record["file_name"]).stem)
        np.testing.assert_allclose(person["keypoints"], evaluated[number], atol=0.01)


@pytest.mark.slow
def test_threads_that_read_ahead_change_nothing(
    pose_cli: Cli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    found = []
    (tmp_path / "in").mkdir()
    for path in (tiny_dataset / "images").iterdir():
        (tmp_path / "in" / path.name).symlink_to(path)
    (tmp_path / "in" / "000005x.png").write_text("broken")
    for workers in (0, 1, 4, 50):
        out = tmp_path / str(workers)
        outcome = pose_cli("predict", tiny_run, tmp_path / "in", "--out", out, "--workers", workers)
        assert outcome.code == 0
        assert "10 people in 10 images (boxes: whole image, 1 unreadable file skipped)" in outcome.out
        assert f"warning: skipped: cannot read {tmp_path / 'in' / '000005x.png'}" in outcome.err
        found.append(read(out / "predictions.json"))
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.slow
def test_images_to_predict(pose_cli: Cli, tiny_run: Path, a_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refusal(pose_cli("predict", tiny_run, "gone.png", "--out", out), "error: no image or folder gone.png; check the")
    outcome = pose_cli("predict", tiny_run, "https://example.com/a.png", "--out", out)
    refusal(outcome, "it is a URL, and nothing is downloaded here")
    (tmp_path / "broken.png").write_text("no image")
    outcome = pose_cli("predict", tiny_run, tmp_path / "broken.png", "--out", out)
    refusal(outcome, f"error: cannot read {tmp_path / 'broken.png'}: broken, or not images; replace the files")
    refusal(pose_cli("predict", tiny_run, a_file, "--out", out), "is no image; expected .jpg")
    (tmp_path / "empty").mkdir()
    refusal(pose_cli("predict", tiny_run, tmp_path / "empty", "--out", out), "no image in ")


def test_real_photographs(pose_cli: Cli, sample_run: Path, coco_sample: Path, tmp_path: Path) -> None:
    boxes, names = coco_sample / DETECTIONS, ["000000000785.jpg", "000000040083.jpg"]
    photographs = [coco_sample / "images" / "val2017" / name for name in names]
    outcome = pose_cli("predict", sample_run, *photographs, "--boxes", boxes, "--out", tmp_path / "out")
    assert outcome.code == 0
    first, *more = outcome.err.splitlines()
    assert first == f"{boxes}: 118 boxes: 48 used, 70 of other images"
    assert len(more) == outcome.err.count("warning: no keypoint of anybody scores more")
    assert outcome.out == f"48 people in 2 images (boxes: {boxes}): {tmp_path / 'out'}\n"
    records = {r["file_name"]: r for r in read(tmp_path / "out" / "predictions.json")["images"]}
    counts = {name: sum(b["image_id"] == int(Path(name).stem) for b in read(boxes)) for name in names}
    assert {name: len(record["people"]) for name, record in records.items()} == counts
    for path in photographs:
        before, after = cv2.imread(str(path)), cv2.imread(str(tmp_path / "out" / path.name))
        assert before.shape == after.shape
        assert (np.abs(before.astype(int) - after).max(axis=-1) > 40).mean() > 0.002  # the boxes, at least
