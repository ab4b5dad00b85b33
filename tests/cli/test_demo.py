"""The demo's config, and how it ends; the run itself takes minutes and is done by tools/demo.sh."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pose.cli.demo import demo_config
from pose.runtime.stop import Stopped


@pytest.mark.parametrize("name", ["demo", "my demo: #1", "C:\\demo", "'quoted'", "{x}"])
def test_config_takes_any_folder(tmp_path: Path, name: str) -> None:
    config = demo_config(tmp_path / name)
    assert config.data.root == str(tmp_path / name / "data")
    assert config.data.figures is not None
    assert config.data.figures.level == "easy"
    assert config.model.activation.name == config.model.head.activation.name == "dyrelu_c"
    assert config.data.val.boxes != "gt"


def test_batch_size(tmp_path: Path) -> None:
    """Another one is another training, so a demo is not resumed with it."""
    usual, smaller = demo_config(tmp_path), demo_config(tmp_path, batch_size=8)
    assert (smaller.train.batch_size, smaller.eval.batch_size) == (8, 8)
    assert demo_config(tmp_path, batch_size=usual.train.batch_size).train == usual.train
    assert smaller.model == usual.model


def test_a_stopped_demo_says_how_to_go_on(
    pose_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: object, **more: object) -> None:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr("pose.cli.demo.run_demo", stopped)
    outcome = pose_cli("demo", "--out", tmp_path / "demo")
    assert (outcome.code, outcome.out) == (143, "")
    assert (
        outcome.err == f"stopped by SIGTERM; everything is saved. Go on with: pose demo --out {tmp_path / 'demo'}\n"
    )
