"""People sorted by size, by how much of them is labeled, and by how crowded they stand.

Shapes: G annotated people of one image, K keypoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pose.evaluation.analysis.scenes import Bools, Floats, Scene
from pose.keypoints.geometry import iou

SIZES = (0, 32, 64, 96, 128, 192)  # square roots of areas in pixels; COCO's medium is 32 to 96, large above
CROWDED_FROM = 0.1  # IoU of two annotated boxes that counts as an overlap


@dataclass(frozen=True)
class Group:
    """Some of the people.

    Attributes:
        kind: "size", "visible" or "crowding".
        label: for people to read.
        includes: from a scene to (G,), who belongs to it; who is ignored is left to the caller.
        area: (low, high) if a detection that matches nobody can be told to be of another group, by its extent.
    """

    kind: str
    label: str
    includes: Callable[[Scene], Bools]
    area: tuple[float, float] | None = None


def make_groups(num_keypoints: int) -> list[Group]:
    """The groups for a skeleton of K keypoints, by size first."""
    groups = []
    for low, high in zip(SIZES, [*SIZES[1:], np.inf], strict=True):
        label = f"{low} px and more" if high == np.inf else f"{low} to {high} px" if low else f"below {high} px"
        area = (float(low**2), float(high**2))
        groups.append(Group("size", label, _by_area(*area), area))
    for first, last in visible_ranges(num_keypoints):
        groups.append(Group("visible", f"{first} to {last}" if first < last else str(first), _by_count(first, last)))
    for label, low, high in (("none", 0, 0), ("1 or 2", 1, 2), ("3 and more", 3, np.inf)):
        groups.append(Group("crowding", label, _by_overlaps(low, high)))
    return groups


def visible_ranges(num_keypoints: int) -> list[tuple[int, int]]:
    """(first, last) numbers of labeled keypoints: 1-5, 6-10, 11-15 and 16-17 of 17, as Ronchi and Perona have it.

    For another number the limits are the same shares, 30, 60 and 90 %; ranges without a number are left out.
    """
    ends = [0, *(3 * share * num_keypoints // 10 for share in (1, 2, 3)), num_keypoints]
    return [(low + 1, high) for low, high in pairwise(ends) if high > low]


def overlaps(boxes: Floats) -> Floats:
    """(G,) how many of the other boxes (G, 4: x, y, width, height) each overlaps by an IoU of 0.1 or more."""
    shared = iou(boxes, boxes)
    np.fill_diagonal(shared, 0)
    return (shared >= CROWDED_FROM).sum(axis=1).astype(np.float64)


def _by_area(low: float, high: float) -> Callable[[Scene], Bools]:
    # COCO's ranges share their ends; here everyone is in one group.
    return lambda scene: (scene.areas >= low) & (scene.areas < high)


def _by_count(first: int, last: int) -> Callable[[Scene], Bools]:
    return lambda scene: (scene.labeled.sum(axis=1) >= first) & (scene.labeled.sum(axis=1) <= last)


def _by_overlaps(low: float, high: float) -> Callable[[Scene], Bools]:
    def includes(scene: Scene) -> Bools:
        crowd: Floats = np.zeros(len(scene.boxes))
        crowd[~scene.crowds] = overlaps(scene.boxes[~scene.crowds])
        result: Bools = (crowd >= low) & (crowd <= high)
        return result

    return includes
