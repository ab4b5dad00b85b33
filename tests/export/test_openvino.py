"""`pose export --to openvino`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose.export.check import generated_crops
from pose.inference.onnx_predictor import OnnxModel
from tests.helpers.command import Outcome

pytest.importorskip("onnxruntime")
Cli = Callable[..., Outcome]


def test_bad_calls(pose_cli: Cli, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "m.onnx"
    (tmp_path / "mine.bin").write_text("mine")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "openvino" or find_spec(name))
    cases = [
        (["--onnx", target, "--to", "coreml"], "--to takes openvino, got 'coreml'"),
        (["--onnx", target, "--to", "openvino", "--int8"], "leave out --network-only, --int8 and --fp16"),
        (["--onnx", target, "--to", "openvino", "--network-only"], "leave out --network-only, --int8 and --fp16"),
        (["--web", tmp_path / "page", "--to", "openvino"], "leave out what is for --onnx"),
        (["--onnx", tmp_path / "mine.onnx", "--to", "openvino"], "mine.bin exists and was not written by an export"),
    ]
    for arguments, message in cases:
        outcome = pose_cli("export", tiny_run, *arguments)
        assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert (tmp_path / "mine.bin").read_text() == "mine"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else find_spec(name))
    outcome = pose_cli("export", tiny_run, "--onnx", target, "--to", "openvino")
    assert (outcome.code, "pip install openvino" in outcome.err) == (2, True), outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.bin"]


@pytest.mark.slow
def test_files(pose_cli: Cli, tiny_run: Path, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    for _ in range(2):  # its own files are replaced
        outcome = pose_cli("export", tiny_run, "--onnx", tmp_path / "m.onnx", "--to", "openvino")
        assert outcome.code == 0, outcome.err
    assert "OpenVINO against PyTorch on 16 crops" in outcome.out
    assert {path.name for path in tmp_path.iterdir()} == {"m.onnx", "m.json", "m.xml", "m.bin"}
    compiled = openvino.Core().compile_model(tmp_path / "m.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    model = OnnxModel.open(tmp_path / "m.onnx", threads=1)
    crops = generated_crops(3, model.input_size)
    found, expected = compiled([crops]), model.run(crops)
    assert len(found) == len(expected) == 2
    np.testing.assert_allclose(found["keypoints"], expected[0], atol=0.01)
    np.testing.assert_allclose(found["scores"], expected[1], atol=1e-4 * np.abs(expected[1]).max())
