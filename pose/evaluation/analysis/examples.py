"""People to look at: the best and the worst found, one an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.coco import CocoFile
from pose.evaluation.analysis.scenes import Floats, Scene

COUNT = 8  # of each
NOT_FOUND = 2  # of the worst: a model that misses many people should show more than empty images
LABELED_SHARE = 0.5  # of the keypoints: people of whom less is labeled show little


@dataclass(frozen=True)
class _Candidate:
    """A person, by indexes, with the detection that found it, or -1 and OKS 0."""

    scene: int
    person: int
    detection: int
    oks: float


def make_examples(
    coco: CocoFile, scenes: Sequence[Scene], detections: Sequence[NDArray[np.int64]]
) -> dict[str, list[dict[str, Any]]]:
    """Best and worst people by OKS; nobody is in both.

    Args:
        detections: (G,) of each scene, which detection found each person, -1 for none.
    """
    people: list[_Candidate] = []
    for index, (scene, found) in enumerate(zip(scenes, detections, strict=True)):
        enough = scene.labeled.mean(axis=1) >= LABELED_SHARE if len(scene.ids) else np.zeros(0, dtype=bool)
        for person in np.flatnonzero(enough & ~scene.ignored).tolist():
            detection = int(found[person])
            oks = float(scene.oks[detection, person]) if detection >= 0 else 0.0
            people.append(_Candidate(index, person, detection, oks))
    people.sort(key=lambda candidate: candidate.oks)
    images = len({candidate.scene for candidate in people})
    missed = _one_an_image([c for c in people if c.detection < 0], NOT_FOUND)
    found_people = [c for c in people if c.detection >= 0]
    worst = _one_an_image([*missed, *found_people], min(COUNT, (images + 1) // 2))
    best = _one_an_image([c for c in reversed(found_people) if c not in worst], min(COUNT, images // 2 or 1))
    return {
        "best": [_describe(coco, scenes[c.scene], c) for c in best],
        "worst": [_describe(coco, scenes[c.scene], c) for c in worst],
    }


def _one_an_image(people: Sequence[_Candidate], count: int) -> list[_Candidate]:
    chosen: dict[int, _Candidate] = {}
    for candidate in people:
        if len(chosen) < count:
            chosen.setdefault(candidate.scene, candidate)
    return list(chosen.values())


def _describe(coco: CocoFile, scene: Scene, candidate: _Candidate) -> dict[str, Any]:
    info, person, detection = coco.images[scene.image_id], candidate.person, candidate.detection
    nothing = detection < 0
    truth = np.c_[scene.truth[person], scene.labeled[person]]
    return {
        "image_id": scene.image_id,
        "file_name": info.file_name,
        "image_size": list(info.image_size or (0, 0)),
        "annotation_id": int(scene.ids[person]),
        "box_xywh": _round(scene.boxes[person]),
        "oks": round(candidate.oks, 4),
        "score": None if nothing else round(float(scene.scores[detection]), 4),
        "truth": _round(truth),
        "found": None if nothing else _round(np.c_[scene.points[detection], scene.keypoint_scores[detection]]),
    }


def _round(values: Floats) -> list[Any]:
    result: list[Any] = np.round(values.astype(np.float64), 3).tolist()
    return result
