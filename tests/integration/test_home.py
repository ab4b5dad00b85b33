"""`~` is the home folder wherever a path is given: on the command line, in configs, in Python."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import pose
from pose.config.keypoints import Config
from pose.config.load import load_config, make_config
from pose.data.boxes import Boxes
from pose.images.files import find_images
from pose.images.types import Image
from pose.inference.detect_images import detect_images
from pose.inference.detector import load_detector
from pose.inference.onnx_predictor import OnnxModel
from pose.inference.predict_images import predict_images
from tests.helpers.command import Outcome
from tests.helpers.dots import predictor


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_dataset: Path) -> Path:
    """A home folder with a photograph in it."""
    folder = tmp_path / "me"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.chdir(tmp_path)
    shutil.copy(tiny_dataset / "images/000001.png", folder / "a.png")
    return folder


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (["predict", "demo", "~/a.png", "--out", "~/drawn", "--device", "cpu"], "drawn/a.png"),
        (["predict", "demo", "~/*.png", "--out=~/drawn", "--device=cpu"], "drawn/a.png"),
    ],
)
def test_on_the_command_line(words: list[str], there: str, home: Path, pose_cli: Callable[..., Outcome]) -> None:
    outcome = pose_cli(*words)
    assert outcome.code == 0, outcome.err
    assert (home / there).is_file()
    assert not Path("~").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "~/missing"],
        ["eval", "demo", "data.figures=null", "data.root=~/missing"],
        ["check", "~/missing"],
        ["export", "~/missing", "--onnx=~/m.onnx"],
        ["detect", "~/missing", "--out=~/b.json"],
        ["train", "~/missing.yaml"],
        ["train", "--resume=~/missing"],
        ["runs", "~/missing"],
        ["report", "~/missing", "--out=~/r.html"],
        ["predict", "~/missing", "~/a.png", "--out=~/drawn"],
        ["predict", "demo", "~/a.png", "--boxes=~/missing", "--out=~/drawn", "--device=cpu"],
    ],
)
def test_messages_have_the_whole_path(words: list[str], home: Path, pose_cli: Callable[..., Outcome]) -> None:
    outcome = pose_cli(*words)
    assert outcome.code == 2
    assert str(home / "missing") in outcome.err


def test_in_configs(home: Path, tiny_config: dict[str, Any]) -> None:
    tiny_config["data"] |= {"root": "~/coco", "cache": "~/cache"}
    tiny_config["model"]["init"] = "~/runs/a"
    Path("c.yaml").write_text(yaml.safe_dump(tiny_config))
    config = load_config("c.yaml", ["data.val.boxes=~/b.json"])
    assert isinstance(config, Config)
    paths = config.data.root, config.data.cache, config.model.init, config.data.val.boxes
    assert paths == tuple(str(home / name) for name in ("coco", "cache", "runs/a", "b.json"))
    # What a file of weights says is not the user's own; an override is.
    foreign = make_config(tiny_config, ["data.cache=~/mine"])
    assert (foreign.data.root, foreign.data.cache) == ("~/coco", str(home / "mine"))


class Nobody:
    """A detector that finds nobody."""

    name = "nobody"

    def __call__(self, images_rgb: Sequence[Image]) -> list[Boxes]:
        return [(np.zeros((0, 4)), np.zeros(0)) for _ in images_rgb]


def test_in_python(home: Path) -> None:
    (home / "c.yaml").write_text("data: 3\n")
    with pytest.raises(ValueError, match=str(home / "c.yaml")):
        load_config("~/c.yaml")
    for call in (
        lambda: pose.load("~/missing"),
        lambda: pose.load("~/missing.onnx"),
        lambda: OnnxModel.open("~/missing.onnx"),
        lambda: load_detector(weights="~/missing"),
        lambda: predictor()("~/missing.png"),
        lambda: find_images([Path("~/missing.png")], out=Path("~/out")),
    ):
        with pytest.raises(FileNotFoundError, match=str(home / "missing")):
            call()
    people = predictor()("~/a.png", boxes=[[0, 0, 60, 60]])
    people.save("~/drawn.png")
    assert (home / "drawn.png").is_file()
    predict_images(predictor(), [Path("~/a.png")], out=Path("~/predicted"))
    assert str(home) not in (home / "predicted/predictions.json").read_text()
    images = find_images([Path("~/a.png")], out=Path("~/out"))
    detect_images(Nobody(), images, out=Path("~/boxes.json"))
    assert (home / "boxes.json").is_file()
    assert not Path("~").exists()
