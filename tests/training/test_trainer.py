"""The trainer: what it leaves behind, that a resumed run equals one that never stopped, and how it fails."""

from __future__ import annotations

import csv
import json
import math
import signal
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

import pose.training.keypoints as keypoints_module
from pose.checkpoints.checkpoint import load_checkpoint
from pose.codecs.heatmap import encode
from pose.config.load import load_config, make_config
from pose.data.dataset import PeopleDataset
from pose.data.loader import EpochSampler, make_loader
from pose.evaluation.splits import training_set
from pose.runtime.stop import Stopped
from pose.training.optim import learning_rate
from tests.helpers.running import run_training, stop_in_step

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
EXACT_COLUMNS = ("epoch", "lr", "loss", "AP", "AP50", "AR")


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{key: row[key] for key in EXACT_COLUMNS} for row in csv.DictReader(file)]


def test_a_run_leaves_everything(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    config = make_config(tiny_config)
    metrics = run_training(config, tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    wanted = {"config.yaml", "versions.json", "metrics.csv", "batch0.jpg", "best.safetensors", "last.safetensors"}
    assert wanted | {"resume.pt", "resume.previous.pt", "state.json", ".lock", "tb"} == names
    assert load_config(tmp_path / "run" / "config.yaml") == config
    assert json.loads((tmp_path / "run" / "versions.json").read_text())["torch"] == torch.__version__.split("+")[0]
    table = rows(tmp_path / "run")
    assert [row["epoch"] for row in table] == ["1", "2", "3"]
    assert [float(row["lr"]) for row in table] == pytest.approx([1e-3, 1e-3, 1e-4])
    assert [bool(row["AP"]) for row in table] == [False, True, True]  # every 2, and the last
    last = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert (last.epoch, last.metrics, last.config) == (3, metrics, config)
    assert cv2.imread(str(tmp_path / "run" / "batch0.jpg")) is not None


def test_compiling_is_refused_on_a_cpu(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    """Before the data are read, and nothing is left of the run but its lock."""
    tiny_config["train"]["compile"] = True
    with pytest.raises(ValueError, match=r"compile=true on a CPU: .* set train.compile: false"):
        run_training(make_config(tiny_config), tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").rglob("*")} <= {".lock"}


def test_the_cache_changes_nothing_and_the_order_can_be_plain(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    tiny_config["train"] |= {"epochs": 1, "milestones": []}
    losses = {}
    for name, given in {
        "grouped": {},
        "cached": {"cache": str(tmp_path / "cache"), "cache_gb": 0.001},
        "again": {"cache": str(tmp_path / "cache"), "cache_gb": 0.001},
        "plain": {"group_images": False},
    }.items():
        config = make_config({**tiny_config, "data": {**tiny_config["data"], **given}})
        run_training(config, tmp_path / name)
        losses[name] = rows(tmp_path / name)[0]["loss"]
    assert losses["grouped"] == losses["cached"] == losses["again"] != losses["plain"]
    assert len(list((tmp_path / "cache").rglob("*.raw"))) == 10


def test_the_model_learns(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    """Twenty passes over ten images lower the loss below that of predicting nothing."""
    tiny_config["train"] |= {"epochs": 20, "milestones": [], "lr": 0.005}
    tiny_config |= {"augment": None, "eval": {"every": 20}}
    config = make_config(tiny_config)
    run_training(config, tmp_path / "run")
    losses = [float(row["loss"]) for row in rows(tmp_path / "run")]
    people = training_set(config.data).people
    dataset = PeopleDataset(people, config.data.resolve_skeleton(), input_size=(64, 64))
    batch = next(iter(make_loader(dataset, batch_size=10, workers=0, sampler=EpochSampler(10, seed=0))))
    targets, _ = encode(batch.keypoints_crop / 4, batch.weights, heatmap_size=(16, 16))
    nothing = 0.5 * targets.square().mean().item()
    assert losses[-1] < 0.9 * nothing < losses[0] * 1.5


@pytest.mark.parametrize("steps", [1, 3, 5, 9])
def test_resume_equals_never_having_stopped(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Stopped in the middle, at the end of an epoch, and after the last step before an evaluation."""
    config = make_config(tiny_config)  # 3 steps an epoch
    run_training(config, tmp_path / "whole")
    with monkeypatch.context() as patched:
        stop_in_step(patched, steps)
        with pytest.raises(Stopped):
            run_training(config, tmp_path / "halved")
    run_training(load_config(tmp_path / "halved" / "config.yaml"), tmp_path / "halved", resume=True)
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = load_checkpoint(tmp_path / "halved" / name), load_checkpoint(tmp_path / "whole" / name)
        assert all(torch.equal(ours.weights[key], theirs.weights[key]) for key in theirs.weights)
        assert (ours.epoch, ours.metrics) == (theirs.epoch, theirs.metrics)
    assert rows(tmp_path / "halved") == rows(tmp_path / "whole")


def test_workers_change_nothing(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    tiny_config["train"] |= {"epochs": 2, "milestones": []}
    config = make_config(tiny_config)
    for workers in (0, 2):
        run_training(config, tmp_path / str(workers), workers=workers)
    ours, theirs = (load_checkpoint(tmp_path / name / "last.safetensors").weights for name in ("0", "2"))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_stop_restores_the_handlers_and_names_its_signal(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop_in_step(monkeypatch, 1, signal.SIGTERM)
    with pytest.raises(Stopped, match="SIGTERM") as stopped:
        run_training(make_config(tiny_config), tmp_path / "run")
    assert stopped.value.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_loss_that_is_not_finite_stops_with_the_images(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keypoints_module, "heatmap_mse", lambda heatmaps, *_: heatmaps.sum() * math.nan)
    with pytest.raises(ValueError, match=r"loss is nan in epoch 1, step 1 \(image ids \[\d+"):
        run_training(make_config(tiny_config), tmp_path / "run")


def test_a_changed_config_is_noticed_on_resume(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    tiny_config["train"]["epochs"] = 1
    tiny_config["train"]["milestones"] = []
    run_training(make_config(tiny_config), tmp_path / "run")
    tiny_config["model"]["width"] = 0.2
    with pytest.raises(ValueError, match=r"does not fit the config beside it"):
        run_training(make_config(tiny_config), tmp_path / "run", resume=True)


def test_learning_rate_follows_the_paper() -> None:
    at = [learning_rate(e, base=1e-3, milestones=[170, 200], factor=0.1) for e in (0, 169, 170, 199, 200, 209)]
    assert at == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])


def test_initial_weights_from_another_run(tiny_config: dict[str, Any], tmp_path: Path) -> None:
    """model.init keeps what fits: here all but the head's channels that differ."""
    tiny_config["train"] |= {"epochs": 1, "milestones": []}
    run_training(make_config(tiny_config), tmp_path / "first")
    tiny_config["model"] |= {"init": str(tmp_path / "first")}
    tiny_config["model"]["head"] |= {"channels": [16, 16, 16, 24]}
    tiny_config["train"] |= {"lr": 1e-12}
    run_training(make_config(tiny_config), tmp_path / "second")
    first, second = (load_checkpoint(tmp_path / name / "last.safetensors").weights for name in ("first", "second"))
    key = "backbone.stem.0.weight"
    torch.testing.assert_close(first[key], second[key], atol=1e-9, rtol=0)
    tiny_config["model"]["init"] = str(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        run_training(make_config(tiny_config), tmp_path / "third")
