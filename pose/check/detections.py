"""Checks of a file of detected boxes: a list of {image_id, category_id, bbox: [x, y, w, h], score}."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pose.check.columns import Split, as_id, finite_rows, numbers_or_nan
from pose.check.findings import Findings
from pose.data.box_habits import looks_xyxy
from pose.data.boxes import usable_boxes
from pose.data.detections import KEYS
from pose.data.image_names import contradicts
from pose.data.json_file import read_document
from pose.data.records import read_id
from pose.keypoints.geometry import iou
from pose.runtime.arrays import Array

LOW_RECALL = 0.5


def check_detections(path: Path, split: Split, found: Findings) -> dict[str, Any]:
    """Check the boxes of a file.

    Returns:
        file, boxes and images: their numbers; recall: share of the people that have a box, None if unknown.
    """
    try:
        records = read_document(path)
        problem = "" if isinstance(records, list) else f"it holds a {type(records).__name__}"
    except (OSError, ValueError) as error:
        records, problem = [], " ".join(str(error).split())
    if problem:
        found.add("detections-missing", split.name, "file", path.name, problem)
        return {"file": str(path), "boxes": 0, "images": 0, "recall": None}
    chosen = _choose(path, records, split, found)
    boxes = finite_rows([numbers_or_nan(r["bbox"], 4) for _, r in chosen], 4)
    images = np.array([split.images.rows[as_id(r["image_id"]) or 0] for _, r in chosen], dtype=np.int64)
    corners = _check_numbers(path, chosen, boxes, images, split, found)
    recall = None
    if len(chosen) and not corners.any():
        recall = _check_recall(split, found, boxes, images)
    return {"file": str(path), "boxes": len(records), "images": len(set(images.tolist())), "recall": recall}


def _choose(path: Path, records: list[Any], split: Split, found: Findings) -> list[tuple[int, dict[str, Any]]]:
    """Choose the records, with their indexes, that are of the people's category and on an image of the split."""
    name = split.name
    chosen: list[tuple[int, dict[str, Any]]] = []
    unknown = 0
    for index, record in enumerate(records):
        missing = [key for key in KEYS if not isinstance(record, dict) or record.get(key) is None]
        if missing:
            found.add("detection-malformed", name, "detection", index, f"lacks {', '.join(missing)}")
        elif read_id(record["category_id"]) not in split.category_ids:
            detail = f"category_id {record['category_id']!r:.40}"
            found.add("detection-category-other", name, "detection", index, detail)
        elif read_id(record["image_id"]) not in split.images.rows:
            unknown += 1
            found.add("detection-unknown-image", name, "detection", index, f"image_id {record['image_id']!r:.40}")
        else:
            chosen.append((index, record))
            listed = split.images.names[split.images.rows[as_id(record["image_id"]) or 0]]
            if contradicts(record.get("file_name"), str(listed)):
                detail = f"image_id {record['image_id']} is {listed}, file_name {record['file_name']!r:.60}"
                found.add("detection-name-contradicts", name, "detection", index, detail)
    if records and not chosen and not unknown:
        detail = f"the people have category_id {' or '.join(map(str, split.category_ids))}"
        found.add("detections-category", name, "file", path.name, detail)
    return chosen


def _check_numbers(
    path: Path,
    chosen: list[tuple[int, dict[str, Any]]],
    boxes: Array,
    images: Array,
    split: Split,
    found: Findings,
) -> Array:
    """Check boxes (N, 4) and scores of the chosen records; returns which boxes (N,) look like corners."""
    names: list[int | str] = [index for index, _ in chosen]

    def add(kind: str, where: Array, detail: Callable[[int], str]) -> None:
        found.add_all(kind, split.name, "detection", where, names=names, detail=detail)

    scores = np.array([numbers_or_nan([r["score"]], 1)[0] for _, r in chosen], dtype=np.float64)
    bad = np.asarray(~usable_boxes(boxes))  # NaN too
    add("detection-box", bad, lambda row: f"bbox {chosen[row][1]['bbox']!r:.50}")
    add("detection-malformed", np.isnan(scores), lambda row: f"score {chosen[row][1]['score']!r:.40}")
    corners = looks_xyxy(boxes, split.images.sizes[images])
    add("detections-xyxy", corners, lambda row: f"bbox {boxes[row].tolist()}")
    if len(scores) > 1 and (scores == scores[0]).all():
        found.add("detections-scores", split.name, "file", path.name, f"{len(scores)} times {scores[0]:g}")
    return corners


def _check_recall(split: Split, found: Findings, boxes: Array, images: Array) -> float | None:
    """Compute the share of the people that have a box; None if there are no people."""
    people = split.people
    by_image: dict[int, list[int]] = defaultdict(list)
    for row, image in enumerate(images.tolist()):
        by_image[image].append(row)
    wanted = people.labeled.any(axis=1) & ~people.crowd & (people.boxes[:, 2:] > 0).all(axis=1)
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
    """Find the largest intersection over union of a box (4) xywh with others (M, 4), some NaN; 0 without others."""
    return float(np.max(np.nan_to_num(iou(box[None], others)), initial=0.0))
