"""Who is cropped: people with annotated boxes, or detected ones.

Frames: `_img` is the original image's pixels. Points are (x, y), sizes (height, width), boxes (left, top,
width, height). Imports neither torch nor albumentations.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose.data.annotations import Annotation
from pose.data.coco import CocoFile
from pose.data.usage import Usage
from pose.keypoints.geometry import clean_box
from pose.runtime.errors import DataError

POINTS = "whose box has no size"
_OUTSIDE = "with an empty box, or one outside the image"
_UNSIZED = "in images without height and width"


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
        category_id: of either.
    """

    id: int
    image_id: int
    path: Path
    box_xywh: tuple[float, float, float, float]
    keypoints_img: NDArray[np.float32] | None
    image_size: tuple[int, int]
    area: float
    score: float = 1.0
    category_id: int = 1


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
    return Usage(used + sum(left_out.values()), used, left_out, categories=coco.categories)


def _box_or_reason(
    a: Annotation, coco: CocoFile, *, min_keypoints: int, min_area: float
) -> tuple[float, float, float, float] | str:
    """Clean the box of an annotation that is used, or say why it is not used."""
    labeled = (a.keypoints_img[:, 2] > 0).sum()
    if a.is_crowd:
        return "crowd"
    if labeled < min(min_keypoints, 1):
        return "without labels"
    size = coco.images[a.image_id].image_size
    if size is None:
        return _UNSIZED
    box = clean_box(a.box_xywh, size)
    if box is None:
        return POINTS if min(a.box_xywh[2:]) <= 0 else _OUTSIDE
    if a.area <= 0:
        return "with area 0"
    if a.area < min_area:
        return f"with an area below {min_area:g}"
    return f"with fewer than {min_keypoints} labeled keypoints" if labeled < min_keypoints else box


def images_to_look_at(
    coco: CocoFile,
    looked_at: Collection[int],
    *,
    limit: int | None = None,
    min_keypoints: int = 1,
    min_area: float = 0.0,
) -> set[int]:
    """Find further images of whom `ground_truth_people` lists with the same arguments, or would with right sizes.

    Args:
        looked_at: ids of images whose sizes are right.
    """
    images: set[int] = set()
    used = 0
    for a in sorted(coco.annotations or (), key=lambda a: a.id):
        found = _box_or_reason(a, coco, min_keypoints=min_keypoints, min_area=min_area)
        if isinstance(found, str) and (a.image_id in looked_at or found not in (POINTS, _OUTSIDE, _UNSIZED)):
            continue
        images.add(a.image_id)
        used += 1
        if limit is not None and used >= limit:
            break
    return images.difference(looked_at)


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
        DataError: the file has no annotations.
    """
    if coco.annotations is None:
        raise DataError(f"{coco.path} has no annotations; give detected boxes instead")
    people = []
    for a in sorted(coco.annotations, key=lambda a: a.id):
        box = _box_or_reason(a, coco, min_keypoints=min_keypoints, min_area=min_area)
        if isinstance(box, str):
            continue
        image = coco.images[a.image_id]
        path = Path(images_dir, image.file_name)
        assert image.image_size is not None  # it has a clean box
        size, points = image.image_size, a.keypoints_img
        people.append(Person(a.id, a.image_id, path, box, points, size, a.area, category_id=a.category_id))
        if limit is not None and len(people) >= limit:
            break
    return people


def with_grown_boxes(coco: CocoFile, *, share: float, pixels: float) -> CocoFile:
    """Grow annotated boxes on each side by `share` of their longer side and by `pixels`.

    That is for boxes which are just the extent of the keypoints, down to single points without any size. Areas of 0
    of people with keypoints become those of the grown boxes, with a warning, since AP depends on them.
    """
    if coco.annotations is None or not (share or pixels):
        return coco
    grown = []
    zero = 0
    for a in coco.annotations:
        x, y, w, h = a.box_xywh
        margin = share * max(w, h, 0) + pixels
        box = (x - margin, y - margin, max(w, 0) + 2 * margin, max(h, 0) + 2 * margin)
        area = a.area
        if area <= 0 < a.num_keypoints:
            zero, area = zero + 1, box[2] * box[3]
        grown.append(replace(a, box_xywh=box, area=area))
    if zero:
        warnings.warn(
            f"{coco.path}: {zero} people have area 0; taken is that of their grown boxes (data.grow_boxes), in "
            "proportion to which AP forgives errors",
            stacklevel=3,
        )
    return replace(coco, annotations=tuple(grown))


def check_images_exist(paths: Iterable[Path]) -> None:
    """Look for all images before hours are spent; a path may be given more than once.

    Raises:
        FileNotFoundError: naming the first five that are missing, and how many.
    """
    different = list(dict.fromkeys(paths))
    missing = [str(path) for path in different if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(different)} images are missing: {', '.join(missing[:5])}"
            f"{', ...' * (len(missing) > 5)}; check the images folder, or see `pose check`"
        )
