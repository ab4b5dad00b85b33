"""Where an evaluation's AP is lost: analysis.json. numpy alone; a few seconds for COCO's val2017.

Shapes: V views, D detections, G annotated people of one image, K keypoints. See docs/analysis.md for what each number
means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.coco import CocoFile
from pose.evaluation.analysis.errors import JITTER, KINDS, MATCH_FROM, MISS, UNLABELED, classify, corrected_oks
from pose.evaluation.analysis.examples import make_examples
from pose.evaluation.analysis.groups import make_groups
from pose.evaluation.analysis.matching import OKS_THRESHOLDS, RECALLS, Curve, Matches, curves, match
from pose.evaluation.analysis.scenes import Floats, Scene, make_scenes, to_boxes
from pose.keypoints.oks import MAX_DETECTIONS
from pose.keypoints.skeletons import Skeleton

FORMAT = "pose-analysis-1"
PCK_THRESHOLDS = (0.05, 0.1, 0.2)  # of the longer side of the annotated box
BINS = 20


@dataclass(frozen=True, eq=False)
class Found:
    """Who is found in one image, at an OKS of 0.1 or more.

    Attributes:
        people: (D,) the annotated person of each detection, -1 for nobody or one that is ignored.
        ignored: (D,) bool, whether COCO counts the detection neither as right nor as wrong.
        detections: (G,) the inverse, -1 for people who are missed or ignored.
        kinds: (D, K) index into `KINDS`, -1 where there is no person or no label.
    """

    people: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    detections: NDArray[np.int64]
    kinds: NDArray[np.int64]


def analyze(
    coco: CocoFile,
    results: Sequence[dict[str, Any]],
    skeleton: Skeleton,
    *,
    image_ids: Iterable[int] | None = None,
    person_ids: Iterable[int] | None = None,
    max_detections: int = MAX_DETECTIONS,
) -> dict[str, Any]:
    """Analyze results against annotations; arguments as of `evaluate_coco`.

    Returns:
        What analysis.json holds; numbers that do not exist (the AP of a keypoint nobody has) are None.
    Raises:
        DataError: there are no annotations.
    """
    sigmas = np.array(skeleton.oks_sigmas)
    scenes = make_scenes(
        coco,
        results,
        skeleton.oks_sigmas,
        image_ids=image_ids,
        person_ids=person_ids,
        max_detections=max_detections,
    )
    found = [_find(scene, sigmas=sigmas, flip=skeleton.flip_indices) for scene in scenes]
    everyone, by_keypoint, by_group, corrected = _all_curves(scenes, found, sigmas)
    kinds = np.concatenate([np.zeros((0, len(sigmas)), dtype=np.int64), *(f.kinds for f in found)])
    sums = _sums_by_keypoint(scenes, found, len(sigmas))
    oks = np.concatenate([np.zeros(0), *(_oks_of_people(s, f) for s, f in zip(scenes, found, strict=True))])
    return {
        "format": FORMAT,
        "skeleton": skeleton.to_dict(),
        "people": {
            "annotated": len(oks),
            "found": int((oks >= 0).sum()),
            "detections": sum(len(s.scores) for s in scenes),
            "detections_of_nobody": sum(int(((f.people < 0) & ~f.ignored).sum()) for f in found),
            "detections_ignored": sum(int(f.ignored.sum()) for f in found),
        },
        "ap": everyone.ap,
        "pck": {
            "reference": "longer side of the annotated box; people who are not found count as wrong",
            "thresholds": list(PCK_THRESHOLDS),
            "all": _share(sums.right.sum(axis=1), sums.labeled.sum()),
        },
        "keypoints": _keypoints(skeleton, by_keypoint, sums, kinds),
        "errors": _errors(kinds, everyone.ap, corrected),
        "groups": [
            {"kind": g.kind, "label": g.label, "people": c.people, "ap": c.ap, "ar": c.ar}
            for g, c in zip(make_groups(len(sigmas)), by_group, strict=True)
        ],
        "precision_recall": _precision_recall(everyone),
        "oks_histogram": _histogram(oks),
        "examples": make_examples(coco, scenes, [f.detections for f in found]),
    }


def _find(scene: Scene, *, sigmas: Floats, flip: NDArray[np.int64]) -> Found:
    detections, people = scene.oks.shape
    matches = match(
        scene.oks[None],
        scene.ignored[None],
        crowds=scene.crowds,
        outside=np.zeros((1, detections), dtype=bool),
        thresholds=np.array([MATCH_FROM]),
    )
    who = np.where(matches.right[0, 0], matches.person[0, 0], -1)
    real = np.flatnonzero(who >= 0)
    kinds = np.full((detections, len(sigmas)), UNLABELED)
    kinds[real] = classify(scene.points[real], who[real], scene, sigmas=sigmas, flip=flip)
    inverse = np.full(people, -1)
    inverse[who[real]] = real
    return Found(who, matches.ignored[0, 0], inverse, kinds)


def _all_curves(
    scenes: Sequence[Scene], found: Sequence[Found], sigmas: Floats
) -> tuple[Curve, list[Curve], list[Curve], dict[int, Curve]]:
    """Of everyone; of each keypoint; of each group; and of everyone with one kind of error corrected."""
    k, groups = len(sigmas), make_groups(len(sigmas))
    kinds = range(JITTER, MISS + 1)
    views = 1 + k + len(groups) + len(kinds)
    people = np.zeros(views, dtype=np.int64)
    matches: list[Matches] = []
    for scene, f in zip(scenes, found, strict=True):
        oks = np.repeat(scene.oks[None], views, axis=0)
        ignore = np.repeat(scene.ignored[None], views, axis=0)
        outside = np.zeros((views, len(scene.scores)), dtype=bool)
        # As COCOeval would score if only this keypoint were labeled.
        unlabeled = to_boxes(scene.points, scene.boxes, scene.areas, sigmas)
        own = np.where(scene.labeled[None], scene.similarity, unlabeled[..., None])
        oks[1 : 1 + k] = np.moveaxis(own, -1, 0)
        ignore[1 : 1 + k] |= ~scene.labeled.T
        for view, group in enumerate(groups, start=1 + k):
            ignore[view] |= ~group.includes(scene)
            if group.area is not None:
                outside[view] = (scene.extents < group.area[0]) | (scene.extents >= group.area[1])
        for view, kind in enumerate(kinds, start=1 + k + len(groups)):
            oks[view] = corrected_oks(scene, f.people, f.kinds, kind)
        people += (~ignore).sum(axis=1)
        matches.append(match(oks, ignore, crowds=scene.crowds, outside=outside, thresholds=OKS_THRESHOLDS))
    every = curves([s.scores for s in scenes], matches, people.tolist()) if scenes else [Curve(None, None, 0)] * views
    last = 1 + k + len(groups)
    return every[0], every[1 : 1 + k], every[1 + k : last], dict(zip(kinds, every[last:], strict=True))


@dataclass(frozen=True, eq=False)
class _Sums:
    """Over everyone who counts, per keypoint.

    Attributes:
        right: (T, K) points found within each PCK threshold.
        similar: (K,) similarity of the points of people who are found.
        labeled: (K,) points annotated.
    """

    right: Floats
    similar: Floats
    labeled: Floats


def _sums_by_keypoint(scenes: Sequence[Scene], found: Sequence[Found], k: int) -> _Sums:
    right, similar, labeled = np.zeros((len(PCK_THRESHOLDS), k)), np.zeros(k), np.zeros(k)
    for scene, f in zip(scenes, found, strict=True):
        counts = scene.labeled & ~scene.ignored[:, None]
        labeled += counts.sum(axis=0)
        people = np.flatnonzero(f.detections >= 0)
        detections = f.detections[people]
        distance = np.linalg.norm(scene.points[detections] - scene.truth[people], axis=-1)
        near = distance / np.maximum(scene.boxes[people, 2:].max(axis=1, initial=0), np.spacing(1))[:, None]
        right += [((near <= t) & counts[people]).sum(axis=0) for t in PCK_THRESHOLDS]
        similar += (scene.similarity[detections, people] * counts[people]).sum(axis=0)
    return _Sums(right, similar, labeled)


def _oks_of_people(scene: Scene, found: Found) -> Floats:
    """OKS of everyone who counts, -1 for those who are not found."""
    people = np.flatnonzero(~scene.ignored)
    detections = found.detections[people]
    result = np.full(len(people), -1.0)
    result[detections >= 0] = scene.oks[detections[detections >= 0], people[detections >= 0]]
    return result


def _keypoints(
    skeleton: Skeleton, by_keypoint: Sequence[Curve], sums: _Sums, kinds: NDArray[np.int64]
) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "labelled": int(sums.labeled[k]),
            "ap": by_keypoint[k].ap,
            "ar": by_keypoint[k].ar,
            "similarity": _ratio(sums.similar[k], (kinds[:, k] != UNLABELED).sum()),
            "pck": _share(sums.right[:, k], sums.labeled[k]),
            "errors": _count_kinds(kinds[:, k]),
        }
        for k, name in enumerate(skeleton.keypoint_names)
    ]


def _errors(kinds: NDArray[np.int64], ap: float | None, corrected: dict[int, Curve]) -> dict[str, Any]:
    gained = {KINDS[kind]: None if c.ap is None or ap is None else c.ap - ap for kind, c in corrected.items()}
    return {"counts": _count_kinds(kinds), "ap_gained_if_corrected": gained}


def _histogram(oks: Floats) -> dict[str, Any]:
    return {
        "edges": np.linspace(0, 1, BINS + 1).round(4).tolist(),
        "people": np.histogram(oks[oks >= 0], bins=BINS, range=(0, 1))[0].tolist(),
        "not_found": int((oks < 0).sum()),
    }


def _precision_recall(everyone: Curve) -> dict[str, Any] | None:
    p = everyone.precision
    if p is None:
        return None
    chosen = {"mean": p.mean(axis=0), **{f"{OKS_THRESHOLDS[i]:.2f}": p[i] for i in (0, 5, 8)}}
    return {"recall": RECALLS.round(2).tolist(), "precision": {k: v.round(4).tolist() for k, v in chosen.items()}}


def _count_kinds(kinds: NDArray[np.int64]) -> dict[str, int]:
    return {name: int((kinds == index).sum()) for index, name in enumerate(KINDS)}


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _share(parts: Floats, whole: float) -> list[float | None]:
    return [_ratio(float(part), float(whole)) for part in parts]
