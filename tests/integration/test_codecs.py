"""A network of another codec, from its training to its export: all ask the codec that the checkpoint names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from pose.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from pose.cli.networks import trained_network
from pose.codecs.codec import CODECS
from pose.config.load import make_config
from pose.data.loader import EpochSampler
from pose.evaluation.run import crop_predictor, predict_people
from pose.evaluation.splits import validation_set
from pose.images.read import read_image
from pose.inference.base import crop_boxes
from pose.inference.torch_predictor import Predictor, predict_heatmaps
from pose.keypoints.geometry import apply_affine, crop_affine, grow_box, invert_affine
from pose.runtime.stop import Stopped
from pose.training.keypoints import KeypointTask
from pose.training.losses import heatmap_mse
from tests.helpers.command import Outcome
from tests.helpers.running import run_training, stop_in_step

Cli = Callable[..., Outcome]
SIZES = {"input_size": (64, 64), "heatmap_size": (16, 16)}


@pytest.fixture(scope="module")
def udp_run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory, pose_cli: Cli) -> Path:
    """A run with udp_dark, stopped in its second epoch and resumed by the command, which reads the codec from it."""
    run = tmp_path_factory.mktemp("udp") / "run"
    config = yaml.safe_load((tiny_run.parent / "tiny.yaml").read_text())
    with pytest.MonkeyPatch.context() as patched:
        stop_in_step(patched, 4)
        with pytest.raises(Stopped):
            run_training(make_config(config, ["model.codec=udp_dark"]), run)
    outcome = pose_cli("train", "--resume", run, "--workers", 0)
    assert outcome.code == 0, outcome.err
    return run


@pytest.mark.parametrize("name", CODECS)
def test_the_loss_is_that_of_the_codecs_targets(tiny_config: dict[str, Any], name: str) -> None:
    config = make_config(tiny_config, [f"model.codec={name}", "model.sigma=1.5"])
    task = KeypointTask(config)  # type: ignore[arg-type]
    batch = next(iter(task.make_loader(EpochSampler(10, seed=0), workers=0, pin_memory=False))).batch
    codec = replace(CODECS[name], sigma=1.5)
    targets, weights = codec.encode(batch.keypoints_crop, batch.weights, **SIZES)
    blank = torch.zeros_like(targets)
    loss = task.loss(lambda images: blank, batch, np.random.default_rng(0))
    torch.testing.assert_close(loss, heatmap_mse(blank, targets, weights), rtol=0, atol=0)
    assert task.dataset.unbiased == codec.unbiased


@pytest.mark.slow
def test_checkpoints_carry_the_codec(udp_run: Path, tiny_run: Path) -> None:
    for name in ("best.safetensors", "last.safetensors"):
        assert load_checkpoint(udp_run / name).pose_config.model.codec == "udp_dark"
    predictor = Predictor.from_checkpoint(udp_run, device="cpu")
    assert predictor.codec == CODECS["udp_dark"]
    assert predictor.unbiased
    assert not Predictor.from_checkpoint(tiny_run, device="cpu").unbiased


def test_results_of_another_decoding_go_elsewhere() -> None:
    demo, cpu = load_checkpoint("demo"), torch.device("cpu")
    assert trained_network(demo, cpu, flip_test=True).results == Path("demo-eval")
    network = trained_network(demo, cpu, flip_test=True, codec="dark")
    assert (network.results, network.config.model.codec) == (Path("demo-eval-dark"), "dark")
    moved = replace(demo, path=Path("run/last.safetensors"))
    assert trained_network(moved, cpu, flip_test=True, codec="dark").results == Path("run/eval-last-dark")


def test_older_checkpoints_are_of_quarter(tiny_run: Path, tmp_path: Path) -> None:
    data = (tiny_run / "best.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    inside = json.loads(header["__metadata__"]["pose"])
    del inside["config"]["model"]["codec"]
    header["__metadata__"]["pose"] = json.dumps(inside)
    text = json.dumps(header).encode()
    (tmp_path / "old.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    assert load_checkpoint(tmp_path / "old.safetensors").pose_config.model.codec == "quarter"


@pytest.mark.slow
def test_prediction_and_evaluation_cut_the_codecs_crops(udp_run: Path, tiny_dataset: Path) -> None:
    """By hand: UDP's affine, its merging and decoding, and back by the same affine."""
    checkpoint = load_checkpoint(udp_run)
    codec, image = CODECS["udp_dark"], read_image(tiny_dataset / "images/000003.png")
    box = [8.0, 10.0, 47.0, 59.0]
    center, size = grow_box(box, (64, 64))
    affine = crop_affine(center, float(size[1]), (64, 64), unbiased=True)
    crops = torch.from_numpy(crop_boxes(image, [box], (64, 64), unbiased=True)).permute(0, 3, 1, 2)
    flip = checkpoint.skeleton.flip_indices
    xy, _ = codec.decode(
        predict_heatmaps(checkpoint.build(), crops, flip_indices=flip, codec=codec), input_size=(64, 64)
    )
    want = apply_affine(xy.numpy(), invert_affine(affine))
    predictor = Predictor.from_checkpoint(udp_run, device="cpu")
    np.testing.assert_allclose(predictor.predict(image, [box]).keypoints, want, atol=1e-2)
    val = validation_set(checkpoint.pose_config.data)
    predict_crops = crop_predictor(
        checkpoint.build(), skeleton=checkpoint.skeleton, device=torch.device("cpu"), codec=codec
    )
    person = [person for person in val.people if person.image_id == 3]
    found = predict_people(
        predict_crops, person, skeleton=checkpoint.skeleton, input_size=(64, 64), unbiased=True
    ).keypoints_img
    np.testing.assert_allclose(found, want, atol=1e-2)


@pytest.mark.slow
def test_eval_decodes_by_another_codec_of_the_same_crops(
    udp_run: Path, tiny_run: Path, pose_cli: Cli, tmp_path: Path
) -> None:
    outcome = pose_cli(
        "eval", tiny_run, "--codec", "dark", "--workers", 0, "--device", "cpu", "--out", tmp_path / "d"
    )
    assert outcome.code == 0, outcome.err
    assert json.loads((tmp_path / "d/metrics.json").read_text())["codec"] == "dark"
    assert yaml.safe_load((tmp_path / "d/config.yaml").read_text())["model"]["codec"] == "dark"
    for run, codec, allowed in ((tiny_run, "udp", "quarter or dark"), (udp_run, "quarter", "udp or udp_dark")):
        outcome = pose_cli("eval", run, "--codec", codec)
        assert outcome.code == 2
        assert f"--codec may be {allowed}" in outcome.err
    outcome = pose_cli("eval", tiny_run, "--codec", "drak")
    assert (outcome.code, "--codec drak is unknown; did you mean 'dark'?" in outcome.err) == (2, True), outcome.err
    (tmp_path / "m.onnx").touch()
    outcome = pose_cli("eval", tmp_path / "m.onnx", "--codec", "dark")
    assert (outcome.code, "--codec is for checkpoints" in outcome.err) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dark", "udp", "udp_dark"])
def test_exported_graphs_decode_as_the_codec(
    name: str, pose_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo model's heatmaps, taken for those of each codec."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from pose.export import export
    from pose.export.check import generated_crops
    from pose.inference.onnx_predictor import OnnxModel, OnnxPredictor

    monkeypatch.setattr(export, "CHECKED_CROPS", 3)
    demo = load_checkpoint("demo")
    config = demo.pose_config.model_copy(update={"model": demo.pose_config.model.model_copy(update={"codec": name})})
    save_checkpoint(tmp_path / "m.safetensors", demo.build(), config=config, epoch=1, metrics={})
    outcome = pose_cli("export", tmp_path / "m.safetensors", "--onnx", tmp_path / "m.onnx", "--flip-test")
    assert outcome.code == 0, outcome.err
    ours = OnnxPredictor(OnnxModel.open(tmp_path / "m.onnx"))
    theirs = Predictor.from_checkpoint(tmp_path / "m.safetensors", device="cpu")
    assert ours.unbiased == theirs.unbiased == CODECS[name].unbiased
    height, width = config.model.input_size
    for image in generated_crops(3, config.model.input_size, seed=4):
        found, expected = (p.predict(image, [[0, 0, width / 1.25, height / 1.25]]) for p in (ours, theirs))
        np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=0.01)
