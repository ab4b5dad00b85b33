"""COCOeval's ten keypoint numbers by one of two libraries that give the same: pycocotools or hotcoco.

pycocotools is the reference and always there. Its own loops take seconds for some ten thousand results, so two of its
methods are replaced by ones that give the same values faster (`tests/engine/test_coco_backends.py` compares them).
hotcoco is the same procedure in Rust, an optional package.
Shapes: N detections, G annotated people, K keypoints, T thresholds of OKS.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.keypoints.oks import MAX_DETECTIONS, METRICS, keypoint_similarity

BACKENDS = ("pycocotools", "hotcoco")
_EXTRA = {"hotcoco": "fast"}  # of pyproject.toml


def check_backend(name: str) -> None:
    """Raises ValueError if `name` is unknown or not installed."""
    if name not in BACKENDS:
        raise ValueError(f"eval.backend '{name}' is unknown; valid: {', '.join(BACKENDS)}")
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"eval.backend is {name}, which is not installed ({error}); run: pip install 'pose[{_EXTRA[name]}]', "
            f"or set eval.backend=pycocotools"
        ) from error


def coco_numbers(
    truth: dict[str, Any],
    detections: list[dict[str, Any]],
    *,
    image_ids: Sequence[int],
    oks_sigmas: Sequence[float],
    backend: str,
) -> dict[str, float]:
    """The ten numbers.

    Args:
        truth: a COCO file's content; annotations have an id > 0, bbox, area, keypoints, num_keypoints, iscrowd.
        detections: at least one record with id > 0, image_id, category_id, keypoints, score, area and bbox.
        image_ids: that count.
        oks_sigmas: (K,).
        backend: one of `BACKENDS`.
    Raises:
        ValueError: the backend is unknown or not installed.
    """
    check_backend(backend)
    evaluate = _by_hotcoco if backend == "hotcoco" else _by_pycocotools
    return evaluate(truth, detections, list(image_ids), list(oks_sigmas))


def _by_pycocotools(
    truth: dict[str, Any], detections: list[dict[str, Any]], image_ids: list[int], sigmas: list[float]
) -> dict[str, float]:
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        sides = []
        for annotations in (truth["annotations"], detections):
            side = COCO()
            side.dataset = {**truth, "annotations": annotations}
            side.createIndex()
            sides.append(side)
        evaluation = _fast_evaluation()(*sides, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.params.imgIds = image_ids
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(value) for name, value in zip(METRICS, evaluation.stats, strict=True)}


def _by_hotcoco(
    truth: dict[str, Any], detections: list[dict[str, Any]], image_ids: list[int], sigmas: list[float]
) -> dict[str, float]:
    import hotcoco

    evaluation = hotcoco.COCOeval(
        hotcoco.COCO(truth), hotcoco.COCO({**truth, "annotations": detections}), "keypoints"
    )
    evaluation.params.kpt_oks_sigmas = sigmas
    evaluation.params.max_dets = [MAX_DETECTIONS]
    evaluation.params.img_ids = image_ids
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summary_lines()  # fills `stats`, and prints nothing
    return {name: float(value) for name, value in zip(METRICS, evaluation.stats, strict=True)}


@cache
def _fast_evaluation() -> type:
    """COCOeval with its two slow methods replaced; made on first use, as pycocotools is slow to import."""
    from pycocotools.cocoeval import COCOeval

    class FastEvaluation(COCOeval):
        """Its methods keep pycocotools' names and what they return."""

        def computeOks(self, imgId: int, catId: int) -> Any:
            """OKS of each detection and person of an image, (N, G), the best detections first."""
            gts, dts = self._gts[imgId, catId], self._dts[imgId, catId]
            if not gts or not dts:
                return []
            order = np.argsort([-d["score"] for d in dts], kind="mergesort")[: self.params.maxDets[-1]]
            points = np.array([dts[i]["keypoints"] for i in order], dtype=np.float64)
            x, y = points[:, 0::3], points[:, 1::3]
            result = np.empty((len(order), len(gts)))
            for j, gt in enumerate(gts):
                keypoints = np.asarray(gt["keypoints"])
                visible = keypoints[2::3] > 0
                if visible.any():
                    dx, dy = x - keypoints[0::3], y - keypoints[1::3]
                else:  # somewhere in the doubled box is good enough
                    left, top, width, height = gt["bbox"]
                    visible = np.ones_like(visible)
                    dx = np.maximum(0, (left - width) - x) + np.maximum(0, x - (left + width * 2))
                    dy = np.maximum(0, (top - height) - y) + np.maximum(0, y - (top + height * 2))
                similarity = keypoint_similarity(
                    dx**2 + dy**2, np.array(gt["area"], dtype=np.float64), self.params.kpt_oks_sigmas
                )
                # A row at a time in memory, so that each is added up in pycocotools' order, to the last bit.
                result[:, j] = np.ascontiguousarray(similarity[:, visible]).sum(axis=1) / visible.sum()
            return result

        def evaluateImg(self, imgId: int, catId: int, aRng: Sequence[float], maxDet: int) -> dict[str, Any] | None:
            """Matches of an image's detections and people at each threshold."""
            gts, dts = self._gts[imgId, catId], self._dts[imgId, catId]
            if not gts and not dts:
                return None
            low, high = aRng
            ignore = [int(bool(g["ignore"]) or not low <= g["area"] <= high) for g in gts]
            gt_order = sorted(range(len(gts)), key=ignore.__getitem__)
            gts, ignore = [gts[i] for i in gt_order], [ignore[i] for i in gt_order]
            order = np.argsort([-d["score"] for d in dts], kind="mergesort")[:maxDet]
            dts = [dts[i] for i in order]
            oks = self.ious[imgId, catId]
            gt_matches, matches, match_ignored = _match(
                oks[:, gt_order] if len(oks) else np.zeros((len(dts), len(gts))),
                thresholds=self.params.iouThrs,
                ignore=ignore,
                crowd=[bool(g["iscrowd"]) for g in gts],
                gt_ids=[g["id"] for g in gts],
                dt_ids=[d["id"] for d in dts],
            )
            outside = np.array([not low <= d["area"] <= high for d in dts], dtype=bool)
            return {
                "image_id": imgId,
                "category_id": catId,
                "aRng": aRng,
                "maxDet": maxDet,
                "dtIds": [d["id"] for d in dts],
                "gtIds": [g["id"] for g in gts],
                "dtMatches": matches,
                "gtMatches": gt_matches,
                "dtScores": [d["score"] for d in dts],
                "gtIgnore": np.array(ignore),
                "dtIgnore": match_ignored | ((matches == 0) & outside),
            }

    return FastEvaluation


def _match(
    oks: NDArray[np.float64],
    *,
    thresholds: Sequence[float],
    ignore: list[int],
    crowd: list[bool],
    gt_ids: list[int],
    dt_ids: list[int],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Each detection, best first, takes the person it is most like among those not taken.

    Args:
        oks: (N, G), people that are ignored last.
    Returns:
        (T, G) the detection's id or 0; (T, N) the person's id or 0; (T, N) whether that person is ignored.
    """
    gt_matches = np.zeros((len(thresholds), len(gt_ids)))
    matches = np.zeros((len(thresholds), len(dt_ids)))
    ignored = np.zeros((len(thresholds), len(dt_ids)), dtype=bool)
    limits = [min(threshold, 1 - 1e-10) for threshold in thresholds]
    # Most pairs are below every threshold; the others are few enough for lists.
    candidates: dict[int, list[tuple[int, float]]] = {}
    near = np.argwhere(oks >= min(limits))
    for (d, g), value in zip(near.tolist(), oks[near[:, 0], near[:, 1]].tolist(), strict=True):
        candidates.setdefault(d, []).append((g, value))
    for t, limit in enumerate(limits):
        taken = [False] * len(gt_ids)
        for d, people in candidates.items():
            best, found = limit, -1
            for g, value in people:
                if value < best or (taken[g] and not crowd[g]):
                    continue
                if found > -1 and not ignore[found] and ignore[g]:
                    break
                best, found = value, g
            if found > -1:
                taken[found] = True
                ignored[t, d] = ignore[found]
                matches[t, d], gt_matches[t, found] = gt_ids[found], dt_ids[d]
    return gt_matches, matches, ignored
