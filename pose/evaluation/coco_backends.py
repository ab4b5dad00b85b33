"""COCOeval's ten keypoint numbers by one of two libraries that give the same: pycocotools or hotcoco.

pycocotools is the reference and always there; it takes seconds for some ten thousand results. hotcoco is the same
procedure in Rust, an optional package, and some thirty times as fast; the tests compare the two.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from pose.keypoints.oks import MAX_DETECTIONS, METRICS
from pose.runtime.errors import ConfigError, require
from pose.runtime.text import did_you_mean

BACKENDS = ("pycocotools", "hotcoco")


def check_backend(name: str) -> None:
    """Fail before the work.

    Raises:
        ConfigError: `name` is unknown.
        MissingPackage: it is not installed.
    """
    if name not in BACKENDS:
        raise ConfigError(f"eval.backend '{name}' is unknown; {did_you_mean(name, BACKENDS)}")
    require(f"eval.backend={name}", **{name: name})


def coco_numbers(
    truth: dict[str, Any],
    detections: list[dict[str, Any]],
    *,
    image_ids: Sequence[int],
    oks_sigmas: Sequence[float],
    backend: str,
    max_detections: int = MAX_DETECTIONS,
) -> dict[str, float]:
    """The ten numbers.

    Args:
        truth: a COCO file's content; annotations have an id > 0, bbox, area, keypoints, num_keypoints, iscrowd.
        detections: at least one record with id > 0, image_id, category_id, keypoints, score, area and bbox.
        image_ids: that count.
        oks_sigmas: (K,).
        backend: one of `BACKENDS`.
        max_detections: that count in an image, the best ones.
    Raises:
        ConfigError, MissingPackage: the backend is unknown or not installed.
    """
    check_backend(backend)
    evaluate = _by_hotcoco if backend == "hotcoco" else _by_pycocotools
    return evaluate(truth, detections, list(image_ids), list(oks_sigmas), max_detections)


def _by_pycocotools(
    truth: dict[str, Any], detections: list[dict[str, Any]], image_ids: list[int], sigmas: list[float], most: int
) -> dict[str, float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        sides = []
        for annotations in (truth["annotations"], detections):
            side = COCO()
            side.dataset = {**truth, "annotations": annotations}
            side.createIndex()
            sides.append(side)
        evaluation = COCOeval(*sides, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.params.maxDets = [most]
        evaluation.params.imgIds = image_ids
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.params.maxDets = [MAX_DETECTIONS]  # the only number that summarize() looks for
        evaluation.summarize()
    return {name: float(value) for name, value in zip(METRICS, evaluation.stats, strict=True)}


def _by_hotcoco(
    truth: dict[str, Any], detections: list[dict[str, Any]], image_ids: list[int], sigmas: list[float], most: int
) -> dict[str, float]:
    import hotcoco

    # It refuses negative image ids, so images get their ranks; their order decides between equal scores.
    rank = {image_id: number for number, image_id in enumerate(sorted(i["id"] for i in truth["images"]))}
    truth = {
        **truth,
        "images": [{**image, "id": rank[image["id"]]} for image in truth["images"]],
        "annotations": [{**a, "image_id": rank[a["image_id"]]} for a in truth["annotations"]],
    }
    detections = [{**d, "image_id": rank[d["image_id"]]} for d in detections]
    image_ids = [rank[image_id] for image_id in image_ids]
    evaluation = hotcoco.COCOeval(
        hotcoco.COCO(truth), hotcoco.COCO({**truth, "annotations": detections}), "keypoints"
    )
    evaluation.params.kpt_oks_sigmas = sigmas
    evaluation.params.max_dets = [most]
    evaluation.params.img_ids = image_ids
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.params.max_dets = [MAX_DETECTIONS]  # the only number that it sums up
    evaluation.summary_lines()  # fills `stats`, and prints nothing
    return {name: float(value) for name, value in zip(METRICS, evaluation.stats, strict=True)}
