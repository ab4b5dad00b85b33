"""The exported detector finds what torchvision's network finds, and needs no PyTorch."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import nms

from pose.export.detector import compare
from pose.inference.detector import TorchvisionDetector, check_detector, load_detector
from pose.inference.onnx_detector import OnnxDetector, suppress
from tests.export.test_export import BLOCKED, in_new_process
from tests.helpers.command import Outcome
from tests.helpers.detectors import leaning_to_people

pytest.importorskip("onnxruntime")
Cli = Callable[..., Outcome]


@pytest.fixture(scope="module")
def exported(pose_cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detector")
    torch.save(leaning_to_people(), folder / "weights.pth")
    outcome = pose_cli("export-detector", "--onnx", folder / "det.onnx", "--weights", folder / "weights.pth")
    assert outcome.code == 0, outcome.err
    assert "12936 boxes differ by at most 0.00" in outcome.out
    return folder / "det.onnx"


@pytest.mark.slow
def test_boxes_are_torchvisions(exported: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (*size, 3), dtype=np.uint8) for size in ((240, 320), (400, 120), (64, 64))]
    theirs = load_detector("ssdlite", weights=exported.with_name("weights.pth"), min_score=0.3)
    ours = load_detector(str(exported), min_score=0.3)
    assert ours.name == theirs.name == "ssdlite"
    for (boxes, scores), (own_boxes, own_scores) in zip(theirs(images), ours(images), strict=True):
        assert len(boxes) > 3
        np.testing.assert_allclose(own_scores, scores, atol=1e-5)
        # Of random weights, boxes score the same but for rounding, and change places.
        order, own_order = (np.lexsort(np.round(each).T) for each in (boxes, own_boxes))
        np.testing.assert_allclose(own_boxes[own_order], boxes[order], atol=1e-2)
    assert isinstance(theirs, TorchvisionDetector)
    theirs.model.head.classification_head.module_list[5][1].bias.data[1] += 1  # type: ignore[union-attr, index]
    with pytest.raises(ValueError, match="the exported detector is not the network"):
        compare(theirs.model, exported.read_bytes(), images)


@pytest.mark.slow
def test_a_copy_is_the_same_detector(exported: Path) -> None:
    """As spawned processes take it."""
    ours = OnnxDetector.open(exported, min_score=0.3)
    copy = pickle.loads(pickle.dumps(ours))
    image = np.random.default_rng(0).integers(0, 255, (120, 90, 3), dtype=np.uint8)
    assert (copy.name, copy.min_score) == (ours.name, 0.3)
    np.testing.assert_array_equal(copy([image])[0][0], ours([image])[0][0])
    from_bytes = OnnxDetector.open(exported.read_bytes(), min_score=0.3)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(from_bytes))([image])[0][0], ours([image])[0][0])


def test_suppression_is_torchvisions() -> None:
    rng = np.random.default_rng(0)
    for count in (0, 1, 200):
        low = rng.uniform(0, 100, (count, 2))
        corners = np.concatenate([low, low + rng.uniform(0, 60, (count, 2))], axis=1).astype(np.float32)
        expected = nms(torch.from_numpy(corners), -torch.arange(count).float(), 0.55)
        np.testing.assert_array_equal(suppress(corners, 0.55), expected.numpy())


@pytest.mark.slow
def test_people_are_found_without_torch(
    exported: Path, tiny_run: Path, tiny_dataset: Path, pose_cli: Cli, tmp_path: Path
) -> None:
    model, images = tmp_path / "m.onnx", tiny_dataset / "images"
    assert pose_cli("export", tiny_run, "--onnx", model).code == 0
    without = [*BLOCKED, "safetensors", "yaml", "PIL"]
    found = ["--boxes", "detect", "--detector", exported, "--out", tmp_path / "out"]
    result = in_new_process(["predict", model, images, *found], without=without)
    assert result.returncode == 0, result.stderr
    predictions = json.loads((tmp_path / "out/predictions.json").read_text())
    result = in_new_process(["detect", images, "--detector", exported, "--out", tmp_path / "b.json"], without=without)
    assert result.returncode == 0, result.stderr
    in_boxes = ["--boxes", tmp_path / "b.json", "--out", tmp_path / "in_boxes"]
    result = in_new_process(["predict", model, images, *in_boxes], without=without)
    assert result.returncode == 0, result.stderr
    boxes = json.loads((tmp_path / "b.json").read_text())
    assert len(boxes) > 10
    assert f"{len(boxes)} people in 10 images" in json.dumps(predictions) + result.stdout


@pytest.mark.slow
def test_what_is_no_detector_is_refused(exported: Path, tiny_run: Path, pose_cli: Cli, tmp_path: Path) -> None:
    assert pose_cli("export", tiny_run, "--onnx", tmp_path / "m.onnx").code == 0
    with pytest.raises(ValueError, match="is no detector; give a file that `pose export-detector` wrote"):
        OnnxDetector.open(tmp_path / "m.onnx", min_score=0.5)
    with pytest.raises(FileNotFoundError, match=r"no detector gone\.onnx; `pose export-detector"):
        check_detector("gone.onnx")
    with pytest.raises(ValueError, match="has its weights inside"):
        load_detector(str(exported), weights=exported.with_name("weights.pth"))
    (tmp_path / "det.json").write_text("{}")
    outcome = pose_cli("export-detector", "--onnx", tmp_path / "det.onnx")
    assert outcome.code == 2
    assert "det.json exists and was not written by an export" in outcome.err
    outcome = pose_cli("export-detector", "--onnx", tmp_path / "det.pt")
    assert (outcome.code, "name it with .onnx" in outcome.err) == (2, True)
