"""People made while training: each image once, whoever makes it, and the same after a resume."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pose.checkpoints.checkpoint import load_checkpoint
from pose.config.keypoints import FiguresConfig, SplitConfig
from pose.config.load import load_config, make_config
from pose.data.dataset import Sample
from pose.runtime.errors import ConfigError, DataError
from pose.runtime.stop import Stopped
from pose.training import streamed_people
from pose.training.streamed_people import StreamedPeople
from tests.helpers.running import run_training, stop_in_step

FIGURES = FiguresConfig(level="easy", train=4, stream=True)


def people(min_area: float = 0, figures: FiguresConfig = FIGURES) -> StreamedPeople:
    split = SplitConfig(images="-", annotations="-", min_keypoints=3, min_area=min_area)
    return StreamedPeople(figures, split, input_size=(64, 48))


def assert_same(ours: Sample, theirs: Sample) -> None:
    assert np.array_equal(ours.image, theirs.image)
    assert np.array_equal(ours.keypoints_crop, theirs.keypoints_crop)
    assert (ours.index, ours.weights.tolist()) == (theirs.index, theirs.weights.tolist())


@pytest.mark.slow
def test_an_image_depends_on_seed_epoch_and_number_only() -> None:
    made, places = people(), [(epoch, index) for epoch in (0, 1) for index in range(8)]
    assert len(made) == 8
    samples = dict(zip(places, made.__getitems__(places), strict=True))
    images = [made.image(epoch, index) for epoch in (0, 1) for index in range(0, 8, 2)]
    images.append(people(figures=FIGURES.model_copy(update={"seed": 1})).image(0, 0))
    assert len({image.tobytes() for image in images}) == 9, "two images are alike"
    later = pickle.loads(pickle.dumps(made))  # as a worker gets it
    for place in ((1, 5), (0, 0), (1, 5)):
        assert_same(later[place], samples[place])
        assert samples[place].weights.sum() >= 3
    assert made.identify([5, 0, 1]) == {"images": [0, 2], "samples": [0, 1, 5]}
    assert made.describe(5) == "generated image 2 of the epoch"


def test_nobody_who_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_people, "ATTEMPTS", 2)
    with pytest.raises(DataError, match="2 generated images have nobody with 3 labeled keypoints and an area of 1e"):
        people(min_area=1e9)[0, 0]


def test_images_made_for_nothing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_people, "TRIED", 3)
    with pytest.warns(UserWarning, match="3 of the first 3 generated images have nobody with 3 labeled"):
        people(min_area=1e9).warn_of_waste()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        people().warn_of_waste()


@pytest.fixture
def streamed_config(tiny_config: dict[str, Any]) -> dict[str, Any]:
    tiny_config["data"]["figures"] = FIGURES.model_dump()
    tiny_config["train"] |= {"epochs": 2, "milestones": []}
    return tiny_config


@pytest.mark.slow
def test_neither_workers_nor_a_stop_change_anything(
    streamed_config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps an epoch; stopped in the first one of the second epoch."""
    config = make_config(streamed_config)
    run_training(config, tmp_path / "whole", workers=1)
    with monkeypatch.context() as patched:
        stop_in_step(patched, 3)
        with pytest.raises(Stopped):
            run_training(config, tmp_path / "halved")
    run_training(load_config(tmp_path / "halved" / "config.yaml"), tmp_path / "halved", resume=True)
    ours, theirs = (load_checkpoint(tmp_path / name / "last.safetensors").weights for name in ("halved", "whole"))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cache": "somewhere"}, "trains on no files, so cache has no use"),
        ({"group_images": False}, "so group_images has no use"),
        ({"skip_unreadable": True}, "so skip_unreadable has no use"),
        ({"grow_boxes": {"pixels": 3}}, "so grow_boxes has no use"),
        ({"skeleton": "from_annotations"}, "makes COCO's keypoints: leave out skeleton"),
    ],
)
def test_what_has_no_use_is_refused(streamed_config: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    streamed_config["data"] |= changes
    with pytest.raises(ConfigError, match=message):
        make_config(streamed_config)
