"""The baselines of an evaluation, counted by hand and on generated dots."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose.config.load import make_config
from pose.data.people import Person
from pose.evaluation.baselines import mean_pose, swap_left_and_right
from pose.evaluation.coco import Predictions
from pose.evaluation.run import score
from pose.evaluation.splits import training_set, validation_set
from pose.keypoints.skeletons import COCO17


def person(box: tuple[float, float, float, float], keypoints: list[tuple[float, float, int]]) -> Person:
    points = np.array(keypoints, dtype=np.float32)
    return Person(1, 1, Path("x.jpg"), box, points, (100, 100), 100.0)


def predictions(boxes: list[list[float]], k: int) -> Predictions:
    n = len(boxes)
    return Predictions(
        image_ids=np.arange(n),
        boxes_xywh=np.array(boxes, dtype=np.float64),
        box_scores=np.linspace(0.5, 1, n),
        keypoints_img=np.arange(n * k * 2, dtype=np.float64).reshape(n, k, 2),
        keypoint_scores=np.linspace(0.1, 0.9, n * k).reshape(n, k),
        input_size=(192, 96),
    )


def test_mean_pose() -> None:
    """Means of the labeled places in the box, laid into other boxes."""
    people = [
        person((10, 20, 20, 40), [(12, 24, 2), (30, 60, 1), (0, 0, 0), (0, 0, 0)]),  # .1 .1, 1 1
        person((0, 0, 10, 10), [(3, 5, 2), (0, 0, 0), (2, 9, 2), (0, 0, 0)]),  # .3 .5, -, .2 .9
    ]
    given = predictions([[0, 0, 100, 10], [50, 60, 10, 200]], 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a keypoint that nobody has is no reason to warn the user
        mean = mean_pose(people, given)
    want = [[[20, 3], [100, 10], [20, 9], [50, 5]], [[52, 120], [60, 260], [52, 240], [55, 160]]]
    np.testing.assert_allclose(mean.keypoints_img, want)
    np.testing.assert_array_equal(mean.keypoint_scores, 1)
    for name in ("image_ids", "boxes_xywh", "box_scores", "areas"):
        np.testing.assert_array_equal(getattr(mean, name), getattr(given, name))


def test_swap() -> None:
    given = predictions([[0, 0, 100, 10]], 17)
    swapped = swap_left_and_right(given, COCO17)
    names = list(COCO17.keypoint_names)
    for left in (name for name in names if name.startswith("left_")):
        a, b = names.index(left), names.index(left.replace("left_", "right_"))
        for field in ("keypoints_img", "keypoint_scores"):
            np.testing.assert_array_equal(getattr(swapped, field)[:, a], getattr(given, field)[:, b])
            np.testing.assert_array_equal(getattr(swapped, field)[:, b], getattr(given, field)[:, a])
    np.testing.assert_array_equal(swapped.keypoints_img[:, 0], given.keypoints_img[:, 0])
    np.testing.assert_array_equal(swap_left_and_right(swapped, COCO17).keypoints_img, given.keypoints_img)


def test_baselines_score_low_where_the_truth_scores_high(tiny_config: dict[str, Any], tiny_dataset: Path) -> None:
    """Dots at random places: neither a mean pose nor the sides swapped finds them."""
    config = make_config(tiny_config)
    val = validation_set(config.data, boxes=str(tiny_dataset / "boxes.json"))
    annotations = json.loads((tiny_dataset / "people.json").read_text())["annotations"]
    truth = replace(
        predictions([list(p.box_xywh) for p in val.people], 17),
        image_ids=np.array([p.image_id for p in val.people]),
        keypoints_img=np.stack([np.reshape(a["keypoints"], (17, 3))[:, :2] for a in annotations]),
    )
    mean = mean_pose(training_set(config.data).people, truth)
    found = [score(p, val, COCO17).metrics for p in (truth, mean, swap_left_and_right(truth, COCO17))]
    ours, baseline, swapped = (metrics["AP"] for metrics in found if metrics is not None)
    assert ours == pytest.approx(1.0)
    assert baseline < 0.1
    assert swapped < 0.1
