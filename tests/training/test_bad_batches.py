"""A loss or gradient that is not finite: it stops with the ids, or is skipped as if the batch had not been there."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import pose.training.keypoints as keypoints_module
from pose.config.load import make_config
from pose.training.bad_batches import BadBatches, NotFinite, check_finite
from pose.training.resume import load_resume
from tests.helpers.running import run_training


class Poison:
    """heatmap_mse that is bad in the given calls, counted from 1."""

    def __init__(self, calls: set[int], kind: str) -> None:
        self.calls, self.kind, self.count, self.real = calls, kind, 0, keypoints_module.heatmap_mse

    def __call__(self, heatmaps: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        self.count += 1
        loss = self.real(heatmaps, *others)
        if self.count not in self.calls:
            return loss
        if self.kind == "loss":
            return loss * math.nan
        # A loss of 0 whose gradient is infinite.
        return loss * 0 + torch.sqrt((heatmaps * 0).sum())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_it_stops_and_names_the_samples(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    tiny_config["train"]["checkpoint_minutes"] = 0
    monkeypatch.setattr(keypoints_module, "heatmap_mse", Poison({2}, kind))
    with pytest.raises(ValueError, match=r"in epoch 1, step 2 \(image ids") as caught:
        run_training(make_config(tiny_config), tmp_path)
    (entry,) = json.loads((tmp_path / "bad_batches.json").read_text())
    assert (entry["epoch"], entry["step"], entry["skipped"]) == (1, 2, False)
    assert len(entry["image_ids"]) == len(entry["annotation_ids"]) == 4
    assert f"image ids {entry['image_ids']}, annotation ids {entry['annotation_ids']}" in str(caught.value)
    assert ("the loss is nan" if kind == "loss" else "the gradient's norm is") in entry["reason"]
    state = load_resume(tmp_path / "resume.pt")
    assert state["position"]["step"] == 1
    assert all(value.isfinite().all() for value in state["model"].values())
    assert json.loads((tmp_path / "state.json").read_text())["state"] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_skipped_batch_leaves_no_trace(
    tiny_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Of two one-step epochs the second is bad: weights, buffers and moments stay as they were after the first."""
    tiny_config["train"] |= {"batch_size": 10, "milestones": [], "max_skipped_batches": 1}
    tiny_config["train"]["epochs"] = 1
    run_training(make_config(tiny_config), tmp_path / "one")
    tiny_config["train"] |= {"epochs": 2, "batch_size": 5, "checkpoint_minutes": 0}
    # Both halves of epoch 1, then a bad one; the epoch after has one good batch.
    monkeypatch.setattr(keypoints_module, "heatmap_mse", Poison({1, 3}, kind))
    with pytest.raises(ValueError, match="max_skipped_batches \\(now 1\\)"):
        run_training(make_config(tiny_config), tmp_path / "two")
    entries = json.loads((tmp_path / "two" / "bad_batches.json").read_text())
    assert [(entry["epoch"], entry["step"], entry["skipped"]) for entry in entries] == [(1, 1, True), (2, 1, False)]
    with (tmp_path / "two" / "metrics.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["skipped_batches"] == "1"
    assert math.isfinite(float(row["loss"]))
    state = load_resume(tmp_path / "two" / "resume.pt")
    assert state["position"]["skipped"] == 1
    # One of two steps was taken.
    assert {int(value) for key, value in state["model"].items() if key.endswith("num_batches_tracked")} == {1}
    assert {int(entry["step"]) for entry in state["optimizer"]["state"].values()} == {1}


def test_buffers_come_back(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    bad = BadBatches(tmp_path, model, limit=1, skipped=0, identify=lambda batch: {"image_ids": batch})
    with bad.watch([7], epoch=0, step=0):
        loss = model(torch.full((4, 3), math.inf)).sum()
        check_finite("the loss", loss.item())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert bad.skipped == 1
    with pytest.raises(ValueError, match=r"image ids \[8\]"), bad.watch([8], epoch=0, step=1):
        check_finite("the gradient's norm", math.inf)


def test_a_batch_met_again_is_listed_once(tmp_path: Path) -> None:
    """A run that is resumed repeats the steps since its checkpoint."""
    for _ in range(2):
        bad = BadBatches(
            tmp_path, torch.nn.Linear(1, 1), limit=1, skipped=0, identify=lambda batch: {"image_ids": batch}
        )
        with bad.watch([7], epoch=0, step=4):
            raise NotFinite("the loss is nan")
    assert len(json.loads((tmp_path / "bad_batches.json").read_text())) == 1
