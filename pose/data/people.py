"""Who is cropped: people with annotated boxes, or detected ones.

Frames: `_img` is the original image's pixels. Points are (x, y), sizes (height, width), boxes (left, top,
width, height). Imports neither torch nor albumentations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose.data.box_habits import warn_of_empty_boxes, warn_of_odd_boxes
from pose.data.boxes import is_empty
from pose.data.coco import Annotation, CocoFile, numbers, read_json
from pose.data.records import read_id
from pose.images.names import CHECK_THE_PATH, explain_missing
from pose.keypoints.geometry import clean_box


@dataclass(frozen=True, eq=False)
class Person:
    """One box to crop.

    Attributes:
        id: annotation id, or the index of the detection in its file.
        path: the image file.
        box_xywh: image pixels; cleaned if it comes from an annotation.
        keypoints_img: (K, 3) float32 x, y, visibility; None for a detection.
        image_size: (height, width) of the image.
        area: of the annotation; of the box for a detection. Square pixels.
        score: of the detection; 1 for an annotation.
    """

    id: int
    image_id: int
    path: Path
    box_xywh: tuple[float, float, float, float]
    keypoints_img: NDArray[np.float32] | None
    image_size: tuple[int, int]
    area: float
    score: float = 1.0


@dataclass(frozen=True)
class Usage:
    """How many annotations of a file are used, and why the others are not.

    Attributes:
        total: all of the file's.
        left_out: numbers by reason.
    """

    total: int
    used: int
    left_out: Mapping[str, int]

    def __str__(self) -> str:
        """Say it in a line: 132 annotations: 80 used, 51 without labels, 1 crowd."""
        parts = [f"{self.used:,} used", *(f"{count:,} {why}" for why, count in self.left_out.items())]
        return f"{self.total:,} annotations: {', '.join(parts)}"

    def to_dict(self) -> dict[str, Any]:
        return {"annotations": self.total, "used": self.used, "left_out": dict(self.left_out)}


def count_usage(coco: CocoFile, *, limit: int | None = None, min_keypoints: int = 1, min_area: float = 0.0) -> Usage:
    """Count whom `ground_truth_people` lists with the same arguments, and why it leaves out the others."""
    annotations = coco.annotations or ()
    looked = (_box_or_reason(a, coco, min_keypoints=min_keypoints, min_area=min_area) for a in annotations)
    reasons = Counter(found for found in looked if isinstance(found, str))
    used = len(annotations) - reasons.total()
    left_out = dict((*reasons.items(), *coco.left_out.items()))
    if limit is not None and used > limit:
        left_out["beyond the limit"] = used - limit
        used = limit
    return Usage(used + sum(left_out.values()), used, left_out)


def _box_or_reason(
    a: Annotation, coco: CocoFile, *, min_keypoints: int, min_area: float
) -> tuple[float, float, float, float] | str:
    """Clean the box of an annotation that is used, or say why it is not used."""
    labeled = (a.keypoints_img[:, 2] > 0).sum()
    if a.is_crowd:
        return "crowd"
    if labeled < min(min_keypoints, 1):
        return "without labels"
    box = clean_box(a.box_xywh, coco.images[a.image_id].image_size)
    if box is None:
        return "with an empty box, or one outside the image"
    if a.area <= 0:
        return "with area 0"
    if a.area < min_area:
        return f"with an area below {min_area:g}"
    return f"with fewer than {min_keypoints} labeled keypoints" if labeled < min_keypoints else box


def ground_truth_people(
    coco: CocoFile,
    images_dir: Path | str,
    *,
    limit: int | None = None,
    min_keypoints: int = 1,
    min_area: float = 0.0,
) -> list[Person]:
    """List annotated people with their boxes cleaned (see `clean_box`), by annotation id.

    Left out are
    crowds, people with fewer than `min_keypoints` labelled keypoints, with area 0 or less than `min_area`
    (square pixels), and those whose box lies outside the image.

    Args:
        limit: keep only the first so many, after the filters.
    Raises:
        ValueError: the file has no annotations.
    """
    if coco.annotations is None:
        raise ValueError(f"{coco.path} has no annotations; give detected boxes instead")
    people = []
    for a in sorted(coco.annotations, key=lambda a: a.id):
        box = _box_or_reason(a, coco, min_keypoints=min_keypoints, min_area=min_area)
        if isinstance(box, str):
            continue
        image = coco.images[a.image_id]
        path = Path(images_dir, image.file_name)
        people.append(Person(a.id, a.image_id, path, box, a.keypoints_img, image.image_size, a.area))
        if limit is not None and len(people) >= limit:
            break
    return people


def detected_people(
    detections: Path | str | list[Any], coco: CocoFile, images_dir: Path | str, *, min_score: float = 0.0
) -> list[Person]:
    """List detected boxes as they are, neither clipped nor shrunk, in the file's order.

    Args:
        detections: a JSON file, or its content: a list of {image_id, category_id, bbox: [x, y, w, h], score}.
        min_score: boxes that score less are dropped, as are other categories.

    Boxes of size 0 are left out with a warning. Boxes that look like corners or shares of the image are warned of.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a record is malformed, an image is unknown, or nothing is left.
    """
    if isinstance(detections, list):
        source, records = "detections", detections
    else:
        source, records = str(detections), read_json(Path(detections))
    if not isinstance(records, list):
        raise ValueError(f"{source} holds a {type(records).__name__}; detections are a list of records")
    people, unknown, empty = [], [], []
    for index, record in enumerate(records):
        where = f"{source}: detection {index}"
        missing = [
            k for k in ("image_id", "category_id", "bbox", "score") if not isinstance(record, dict) or k not in record
        ]
        if missing:
            raise ValueError(f"{where} lacks {', '.join(missing)}, got {record!r:.100}")
        if read_id(record["category_id"]) != coco.category_id:
            continue
        box, score = numbers(record["bbox"], where, "bbox"), numbers([record["score"]], where, "score")
        if len(box) != 4 or min(box[2:]) < 0:
            raise ValueError(f"{where} has bbox {record['bbox']}; it needs x, y and a positive width and height")
        image_id = read_id(record["image_id"])
        if image_id is None or image_id not in coco.images:
            unknown.append(record["image_id"])
        elif is_empty(box.tolist()):
            empty.append(index)
        elif score[0] >= min_score:
            x, y, w, h = box.tolist()
            image = coco.images[image_id]
            path = Path(images_dir, image.file_name)
            people.append(Person(index, image_id, path, (x, y, w, h), None, image.image_size, w * h, float(score[0])))
    if unknown:
        different = list(dict.fromkeys(map(str, unknown)))
        raise ValueError(
            f"{source} has {len(unknown)} boxes on {len(different)} images that are not in {coco.path}: "
            f"{', '.join(different[:5])}{', ...' * (len(different) > 5)}; "
            f"give the detections of this annotation file's images"
        )
    warn_of_empty_boxes(empty, source)
    if not people:
        raise ValueError(
            f"{source} has no box of category {coco.category_id} that scores at least {min_score} "
            f"({len(records)} records); check the file and the score threshold"
        )
    boxes, sizes = np.array([p.box_xywh for p in people]), np.array([p.image_size for p in people], dtype=np.float64)
    warn_of_odd_boxes(boxes, sizes, source)
    return people


def check_images_exist(paths: Iterable[Path]) -> None:
    """Look for all images before hours are spent; a path may be given more than once.

    Raises:
        FileNotFoundError: naming the first five that are missing, and how many.
    """
    different = list(dict.fromkeys(paths))
    missing = [str(path) for path in different if not path.is_file()]
    if missing:
        why = explain_missing(missing[0])
        raise FileNotFoundError(
            f"{len(missing)} of {len(different)} images are missing: {', '.join(missing[:5])}"
            f"{', ...' * (len(missing) > 5)}; "
            f"{'check the images folder' if why == CHECK_THE_PATH else why}, or see `pose check`"
        )
