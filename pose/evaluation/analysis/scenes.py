"""Annotated people and results side by side, image by image, with their similarities (OKS).

Shapes: D detections, G annotated people of one image, K keypoints. Points are (x, y), in image pixels.
Source: COCOeval (pycocotools, `computeOks`), from which the similarities may not differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.coco import CocoFile
from pose.keypoints.oks import MAX_DETECTIONS, keypoint_similarity
from pose.runtime.arrays import Bools, Floats
from pose.runtime.errors import DataError


@dataclass(frozen=True, eq=False)
class Scene:
    """One image.

    Attributes:
        ids: (G,) annotation ids.
        truth: (G, K, 2) annotated points; arbitrary where not labeled.
        labeled: (G, K), visible or hidden.
        boxes: (G, 4) annotated, x, y, width, height.
        areas: (G,) square pixels.
        ignored: (G,) crowds and people without labels: to find them is neither right nor wrong.
        crowds: (G,); one may be found several times.
        points: (D, K, 2) found, best first, 20 at most.
        scores: (D,), and keypoint_scores (D, K).
        similarity: (D, G, K) of each found point to that of each annotated person, in [0, 1].
        oks: (D, G) as COCOeval has it.
    """

    image_id: int
    ids: NDArray[np.int64]
    truth: Floats
    labeled: Bools
    boxes: Floats
    areas: Floats
    ignored: Bools
    crowds: Bools
    points: Floats
    scores: Floats
    keypoint_scores: Floats
    similarity: Floats
    oks: Floats

    @property
    def extents(self) -> Floats:
        """(D,) area of the rectangle around a detection's points: its size, where nobody matches it."""
        return np.prod(np.ptp(self.points, axis=1), axis=-1) if len(self.points) else np.zeros(0)


def similarity(points: Floats, truth: Floats, areas: Floats, sigmas: Floats) -> Floats:
    """Keypoint similarity exp(-d^2 / (2 area (2 sigma)^2)), in [0, 1].

    Args:
        points: (D, K, 2). truth: (G, K, 2). areas: (G,). sigmas: (K,).
    Returns:
        (D, G, K)
    """
    squared = ((points[:, None] - truth[None]) ** 2).sum(axis=-1)
    return keypoint_similarity(squared, areas, sigmas)


def to_boxes(points: Floats, boxes: Floats, areas: Floats, sigmas: Floats) -> Floats:
    """(D, G) OKS with people who have no labels: by the distance to a box of three times the size."""
    low, high = boxes[:, :2] - boxes[:, 2:], boxes[:, :2] + 2 * boxes[:, 2:]
    outside = np.maximum(0, low[None, :, None] - points[:, None]) + np.maximum(
        0, points[:, None] - high[None, :, None]
    )
    return keypoint_similarity((outside**2).sum(axis=-1), areas, sigmas).mean(axis=-1)


def make_scenes(
    coco: CocoFile,
    results: Sequence[dict[str, Any]],
    sigmas: Sequence[float],
    *,
    image_ids: Iterable[int] | None = None,
    person_ids: Iterable[int] | None = None,
    max_detections: int = MAX_DETECTIONS,
) -> list[Scene]:
    """Sort annotations and result records by image.

    Args:
        results: as `to_coco_results` gives them.
        sigmas: K OKS sigmas.
        image_ids, person_ids, max_detections: as of `evaluate_coco`.
    Returns:
        A scene for each image, by image id.
    Raises:
        DataError: there are no annotations.
    """
    if coco.annotations is None:
        raise DataError(f"{coco.path} has no annotations to compare the results with")
    images = sorted(set(coco.images) if image_ids is None else set(image_ids))
    people = None if person_ids is None else set(person_ids)
    annotations: dict[int, list[Any]] = {i: [] for i in images}
    for a in coco.annotations:
        if a.image_id in annotations and (people is None or a.id in people):
            annotations[a.image_id].append(a)
    found: dict[int, list[dict[str, Any]]] = {i: [] for i in images}
    for record in results:
        if record["image_id"] in found:
            found[record["image_id"]].append(record)
    return [
        _make_scene(i, annotations[i], _best(found[i], max_detections), np.array(sigmas, dtype=np.float64))
        for i in images
    ]


def _best(records: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Stable, so that equal scores keep their order, as in COCOeval."""
    return sorted(records, key=lambda r: -r["score"])[:most]


def _make_scene(image_id: int, annotations: list[Any], records: list[dict[str, Any]], sigmas: Floats) -> Scene:
    k = len(sigmas)
    flat = np.array([a.keypoints_img for a in annotations], dtype=np.float64).reshape(-1, k, 3)
    found = np.array([r["keypoints"] for r in records], dtype=np.float64).reshape(-1, k, 3)
    boxes = np.array([a.box_xywh for a in annotations], dtype=np.float64).reshape(-1, 4)
    areas = np.array([a.area for a in annotations], dtype=np.float64)
    labeled = flat[..., 2] > 0
    similar = similarity(found[..., :2], flat[..., :2], areas, sigmas)
    count = labeled.sum(axis=-1)
    oks = np.where(
        count > 0,
        (similar * labeled).sum(axis=-1) / np.maximum(count, 1),
        to_boxes(found[..., :2], boxes, areas, sigmas),
    )
    return Scene(
        image_id=image_id,
        ids=np.array([a.id for a in annotations], dtype=np.int64),
        truth=flat[..., :2],
        labeled=labeled,
        boxes=boxes,
        areas=areas,
        ignored=np.array([a.is_crowd or a.num_keypoints == 0 for a in annotations], dtype=bool),
        crowds=np.array([a.is_crowd for a in annotations], dtype=bool),
        points=found[..., :2],
        scores=np.array([r["score"] for r in records], dtype=np.float64),
        keypoint_scores=found[..., 2],
        similarity=similar,
        oks=oks,
    )
