"""Tracks on paper and on generated people; the filter against its formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pose.inference.video.one_euro import OneEuro
from pose.inference.video.tracking import Tracker
from pose.keypoints.geometry import iou
from pose.keypoints.skeletons import COCO17
from pose.synthetic.clip import Frame, render_clip
from tests.helpers.track_scores import TrackScores, score_tracks

SIGMAS = (0.1, 0.1)


def boxes(*xs: float) -> np.ndarray:
    return np.array([[x, 0.0, 40, 80] for x in xs])


def follow(tracker: Tracker, xs: list[float], time: float, *, sure: float = 0.0) -> list[int]:
    """People at x; keypoints at the middle of their boxes."""
    points = np.array([[[x + 20, 20], [x + 20, 60]] for x in xs]).reshape(-1, 2, 2)
    return tracker.update(boxes(*xs).reshape(-1, 4), points, np.full((len(xs), 2), sure), time)


def test_numbers_stay_with_people_in_any_order() -> None:
    tracker = Tracker(SIGMAS)
    assert follow(tracker, [0, 200], 0.0) == [1, 2]
    assert follow(tracker, [203, 4], 0.1) == [2, 1]
    assert follow(tracker, [8, 400, 206], 0.2) == [1, 3, 2]
    assert follow(tracker, [], 0.3) == []
    assert follow(tracker, [206, 8], 0.4) == [2, 1]


def test_who_is_away_too_long_is_somebody_new() -> None:
    tracker = Tracker(SIGMAS, max_gap=1.0)
    assert follow(tracker, [0], 0.0) == [1]
    assert follow(tracker, [0], 0.9) == [1]
    assert follow(tracker, [0], 2.0) == [2]


def test_speed_bridges_a_gap() -> None:
    """100 px a second, unseen for 0.6 s: 60 px on, beyond the 40 px wide box."""
    tracker = Tracker(SIGMAS)
    for step in range(6):
        assert follow(tracker, [10.0 * step], step / 10) == [1]
    assert follow(tracker, [110.0], 1.1) == [1]
    still = Tracker(SIGMAS)
    assert follow(still, [50], 0.5) == [1]
    assert follow(still, [110], 1.1) == [2]


def test_keypoints_tell_apart_whose_boxes_are_alike() -> None:
    """One box twice, as where two people embrace: only the keypoints differ."""
    tracker = Tracker(SIGMAS)
    box = np.array([[0.0, 0, 100, 100]] * 2)
    one, other = np.array([[20.0, 20], [20, 80]]), np.array([[80.0, 20], [80, 80]])
    sure = np.ones((2, 2))
    assert tracker.update(box, np.stack([one, other]), sure, 0.0) == [1, 2]
    assert tracker.update(box, np.stack([other, one]), sure, 0.1) == [2, 1]


def test_iou() -> None:
    found = iou(np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [20, 0, 1, 1]]))
    np.testing.assert_allclose(found, [[1, 1 / 3, 0]])
    assert iou(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)


def test_scores_counted_by_hand() -> None:
    """Two people over four frames; 7 and 8 change places in the third, 8 is lost in the fourth, and 9 is nobody."""
    truth = [([1, 2], boxes(0, 200))] * 4
    found = [
        ([7, 8], boxes(0, 200)),
        ([8, 7], boxes(200, 0)),
        ([8, 7], boxes(0, 200)),
        ([8, 9], boxes(0, 500)),
    ]
    scores = score_tracks(truth, found)
    assert scores == TrackScores(people=8, missed=1, false=1, switches=2)
    assert scores.mota == 0.5
    # A switch counts where somebody is found again under another number, however long after.
    assert (
        score_tracks([truth[0]] * 3, [found[0], ([], boxes().reshape(-1, 4)), ([7, 5], boxes(0, 200))]).switches == 1
    )


@pytest.fixture(scope="module")
def clip() -> list[Frame]:
    """Three people for four seconds; each walks past both of the others."""
    return list(render_clip(1, frames=60, people=3))


def track(clip: list[Frame], *, noise: float, drop: float, keypoints: bool = True) -> TrackScores:
    rng = np.random.default_rng(0)
    tracker = Tracker(COCO17.oks_sigmas)
    truth, found = [], []
    for number, frame in enumerate(clip):
        true_boxes = np.array([f.box_xywh for f in frame.people]).reshape(-1, 4)
        points = np.array([f.keypoints for f in frame.people]).reshape(-1, 17, 3)
        order = rng.permutation(len(true_boxes))
        order = order[rng.random(len(order)) >= drop]
        size = np.sqrt(true_boxes[order, 2:].prod(axis=1, keepdims=True))
        seen = true_boxes[order] + rng.normal(0, noise, (len(order), 4)) * size
        xy = points[order, :, :2] + rng.normal(0, noise, (len(order), 17, 2)) * size[:, None]
        numbers = tracker.update(seen, xy, (points[order, :, 2] > 0) * float(keypoints), number / 15)
        truth.append((list(frame.tracks), true_boxes))
        found.append((numbers, seen))
    return score_tracks(truth, found)


@pytest.mark.slow
def test_generated_people_keep_their_numbers_where_they_cross(clip: list[Frame]) -> None:
    assert sum(len(frame.people) for frame in clip) > 150
    assert track(clip, noise=0, drop=0).switches == 0
    assert track(clip, noise=0, drop=0, keypoints=False).switches == 0
    noisy = track(clip, noise=0.02, drop=0.1)
    assert noisy.switches <= 2
    assert noisy.mota > 0.8  # one in ten is dropped


@pytest.mark.slow
def test_the_score_notices_a_tracker_that_numbers_by_order(clip: list[Frame]) -> None:
    rng = np.random.default_rng(0)
    truth, found = [], []
    for frame in clip:
        all_boxes = np.array([f.box_xywh for f in frame.people]).reshape(-1, 4)
        order = rng.permutation(len(all_boxes))
        truth.append((list(frame.tracks), all_boxes))
        found.append((list(range(1, len(order) + 1)), all_boxes[order]))
    assert score_tracks(truth, found).switches > 30


def test_filter_equals_the_formulas() -> None:
    """One point along x, against the scalar recursion of the paper."""
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.1, 40))
    values = np.cumsum(rng.normal(0, 5, 40))
    size, min_cutoff, beta, speed_cutoff = 50.0, 1.2, 0.7, 0.9
    f = OneEuro(min_cutoff=min_cutoff, beta=beta, speed_cutoff=speed_cutoff)

    def alpha(cutoff: float, step: float) -> float:
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau / step)

    want, speed = values[0], 0.0
    for index, (time, value) in enumerate(zip(times, values, strict=True)):
        got = f(np.array([[value, 3.0]]), time, size=size, valid=np.array([True]))
        if index:
            step = time - times[index - 1]
            speed = alpha(speed_cutoff, step) * (value - want) / step + (1 - alpha(speed_cutoff, step)) * speed
            a = alpha(min_cutoff + beta * abs(speed) / size, step)
            want = a * value + (1 - a) * want
        np.testing.assert_allclose(got, [[want, 3.0]], rtol=1e-12)


@pytest.mark.slow
def test_filter_calms_what_rests_and_follows_what_moves(clip: list[Frame]) -> None:
    rng = np.random.default_rng(0)
    valid = np.ones(17, dtype=bool)
    f, raw, smooth = OneEuro(), [], []
    for number in range(300):
        points = 50 + rng.normal(0, 1.2, (17, 2))
        raw.append(points)
        smooth.append(f(points, number / 30, size=100, valid=valid))
    assert np.std(smooth[30:]) < 0.65 * np.std(raw[30:])
    assert np.diff(smooth[30:], 2, axis=0).std() < 0.35 * np.diff(raw[30:], 2, axis=0).std()
    # Somebody who walks, true to a 1.2 % of the size: not further from the truth than without.
    f, errors, unfiltered = OneEuro(), [], []
    for number, frame in enumerate(clip):
        for figure, who in zip(frame.people, frame.tracks, strict=True):
            seen = figure.keypoints[:, 2] > 0
            if who == 1 and seen.any():
                size = figure.box_xywh[2:].max()
                noisy = figure.keypoints[:, :2] + rng.normal(0, 0.012, (17, 2)) * size
                found = f(noisy, number / 15, size=size, valid=seen)
                errors.append((found - figure.keypoints[:, :2])[seen] / size)
                unfiltered.append((noisy - figure.keypoints[:, :2])[seen] / size)
    assert np.concatenate(errors).std() < 1.05 * np.concatenate(unfiltered).std()


def test_unsure_points_are_unfiltered_and_reset_the_filter() -> None:
    f = OneEuro()
    sure, unsure = np.array([True]), np.array([False])
    f(np.array([[0.0, 0]]), 0.0, size=100, valid=sure)
    far = np.array([[500.0, 0]])
    np.testing.assert_array_equal(f(far, 0.1, size=100, valid=unsure), far)
    back = np.array([[1.0, 0]])
    np.testing.assert_array_equal(f(back, 0.2, size=100, valid=sure), back)  # not drawn to where it never was
    moved = f(np.array([[2.0, 0]]), 0.3, size=100, valid=sure)
    assert 1 < moved[0, 0] < 2
    np.testing.assert_array_equal(f(far, 0.3, size=100, valid=sure), far)  # no time has passed
