"""Answers that need no model, between whose numbers those of a model mean something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pose.data.people import Person
from pose.evaluation.coco import Predictions
from pose.keypoints.skeletons import Skeleton
from pose.runtime.arrays import Floats


def swap_left_and_right(predictions: Predictions, skeleton: Skeleton) -> Predictions:
    """What a model would find that takes every front for a back."""
    return replace(
        predictions,
        keypoints_img=predictions.keypoints_img[:, skeleton.flip_indices],
        keypoint_scores=predictions.keypoint_scores[:, skeleton.flip_indices],
    )


def mean_pose(people: Sequence[Person], predictions: Predictions) -> Predictions:
    """Each keypoint at its mean place in the boxes of the training people: what one gets without looking.

    Args:
        people: annotated ones to take the mean of.
        predictions: whose boxes are filled.
    """
    total: Floats = np.zeros((predictions.keypoints_img.shape[1], 2))
    count = np.zeros((len(total), 1))
    for person in people:
        assert person.keypoints_img is not None
        x, y, width, height = person.box_xywh
        labeled = person.keypoints_img[:, 2:] > 0
        points = (person.keypoints_img[:, :2] - (x, y)) / (max(width, 1), max(height, 1))
        total += np.where(labeled, points, 0)
        count += labeled
    mean = np.where(count > 0, total / np.maximum(count, 1), 0.5)
    boxes = predictions.boxes_xywh[:, None]
    return replace(
        predictions,
        keypoints_img=boxes[..., :2] + mean * boxes[..., 2:],
        keypoint_scores=np.ones_like(predictions.keypoint_scores),
    )
