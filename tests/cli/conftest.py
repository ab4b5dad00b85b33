"""Configs and runs for the tests of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

from tests.helpers.cli import CONFIGS, Cli


@pytest.fixture
def tiny_yaml(tiny_config: dict[str, Any], tmp_path: Path) -> Path:
    """A config of one epoch for `tiny_dataset`."""
    tiny_config["train"] |= {"epochs": 1, "milestones": []}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config))
    return tmp_path / "tiny.yaml"


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    """Stands where a folder is wanted; unlike a folder without permissions, it also stops root."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file"


@pytest.fixture(scope="session")
def sample_run(coco_sample: Path, pose_cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """configs/coco/sample.yaml, made small and short."""
    run = tmp_path_factory.mktemp("sample") / "run"
    small = ["model.width=0.1", "model.input_size=[64, 64]", "model.head.channels=[16, 16, 16, 16]"]
    small += ["model.head.hidden=[16, 32, 32, 32]", "data.train.limit=8", "data.val.limit=8"]
    short = ["train.epochs=1", "train.milestones=[]", "train.batch_size=4"]
    outcome = pose_cli("train", CONFIGS / "coco" / "sample.yaml", *small, *short, "--out", run, "--workers", 0)
    assert outcome.code == 0, outcome.err
    assert "8 people to train on (271 annotations: 8 used, " in outcome.err
    assert "8 boxes (gt) in 51 images to evaluate" in outcome.err
    assert cv2.imread(str(run / "batch0.jpg")).mean() > 20
    return run
