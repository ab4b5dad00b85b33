"""Outlines that some exporters write as annotations of their own, beside that of the person whom they belong to.

COCO has one annotation for both. Read as people, the outlines are people without keypoints, and as crowds they lie on
top of everybody: in both, COCO's AP forgives whatever is found.
Shapes: N annotations, K keypoints; boxes xywh, image pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.runtime.arrays import Array, Bools

_TOLERANCE = 2.0  # pixels that a keypoint may lie outside of its outline's box
_LIKE = 0.5  # intersection over union of an outline's box and that of its person


def find_outlines(groups: NDArray[np.int64], boxes: Array, keypoints: NDArray[Any], bare: Bools) -> dict[int, int]:
    """Find the annotations without keypoints that are the outline of another annotation's person.

    The smallest outline comes first; each person has at most one, whose box holds all labeled keypoints. If the
    person has a box that is more than the extent of the keypoints, the outline's must be like it: else it is somebody
    behind, or a crowd around.

    Args:
        groups: (N,) annotations with the same number may belong together, those of one image.
        boxes: (N, 4).
        keypoints: (N, K, 3).
        bare: (N,) which have no list of keypoints at all; one of zeros is a person of whom nothing is seen.
    Returns:
        By row of an outline the row of its person.
    """
    if not bare.any():
        return {}
    labeled = keypoints[..., 2] > 0
    people: dict[int, list[int]] = {}
    wanted = set(groups[bare].tolist())
    for row in np.flatnonzero(labeled.any(axis=1) & ~bare).tolist():
        if groups[row] in wanted:
            people.setdefault(int(groups[row]), []).append(row)
    found: dict[int, int] = {}
    outlines = np.flatnonzero(bare & np.isfinite(boxes).all(axis=1))
    for row in outlines[np.argsort(boxes[outlines, 2:].prod(axis=1), kind="stable")].tolist():
        candidates = people.get(int(groups[row]), [])
        low, high = boxes[row, :2] - _TOLERANCE, boxes[row, :2] + boxes[row, 2:] + _TOLERANCE
        for person in candidates:
            points = keypoints[person, labeled[person], :2]
            inside = ((points >= low) & (points <= high)).all()
            if inside and _may_be_of(boxes[row], boxes[person], points):
                found[row] = person
                candidates.remove(person)
                break
    return found


def _may_be_of(box: Array, own: Array, points: Array) -> bool:
    """Whether a box may be that of the outline of a person with the box `own` and these labeled keypoints (M, 2)."""
    if not (np.isfinite(own).all() and own[2:].min() > 0):
        return True
    ends = np.concatenate([points.min(axis=0) - own[:2], points.max(axis=0) - own[:2] - own[2:]])
    if (np.abs(ends) <= _TOLERANCE).all():  # the extent of the keypoints, as their exporters write it
        return True
    low, high = np.maximum(box[:2], own[:2]), np.minimum(box[:2] + box[2:], own[:2] + own[2:])
    common = float(np.clip(high - low, 0, None).prod())
    return common >= _LIKE * float(box[2:].prod() + own[2:].prod() - common)
