"""Checks of a file of detected boxes: a list of {image_id, category_id, bbox: [x, y, w, h], score}."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from pose.check.columns import Split, finite_rows, numbers_or_nan
from pose.check.findings import Findings
from pose.check.people import looks_xyxy
from pose.data.coco import is_int, read_json
from pose.keypoints.geometry import iou
from pose.runtime.arrays import Array

LOW_RECALL = 0.5


def check_detections(path: Path, split: Split, found: Findings) -> dict[str, Any]:
    """Findings on the boxes; returns their number, that of their images, and the recall of people (None: unknown)."""
    name = split.name
    try:
        records = read_json(path)
        problem = "" if isinstance(records, list) else f"it holds a {type(records).__name__}"
    except (OSError, ValueError) as error:
        records, problem = [], " ".join(str(error).split())
    if problem:
        found.add("detections-missing", name, "file", path.name, problem)
        return {"file": str(path), "boxes": 0, "images": 0, "recall": None}
    chosen: list[tuple[int, dict[str, Any]]] = []
    unknown = []
    for index, record in enumerate(records):
        missing = [
            key
            for key in ("image_id", "category_id", "bbox", "score")
            if not isinstance(record, dict) or record.get(key) is None
        ]
        if missing:
            found.add("detection-malformed", name, "detection", index, f"lacks {', '.join(missing)}")
        elif record["category_id"] != split.category_id:
            found.add(
                "detection-category-other", name, "detection", index, f"category_id {record['category_id']!r:.40}"
            )
        elif not is_int(record["image_id"]) or record["image_id"] not in split.images.rows:
            unknown.append(index)
            found.add("detection-unknown-image", name, "detection", index, f"image_id {record['image_id']!r:.40}")
        else:
            chosen.append((index, record))
    if records and not chosen and not unknown:
        found.add(
            "detections-category", name, "file", path.name, f"the people have category_id {split.category_id!r}"
        )
    boxes = finite_rows([numbers_or_nan(r["bbox"], 4) for _, r in chosen], 4)
    scores = np.array([numbers_or_nan([r["score"]], 1)[0] for _, r in chosen], dtype=np.float64)
    images = np.array([split.images.rows[r["image_id"]] for _, r in chosen], dtype=np.int64)
    names: list[int | str] = [index for index, _ in chosen]
    bad = ~(boxes[:, 2:] > 0).all(axis=1)
    found.add_all(
        "detection-box",
        name,
        "detection",
        bad,
        names=names,
        detail=lambda row: f"bbox {chosen[row][1]['bbox']!r:.50}",
    )
    found.add_all(
        "detection-malformed",
        name,
        "detection",
        np.isnan(scores),
        names=names,
        detail=lambda row: f"score {chosen[row][1]['score']!r:.40}",
    )
    corners = looks_xyxy(boxes, split.images.sizes[images])
    found.add_all(
        "detections-xyxy",
        name,
        "detection",
        corners,
        names=names,
        detail=lambda row: f"bbox {boxes[row].tolist()}",
    )
    if len(scores) > 1 and (scores == scores[0]).all():
        found.add("detections-scores", name, "file", path.name, f"{len(scores)} times {scores[0]:g}")
    recall = None
    if len(chosen) and not corners.any():
        recall = _check_recall(split, found, boxes, images)
    return {"file": str(path), "boxes": len(records), "images": len(set(images.tolist())), "recall": recall}


def _check_recall(split: Split, found: Findings, boxes: Array, images: Array) -> float | None:
    people = split.people
    by_image: dict[int, list[int]] = defaultdict(list)
    for row, image in enumerate(images.tolist()):
        by_image[image].append(row)
    wanted = people.labelled.any(axis=1) & ~people.crowd & (people.boxes[:, 2:] > 0).all(axis=1)
    missed = np.zeros(len(wanted), dtype=bool)
    for row in np.flatnonzero(wanted).tolist():
        missed[row] = best_iou(people.boxes[row], boxes[by_image[int(people.image[row])]]) < 0.5
    if not wanted.any():
        return None
    recall = 1 - float(missed.sum() / wanted.sum())
    if recall < LOW_RECALL:
        found.add_all("detections-recall", split.name, "annotation", missed, names=people.names)
    return recall


def best_iou(box: Array, others: Array) -> float:
    """The largest intersection over union of a box (4) xywh with others (M, 4), some NaN; 0 if there are none."""
    return float(np.max(np.nan_to_num(iou(box[None], others)), initial=0.0))
