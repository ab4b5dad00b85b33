"""Results in, numbers out: rescoring, OKS-NMS, COCO result records and the ten numbers of COCOeval.

No model and no torch. Shapes: N people, K keypoints. Points are (x, y), in image pixels.
Source: HRNet, `lib/dataset/coco.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.coco import CocoFile
from pose.evaluation.coco_backends import coco_numbers
from pose.evaluation.oks_nms import NMS_THRESHOLD, oks_nms
from pose.evaluation.truth_checks import check_somebody_counts, warn_of_many
from pose.inference.results import person_scores
from pose.keypoints.geometry import grow_box
from pose.keypoints.oks import MAX_DETECTIONS, METRICS
from pose.keypoints.skeletons import Skeleton
from pose.runtime.errors import DataError


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model found in N boxes.

    Attributes:
        image_ids: (N,) int.
        boxes_xywh: (N, 4) as given, not grown; image pixels.
        box_scores: (N,) of the detector; 1 for annotated boxes.
        keypoints_img: (N, K, 2) image pixels.
        keypoint_scores: (N, K) peak values of the heatmaps.
        input_size: (height, width) of the crops, to whose shape the boxes were grown.
        category_ids: (N,) int, of the boxes; None where all are of one category.
    """

    image_ids: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    box_scores: NDArray[np.float64]
    keypoints_img: NDArray[np.float64]
    keypoint_scores: NDArray[np.float64]
    input_size: tuple[int, int]
    category_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n, k = self.keypoints_img.shape[:2]
        shapes = {
            "image_ids": (n,),
            "boxes_xywh": (n, 4),
            "box_scores": (n,),
            "keypoints_img": (n, k, 2),
            "keypoint_scores": (n, k),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise DataError(f"predictions of {n} people: {name} must have shape {shape}, got {array.shape}")
            if not np.isfinite(array).all():
                raise DataError(
                    f"predictions hold values in {name} that are not finite: training has diverged. Start another "
                    "with a lower train.lr, or with train.clip_grad_norm=1"
                )

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """(N,) width times height of the grown boxes, in square pixels: OKS-NMS scales distances by it."""
        _, grown = grow_box(self.boxes_xywh, self.input_size)
        return grown.prod(axis=1)


def to_coco_results(
    predictions: Predictions,
    skeleton: Skeleton,
    *,
    category_id: int = 1,
    keypoint_threshold: float = 0.2,
    nms_threshold: float = NMS_THRESHOLD,
) -> tuple[list[dict[str, Any]], NDArray[np.int64]]:
    """Rescore, apply OKS-NMS to each image, and write what is left as COCO's result records.

    The records hold no `bbox`: with one, COCO's tools take the box's area for the person's.

    Args:
        category_id: of the records, as in the annotation file, where the predictions have none of their own.
        keypoint_threshold: of `person_scores`.
        nms_threshold: of `oks_nms`.
    Returns:
        records: M of image_id, category_id, keypoints (3 K numbers: x, y, score) and score; images in the order of
            their first person, people of an image best first.
        sources: (M,) index of the prediction that each record is of.
    Raises:
        DataError: the predictions have another number of keypoints than the skeleton.
    """
    k = predictions.keypoints_img.shape[1]
    if k != skeleton.num_keypoints:
        raise DataError(
            f"predictions have {k} keypoints, skeleton '{skeleton.name}' has {skeleton.num_keypoints}; "
            f"use the skeleton that the model was trained with"
        )
    scores = person_scores(predictions.box_scores, predictions.keypoint_scores, threshold=keypoint_threshold)
    triples = np.concatenate([predictions.keypoints_img, predictions.keypoint_scores[..., None]], axis=-1)
    flat = triples.reshape(len(triples), 3 * k)
    people_of: dict[int, list[int]] = {}
    for index, image_id in enumerate(predictions.image_ids.tolist()):
        people_of.setdefault(image_id, []).append(index)
    records: list[dict[str, Any]] = []
    sources = [np.zeros(0, dtype=np.int64)]
    for image_id, people in people_of.items():
        kept = oks_nms(
            predictions.keypoints_img[people],
            scores[people],
            predictions.areas[people],
            skeleton.oks_sigmas,
            threshold=nms_threshold,
        )
        chosen = np.array(people)[kept]
        own = predictions.category_ids
        categories = [category_id] * len(chosen) if own is None else own[chosen].tolist()
        found = zip(categories, flat[chosen].tolist(), scores[chosen].tolist(), strict=True)
        for category, keypoints, score in found:
            records.append({"image_id": image_id, "category_id": category, "keypoints": keypoints, "score": score})
        sources.append(chosen)
    return records, np.concatenate(sources)


def evaluate_coco(
    coco: CocoFile,
    results: Sequence[dict[str, Any]],
    skeleton: Skeleton,
    *,
    image_ids: Iterable[int] | None = None,
    person_ids: Iterable[int] | None = None,
    backend: str = "pycocotools",
    max_detections: int = MAX_DETECTIONS,
) -> dict[str, float]:
    """COCO's ten keypoint numbers, for any number of keypoints; several categories of the file count as one.

    It warns of images with more people than `max_detections`.

    Args:
        coco: ground truth.
        results: records as `to_coco_results` gives them; a `bbox` is ignored.
        image_ids: images to evaluate; all of the file by default. Results on others do not count.
        person_ids: annotations to evaluate against; the others are as if not annotated. All by default.
        backend: the library that counts, one of `BACKENDS`.
        max_detections: people of an image whose answers count, the best ones; COCO has 20.
    Returns:
        AP, AP50, AP75, APM, APL, AR, AR50, AR75, ARM, ARL, in [0, 1]; -1 where no person of that size is
        annotated. All 0 for empty results.
    Raises:
        DataError: no annotations, or nobody in them who counts; a record is malformed, of an unknown image or of
            another category; or the backend is unknown or not installed.
    """
    if coco.annotations is None:
        raise DataError(f"{coco.path} has no annotations to evaluate against; the results can still be written")
    _check_results(results, coco, skeleton)
    images = list(coco.images) if image_ids is None else list(set(image_ids))
    people = None if person_ids is None else set(person_ids)
    wanted = set(images)
    results = [r for r in results if r["image_id"] in wanted]
    if not results:
        return dict.fromkeys(METRICS, 0.0)
    check_somebody_counts(coco, image_ids=images, person_ids=people)
    warn_of_many(coco, max_detections, image_ids=images, person_ids=people)
    return coco_numbers(
        _truth(coco, people),
        _detections(results, coco.category_id, max_detections),
        image_ids=images,
        oks_sigmas=skeleton.oks_sigmas,
        backend=backend,
        max_detections=max_detections,
    )


def _truth(coco: CocoFile, people: set[int] | None) -> dict[str, Any]:
    """The annotations, of these people only, in COCO's format."""
    return {
        "info": {},
        "images": [{"id": i, "file_name": x.file_name, **_size(x.image_size)} for i, x in coco.images.items()],
        "categories": [{"id": coco.category_id, "name": "person"}],
        "annotations": [
            {
                "id": a.id,
                "image_id": a.image_id,
                "category_id": coco.category_id,
                "keypoints": a.keypoints_img.ravel().tolist(),
                "num_keypoints": a.num_keypoints,
                "bbox": list(a.box_xywh),
                "area": a.area,
                "iscrowd": int(a.is_crowd),
            }
            for a in coco.annotations or ()
            if people is None or a.id in people
        ],
    }


def _size(size: tuple[int, int] | None) -> dict[str, int]:
    height, width = size or (0, 0)  # for keypoints nobody looks
    return {"height": height, "width": width}


def _detections(results: Sequence[dict[str, Any]], category_id: int, most: int) -> list[dict[str, Any]]:
    """What COCO's `loadRes` makes of keypoint results: new records with an id, and the keypoints' extent as box.

    Only those that count are kept, the `most` best of each image.
    """
    images, scores = np.array([r["image_id"] for r in results]), np.array([r["score"] for r in results])
    order = np.lexsort((-scores, images))  # stable: equal scores keep their order, as in COCOeval
    starts = np.flatnonzero(np.diff(images[order], prepend=images[order[0]] - 1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    kept = [results[i] for i in np.sort(order[rank < most])]
    points = np.array([r["keypoints"] for r in kept], dtype=np.float64).reshape(len(kept), -1, 3)[..., :2]
    low, size = points.min(axis=1), np.ptp(points, axis=1)
    boxes, areas = np.concatenate([low, size], axis=1).tolist(), size.prod(axis=1).tolist()
    return [
        {
            "id": number,
            "image_id": r["image_id"],
            "category_id": category_id,
            "keypoints": r["keypoints"],
            "score": r["score"],
            "bbox": box,
            "area": area,
        }
        for number, (r, box, area) in enumerate(zip(kept, boxes, areas, strict=True), start=1)
    ]


def _check_results(results: Sequence[dict[str, Any]], coco: CocoFile, skeleton: Skeleton) -> None:
    for index, record in enumerate(results):
        missing = [f for f in ("image_id", "category_id", "keypoints", "score") if f not in record]
        if missing:
            raise DataError(f"result {index} lacks {', '.join(missing)}; it needs COCO's keypoint result format")
        if record["category_id"] not in coco.category_ids:
            raise DataError(
                f"result {index} is of category {record['category_id']}, the keypoints of {coco.path} are of "
                f"{' or '.join(map(str, coco.category_ids))}; write the results with that category_id"
            )
        if len(record["keypoints"]) != 3 * skeleton.num_keypoints:
            raise DataError(
                f"result {index} has {len(record['keypoints'])} numbers, skeleton '{skeleton.name}' with "
                f"{skeleton.num_keypoints} keypoints needs {3 * skeleton.num_keypoints}"
            )
        if record["image_id"] not in coco.images:
            raise DataError(
                f"result {index} is on image {record['image_id']}, which is not in {coco.path}; "
                f"evaluate against the annotations of the same images"
            )
