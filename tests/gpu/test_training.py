"""Training and prediction on a GPU; skipped without one. `tools/gpu_check.sh` runs these."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import pose
from tests.helpers.tiny import make_tiny_config

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]

ROOT = Path(__file__).parents[2]
EPOCHS = 5
TIMES = ("images_per_s", "data_wait", "seconds", "memory_mb", "time")


def run_pose(*words: object, processes: int = 0) -> subprocess.CompletedProcess[str]:
    """`pose WORDS`, under torchrun if `processes` is given."""
    start = [sys.executable, "-m"]
    if processes:
        start += ["torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", "-m"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([*start, "pose", *map(str, words)], env=environment, capture_output=True, text=True)


def start_training(*words: object) -> list[str]:
    return [sys.executable, "-m", "pose", "train", *map(str, words), "--workers", "0", "--device", "cuda"]


def rows_of(run: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv without what tells of time and memory."""
    with (run / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


def train(settings: Path, out: Path, *overrides: str, processes: int = 0) -> list[dict[str, str]]:
    words = ["train", settings, *overrides, "--out", out, "--workers", "0", "--device", "cuda"]
    result = run_pose(*words, processes=processes)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = rows_of(out)
    assert len(rows) == EPOCHS
    assert all(float(row["loss"]) > 0 for row in rows)
    return rows


@pytest.fixture(scope="module")
def settings(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = make_tiny_config(tiny_dataset)
    config["train"] |= {"epochs": EPOCHS, "milestones": []}
    path = tmp_path_factory.mktemp("settings") / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def exact(settings: Path) -> Path:
    """A run in fp32 that nothing disturbed."""
    train(settings, settings.parent / "exact")
    return settings.parent / "exact"


# Training


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_training_in_half_precision(precision: str, settings: Path, exact: Path, tmp_path: Path) -> None:
    rows = train(settings, tmp_path / "run", f"train.precision={precision}")
    assert float(rows[-1]["loss"]) == pytest.approx(float(rows_of(exact)[-1]["loss"]), rel=0.05)


def test_same_seed_same_loss(settings: Path, exact: Path, tmp_path: Path) -> None:
    assert train(settings, tmp_path / "again") == rows_of(exact)


def test_nccl_and_synchronized_norms_of_one_process(settings: Path, exact: Path, tmp_path: Path) -> None:
    joined = train(settings, tmp_path / "joined", "train.sync_batch_norm=true", processes=1)
    for one, other in zip(rows_of(exact), joined, strict=True):
        assert float(one["loss"]) == pytest.approx(float(other["loss"]), rel=1e-2)


def test_resumed_training_equals_an_undisturbed_one(settings: Path, exact: Path, tmp_path: Path) -> None:
    """Stopped by SIGTERM after its first epoch; optimizer, average and random streams come back to the device."""
    run = tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(start_training(settings, "--out", run), env=environment)
    while process.poll() is None and not ((run / "metrics.csv").exists() and rows_of(run)):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait() in (0, 143)
    if process.returncode:
        subprocess.run(start_training("--resume", run), env=environment, check=True)
    assert rows_of(run) == rows_of(exact)


# Inference


def test_gpu_finds_what_the_cpu_finds(exact: Path, tiny_dataset: Path) -> None:
    paths = sorted((tiny_dataset / "images").glob("*.png"))
    cpu, cuda = (pose.load(exact, device)(paths) for device in ("cpu", "cuda"))
    for a, b in zip(cpu, cuda, strict=True):
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-3)
