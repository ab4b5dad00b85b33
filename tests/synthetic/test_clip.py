"""Generated clips: a function of the seed, exact truth, and noise that moves while the place stays."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pose.synthetic.clip import Frame, render_clip, truth_records

STANDSTILL = 1e12  # frames a second, between which nobody moves


@pytest.fixture(scope="module")
def clip() -> list[Frame]:
    return list(render_clip(1, frames=20, people=3))


@pytest.mark.slow
def test_a_clip_is_a_function_of_its_arguments(clip: list[Frame]) -> None:
    for frame, again in zip(clip, render_clip(1, frames=3, people=3), strict=False):
        np.testing.assert_array_equal(again.image, frame.image)
        assert truth_records(0, again) == truth_records(0, frame)
    other = next(iter(render_clip(2, frames=1, people=3)))
    assert (other.image != clip[0].image).any()


def test_the_place_stays_and_people_move(clip: list[Frame]) -> None:
    for left, right in pairwise(clip):
        difference = np.abs(left.image.astype(int) - right.image).mean(axis=2)
        assert np.median(difference) < 4  # noise, and what the exposure follows
        assert difference.max() > 30


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_a_standing_scene_moves(seed: int) -> None:
    first, second, _ = (f.image.astype(int) for f in render_clip(seed, frames=3, level="hard", fps=STANDSTILL))
    inside = ((first > 20) & (first < 235)).all(axis=2)  # where nothing is cut off
    difference = (second - first)[inside]
    # Each of the two has noise of 1 to 12 steps, rounded.
    assert 1.2 < difference.std() < 17.5
    assert abs(difference.mean()) < 0.5
    still = (difference == 0).mean()
    assert still < 0.4


def test_boxes_hold_the_keypoints(clip: list[Frame]) -> None:
    for frame in clip:
        for figure in frame.people:
            x, y, w, h = figure.box_xywh
            seen = figure.keypoints[figure.keypoints[:, 2] > 0]
            assert ((seen[:, :2] >= (x - 2, y - 2)) & (seen[:, :2] <= (x + w + 2, y + h + 2))).all()


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="people = 9, but it must be from 1 to 5"):
        render_clip(0, frames=1, people=9)
    with pytest.raises(ValueError, match="level 'hart' is unknown; did you mean 'hard'"):
        render_clip(0, frames=1, level="hart")
